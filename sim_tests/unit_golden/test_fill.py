"""Filled words: nothing is lost, and no escape stands alone at the end of a word."""

import numpy as np
import pytest

from golden.sparse.decode import decode
from golden.sparse.encode import encode, issue_counts
from golden.sparse.fill import fill_words
from golden.sparse.geometry import SparseGeometry


def lone_escapes(encoded, offsets):
    """Columns, but for the first of each PE, that begin with an escape in the last place."""
    size = encoded.geometry.word_entries
    lone = 0
    for pe, (start, offset) in enumerate(zip(encoded.starts, offsets, strict=False)):
        used = np.flatnonzero(np.diff(encoded.pointers[pe]))
        for column in used[1:]:
            entry = encoded.pointers[pe, column]
            lone += bool(encoded.is_escape[start + entry] and (entry + offset) % size == size - 1)
    return lone


@pytest.mark.parametrize("pes, groups, word_entries, density",
                         [(1, 1, 8, .02), (4, 2, 2, .1), (16, 4, 8, .03), (4, 1, 16, .01)])
def test_fill(pes, groups, word_entries, density):
    rng = np.random.default_rng(pes)
    geometry = SparseGeometry(pes=pes, groups=groups, word_entries=word_entries)
    codes = (rng.integers(1, 16, (400, 120)) * (rng.random((400, 120)) < density)).astype(np.uint8)
    offsets = rng.integers(0, 50, pes)
    plain = encode(codes, geometry=geometry, groups=groups)
    filled = fill_words(plain, offsets)
    assert lone_escapes(plain, offsets) > 0
    assert lone_escapes(filled, offsets) == 0
    assert filled.entries.sum() > plain.entries.sum()
    np.testing.assert_array_equal(decode(filled), codes)
    np.testing.assert_array_equal(issue_counts(filled), issue_counts(plain))
    np.testing.assert_array_equal(filled.pointers[:, -1], filled.entries)


def test_by_hand():
    # Words of two entries: column 0 has one, column 1 none, and column 2 begins with an escape.
    codes = np.zeros((40, 3), dtype=np.uint8)
    codes[0, 0], codes[20, 2] = 5, 7
    plain = encode(codes, geometry=SparseGeometry(pes=1, word_entries=2))
    filled = fill_words(plain, [0])
    np.testing.assert_array_equal(plain.indices, [5, 0, 7])
    np.testing.assert_array_equal(filled.indices, [5, 0, 0, 7])
    np.testing.assert_array_equal(filled.pointers, [[0, 2, 2, 4]])
    assert fill_words(plain, [1]) is plain, "elsewhere in the word there is nothing to fill"


def test_published_format_is_left_alone():
    codes = np.eye(64, dtype=np.uint8)
    published = encode(codes, geometry=SparseGeometry(pes=2, escape=False))
    assert fill_words(published, [0, 0]) is published
