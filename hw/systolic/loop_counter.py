"""Counts the turns of a loop, and knows the last one beforehand."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

__all__ = ["LoopCounter"]


class LoopCounter(wiring.Component):
    """Turns of a loop over `items`, of which the one under way is `last` or not.

    A turn is for one item, or, with `many`, for `stride` of them or what is left.

    `last` is a register, so that loops can be nested without a long path: the sign of the number of
    items left after the turn, less one.

    Timing: `last` follows each `step` by one cycle; the `step` itself may come late.

    Parameters
    ----------
    width : int
        Bits of a number of items.
    stride : int

    Members
    -------
    items : In(width)
        At least 1.
    many : In(1)
        Stable from `restart` on.
    step : In(1)
        The next turn is next; with `restart` the first one.
    restart : In(1)
    last : Out(1)
    left : Out(range(stride + 1))
        In the last of turns with `many`: its items.
    """

    def __init__(self, *, width, stride=1):
        if stride < 1:
            raise ValueError(f"A turn takes at least one item, not {stride}")
        self.stride = stride
        super().__init__({
            "items": In(width),
            "many": In(1),
            "step": In(1),
            "restart": In(1),
            "last": Out(1),
            "left": Out(range(stride + 1)),
        })

    def elaborate(self, platform):
        m = Module()
        # It can be as far below zero as a turn is wide.
        left = Signal(1 + max(len(self.items), bits_for(self.stride)))
        first, later = ((Mux(self.many, -self.stride - more, -1 - more)) for more in (1, 0))
        # The choice goes before the sum, where the carry chain of a device may make it.
        with m.If(self.step):
            m.d.sync += left.eq(Mux(self.restart, self.items, left)
                                + Mux(self.restart, first, later))
        m.d.comb += [
            self.last.eq(left[-1]),
            self.left.eq(left + (self.stride + 1)),
        ]
        return m
