"""How often the sparse core reads its memories in one layer."""

from dataclasses import dataclass

import numpy as np

__all__ = ["MemoryReads", "memory_reads"]


@dataclass(frozen=True)
class MemoryReads:
    """Reads of all processing elements (PEs), for one input.

    Parameters
    ----------
    pointers : int
        Pointers, two of each PE of a column group for each of the group's columns.
    queued : int
        Columns put into queues, each of which is taken out again.
    entry_words : int
        Words of entries, as the readers of `hw.sparse` fetch them: anew for each column.
    distinct_words : int
        The same, for a reader that keeps its last word in case the next column begins in it.
    """

    pointers: int
    queued: int
    entry_words: int
    distinct_words: int


def memory_reads(encoded, nonzero, *, lookahead, offsets=None):
    """Count the reads of one layer.

    Without look-ahead an empty column is queued, and fetches a word, as the hardware does.

    Parameters
    ----------
    encoded : EncodedLayer
    nonzero : ndarray of bool, shape (columns,)
        Which activations are not zero, by input position.
    lookahead : bool
        See `hw.config.SparseConfig`.
    offsets : ndarray of int, shape (pes,), optional
        Entries of other layers before this one's in each PE's memory.

    Returns
    -------
    MemoryReads
    """
    geometry, groups, size = encoded.geometry, encoded.groups, encoded.geometry.word_entries
    nonzero = np.asarray(nonzero, dtype=bool)
    offsets = np.zeros(geometry.pes, dtype=np.int64) if offsets is None else np.asarray(offsets)
    counts = np.zeros(4, dtype=np.int64)
    for group in range(groups):
        columns = np.flatnonzero(nonzero[group::groups])
        mine = encoded.pointers[group::groups] + offsets[group::groups, None]
        first, end = mine[:, columns], mine[:, columns + 1]
        filled = end > first
        touched = np.where(filled, (end - 1) // size - first // size + 1, 0)
        # An element's columns lie one behind the other: the last word seen is the largest.
        last = np.maximum.accumulate(np.where(filled, (end - 1) // size, -1), axis=1)
        again = filled[:, 1:] & (first[:, 1:] // size == last[:, :-1])
        empty = 0 if lookahead else filled.size - np.count_nonzero(filled)
        counts += (2 * filled.size, np.count_nonzero(filled) + empty, touched.sum() + empty,
                   touched.sum() - np.count_nonzero(again))
    return MemoryReads(*counts.tolist())
