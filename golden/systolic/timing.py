"""How many cycles the parts of the dense core take: what `cycles` computes with."""

from dataclasses import dataclass

__all__ = ["DenseTiming"]

#: Results of an Activate that one level of the choice of its sums chooses from.
_MERGED = 4
#: Cycles from the sums that go into the output stages to elements, without function tables.
_OUTPUT_CYCLES = 22
#: Cycles of a function table, and of the interpolated sigmoid for activations of 16 bits.
_TABLE_CYCLES, _SIGMOID_CYCLES = 3, 10


@dataclass(frozen=True)
class DenseTiming:
    """Latencies of the dense core, in cycles.

    Parameters
    ----------
    geometry : DenseGeometry

    Attributes
    ----------
    first_cycles : int
        From the acceptance of a multiplication to its first row.
    accumulate_cycles : int
        Between two additions to the same row of accumulators.
    accumulator_latency, vector_latency : int
        From the read of accumulators to their sums; of the vector unit.
    step_latency : int
        From the taking of an instruction to the result of the decoder's first step.
    offer_cycles : int
        From the start of a run to its first instruction.
    fetch_steps : int
        Steps of an instruction that do not make the fetch of the next one begin later.
    compare_cycles : int
        That an instruction which touches memory is compared with those before it, if any of them
        still touches some.
    hold_cycles : int
        From the last thing that an instruction waits for to its issue.
    ready_cycles : int
        From the first cycle in which a unit is ready, or all are known to be idle, to an issue that
        waits.
    begin_cycles : int
        From the acceptance of an instruction of the activation unit, or `done` of the one before
        it, to its start.
    read_cycles : int
        From there to its first read.
    release_cycles : int
        From the cycle in which a row of accumulators has been counted as written to its read.
    """

    geometry: object

    first_cycles = 7
    accumulate_cycles = 6
    accumulator_latency = 2
    vector_latency = 6
    step_latency = 4
    offer_cycles = 11
    fetch_steps = 7
    compare_cycles = 7
    hold_cycles = 2
    ready_cycles = 1
    begin_cycles = 1
    read_cycles = 7
    release_cycles = 4

    @staticmethod
    def _steps(places):
        """Steps of a rotation among so many places, of two bits each."""
        return -(-(places.bit_length() - 1) // 2)

    @property
    def read_latency(self):
        """From a read of the unified buffer to its elements."""
        return 4 + self._steps(2 * self.geometry.banks)

    @property
    def write_latency(self):
        """From a write of the unified buffer to the first read that sees it."""
        g = self.geometry
        return max(self._steps(2 * g.banks), self._steps(max(g.lanes, g.word_elements)) + 2)

    @property
    def feed_cycles(self):
        """From the read of a row of activations to the array."""
        return self.read_latency + 1

    @property
    def written_cycles(self):
        """From the read of a row of activations to the end of its addition to the accumulators."""
        return self.feed_cycles + self.geometry.rows + self.geometry.columns + 6

    @property
    def _result_cycles(self):
        """From the output stages to the last write that reads see."""
        g = self.geometry
        functions = 0
        if g.function_tables:
            functions = _SIGMOID_CYCLES if g.activation_width == 16 else _TABLE_CYCLES
        return _OUTPUT_CYCLES + functions + self.write_latency - 1

    @property
    def activate_cycles(self):
        """From the last read of an Activate to its end."""
        left, levels = -(-self.geometry.columns // self.geometry.lanes), 0
        while left > 1:
            left, levels = -(-left // _MERGED), levels + 1
        return self.accumulator_latency + 2 + levels + self._result_cycles

    @property
    def vector_cycles(self):
        """From the last read of a vector instruction to its end."""
        return self.read_latency + self.vector_latency + self._result_cycles
