"""Times the matrix unit, as `DenseCounter.MATRIX_CYCLES` has it."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["MatrixTimer"]


class MatrixTimer(wiring.Component):
    """Amounts that sum up to the cycles from the first Read_Weights to the last row of sums.

    With every row that is written come the cycles since the one before it, or since the first
    Read_Weights, both ends included; cycles behind the last row are never added.

    Timing: `cycles` depends on `row_written` in the same cycle.

    Members
    -------
    clear : In(1)
        Strobe: a run begins.
    reads_weights : In(1)
        Strobe: a Read_Weights has been issued in the cycle before.
    row_written : In(1)
        A row of accumulators has been written.
    cycles : Out(32)
        To be added; 0 unless `row_written`.
    """

    clear: In(1)
    reads_weights: In(1)
    row_written: In(1)
    cycles: Out(32)

    def elaborate(self, platform):
        m = Module()

        # A Read_Weights is told of a cycle late, so the cycle is there before it.
        since, begun = Signal(32, init=1), Signal()
        m.d.comb += self.cycles.eq(Mux(begun & self.row_written, since + 1, 0))
        with m.If(self.reads_weights):
            m.d.sync += begun.eq(1)
        with m.If(begun | self.reads_weights):
            m.d.sync += since.eq(Mux(self.row_written, 0, since + 1))
        with m.If(self.clear):
            m.d.sync += [since.eq(1), begun.eq(0)]

        return m
