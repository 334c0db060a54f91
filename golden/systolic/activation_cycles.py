"""When the activation unit of the dense core reads, and when it is done, to the cycle."""

import numpy as np

__all__ = ["Activation", "ActivationCycles"]


class Activation:
    """One instruction of the activation unit.

    Parameters
    ----------
    start : int
        Cycle in which it is begun.
    read : int
        Cycle in which the accumulators are no longer needed: that of the last read; for a vector
        instruction, `done`.
    done : int
        Last cycle, after which reads of the unified buffer see all results.
    """

    def __init__(self, start, read, done):
        self.start = start
        self.read = read
        self.done = done


class ActivationCycles:
    """Instructions of the activation unit, one after the other.

    Parameters
    ----------
    timing : DenseTiming
    """

    def __init__(self, timing):
        self.timing = timing
        self._last = None

    def _start(self, accepted):
        last = accepted if self._last is None else max(accepted, self._last.done)
        return last + self.timing.begin_cycles

    def vector(self, accepted, length, operands):
        """A vector instruction of `length` elements of one or two operands is accepted."""
        start = self._start(accepted)
        reads = -(-length // self.timing.geometry.lanes) * operands
        done = start + self.timing.read_cycles + reads - 1 + self.timing.vector_cycles
        self._last = Activation(start, done, done)
        return self._last

    def activate(self, accepted, windows, columns, multiplications):
        """An Activate is accepted.

        A row is read when it has been counted as written, and all that come after it one a cycle
        later each, so the last read follows from the row that holds it up most.

        Parameters
        ----------
        accepted : int
            Cycle.
        windows : ndarray of int, shape (outputs, rows)
            Rows of accumulators of each output's window, in the order in which they are read.
        columns : int
        multiplications : list of Multiplication
            The last ones before it, the latest last.

        Returns
        -------
        Activation
        """
        timing = self.timing
        start = self._start(accepted)
        outputs, rows = windows.shape
        beats = -(-columns // timing.geometry.lanes)
        count = outputs * rows * beats
        last = start + timing.read_cycles + count - 1
        if multiplications:
            # All rows but those of the latest multiplication are written before that writes any.
            # Each row of a window is waited for in the first beat.
            latest = multiplications[-1]
            earlier = multiplications[-2].last if len(multiplications) > 1 else -count - (1 << 32)
            place = windows - latest.accumulator
            fed = np.where((place >= 0) & (place < latest.rows), latest.final + place, earlier)
            after = count - 1 - (np.arange(outputs)[:, None] * (beats * rows) + np.arange(rows))
            lets_go = timing.written_cycles + 1 + timing.release_cycles
            last = max(last, int((fed + after).max()) + lets_go)
        self._last = Activation(start, last, last + timing.activate_cycles)
        return self._last
