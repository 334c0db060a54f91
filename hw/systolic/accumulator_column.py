"""The accumulators of one column of the array."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..common.pipeline import delay, register
from ..memory import Collision, block_ram

__all__ = ["AccumulatorColumn"]


class AccumulatorColumn(wiring.Component):
    """Performs ``row[address] = sat(row[address] + sum)``, or ``row[address] = sat(sum)``.

    Sums are those of a diagonal: the next column does the same one cycle later, and is told to by
    this one. They saturate to 32 bits, which pulses `saturated`. Rows are held twice, so that they
    can be read out at the same time.

    Timing: `sum` is taken `sum_cycle` cycles after its `valid`. Its row may be added to again
    `accumulate_cycles` cycles after `valid`, and read out as early. `value` is that of `read` and
    `read_address` `read_latency` cycles before, until another is read. A read of a row that has
    been added to less than `accumulate_cycles` cycles before is undefined, and a read in the cycle
    of its write an error. `saturated` is a register.

    Parameters
    ----------
    depth : int
        Rows.
    partial_width : int
        Bits of a sum, 2 to 40.

    Members
    -------
    clear : In(1)
        Forget what has not been written yet.
    valid : In(1); valid_right : Out(1)
    address : In(range(depth)); address_right : Out
    overwrite : In(1); overwrite_right : Out(1)
    sum : In(signed(partial_width))
    read : In(1)
    read_address : In(range(depth))
    value : Out(signed(32))
    saturated : Out(1)
    """

    #: Cycles from `valid` to the cycle in which `sum` is taken.
    sum_cycle = 2
    #: Cycles from `valid` to the first in which the row shows the sum.
    accumulate_cycles = 6
    #: Cycles from `read` to `value`.
    read_latency = 2

    def __init__(self, *, depth, partial_width):
        if depth < 2:
            raise ValueError(f"Accumulators need at least 2 rows, not {depth}")
        if not 2 <= partial_width <= 40:
            raise ValueError(f"Partial sums must have 2 to 40 bits, not {partial_width}")
        self.depth = depth
        super().__init__({
            "clear": In(1),
            "valid": In(1),
            "valid_right": Out(1),
            "address": In(range(depth)),
            "address_right": Out(range(depth)),
            "overwrite": In(1),
            "overwrite_right": Out(1),
            "sum": In(signed(partial_width)),
            "read": In(1),
            "read_address": In(range(depth)),
            "value": Out(signed(32)),
            "saturated": Out(1),
        })

    def elaborate(self, platform):
        m = Module()

        add_write, add_read = block_ram(
            m, "sums", shape=signed(32), depth=self.depth, collision=Collision.NEVER)
        out_write, out_read = block_ram(
            m, "copy", shape=signed(32), depth=self.depth, collision=Collision.NEVER)

        # The cycle of `valid`: read. A row that is overwritten may be on its way to the memory.
        valid = Signal(5)
        m.d.sync += valid.eq(Mux(self.clear, 0, Cat(self.valid, valid)))
        m.d.comb += [add_read.addr.eq(self.address), add_read.en.eq(self.valid & ~self.overwrite)]

        # 1: the memory shows the row, which goes straight into a register.
        address_1 = register(m, self.address, "address_1")
        overwrite_1 = register(m, self.overwrite, "overwrite_1")
        held = register(m, add_read.data, "held")

        # 2: add. What is masked before a carry chain takes nothing there.
        adds = register(m, ~overwrite_1, "adds")
        before = (held.as_unsigned() & adds.replicate(32)).as_signed()
        width = max(33, len(self.sum) + 1)
        total = register(m, (before + self.sum)[:width].as_signed(), "total")

        # 3 and 4: saturate, by registers that are cleared, or set, instead of by multiplexers. The
        # sign is right in any case.
        sign, top = total[-1], total[31:-1]
        below, above = sign & ~top.all(), ~sign & top.any()
        cleared = register(m, total[:31], "cleared")
        with m.If(below):
            m.d.sync += cleared.eq(0)
        # A flip-flop that can be set has to start at 1.
        saturated = Signal(31, init=(1 << 31) - 1, reset_less=True)
        m.d.sync += saturated.eq(cleared)
        with m.If(register(m, above, "above")):
            m.d.sync += saturated.eq(saturated.init)

        # 5: write.
        address = delay(m, address_1, 4, "address")
        for write in (add_write, out_write):
            m.d.comb += [write.addr.eq(address), write.en.eq(valid[4]),
                         write.data.eq(Cat(saturated, delay(m, sign, 2, "sign")).as_signed())]

        # Read out.
        m.d.comb += [
            out_read.addr.eq(self.read_address),
            out_read.en.eq(self.read),
            self.value.eq(register(m, out_read.data, "shown").as_signed()),
            self.valid_right.eq(valid[0]),
            self.address_right.eq(address_1),
            self.overwrite_right.eq(overwrite_1),
        ]
        m.d.sync += self.saturated.eq(valid[4] & delay(m, below | above, 2, "beyond"))

        return m
