"""Leading non-zero detection: the tree that finds the next activation worth broadcasting."""

from itertools import combinations

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["LeadingNonzeroDetector"]


class LeadingNonzeroDetector(wiring.Component):
    """Tree of detectors that gives the position of the first set bit (EIE, section IV).

    `index` is the position of the least significant 1 in `flags`, and `rest` is `flags` without
    it; `more` is set if that leaves any. A node of the tree looks at four children, as in the
    paper's quadtree.

    Timing: combinational from `flags` to every output.

    Parameters
    ----------
    width : int
        Number of flags, a power of two.

    Members
    -------
    flags : In(width)
        One bit per activation, set if it is not zero.
    found : Out(1)
        At least one flag is set.
    index : Out(range(width))
        Position of the first one; meaningless unless `found`.
    rest : Out(width)
        The flags that remain once the first one has been dealt with.
    more : Out(1)
        At least two flags are set.
    """

    def __init__(self, *, width):
        if width < 1 or width.bit_count() != 1:
            raise ValueError(f"Width must be a power of two, not {width}")
        self.width = width
        super().__init__({
            "flags": In(width),
            "found": Out(1),
            "index": Out(range(width)),
            "rest": Out(width),
            "more": Out(1),
        })

    def elaborate(self, platform):
        m = Module()

        def detect(flags):
            """Return (found, index, more) of flags, as expressions over those of a quarter each."""
            if len(flags) == 1:
                return flags[0], Const(0, 0), Const(0, 1)
            ways = min(4, len(flags))
            step = len(flags) // ways
            children = [detect(flags[way * step:(way + 1) * step]) for way in range(ways)]
            level = f"{len(flags)}_{m_names.setdefault(len(flags), 0)}"
            m_names[len(flags)] += 1
            found = Signal(name=f"found_{level}")
            index = Signal(range(len(flags)), name=f"index_{level}")
            more = Signal(name=f"more_{level}")
            each = [way_found for way_found, _, _ in children]
            m.d.comb += [
                found.eq(Cat(each).any()),
                more.eq(Cat([way_more for _, _, way_more in children],
                            [one & other for one, other in combinations(each, 2)]).any()),
            ]
            first = Cat(children[-1][1], Const(ways - 1, (ways - 1).bit_length()))
            for way in reversed(range(ways - 1)):
                way_found, way_index, _ = children[way]
                first = Mux(way_found, Cat(way_index, Const(way, (ways - 1).bit_length())), first)
            m.d.comb += index.eq(first)
            return found, index, more

        m_names = {}
        found, index, more = detect(self.flags)
        m.d.comb += [
            self.more.eq(more),
            self.found.eq(found),
            self.index.eq(index),
            # Not `flags & (flags - 1)`: its carry chain would be the longest path of the core.
            *(self.rest[number].eq(self.flags[number] & self.flags[:number].any())
              for number in range(self.width)),
        ]
        return m
