"""Regions of a memory that operations under way still touch."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["RegionQueue", "region_layout"]


def region_layout(depth):
    """Elements or rows from `first` up to, but without, `end`."""
    return data.StructLayout({"first": range(depth), "end": range(depth + 1)})


class RegionQueue(wiring.Component):
    """Regions that the active and the pending operation of one unit still touch.

    Timing: `overlaps` says of the regions of the cycle before whether one of them shared an element
    with the candidate of the cycle before; `count` is a register.

    Parameters
    ----------
    depth : int
        Size of the memory.

    Members
    -------
    push : In(1)
        Add the candidate. Not with `count` 2.
    pop : In(1)
        Forget the oldest. May come together with `push`, not with `count` 0.
    release : In(1)
        The oldest no longer overlaps with anything, but stays.
    candidate : In(region_layout(depth))
    overlaps : Out(1)
    count : Out(2)
    """

    def __init__(self, *, depth):
        self.depth = depth
        super().__init__({
            "push": In(1),
            "pop": In(1),
            "release": In(1),
            "candidate": In(region_layout(depth)),
            "overlaps": Out(1),
            "count": Out(2),
        })

    def elaborate(self, platform):
        m = Module()

        regions = [Signal(region_layout(self.depth), name=f"region_{number}", reset_less=True)
                   for number in range(2)]
        held = Signal(2)        # of each region: is there one, and does it count?
        m.d.sync += self.count.eq(self.count + self.push - self.pop)

        with m.If(self.release):
            m.d.sync += held[0].eq(0)
        # A free place takes the candidate over before it is known whether it is pushed.
        with m.If(self.count == 0):
            m.d.sync += regions[0].eq(self.candidate)
        with m.If(self.pop):
            m.d.sync += [regions[0].eq(Mux(self.count[1], regions[1], self.candidate)),
                         held.eq(held[1])]
        with m.If(~self.count[1]):
            m.d.sync += regions[1].eq(self.candidate)
        with m.If(self.push):
            with m.If((self.count - self.pop)[0]):
                m.d.sync += held[1].eq(1)
            with m.Else():
                m.d.sync += held[0].eq(1)

        m.d.sync += self.overlaps.eq(Cat(
            valid & (self.candidate.first < region.end) & (region.first < self.candidate.end)
            for region, valid in zip(regions, held, strict=True)).any())

        return m
