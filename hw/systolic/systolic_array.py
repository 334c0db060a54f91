"""The matrix multiply array: weights stay, activations go right, sums go down."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..emission import replicate
from .data_setup import DataSetup
from .row_group import RowGroup

__all__ = ["SystolicArray"]

#: Rows that a large array repeats: its square root, for the largest.
_GROUP_ROWS = 16


class SystolicArray(wiring.Component):
    """``sums[c] = sum over r of activations[r] * W[r][c]``, a row of activations a cycle.

    W is a tile of weights. The next one is shifted into the elements' shadow registers in `rows`
    consecutive cycles, the weights of the *last* row first, while this one is used. It takes effect
    with the row of activations that comes with `adopt` (Jouppi et al., ISCA'17, section 2).
    Inside, row r works r cycles later and column c another c cycles later; sums of column c leave c
    cycles later than those of column 0, and are not put in line again.

    Timing, with T a cycle with `adopt` and s the first cycle of the shift of its tile:

    * the tile needs ``T >= s + rows``;
    * the shift of the next one may begin at T: row r changes its shadow from cycle s + r on only,
      and the multipliers take it over in cycle T + r. So a tile can be taken every `rows` cycles;
    * sums of the activations of cycle t are at ``sums[c]`` in cycle ``t + sum_latency + c``, for
      that one; sum_latency = rows + 3.

    Parameters
    ----------
    rows, columns : int
        At least 2 each.
    activation_width, weight_width : int
        Bits of signed factors.

    Attributes
    ----------
    partial_width : int
        Bits of a sum: it is exact.
    sum_latency : int

    Members
    -------
    activations : In(ArrayLayout(signed(activation_width), rows))
        All of one cycle; the skew is made inside.
    adopt : In(1)
        The tile that was shifted in is the one to use, from these activations on.
    weights : In(ArrayLayout(signed(weight_width), columns))
        A row of the tile, while `shift`.
    shift, shift_first : In(1)
        A row is shifted in; it is the tile's first, so its last row of weights.
    sums : Out(ArrayLayout(signed(partial_width), columns))
    """

    def __init__(self, *, rows, columns, activation_width, weight_width):
        if rows < 2 or columns < 2:
            raise ValueError(f"An array has at least 2 rows and columns, not {rows} x {columns}")
        self.rows = rows
        self.columns = columns
        self.activation_width = activation_width
        self.weight_width = weight_width
        self.partial_width = activation_width + weight_width + (rows - 1).bit_length()
        self.sum_latency = rows + 3
        super().__init__({
            "activations": In(data.ArrayLayout(signed(activation_width), rows)),
            "adopt": In(1),
            "weights": In(data.ArrayLayout(signed(weight_width), columns)),
            "shift": In(1),
            "shift_first": In(1),
            "sums": Out(data.ArrayLayout(signed(self.partial_width), columns)),
        })

    def elaborate(self, platform):
        m = Module()

        m.submodules.activation_setup = activation_setup = DataSetup(
            lanes=self.rows, width=self.activation_width)
        m.submodules.weight_setup = weight_setup = DataSetup(
            lanes=self.columns, width=self.weight_width)
        m.d.comb += [
            activation_setup.words.eq(self.activations),
            weight_setup.words.eq(self.weights),
        ]

        # Which rows shift: the first always does, each other one the cycle after the one above it,
        # but in a tile's first cycle. So row r only begins with the tile's r-th row of weights.
        shifting = Signal()
        m.d.comb += shifting.eq(self.shift & ~self.shift_first)

        adopt, shift = self.adopt, self.shift
        activations, weights = Value.cast(activation_setup.skewed), Value.cast(weight_setup.skewed)
        sums, first = Const(0), 0
        for group, rows in self._groups(m, platform):
            m.d.comb += [
                group.activations.eq(activations[first * self.activation_width:]),
                group.adopt.eq(adopt),
                group.shift.eq(shift & shifting if first else shift),
                group.shifting.eq(shifting),
                group.weights.eq(weights),
            ]
            if rows < self.rows:
                m.d.comb += group.sums.eq(sums)
            adopt, shift = group.adopt_below, group.shift_below
            weights, sums = group.weights_below, group.sums_below
            first += rows
        m.d.comb += Value.cast(self.sums).eq(sums)

        return m

    def _groups(self, m, platform):
        def group(rows=_GROUP_ROWS):
            return RowGroup(
                rows=rows, columns=self.columns, activation_width=self.activation_width,
                weight_width=self.weight_width, partial_width=self.partial_width,
                whole=rows == self.rows)

        # No group of a single row: it would have a `shifting` that it does not look at.
        size = next(size for size in range(_GROUP_ROWS, 1, -1) if self.rows % size != 1)
        groups = []
        for name, rows, count in (("group", size, self.rows // size),
                                  ("last_group", self.rows % size, 1)):
            if rows and count:
                groups += [(item, rows) for item in replicate(
                    m, name, group(rows), group, count, platform)]
        return groups
