"""Some rows of the systolic array, with what happens at their left edge."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..emission import replicate
from .processing_row import ProcessingRow

__all__ = ["RowGroup"]


class RowGroup(wiring.Component):
    """Rows below each other. Large arrays are groups of equal groups, emitted once.

    `adopt` goes down one row a cycle, beside the activations that it comes with. A row shifts in a
    cycle with `shifting` if the row above shifted in the cycle before. Where a group is all of an
    array, its rows add no more bits than so many products need.

    Timing: row r acts on its activation at once, on `adopt` r cycles later; the outputs
    `adopt_below` and `shift_below` are registers. See `ProcessingRow` for the rest.

    Parameters
    ----------
    rows, columns, activation_width, weight_width, partial_width : int
    whole : bool
        The group is the array: there are no sums from above.

    Members
    -------
    activations : In(rows * activation_width)
    adopt : In(1); adopt_below : Out(1)
        For the first row, and for the one below the last.
    shift : In(1); shift_below : Out(1)
        The first row shifts; the last one has, in the cycle before.
    shifting : In(1)
        Rows but the first may shift.
    weights : In(columns * weight_width); weights_below : Out
    sums : In(columns * partial_width), unless `whole`; sums_below : Out
    """

    def __init__(self, *, rows, columns, activation_width, weight_width, partial_width,
                 whole=False):
        if rows < 1:
            raise ValueError(f"A group needs at least one row, not {rows}")
        self.rows = rows
        self.columns = columns
        self._whole = whole
        self.partial_width = partial_width
        self._factors = {"activation_width": activation_width, "weight_width": weight_width}
        # Bits of the sums that leave each row: the largest product is that of the lowest factors.
        largest = 1 << activation_width + weight_width - 2
        self.widths = [((row + 1) * largest).bit_length() + 1 if whole else partial_width
                       for row in range(rows)]
        super().__init__({
            "activations": In(rows * activation_width),
            "adopt": In(1),
            "adopt_below": Out(1),
            "shift": In(1),
            "shift_below": Out(1),
            "shifting": In(1),
            "weights": In(columns * weight_width),
            "weights_below": Out(columns * weight_width),
            **({} if whole else {"sums": In(columns * partial_width)}),
            "sums_below": Out(columns * partial_width),
        })

    def _rows(self, m, platform):
        """All rows, each kind of them emitted once."""
        rows = []
        for width in sorted(set(self.widths)):
            def make(width=width):
                return ProcessingRow(columns=self.columns, partial_width=width, **self._factors)

            name = "row" if width == self.partial_width else f"row_of_{width}"
            rows += replicate(m, name, make(), make, self.widths.count(width), platform)
        return rows

    def _extended(self, sums, narrow, wide):
        """Sums of all columns with more bits each."""
        if narrow == wide:
            return sums
        return Cat(Cat(value, value[-1].replicate(wide - narrow)) for value in (
            sums.word_select(column, narrow) for column in range(self.columns)))

    def elaborate(self, platform):
        m = Module()

        adopt, shift, weights, above = self.adopt, self.shift, self.weights, self.widths[0]
        sums = Const(0, self.columns * above) if self._whole else self.sums
        for number, (row, width) in enumerate(
                zip(self._rows(m, platform), self.widths, strict=True)):
            m.d.comb += [
                row.activation.eq(self.activations.word_select(
                    number, len(row.activation))),
                row.adopt.eq(adopt),
                row.shift.eq(shift & self.shifting if number else shift),
                row.weights.eq(weights),
                row.sums.eq(self._extended(sums, above, width)),
            ]
            weights, sums, above = row.weights_below, row.sums_below, width
            adopt, shift = Signal(name=f"adopt_{number}"), Signal(name=f"shift_{number}")
            m.d.sync += [adopt.eq(row.adopt), shift.eq(row.shift)]
        m.d.comb += [
            self.adopt_below.eq(adopt),
            self.shift_below.eq(shift),
            self.weights_below.eq(weights),
            self.sums_below.eq(self._extended(sums, above, self.partial_width)),
        ]

        return m
