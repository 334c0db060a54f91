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
        Widths of the signed factors in bits, 2 to 18.
    ways : int
        Independent multipliers.

    Members
    -------
    a : In(ArrayLayout(signed(a_width), ways))
    b : In(ArrayLayout(signed(b_width), ways))
    load : In(ways)
        Hold `b` from this cycle's `a` on.
    product : Out(ArrayLayout(signed(a_width + b_width), ways))
    """

    #: Cycles from `a` to `product`.
    latency = 2

    def __init__(self, *, a_width, b_width, ways=1):
        for name, width in (("a_width", a_width), ("b_width", b_width)):
            if not 2 <= width <= 18:
                raise ValueError(f"{name} must be from 2 to 18 bits, not {width}")
        if ways < 1:
            raise ValueError(f"A multiplier needs at least one way, not {ways}")
        self.a_width = a_width
        self.b_width = b_width
        self.ways = ways
        super().__init__({
            "a": In(data.ArrayLayout(signed(a_width), ways)),
            "b": In(data.ArrayLayout(signed(b_width), ways)),
            "load": In(ways),
            "product": Out(data.ArrayLayout(signed(a_width + b_width), ways)),
        })

    def elaborate(self, platform):
        m = Module()

        cells = getattr(platform, "cells", None)
        if cells is not None and cells.multiply(m, self):
            return m

        for way in range(self.ways):
            a = register(m, self.a[way], f"a_{way}_held")
            b = Signal(signed(self.b_width), name=f"b_{way}_held", reset_less=True)
            with m.If(self.load[way]):
                m.d.sync += b.eq(self.b[way])
            m.d.comb += self.product[way].eq(register(m, a * b, f"product_{way}_held"))

        return m
