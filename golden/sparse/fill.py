"""Keeps escapes from standing alone at the end of a word."""

from dataclasses import replace

import numpy as np

__all__ = ["fill_words"]


def fill_words(encoded, offsets):
    """Insert entries so that no column begins with an escape in the last place of a word.

    A fused entry reader issues an escape together with the entry after it, or with the one before
    it if the escape is the last of its word; alone, it takes a cycle in which nothing is
    multiplied. Where a column would begin like that, the column before it gets an escape at its
    end, which does nothing, and takes no time since an entry before it is in the same word.

    Parameters
    ----------
    encoded : EncodedLayer
        In the escape format, else it comes back as it is.
    offsets : ndarray of int, shape (pes,)
        Entries that lie before this layer's in the memory of each processing element.

    Returns
    -------
    EncodedLayer
    """
    size = encoded.geometry.word_entries
    if not encoded.geometry.escape or not len(encoded.indices):
        return encoded
    counts = np.diff(encoded.pointers, axis=1)
    first = np.minimum(encoded.starts[:-1, None] + encoded.pointers[:, :-1],
                       len(encoded.indices) - 1)
    # Columns that may need a filling: those that begin with an escape, but for a PE's very first.
    elements, columns = np.nonzero(
        encoded.is_escape[first] & (counts > 0) & (encoded.pointers[:, :-1] > 0))

    # Each filling moves what follows it, so they are walked in order, all elements at once.
    number = np.arange(len(elements)) - np.searchsorted(elements, elements)
    places = np.full((number.max(initial=-1) + 1, len(counts)), -1, dtype=np.int64)
    places[number, elements] = (np.asarray(offsets)[elements]
                                + encoded.pointers[elements, columns])
    fills = np.zeros(places.shape, dtype=bool)
    before = np.zeros(len(counts), dtype=np.int64)
    for place, fill in zip(places, fills, strict=True):
        np.equal((place + before) % size, size - 1, out=fill, where=place >= 0)
        before += fill
    filled = np.zeros(counts.shape, dtype=bool)
    filled[elements, columns] = fills[number, elements]
    if not filled.any():
        return encoded

    # A filling belongs to the last column before that has any entries; pointers after it move.
    number = np.arange(counts.shape[1])
    latest = np.maximum.accumulate(np.where(counts > 0, number, -1), axis=1)
    moves = np.zeros(encoded.pointers.shape, dtype=np.int64)
    elements, columns = np.nonzero(filled)
    np.add.at(moves, (elements, latest[elements, columns - 1] + 1), 1)
    pointers = encoded.pointers + np.cumsum(moves, axis=1)
    starts = encoded.starts + np.concatenate([[0], np.cumsum(filled.sum(axis=1))])
    places = encoded.starts[elements] + encoded.pointers[elements, columns]
    return replace(
        encoded,
        indices=np.insert(encoded.indices, places, 0),
        runs=np.insert(encoded.runs, places, 0),
        starts=starts, pointers=pointers)
