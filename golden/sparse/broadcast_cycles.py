"""When the columns of one column group are broadcast, to the cycle."""

import numpy as np

from .geometry import BROADCAST_STAGES, IN_FLIGHT, STOP_CYCLES

__all__ = ["BankScan", "broadcast"]


class BankScan:
    """One bank of activations: when its non-zero ones are found.

    Parameters
    ----------
    columns : ndarray of int
        Positions in the bank, ascending.
    words : int
        Of its non-zero map.
    map_width : int
        Activations a word.
    """

    def __init__(self, columns, words, map_width):
        self.columns = columns
        word = columns // map_width
        before = np.diff(word, prepend=-1) - 1  # words without any before each column's
        self.zero_words = np.where(before > 0, before, 0)
        self.trailing = words - 1 - (word[-1] if len(word) else -1)


def broadcast(scans, readers, queue_depth, words, *, lockstep):
    """Broadcast what the banks of one column group hold, one bank after the other.

    Parameters
    ----------
    scans : list of BankScan
    readers : ColumnReaders
    queue_depth : int
    words : int
        Of the non-zero map of each bank.
    lockstep : bool
        See `hw.config.SparseConfig`.

    Returns
    -------
    end : int
        Cycle in which nothing is at work any more.
    stalls : int
        Cycles in which a broadcast waited for a queue.
    """
    times = (_LockStep if lockstep else _Elastic)(readers, queue_depth, sum(
        len(scan.columns) for scan in scans))
    found, current = 2, 1       # when the scanner first shows something, and the bank is chosen
    for scan in scans:
        ready = found
        for zeros in scan.zero_words.tolist():
            ready = times.take(max(ready + zeros, current)) + 1
        exhausted = (ready - 1 + max(1, scan.trailing) if len(scan.columns) else words + 1)
        current = max(current, exhausted) + 1
    return max(current - 1, times.finish(), readers.idle), times.stalls


class _LockStep:
    """As published: all stages stop in the very cycle in which a column meets a full queue.

    The cycles in which they advance are known up to the last broadcast, and may have gaps; after it
    they come one a cycle.
    """

    def __init__(self, readers, queue_depth, total):
        self.readers, self.queue_depth, self.total = readers, queue_depth, total
        self.stalls = 0
        self._known = [0]
        self._tick = -1         # of the last activation that was taken
        self._start, self._room, self._cycles = 0, [], []

    def take(self, earliest):
        """Take the next activation, in `earliest` or later; return when."""
        if len(self._cycles) == len(self._room):
            self._read()
            self._start += len(self._cycles)
            self._room = self.readers.room(
                self._start, min(self._start + self.queue_depth, self.total))
            self._cycles = []
        self._tick = self._first_from(self._tick + 1, earliest)
        arrival = self._at(self._tick + BROADCAST_STAGES)
        cycle = max(arrival, self._room[len(self._cycles)])
        self._cycles.append(cycle)
        self.stalls += cycle - arrival
        while len(self._known) < self._tick + BROADCAST_STAGES:
            self._known.append(self._known[-1] + 1)
        self._known.append(cycle)
        return self._at(self._tick)

    def finish(self):
        """All has been taken; return the cycle after the last broadcast."""
        self._read()
        return self._at(self._tick + BROADCAST_STAGES) + 1 if self._tick >= 0 else 0

    def _read(self):
        if self._cycles:
            self.readers.read(self._start, self._start + len(self._cycles), self._cycles)

    def _at(self, tick):
        past = tick - len(self._known) + 1
        return self._known[tick] if past <= 0 else self._known[-1] + past

    def _first_from(self, tick, cycle):
        """First tick from number `tick` on that happens in `cycle` or later."""
        if self._at(tick) >= cycle:
            return tick
        if tick < len(self._known):
            tick += int(np.searchsorted(self._known[tick:], cycle))
        return max(tick, len(self._known) - 1 + cycle - self._known[-1])


class _Elastic:
    """The broadcast stops in good time: while any queue has no room for what may be on its way.

    It is heard of so late that whether activations may be taken in the next `IN_FLIGHT` cycles
    follows from those that were taken before.
    """

    def __init__(self, readers, queue_depth, total):
        if queue_depth < IN_FLIGHT:
            raise ValueError(f"Without lock step a queue must hold at least {IN_FLIGHT} columns, "
                             f"not {queue_depth}")
        self.readers = readers
        self.level = queue_depth - IN_FLIGHT + 1     # that stops the broadcast
        self.stalls = 0
        self._first, self._known = 0, IN_FLIGHT     # cycles that are known, and
        self._open = [True] * self._known           # whether it may be taken in them
        self._start, self._cycles = 0, []
        self._last = -1

    def take(self, earliest):
        """Take the next activation, in `earliest` or later; return when."""
        cycle = earliest
        while True:
            while cycle >= self._known:
                self._read()
                self._look_ahead()
            if self._open[cycle - self._first]:
                break
            self.stalls += 1
            cycle += 1
        self._last = cycle + BROADCAST_STAGES
        self._cycles.append(self._last)
        return cycle

    def _read(self):
        """Read what was taken in the cycles that are known."""
        if self._cycles:
            stop = self._start + len(self._cycles)
            self.readers.read(self._start, stop, self._cycles)
            self._start, self._cycles = stop, []

    def _look_ahead(self):
        """Get to know as many more."""
        cycles = np.arange(self._known, self._known + IN_FLIGHT)
        self._open = (~self.readers.reached(self.level, cycles - STOP_CYCLES)).tolist()
        self._first, self._known = self._known, self._known + IN_FLIGHT

    def finish(self):
        """All has been taken; return the cycle after the last broadcast."""
        self._read()
        return self._last + 1
