"""Regions of memories, and whether two of them share anything."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from ..common.pipeline import register
from ..memory import Collision, Style, block_ram

__all__ = ["RegionMemory", "region_layout"]


def region_layout(width):
    """Elements or rows from `first` up to, but without, `end`, which come by themselves.

    They are of the unified buffer, or of the accumulators where `first_is_rows`, `end_is_rows`.
    """
    return data.StructLayout({
        "first": width, "first_valid": 1, "first_is_rows": 1,
        "end": width, "end_valid": 1, "end_is_rows": 1})


class RegionMemory(wiring.Component):
    """Keeps regions, and compares two of them.

    At each address there is one of the unified buffer and one of rows of accumulators.

    Timing: `overlap` follows `own`, `other` and `compare_rows` after three cycles, combinationally
    from registers; what came in the cycle before can be compared.

    Parameters
    ----------
    width : int
        Bits of an end.
    depth : int
        Addresses.

    Members
    -------
    region : In(region_layout(width))
        To be kept at `own`.
    own, other : In(range(depth))
    compare_rows : In(1)
        Compare rows at `own` and `other`, else elements.
    overlap : Out(1)
    """

    def __init__(self, *, width, depth):
        self.width = width
        self.depth = depth
        super().__init__({
            "region": In(region_layout(width)),
            "own": In(range(depth)),
            "other": In(range(depth)),
            "compare_rows": In(1),
            "overlap": Out(1),
        })

    def elaborate(self, platform):
        m = Module()

        def ends(name, address):
            kind = name.split("_")[1]
            write, read = block_ram(
                m, name, shape=self.width, depth=self.depth << 1, collision=Collision.IGNORED,
                style=Style.BLOCK)
            m.d.comb += [
                write.addr.eq(Cat(self.own, self.region[f"{kind}_is_rows"])),
                write.data.eq(self.region[kind]),
                write.en.eq(self.region[f"{kind}_valid"]),
                read.addr.eq(Cat(address, self.compare_rows)),
            ]
            return register(m, read.data, f"{name}_held")

        assert 1 << ceil_log2(self.depth) == self.depth
        begins = register(m, ends("own_first", self.own) < ends("other_end", self.other), "begins")
        goes_on = register(m, ends("other_first", self.other) < ends("own_end", self.own),
                           "goes_on")
        m.d.comb += self.overlap.eq(begins & goes_on)

        return m
