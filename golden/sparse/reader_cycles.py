"""When the entry readers of a column group take and finish its columns, to the cycle.

In lock step a queue of depth D couples the processing elements (PEs): a column is broadcast once
all of them have room, and it makes room D columns later. So the times of any D columns in a row
follow from those before them, and the model works on that many columns of all PEs at a time;
without lock step, on those of as many cycles as it takes to stop the broadcast.
"""

import numpy as np

__all__ = ["ColumnReaders"]

#: Before any cycle.
_NEVER = -(1 << 40)


class ColumnReaders:
    """Queues and entry readers of the PEs of one column group, while it broadcasts.

    Parameters
    ----------
    encoded : EncodedLayer
    elements : ndarray of int, shape (n_elements,)
        PEs of the column group.
    offsets : ndarray of int, shape (n_elements,)
        Entries of other layers before this one's in the memory of each.
    columns : ndarray of int, shape (n_columns,)
        Local columns, in the order of their broadcast.
    queue_depth, lookahead
        See `hw.config.SparseConfig`.

    Attributes
    ----------
    entries, busy : ndarray of int64, shape (n_elements,)
        Entries of each PE in these columns, all of them and those that are no escapes.
    last_operation : ndarray of int64, shape (n_elements,)
        Cycle in which each PE issued the last operation that was read, 0 if there was none.
    """

    def __init__(self, encoded, elements, offsets, columns, *, queue_depth, lookahead):
        pointers = encoded.pointers[elements]
        first, end = pointers[:, columns], pointers[:, columns + 1]
        self.entries = (end - first).sum(axis=1)
        if encoded.geometry.escape:
            self._latency = 2           # from broadcast to the first operation
            self.busy, *times = _fused_work(
                first, end, encoded.starts[elements, None], offsets[:, None], encoded.operations,
                encoded.geometry.word_entries)
        else:
            self._latency = 1
            self.busy = self.entries
            times = [np.maximum(end - first, 1)]
        # From here on by column and then by PE: what is worked on together lies together.
        self._holds, self._work, *self._tails = (
            np.ascontiguousarray(values.T) for values in (end > first, *times))
        wanted = self._holds if lookahead else np.ones_like(self._holds)
        self._work *= wanted
        self._wanted = wanted
        # Columns that each PE has put in its queue before each, and when it took the last of them:
        # of twice as many as the queue holds, since some are read before others are taken.
        self._queued = np.concatenate([np.zeros_like(wanted[:1], dtype=np.int64),
                                       np.cumsum(wanted, axis=0)])
        self._queue_depth = queue_depth
        self._every = np.arange(len(elements))
        self._taken = np.full((2 * queue_depth, len(elements)), -1, dtype=np.int64)
        self._pushed = []       # when the columns that have been read were broadcast
        self._finished = np.zeros(len(elements), dtype=np.int64)
        self._left = np.zeros(len(elements), dtype=np.int64)    # when the last word was moved on
        self.last_operation = np.zeros(len(elements), dtype=np.int64)

    def room(self, start, stop):
        """First cycle in which the queues have room for each of `queue_depth` columns or fewer.

        Parameters
        ----------
        start, stop : int
            Which columns, by number; those before must have been read.

        Returns
        -------
        list of int, ``stop - start`` of them
        """
        before = self._queued[start:stop] - self._queue_depth
        taken = self._taken[before % len(self._taken), self._every]
        return (np.where(self._wanted[start:stop], taken, -1).max(axis=1) + 1).tolist()

    def reached(self, level, cycles):
        """Whether any queue holds `level` columns or more, in each of some cycles.

        Parameters
        ----------
        level : int
        cycles : ndarray of int
            Nothing that has not been read is broadcast before any of them.

        Returns
        -------
        ndarray of bool
        """
        queued = self._queued[np.searchsorted(self._pushed, cycles)]
        oldest = queued - level
        taken = self._taken[oldest % len(self._taken), self._every]
        return ((oldest >= 0) & (taken >= cycles[:, None])).any(axis=1)

    def read(self, start, stop, cycles):
        """Read the columns that `room` was asked for, broadcast in `cycles`."""
        wanted, work = self._wanted[start:stop], self._work[start:stop]
        pushed = np.array(cycles, dtype=np.int64)[:, None]
        # finished[n] = max(finished[n - 1], pushed[n] + latency) + work[n], over all n at once.
        done = np.cumsum(work, axis=0)
        begun = np.where(wanted, pushed + self._latency - (done - work), _NEVER)
        finished = done + np.maximum(np.maximum.accumulate(begun, axis=0), self._finished)
        if not self._tails:
            taken = finished - work
        else:
            # A column leaves the queue when its last word is asked for: when the word before that
            # moves on, be it this column's or that of the column before.
            tail, last_two = (times[start:stop] for times in self._tails)
            left = np.where(wanted, finished - tail, _NEVER)
            left = np.maximum(np.maximum.accumulate(left, axis=0), self._left)
            before = np.concatenate([self._left[None], left[:-1]])
            taken = np.where(last_two > 0, finished - last_two, np.maximum(pushed + 1, before))
            self._left = left[-1]
        number, element = np.nonzero(wanted)
        place = self._queued[start:stop][number, element] % len(self._taken)
        self._taken[place, element] = taken[number, element]
        self._pushed.extend(cycles)
        self._finished = finished[-1]
        self.last_operation = np.maximum(
            self.last_operation,
            np.where(self._holds[start:stop], finished, 0).max(axis=0))

    @property
    def idle(self):
        """Cycle in which no PE has anything to do any more."""
        return int(self._finished.max()) + 1


def _fused_work(first, end, starts, offsets, operations, size):
    """Cycles that columns take in `hw.sparse.fused_entry_reader`.

    It works on one word at a time. An escape that is alone in the column's part of a word takes a
    cycle; all others take none.

    Returns
    -------
    busy : ndarray of int64, shape (n_elements,)
        Operations in all the columns.
    work, tail, last_two : ndarray of int64, shape (n_elements, n_columns)
        Cycles of the column, in its last word, and in its last two words (0 if it has only one).
    """
    first_word, last_word = (first + offsets) // size, (end - 1 + offsets) // size
    several, many = last_word > first_word, last_word > first_word + 1
    # Where the first word ends, and the last two begin, within the column; and operations before.
    second = np.minimum((first_word + 1) * size - offsets, end)
    last = np.maximum(last_word * size - offsets, first)
    before_last = np.maximum(last - size, second)
    done = [operations[starts + place] for place in (first, second, before_last, last, end)]
    head, tail = np.maximum(done[1] - done[0], 1), np.maximum(done[4] - done[3], 1)
    # Of two entries or more one is no escape, so the words between cost what they hold.
    between = last - second if size == 1 else done[3] - done[1]
    previous = np.where(many, np.maximum(done[3] - done[2], 1), head)
    return ((done[4] - done[0]).sum(axis=1), np.where(several, head + between + tail, head),
            np.where(several, tail, head), np.where(several, previous + tail, 0))
