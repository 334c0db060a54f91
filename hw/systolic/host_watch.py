"""What a program waits for from the host: signals, and not for ever."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from ..common.pipeline import register

__all__ = ["HostWatch"]

#: Bits of the number of signals that are remembered.
_SIGNALS_WIDTH = 8


class HostWatch(wiring.Component):
    """Remembers signals of the host, and tells when the host has kept a program waiting too long.

    Timing: `signalled` follows `signal` and `take` after a cycle. `expired` rises
    2**`watchdog_log2` + 1 cycles after `waits`, unless that goes low before, and falls two cycles
    after that; `awaited` follows `concerned` after a cycle.

    Parameters
    ----------
    watchdog_log2 : int
    number_width : int
        Bits of the number of an instruction.

    Members
    -------
    clear : In(1)
        Forget all signals.
    signal : In(1)
        Strobe: one more. As many as 255 are remembered.
    take : In(1)
        Strobe: one less. Not unless `signalled`.
    signalled : Out(1)
        There is one.
    waits : In(1)
        The host keeps the program waiting.
    concerned : In(1)
        Instruction `number` has to do with the host.
    number : In(number_width)
    expired : Out(1)
        It has waited for too long.
    awaited : Out(number_width)
        The last instruction that had to do with the host.
    """

    def __init__(self, *, watchdog_log2, number_width):
        self.watchdog_log2 = watchdog_log2
        self.number_width = number_width
        super().__init__({
            "clear": In(1),
            "signal": In(1),
            "take": In(1),
            "signalled": Out(1),
            "waits": In(1),
            "concerned": In(1),
            "number": In(number_width),
            "expired": Out(1),
            "awaited": Out(number_width),
        })

    def elaborate(self, platform):
        m = Module()

        signals = Signal(_SIGNALS_WIDTH)
        more = self.signal & ~signals.all()
        change = Cat(more ^ self.take, (self.take & ~more).replicate(_SIGNALS_WIDTH - 1))
        m.d.comb += self.signalled.eq(signals != 0)
        m.d.sync += signals.eq(signals + change)
        with m.If(self.clear):
            m.d.sync += signals.eq(0)

        # Cycles waited, in a row: the lower bits count, a bit of the higher ones at a time goes
        # round, lowest first, so that one adder of a bit is enough for them.
        low_width = min(self.watchdog_log2, bits_for(self.watchdog_log2))
        low, high = Signal(low_width), Signal(1 << low_width)
        carry, due = Signal(init=1), Signal()
        added = high[0] ^ carry
        m.d.sync += [
            low.eq(low + 1),
            high.eq(Cat(high[1:], added)),
            carry.eq(high[0] & carry | low.all()),
            due.eq(due | added & (low == self.watchdog_log2 - low_width)),
            self.expired.eq(self.expired | due & low.all()),
        ]
        with m.If(~register(m, self.waits, "waited")):
            m.d.sync += [low.eq(0), high.eq(0), carry.eq(1), due.eq(0), self.expired.eq(0)]

        with m.If(self.concerned):
            m.d.sync += self.awaited.eq(self.number)

        return m
