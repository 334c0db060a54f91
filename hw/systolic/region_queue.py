"""Which regions of a memory operations under way still touch."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["RegionQueue"]


class RegionQueue(wiring.Component):
    """Places of the regions of the active and the pending operation of one unit, and of the next.

    Places are numbered modulo 4. Those of two operations that follow each other differ in their
    lowest bit, by which both are known.

    Timing: all outputs are registers, or an exclusive or of two.

    Members
    -------
    push : In(1)
        The region in `tail` is touched from now on. Not with both held.
    pop : In(1)
        The oldest is no longer. May come together with `push`, not with none held.
    tail : Out(2)
        Where the next region goes.
    places : Out(2).array(2)
        Where those that are held are, by their lowest bit.
    oldest : Out(1)
        Lowest bit of the place of the oldest.
    held : Out(2)
    """

    push: In(1)
    pop: In(1)
    tail: Out(2)
    places: Out(2).array(2)
    oldest: Out(1)
    held: Out(2)

    def elaborate(self, platform):
        m = Module()

        head = Signal(2)
        m.d.comb += [
            self.oldest.eq(head[0]),
            self.places[0].eq(Cat(0, head[1] ^ head[0])),
            self.places[1].eq(Cat(1, head[1])),
        ]
        m.d.sync += [self.tail.eq(self.tail + self.push), head.eq(head + self.pop)]
        for bit in range(2):
            with m.If(self.pop & (head[0] == bit)):
                m.d.sync += self.held[bit].eq(0)
            with m.If(self.push & (self.tail[0] == bit)):
                m.d.sync += self.held[bit].eq(1)

        return m
