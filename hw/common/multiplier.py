"""Multipliers with registers on both sides, which vendors' own multipliers have inside."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from .pipeline import register

__all__ = ["Multiplier"]


class Multiplier(wiring.Component):
    """Products of a stream of factors `a` with a factor `b` that is held.

    For each way, with B the value that `b` had in the last cycle with `load`, this one included::

        product = a * B     two cycles later

    A platform that has `cells` (see `hw.boards.cells`) may make it of a device's own multipliers,
    with the same function and timing; two ways so narrow share one on an iCE40.

    Timing: a product a cycle, `latency` cycles after `a`. All outputs are registers.

    Parameters
    ----------
    a_width, b_width : int
        Widths of the factors in bits, 2 to 18; 2 to 17 if they are unsigned.
    ways : int
        Independent multipliers.
    unsigned : bool
        Factors and products have no sign.
    summed : bool
        Products are added to others. Otherwise synthesis may take registers behind them into the
        multipliers too.

    Members
    -------
    a : In(ArrayLayout(signed(a_width) or unsigned(a_width), ways))
    b : In(ArrayLayout(signed(b_width) or unsigned(b_width), ways))
    load : In(ways)
        Hold `b` from this cycle's `a` on.
    product : Out(ArrayLayout(signed(a_width + b_width) or unsigned(a_width + b_width), ways))
    """

    #: Cycles from `a` to `product`.
    latency = 2

    def __init__(self, *, a_width, b_width, ways=1, unsigned=False, summed=True):
        widest = 17 if unsigned else 18
        for name, width in (("a_width", a_width), ("b_width", b_width)):
            if not 2 <= width <= widest:
                raise ValueError(f"{name} must be from 2 to {widest} bits, not {width}")
        if ways < 1:
            raise ValueError(f"A multiplier needs at least one way, not {ways}")
        self.a_width = a_width
        self.b_width = b_width
        self.ways = ways
        self.unsigned = unsigned
        self.summed = summed

        def number(width):
            return Shape(width, not unsigned)

        super().__init__({
            "a": In(data.ArrayLayout(number(a_width), ways)),
            "b": In(data.ArrayLayout(number(b_width), ways)),
            "load": In(ways),
            "product": Out(data.ArrayLayout(number(a_width + b_width), ways)),
        })

    def elaborate(self, platform):
        m = Module()

        cells = getattr(platform, "cells", None)
        if cells is not None and cells.multiply(m, self):
            return m

        for way in range(self.ways):
            a = register(m, self.a[way], f"a_{way}_held")
            b = Signal.like(self.b[way], name=f"b_{way}_held", reset_less=True)
            with m.If(self.load[way]):
                m.d.sync += b.eq(self.b[way])
            # `keep` holds the ice40_dsp pass of yosys 0.70 back: it packs such a register both as
            # the output of one SB_MAC16 and as the addend of another, and loses the first (of four
            # products 3 left, results wrong). A sum in an SB_MAC16 would also use its carry out,
            # which seems not to work in one of the eight (github.com/YosysHQ/nextpnr/issues/1027).
            product = register(m, a * b, f"product_{way}_held",
                               **{"keep": 1} if self.summed else {})
            m.d.comb += self.product[way].eq(product)

        return m
