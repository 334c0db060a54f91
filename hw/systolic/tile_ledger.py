"""Keeps count of the tiles that a program has read and multiplied by."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.formats import WEIGHT_FIFO_TILES

from ..memory import register_file

__all__ = ["TileLedger"]


class TileLedger(wiring.Component):
    """Tells whether there are tiles for a multiplication, and room for another Read_Weights.

    A Read_Weights is outstanding until the multiplications after it have claimed all its tiles. As
    the weight unit takes as many as may be outstanding, none ever waits for room that only a later
    instruction can make.

    Timing: `full` follows `read` after a cycle, `lacking` follows `claim` after five at most, for
    each Read_Weights whose tiles it begins to take costs one. No strobe before that.

    Members
    -------
    clear : In(1)
        Forget all.
    read, claim : In(1)
        Strobe: `tiles_read` are read, or `tiles_claimed` are claimed.
    tiles_read, tiles_claimed : In(16)
    lacking : Out(1)
        There were fewer than claimed: nothing more is right until `clear`.
    full : Out(1)
        As many Read_Weights were outstanding as may be, when the last one came.
    """

    clear: In(1)
    read: In(1)
    claim: In(1)
    tiles_read: In(16)
    tiles_claimed: In(16)
    lacking: Out(1)
    full: Out(1)

    def elaborate(self, platform):
        m = Module()

        # Tiles of each Read_Weights of which none has been claimed, and what is left of the one
        # before them: less than nothing if more have been claimed than that.
        write, (oldest,) = register_file(m, "tiles", shape=16, depth=WEIGHT_FIFO_TILES)
        left = Signal(signed(17))
        first, last = Signal(range(WEIGHT_FIFO_TILES)), Signal(range(WEIGHT_FIFO_TILES))
        untouched = Signal(range(WEIGHT_FIFO_TILES + 1))
        takes = Signal()
        m.d.comb += [
            write.addr.eq(last),
            write.data.eq(self.tiles_read),
            write.en.eq(self.read),
            oldest.addr.eq(first),
            self.lacking.eq(left < 0),
            takes.eq(self.lacking & (untouched != 0)),
        ]
        with m.If(self.claim | takes):
            # One sum for both; the carry makes the complement of what is claimed its negative.
            change = Mux(takes, Cat(oldest.data, 0), Cat(~self.tiles_claimed, 1))
            m.d.sync += left.eq((Cat(1, left) + Cat(~takes, change))[1:])
        with m.If(takes):
            m.d.sync += [first.eq(first + 1), untouched.eq(untouched - 1)]
        with m.If(self.read):
            m.d.sync += [
                last.eq(last + 1), untouched.eq(untouched + 1),
                self.full.eq(untouched[2] | untouched[:2].all() & left[:-1].any()),
            ]
        with m.If(self.clear):
            m.d.sync += [left.eq(0), first.eq(0), last.eq(0), untouched.eq(0)]

        return m
