"""The stream of a whole matrix against entries made one weight at a time."""

import doctest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golden.compression import relative
from golden.compression.relative import (
    best_run_width,
    decode_relative,
    encode_relative,
    pack_entries,
    unpack_entries,
)


@st.composite
def matrices(draw):
    rows, columns = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    index_width, density = draw(st.integers(1, 8)), draw(st.sampled_from([0, 0.01, 0.1, 0.5, 1]))
    rng = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    codes = rng.integers(1, 1 << index_width, (rows, columns))
    return np.where(rng.random(codes.shape) < density, codes, 0).astype(np.uint8), index_width


def entries_one_by_one(codes, run_width):
    entries, zeros = [], 0
    for code in codes.T.ravel().tolist():
        if code:
            entries.append((code, zeros))
            zeros = 0
        else:
            zeros += 1
            if zeros == 1 << run_width:
                entries.append((0, zeros - 1))
                zeros = 0
    return entries


def test_examples():
    assert doctest.testmod(relative).failed == 0


@settings(max_examples=300, deadline=None)
@given(matrices(), st.integers(1, 8))
def test_round_trip(matrix, run_width):
    codes, index_width = matrix
    indices, runs = encode_relative(codes, run_width)
    assert list(zip(indices.tolist(), runs.tolist(), strict=True)) == entries_one_by_one(
        codes, run_width)
    data = pack_entries(indices, runs, index_width, run_width)
    width = index_width + run_width
    value = sum((i | r << index_width) << width * n
                for n, (i, r) in enumerate(zip(indices.tolist(), runs.tolist(), strict=True)))
    assert data == value.to_bytes(-(-len(indices) * width // 8), "little")
    unpacked = unpack_entries(data, len(indices), index_width, run_width)
    np.testing.assert_array_equal(unpacked, (indices, runs))
    back = decode_relative(*unpacked, codes.shape, run_width)
    np.testing.assert_array_equal(back, codes)
    assert back.dtype == np.uint8 and back.flags.c_contiguous


@settings(max_examples=100, deadline=None)
@given(matrices())
def test_best_run_width(matrix):
    codes, index_width = matrix
    bits = [len(entries_one_by_one(codes, width)) * (index_width + width) for width in range(1, 9)]
    assert best_run_width(codes, index_width) == 1 + bits.index(min(bits))


def test_more_entries_than_a_chunk(monkeypatch):
    monkeypatch.setattr(relative, "_CHUNK", 16)
    rng = np.random.default_rng(0)
    for count in (15, 16, 17, 32, 100):
        codes = rng.integers(0, 4, (10, count)).astype(np.uint8)
        indices, runs = encode_relative(codes, 1)
        for index_width in (2, 3, 8):
            data = pack_entries(indices, runs, index_width, 1)
            entries = unpack_entries(data, len(indices), index_width, 1)
            np.testing.assert_array_equal(decode_relative(*entries, codes.shape, 1), codes)
        with pytest.raises(ValueError, match="beyond the 9 x") as error:
            decode_relative(indices, runs, (9, count), 1)
        assert (np.cumsum(runs + 1) > 9 * count).argmax() == error.value.args[1]


@pytest.mark.parametrize(("entries", "shape", "message", "entry"), [
    ([(1, 3), (0, 2)], (4, 4), "entry 1 has index 0 but run 2, not 3", 1),
    ([(1, 3), (1, 3), (1, 3)], (4, 2), "entry 2 lies beyond the 4 x 2 weights", 2),
    ([(1, 3), (1, 3), (1, 0)], (4, 2), "entry 2 lies beyond the 4 x 2 weights", 2),
    ([(1, 3)], (8, 1), "1 entries end 4 weights before the last of 8 x 1", 1),
    ([], (4, 1), "0 entries end 4 weights before", 0),
])
def test_refuses(entries, shape, message, entry):
    indices, runs = np.array(entries, np.uint8).reshape(-1, 2).T
    with pytest.raises(ValueError, match=message) as error:
        decode_relative(indices, runs, shape, 2)
    assert error.value.args[1] == entry


def test_refuses_bits_behind_the_last_entry():
    indices, runs = unpack_entries(b"\x35\x01", 3, 2, 2)
    assert (indices.tolist(), runs.tolist()) == ([1, 3, 1], [1, 0, 0])
    with pytest.raises(ValueError, match="behind the last entry are not zero"):
        unpack_entries(b"\x35\x11", 3, 2, 2)
