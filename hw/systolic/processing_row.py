"""A row of the systolic array: elements and their multipliers."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..common.multiplier import Multiplier
from ..emission import replicate
from .processing_element import ProcessingElement

__all__ = ["ProcessingRow"]


class ProcessingRow(wiring.Component):
    """`columns` processing elements side by side: one input of a tile.

    Multipliers come in pairs, since two of 8 bits are one cell of an iCE40.

    Timing: column c acts c cycles after column 0 on `activation`, `adopt` and `shift`; weights and
    sums of column c come and go c cycles later than those of column 0, see `ProcessingElement`.

    Parameters
    ----------
    columns : int
        At least 2.
    activation_width, weight_width, partial_width : int
        See `ProcessingElement`.

    Members
    -------
    activation : In(signed(activation_width))
    adopt, shift : In(1)
    weights : In(columns * weight_width); weights_below : Out
    sums : In(columns * partial_width); sums_below : Out
        Column 0 in the lowest bits.
    """

    def __init__(self, *, columns, activation_width, weight_width, partial_width):
        if columns < 2:
            raise ValueError(f"A row needs at least 2 columns, not {columns}")
        self.columns = columns
        self.activation_width = activation_width
        self.weight_width = weight_width
        self.partial_width = partial_width
        # Plain bits: arrays of words would cost a large design seconds of emission.
        weights, sums = columns * weight_width, columns * partial_width
        super().__init__({
            "activation": In(signed(activation_width)),
            "adopt": In(1),
            "shift": In(1),
            "weights": In(weights),
            "weights_below": Out(weights),
            "sums": In(sums),
            "sums_below": Out(sums),
        })

    def elaborate(self, platform):
        m = Module()

        def element():
            return ProcessingElement(
                activation_width=self.activation_width, weight_width=self.weight_width,
                partial_width=self.partial_width)

        def multiplier(ways=2):
            return Multiplier(a_width=self.activation_width, b_width=self.weight_width, ways=ways)

        elements = replicate(m, "pe", element(), element, self.columns, platform)
        pairs = replicate(m, "multiplier", multiplier(), multiplier, self.columns // 2, platform)
        if self.columns % 2:
            pairs += replicate(m, "last_multiplier", multiplier(ways=1), multiplier, 1, platform)

        activation, adopt, shift = self.activation, self.adopt, self.shift
        for column, element in enumerate(elements):
            pair, way = pairs[column // 2], column % 2
            m.d.comb += [
                element.activation.eq(activation),
                element.adopt.eq(adopt),
                element.shift.eq(shift),
                element.weight.eq(self.weights.word_select(column, self.weight_width)),
                element.sum.eq(self.sums.word_select(column, self.partial_width)),
                pair.a[way].eq(activation),
                pair.b[way].eq(element.weight_below),
                pair.load[way].eq(adopt),
                element.product.eq(pair.product[way]),
            ]
            activation = element.activation_right
            adopt, shift = element.adopt_right, element.shift_right
        m.d.comb += [
            self.weights_below.eq(Cat(element.weight_below for element in elements)),
            self.sums_below.eq(Cat(element.sum_below for element in elements)),
        ]

        return m
