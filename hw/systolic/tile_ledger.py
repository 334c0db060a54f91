"""Keeps count of the tiles that a program has read and multiplied by."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.formats import WEIGHT_FIFO_TILES

from ..memory import register_file

__all__ = ["TileLedger"]

#: Bits of the running numbers: no more tiles can be read and not yet multiplied by.
_WIDTH = 16 + WEIGHT_FIFO_TILES.bit_length()


class TileLedger(wiring.Component):
    """Tells whether there are tiles for a multiplication, and room for another Read_Weights.

    A Read_Weights is outstanding until the multiplications after it have claimed all its tiles. As
    the weight unit takes as many as may be outstanding, none ever waits for room that only a later
    instruction can make.

    Timing: `lacking` and `full` follow `tiles` and the strobes after two cycles, but for `claim`,
    which takes up to four cycles for each Read_Weights that it ends.

    Members
    -------
    clear : In(1)
        Forget all.
    tiles : In(16)
        Of the instruction in hand.
    read, claim : In(1)
        Strobe: it reads them, it claims them.
    lacking : Out(1)
        There are fewer.
    full : Out(1)
        As many Read_Weights are outstanding as may be.
    """

    clear: In(1)
    tiles: In(16)
    read: In(1)
    claim: In(1)
    lacking: Out(1)
    full: Out(1)

    def elaborate(self, platform):
        m = Module()

        # Running numbers of tiles, and those at which the outstanding Read_Weights end.
        tiles_read, tiles_used = Signal(_WIDTH), Signal(_WIDTH)
        write, (oldest,) = register_file(m, "ends", shape=_WIDTH, depth=WEIGHT_FIFO_TILES)
        first, outstanding = Signal(range(WEIGHT_FIFO_TILES)), Signal(range(WEIGHT_FIFO_TILES + 1))
        after = Signal(_WIDTH)
        m.d.comb += [
            after.eq(tiles_read + self.tiles),
            write.addr.eq(first + outstanding),
            write.data.eq(after),
            write.en.eq(self.read),
            oldest.addr.eq(first),
        ]

        # A cycle to compare, and another to see what is oldest then.
        comparing, used_up = Signal(), Signal()
        m.d.sync += [
            comparing.eq(~comparing),
            used_up.eq(comparing & (outstanding != 0)
                       & ~(tiles_used - oldest.data)[_WIDTH - 1]),
        ]
        left = Signal(_WIDTH)
        m.d.sync += [
            left.eq(tiles_read - tiles_used),
            self.lacking.eq(self.tiles > left),
            self.full.eq(outstanding == WEIGHT_FIFO_TILES),
            outstanding.eq(outstanding + self.read - used_up),
            first.eq(first + used_up),
        ]
        with m.If(self.read):
            m.d.sync += tiles_read.eq(after)
        with m.If(self.claim):
            m.d.sync += tiles_used.eq(tiles_used + self.tiles)
        with m.If(self.clear):
            m.d.sync += [tiles_read.eq(0), tiles_used.eq(0), outstanding.eq(0), first.eq(0),
                         used_up.eq(0)]

        return m
