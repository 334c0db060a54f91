"""Keeps count of the tiles that a program has read and multiplied by."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.formats import WEIGHT_FIFO_TILES

__all__ = ["TileLedger"]

#: Bits of the running numbers: no more tiles can be read and not yet multiplied by.
_WIDTH = 16 + WEIGHT_FIFO_TILES.bit_length()


class TileLedger(wiring.Component):
    """Tells whether there are tiles for a multiplication, and room for another Read_Weights.

    A Read_Weights is outstanding until the multiplications after it have claimed all its tiles. As
    the weight unit takes as many as may be outstanding, none ever waits for room that only a later
    instruction can make.

    Timing: `lacking` and `full` follow `tiles` and what was strobed after two cycles; up to five
    after a strobe that ends several Read_Weights at once.

    Members
    -------
    clear : In(1)
        Forget all.
    tiles : In(16)
        Of the instruction in hand.
    read, use : In(1)
        Strobe: it reads them, it multiplies by them.
    lacking : Out(1)
        There are fewer.
    full : Out(1)
        As many Read_Weights are outstanding as may be.
    """

    clear: In(1)
    tiles: In(16)
    read: In(1)
    use: In(1)
    lacking: Out(1)
    full: Out(1)

    def elaborate(self, platform):
        m = Module()

        # Running numbers of tiles, and those at which the outstanding Read_Weights end.
        tiles_read, tiles_used = Signal(_WIDTH), Signal(_WIDTH)
        ends = [Signal(_WIDTH, name=f"end_{index}", reset_less=True)
                for index in range(WEIGHT_FIFO_TILES)]
        outstanding = Signal(range(WEIGHT_FIFO_TILES + 1))

        used_up = Signal()
        m.d.comb += used_up.eq((outstanding != 0) & ~(tiles_used - ends[0])[_WIDTH - 1])
        left = Signal(_WIDTH)
        m.d.sync += [
            left.eq(tiles_read - tiles_used),
            self.lacking.eq(self.tiles > left),
            self.full.eq(outstanding == WEIGHT_FIFO_TILES),
        ]

        with m.If(self.use):
            m.d.sync += tiles_used.eq(tiles_used + self.tiles)
        with m.If(used_up):
            m.d.sync += outstanding.eq(outstanding - 1)
            m.d.sync += [end.eq(after) for end, after in zip(ends, ends[1:], strict=False)]
        with m.If(self.read):
            m.d.sync += tiles_read.eq(tiles_read + self.tiles)
            m.d.sync += outstanding.eq(outstanding + 1 - used_up)
            with m.Switch(outstanding - used_up):
                for index, end in enumerate(ends):
                    with m.Case(index):
                        m.d.sync += end.eq(tiles_read + self.tiles)
        with m.If(self.clear):
            m.d.sync += [tiles_read.eq(0), tiles_used.eq(0), outstanding.eq(0)]

        return m
