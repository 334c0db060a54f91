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
    cycle with `shifting` if the row above shifted in the cycle before.

    Timing: row r acts on its activation at once, on `adopt` r cycles later; the outputs
    `adopt_below` and `shift_below` are registers. See `ProcessingRow` for the rest.

    Parameters
    ----------
    rows, columns, activation_width, weight_width, partial_width : int

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
    sums : In(columns * partial_width); sums_below : Out
    """

    def __init__(self, *, rows, columns, activation_width, weight_width, partial_width):
        if rows < 1:
            raise ValueError(f"A group needs at least one row, not {rows}")
        self.rows = rows
        self._parameters = {"columns": columns, "activation_width": activation_width,
                            "weight_width": weight_width, "partial_width": partial_width}
        row = self._row()
        super().__init__({
            "activations": In(rows * activation_width),
            "adopt": In(1),
            "adopt_below": Out(1),
            "shift": In(1),
            "shift_below": Out(1),
            "shifting": In(1),
            **{name: row.signature.members[name]
               for name in ("weights", "weights_below", "sums", "sums_below")},
        })
        self.row = row

    def _row(self):
        return ProcessingRow(**self._parameters)

    def elaborate(self, platform):
        m = Module()

        adopt, shift, weights, sums = self.adopt, self.shift, self.weights, self.sums
        for number, row in enumerate(
                replicate(m, "row", self.row, self._row, self.rows, platform)):
            m.d.comb += [
                row.activation.eq(self.activations.word_select(
                    number, len(row.activation))),
                row.adopt.eq(adopt),
                row.shift.eq(shift & self.shifting if number else shift),
                row.weights.eq(weights),
                row.sums.eq(sums),
            ]
            weights, sums = row.weights_below, row.sums_below
            adopt, shift = Signal(name=f"adopt_{number}"), Signal(name=f"shift_{number}")
            m.d.sync += [adopt.eq(row.adopt), shift.eq(row.shift)]
        m.d.comb += [
            self.adopt_below.eq(adopt),
            self.shift_below.eq(shift),
            self.weights_below.eq(weights),
            self.sums_below.eq(sums),
        ]

        return m
