"""When the entry readers of a column group take and finish its columns, to the cycle.

In lock step a queue of depth D couples the processing elements (PEs): a column is broadcast once
all of them have room, and it makes room D columns later. So the times of any D columns in a row
follow from those before them, and the model works on that many columns of all PEs at a time;
without lock step, on those of as many cycles as it takes to stop the broadcast.
"""

import numpy as np

from .geometry import WORDS_AHEAD

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
            self._latency, self._issue_cycles = 5, 0
            self.busy, *times = _fused_work(
                first, end, encoded.starts[elements, None], offsets[:, None], encoded.operations,
                encoded.geometry.word_entries)
        else:
            self._latency, self._issue_cycles = 1, 1
            self.busy = self.entries
            times = [np.maximum(end - first, 1)]
        # From here on by column and then by PE: what is worked on together lies together.
        self._holds, self._work, *self._asks = (
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
        # When every column was finished; and when the last word of the last one was asked for.
        self._done = np.zeros_like(self._work)
        self._asked = np.zeros(len(elements), dtype=np.int64)
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
        self._done[start:stop] = finished
        taken = (self._leave_queue(slice(start, stop), pushed) if self._asks
                 else finished - work)
        number, element = np.nonzero(wanted)
        place = self._queued[start:stop][number, element] % len(self._taken)
        self._taken[place, element] = taken[number, element]
        self._pushed.extend(cycles)
        self._finished = finished[-1]
        self.last_operation = np.maximum(
            self.last_operation,
            np.where(self._holds[start:stop], finished + self._issue_cycles, 0).max(axis=0))

    def _leave_queue(self, columns, pushed):
        """When columns of the escape format leave their queues: when their last word is asked for.

        A word is asked for a cycle after the one before it at the earliest, and 2 cycles after the
        one that is `WORDS_AHEAD` before it left to be issued.
        """
        wanted = self._wanted[columns]
        words, of_column, to_come = (values[columns] for values in self._asks)
        left = np.where(of_column >= 0, self._done[of_column, self._every] - to_come, _NEVER)
        asked = np.maximum(pushed + words, left + 2)
        # taken[n] = max(asked[n], taken[n - 1] + words[n]), over all n at once.
        steps = np.cumsum(words, axis=0)
        late = np.maximum.accumulate(np.where(wanted, asked - steps, _NEVER), axis=0)
        taken = steps + np.maximum(late, self._asked)
        self._asked = taken[-1]
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
    work, words : ndarray of int64, shape (n_elements, n_columns)
        Cycles and words of the column.
    of_column, to_come : ndarray of int64, shape (n_elements, n_columns)
        The column of the word that is `WORDS_AHEAD` before the column's last, -1 if there is none;
        and the cycles that are left of that column with the beginning of that word.
    """
    first_word, last_word = (first + offsets) // size, (end - 1 + offsets) // size
    words = np.where(end > first, last_word - first_word + 1, 0)
    # Where the first word ends, and the last begins, within the column; and operations before.
    second = np.minimum((first_word + 1) * size - offsets, end)
    last = np.maximum(last_word * size - offsets, first)
    done = [operations[starts + place] for place in (first, second, last, end)]
    head, tail = np.maximum(done[1] - done[0], 1), np.maximum(done[3] - done[2], 1)
    # Of two entries or more one is no escape, so the words between cost what they hold.
    between = last - second if size == 1 else done[2] - done[1]
    work = np.where(words > 1, head + between + tail, head)

    asked = np.cumsum(words, axis=1)        # words, up to the column's last
    ahead = asked - 1 - WORDS_AHEAD
    of_column = np.stack([np.searchsorted(*both, side="right")
                          for both in zip(asked, ahead, strict=True)])
    of_column = np.where((ahead >= 0) & (words > 0), of_column, 0)
    every = np.arange(len(asked))[:, None]
    place = ahead - (asked - words)[every, of_column]      # of the word in its column
    entry = np.clip((first_word[every, of_column] + place) * size - offsets,
                    first[every, of_column], last[every, of_column])
    before_tail = last[every, of_column] - entry if size == 1 else (
        done[2][every, of_column] - operations[starts + entry])
    to_come = np.where(place <= 0, work[every, of_column], before_tail + tail[every, of_column])
    return ((done[3] - done[0]).sum(axis=1), work, words,
            np.where((ahead >= 0) & (words > 0), of_column, -1), to_come)
