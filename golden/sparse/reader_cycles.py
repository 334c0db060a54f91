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
            # Cycles from the broadcast to the first entry, and from an entry to its operation.
            self._latency, self._issue_cycles = 3, 0
            self.busy, *times = _fused_work(
                first, end, encoded.starts[elements, None], offsets[:, None], encoded.operations,
                encoded.geometry.word_entries)
        else:
            self._latency, self._issue_cycles = 1, 1
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
        # When the last word moved on, and the one before it; and when the last one was asked for.
        self._left, self._left_before, self._asked = np.zeros((3, len(elements)), dtype=np.int64)
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
            taken = self._leave_queue(slice(start, stop), pushed, finished)
        number, element = np.nonzero(wanted)
        place = self._queued[start:stop][number, element] % len(self._taken)
        self._taken[place, element] = taken[number, element]
        self._pushed.extend(cycles)
        self._finished = finished[-1]
        self.last_operation = np.maximum(
            self.last_operation,
            np.where(self._holds[start:stop], finished + self._issue_cycles, 0).max(axis=0))

    def _leave_queue(self, columns, pushed, finished):
        """When columns of the escape format leave their queues: when their last word is asked for.

        A word is asked for a cycle after the one before it at the earliest, and when the one before
        that moves on, be they this column's or those of the columns before it.
        """
        wanted = self._wanted[columns]
        tail, last_two, last_three = (times[columns] for times in self._tails)

        def follow(times, before):
            """The last of the times of wanted columns so far, and the same without the column."""
            times = np.maximum.accumulate(np.where(wanted, times, _NEVER), axis=0)
            times = np.maximum(times, before)
            return times, np.concatenate([before[None], times[:-1]])

        left, left_last = follow(finished - tail, self._left)
        second, second_last = follow(
            np.where(last_two > 0, finished - last_two, left_last), self._left_before)
        words = np.where(last_two == 0, 1, np.where(last_three == 0, 2, 3))
        asked = np.select(
            [words == 1, words == 2],
            [np.maximum(pushed + 1, second_last),
             np.maximum(np.maximum(pushed + 2, second_last + 1), left_last)],
            finished - last_three)
        # taken[n] = max(asked[n], taken[n - 1] + words[n]), over all n at once.
        steps = np.cumsum(words * wanted, axis=0)
        taken = steps + follow(asked - steps, self._asked)[0]
        self._left, self._left_before, self._asked = left[-1], second[-1], taken[-1]
        return taken

    @property
    def idle(self):
        """Cycle in which no PE has anything to do any more."""
        return int(self._finished.max()) + self._issue_cycles + 1


def _fused_work(first, end, starts, offsets, operations, size):
    """Cycles that columns take in `hw.sparse.fused_entry_reader`.

    It works on one word at a time. An escape that is alone in the column's part of a word takes a
    cycle; all others take none.

    Returns
    -------
    busy : ndarray of int64, shape (n_elements,)
        Operations in all the columns.
    work, tail, last_two, last_three : ndarray of int64, shape (n_elements, n_columns)
        Cycles of the column, in its last word, in its last two words (0 if it has only one), and in
        its last three (0 if it has two).
    """
    first_word, last_word = (first + offsets) // size, (end - 1 + offsets) // size
    several, many, more = (last_word > first_word + number for number in range(3))
    # Where the first word ends, and the last two begin, within the column; and operations before.
    second = np.minimum((first_word + 1) * size - offsets, end)
    last = np.maximum(last_word * size - offsets, first)
    before_last, before_that = (np.maximum(last - number * size, second) for number in (1, 2))
    done = [operations[starts + place]
            for place in (first, second, before_that, before_last, last, end)]
    head, tail = np.maximum(done[1] - done[0], 1), np.maximum(done[5] - done[4], 1)
    # Of two entries or more one is no escape, so the words between cost what they hold.
    between = last - second if size == 1 else done[4] - done[1]
    previous = np.where(many, np.maximum(done[4] - done[3], 1), head)
    third = np.where(more, np.maximum(done[3] - done[2], 1), head)
    last_two = previous + tail
    return ((done[5] - done[0]).sum(axis=1), np.where(several, head + between + tail, head),
            np.where(several, tail, head), np.where(several, last_two, 0),
            np.where(many, third + last_two, 0))
