"""Operands of vector instructions: rescaled, and added or multiplied."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from ..common.multiplier import Multiplier
from ..common.pipeline import delay, register
from ..memory import Collision, block_ram

__all__ = ["VectorUnit"]


class VectorUnit(wiring.Component):
    """One lane of VectorAdd and VectorMultiply.

    Elements come one after the other, a and then b. Activations of up to 8 bits are taken to
    operands by tables, wider ones shifted left by `shift_a` or `shift_b`::

        result = a + b,  or  (a mod 2**16) * (b mod 2**16), as signed numbers

    and b = 0 with `unary`, where there is only a. `result` is 0 unless `enable`, so that it can be
    merged with others by OR.

    Timing: a result `latency` cycles after its `last` element, for one cycle.

    Parameters
    ----------
    width : int
        Bits of an element, from 2 to 16.
    operand_tables : int
        Sets of tables, for elements up to 8 bits, at least 1.

    Members
    -------
    element : In(signed(width))
    valid, first, last : In(1)
        There is an element; the first, the last one of a pair.
    enable, multiply, unary : In(1)
    tables : In(4)
    shift_a, shift_b : In(4)
        These must be stable while elements are under way.
    result : Out(signed(33))
    load : In(1)
        Write a table, while nothing is under way: `load_data` at `load_address`, which is, from
        the lowest bits on, the element + 2**(width - 1), the operand and the set.
    load_address : In
    load_data : In(32)
    """

    #: Cycles from the last element to the result.
    latency = 6

    def __init__(self, *, width, operand_tables):
        if not 2 <= width <= 16:
            raise ValueError(f"Elements must have from 2 to 16 bits, not {width}")
        if width <= 8 and operand_tables < 1:
            raise ValueError(f"Elements of {width} bits need tables of operands")
        self.width = width
        self.table_depth = 2 * operand_tables << width if width <= 8 else 0
        super().__init__({
            "element": In(signed(width)),
            "valid": In(1),
            "first": In(1),
            "last": In(1),
            "enable": In(1),
            "multiply": In(1),
            "unary": In(1),
            "tables": In(4),
            "shift_a": In(4),
            "shift_b": In(4),
            "result": Out(signed(33)),
            "load": In(1),
            "load_address": In(ceil_log2(max(2, self.table_depth))),
            "load_data": In(32),
        })

    def _operand(self, m):
        """The element's operand three cycles later, to be put into a register."""
        if self.width <= 8:
            write, read = block_ram(m, "operands", shape=32, depth=self.table_depth,
                                    collision=Collision.NEVER)
            index = Cat(self.element[:-1], ~self.element[-1], ~self.first, self.tables)
            m.d.comb += [
                write.en.eq(self.load), write.addr.eq(self.load_address),
                write.data.eq(self.load_data),
                read.addr.eq(register(m, index[:len(read.addr)], "index")),
            ]
            reads = Signal()
            m.d.sync += reads.eq(self.valid)
            m.d.comb += read.en.eq(reads)
            # A block RAM shows its data late in the cycle, too late for a multiplier far from it.
            return register(m, read.data, "looked_up").as_signed()
        value = self.element
        amount = Mux(self.first, self.shift_a, self.shift_b)
        for step in range(4):
            value = Mux(amount[step], Cat(Const(0, 1 << step), value).as_signed(), value)
            if step < 3:
                value = register(m, value, f"shifted_{step}")
                amount = register(m, amount, f"amount_{step}")
        return value

    def elaborate(self, platform):
        m = Module()

        found = self._operand(m)
        operand = register(m, found, "operand")
        valid, first, last = (delay(m, value, 4, name) for value, name in (
            (self.valid, "valid"), (self.first, "first"), (self.last, "last")))

        # The first operand waits for the second: beside an adder, or in the multiplier.
        waits = valid & first & ~last
        adds = register(m, self.enable & ~self.multiply, "adds")
        previous = Signal(signed(32), reset_less=True)
        m.d.sync += previous.eq(operand)
        with m.If(~(waits & adds)):
            m.d.sync += previous.eq(0)
        m.submodules.multiply = multiply = Multiplier(a_width=16, b_width=16)
        m.d.comb += [
            multiply.a[0].eq(found[:16].as_signed()),
            multiply.b[0].eq(operand[:16].as_signed()),
            multiply.load.eq(waits),
        ]

        # A product takes the place of the second operand, and is added to nothing.
        second = Mux(adds, register(m, operand, "second"), multiply.product[0])
        total = Signal(signed(33), reset_less=True)
        m.d.sync += total.eq(register(m, previous, "first_operand") + second)
        with m.If(register(m, ~(self.enable & (~self.multiply | ~self.unary)), "nothing")):
            m.d.sync += total.eq(0)
        m.d.comb += self.result.eq(total)

        return m
