"""Collects the sums of tiles, row by row."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from ..common.counters import tree_sum
from ..common.pipeline import delay
from ..emission import replicate
from .accumulator_column import AccumulatorColumn

__all__ = ["Accumulators"]

#: Saturations that are added up in a cycle.
_COUNTED = 4


class Accumulators(wiring.Component):
    """Rows of `columns` sums of 32 bits, each column with memories of its own.

    A row is written as the array gives it, column c in the c-th cycle after column 0. `written`
    says that its last column has been.

    Timing, for a row that comes with `valid` in cycle t:

    * sum c is taken in cycle ``t + sum_cycle + c``, and may be read out from cycle
      ``t + accumulate_cycles + c`` on; the row may come again `accumulate_cycles` after t;
    * `written` and `written_final` are high in cycle ``t + accumulate_cycles + columns - 1``, the
      first in which the whole row can be read out;
    * a saturation of column c is counted in cycle ``t + accumulate_cycles + c + count_cycles``.

    `values` are those of the row read `read_latency` cycles before, until another is read.

    Parameters
    ----------
    columns, depth : int
    partial_width : int
        Bits of a signed sum of the array.

    Attributes
    ----------
    count_cycles : int
        Levels of adders of four that count the saturations of all columns, a cycle each.

    Members
    -------
    clear : In(1)
        Forget rows that are under way.
    valid : In(1)
    address : In(range(depth))
    overwrite : In(1)
        Put the sums there instead of adding them.
    final : In(1)
        Comes out as `written_final` with the row.
    sums : In(ArrayLayout(signed(partial_width), columns))
    written, written_final : Out(1)
    saturations : Out(range(columns + 1))
        Sums that were saturated.
    read : In(1)
    read_address : In(range(depth))
    values : Out(ArrayLayout(signed(32), columns))
    """

    sum_cycle = AccumulatorColumn.sum_cycle
    accumulate_cycles = AccumulatorColumn.accumulate_cycles
    read_latency = AccumulatorColumn.read_latency

    def __init__(self, *, columns, depth, partial_width):
        if columns < 1:
            raise ValueError(f"Accumulators need at least one column, not {columns}")
        self.columns = columns
        self.depth = depth
        self.partial_width = partial_width
        self.count_cycles, counts = 1, -(-columns // _COUNTED)
        while counts > 1:
            self.count_cycles, counts = self.count_cycles + 1, -(-counts // _COUNTED)
        super().__init__({
            "clear": In(1),
            "valid": In(1),
            "address": In(range(depth)),
            "overwrite": In(1),
            "final": In(1),
            "sums": In(data.ArrayLayout(signed(partial_width), columns)),
            "written": Out(1),
            "written_final": Out(1),
            "saturations": Out(bits_for(columns)),
            "read": In(1),
            "read_address": In(range(depth)),
            "values": Out(data.ArrayLayout(signed(32), columns)),
        })

    def elaborate(self, platform):
        m = Module()

        def make():
            return AccumulatorColumn(depth=self.depth, partial_width=self.partial_width)

        columns = replicate(m, "column", make(), make, self.columns, platform)
        valid, address, overwrite = self.valid, self.address, self.overwrite
        for number, column in enumerate(columns):
            m.d.comb += [
                column.clear.eq(self.clear),
                column.valid.eq(valid),
                column.address.eq(address),
                column.overwrite.eq(overwrite),
                column.sum.eq(self.sums[number]),
                column.read.eq(self.read),
                column.read_address.eq(self.read_address),
                self.values[number].eq(column.value),
            ]
            valid, address = column.valid_right, column.address_right
            overwrite = column.overwrite_right

        # Four by four: columns are many, and whoever counts is in no hurry.
        counts = [column.saturated for column in columns]
        for level in range(self.count_cycles):
            counts = [delay(m, tree_sum(counts[at:at + _COUNTED]), 1, f"counts_{level}_{at}",
                            resets=True)
                      for at in range(0, len(counts), _COUNTED)]
        m.d.comb += self.saturations.eq(counts[0])

        # What is known of a row goes along until its last column is written.
        cycles = self.columns - 1 + self.accumulate_cycles
        under_way, final = Signal(cycles), Signal(cycles)
        m.d.sync += [
            under_way.eq(Mux(self.clear, 0, Cat(self.valid, under_way))),
            final.eq(Cat(self.final, final)),
        ]
        m.d.comb += [
            self.written.eq(under_way[-1]),
            self.written_final.eq(under_way[-1] & final[-1]),
        ]

        return m
