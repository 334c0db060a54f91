"""Whether a row of activations is fed: tiles and sums that it has to wait for."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["FeedGate"]


class FeedGate(wiring.Component):
    """Lets the rows of `RowAddresses` go, one a cycle, when their tiles and sums are there.

    The first of a tile has to wait until

    * the tile is there;
    * the row before it was fed `accumulate_cycles` ago, if it adds to sums of the multiplication
      before (it `settles`);
    * the tile before it was taken `accumulate_cycles` ago, for its rows are added to the same sums:
      only tiles of fewer `rows` can be shifted in sooner.

    Timing: `fed` and `waits` are registers, for much hangs on them. They are worked out in the
    cycle before, for whichever row will be on offer.

    Parameters
    ----------
    rows : int
        Cycles from a tile to the next one, at least.
    accumulate_cycles : int

    Members
    -------
    clear : In(1)
        No row is on offer in the next cycle, nor was any fed or any tile taken.
    first, settles : In(1)
        Of the row on offer. It is the first of its tile.
    coming : In(1); coming_first, coming_settles : In(1)
        A row is on offer in the next cycle unless this one waits.
    weights_ready, weights_readies : In(1)
        See `WeightUnit`.
    fed : Out(1)
        A row is on offer and goes.
    waits : Out(1)
        A row is on offer and stays.
    taken : Out(1)
        It takes its tile.
    """

    def __init__(self, *, rows, accumulate_cycles):
        self.rows = rows
        self.accumulate_cycles = accumulate_cycles
        super().__init__({
            "clear": In(1),
            "first": In(1),
            "settles": In(1),
            "coming": In(1),
            "coming_first": In(1),
            "coming_settles": In(1),
            "weights_ready": In(1),
            "weights_readies": In(1),
            "fed": Out(1),
            "waits": Out(1),
            "taken": Out(1),
        })

    def elaborate(self, platform):
        m = Module()

        fed, waits = self.fed, self.waits
        m.d.comb += self.taken.eq(fed & self.first)

        # The first of a tile: the row that waits, the one behind a row that is fed, or behind none.
        recent = self._recent(m, fed, "row")
        comes = self.weights_ready | self.weights_readies
        this = comes & ~(self.settles & recent)
        behind_row = ~self.coming_settles & (self.weights_ready & ~self.first
                                             | self.weights_readies)
        behind_none = comes & ~(self.coming_settles & recent)
        if self.rows < self.accumulate_cycles:
            lately = self._recent(m, self.taken, "tile")
            this &= ~lately
            behind_row &= ~(self.first | lately)
            behind_none &= ~lately

        may = ~self.coming_first | Mux(fed, behind_row, behind_none)
        with m.If(waits):
            m.d.sync += [fed.eq(this), waits.eq(~this)]
        with m.Else():
            m.d.sync += [fed.eq(self.coming & may), waits.eq(self.coming & ~may)]

        return ResetInserter(self.clear)(m)

    def _recent(self, m, event, name):
        """High in the `accumulate_cycles` - 2 cycles behind an event."""
        history = Signal(self.accumulate_cycles - 3, name=f"{name}_history")
        recent = Signal(name=f"recent_{name}")
        m.d.sync += [history.eq(Cat(event, history)), recent.eq(event | history.any())]
        return recent
