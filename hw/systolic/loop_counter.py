"""Counts the turns of a loop, and knows the last one beforehand."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["LoopCounter"]


class LoopCounter(wiring.Component):
    """Turns of a loop of `turns`, of which the one under way is `last` or not.

    `last` is a register, so that loops can be nested without a long path: the count runs one turn
    ahead of it.

    Timing: `last` is valid from the cycle after `restart` on, and follows each `step`, or
    `restart`, by one cycle.

    Parameters
    ----------
    width : int
        Bits of a number of turns.

    Members
    -------
    turns : In(width)
        At least 1; stable from `restart` on.
    restart : In(1)
        The first turn is next; goes before `step`.
    step : In(1)
        The next turn is next.
    last : Out(1)
    """

    def __init__(self, *, width):
        super().__init__({
            "turns": In(width),
            "restart": In(1),
            "step": In(1),
            "last": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        following = Signal(len(self.turns) + 1, reset_less=True)
        with m.If(self.restart):
            m.d.sync += [following.eq(2), self.last.eq(self.turns == 1)]
        with m.Elif(self.step):
            m.d.sync += [following.eq(following + 1), self.last.eq(following == self.turns)]
        return m
