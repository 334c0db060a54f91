"""Compressed columns: hand-worked, against scipy, shortest possible, and back again."""

import dataclasses
import doctest
import itertools

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from golden.sparse import encode as module
from golden.sparse.decode import decode
from golden.sparse.encode import encode, issue_counts
from golden.sparse.geometry import SparseGeometry
from golden.sparse.partition import greedy_order


def random_codes(rng, shape, density, index_width=4):
    codes = rng.integers(1, 1 << index_width, size=shape)
    return np.where(rng.random(shape) < density, codes, 0).astype(np.uint8)


def column_of(*gaps_and_codes, after=0):
    """One column: so many zeros, a code, so many zeros, a code ..."""
    codes = []
    for gap, code in gaps_and_codes:
        codes += [0] * gap + [code]
    return np.array([*codes, *[0] * after], dtype=np.uint8)[:, None]


def entries_of(codes, **options):
    encoded = encode(codes, geometry=SparseGeometry(pes=1, **options))
    return list(zip(encoded.indices.tolist(), encoded.runs.tolist(), strict=True))


def read_slowly(encoded, pe):
    """One PE's columns as (indices, rows, column pointers, issue cycles), entry by entry."""
    geometry = encoded.geometry
    base = 1 << geometry.run_width
    own = slice(encoded.starts[pe], encoded.starts[pe + 1])
    entries = list(zip(encoded.indices[own].tolist(), encoded.runs[own].tolist(), strict=True))
    indices, rows, borders, cycles = [], [], [0], []
    pointers = encoded.pointers[pe].tolist()
    for first, last in itertools.pairwise(pointers):
        row, escaped = -1, False
        cycles.append(0)
        for index, run in entries[first:last]:
            if geometry.escape and index == 0 and not escaped:
                row += (run + 1) * base
                escaped = True
                continue
            escaped = False
            row += run + 1
            cycles[-1] += 1
            if index:
                indices.append(index)
                rows.append(row)
        borders.append(len(indices))
    assert pointers[-1] == len(entries)
    return indices, rows, borders, cycles


def assert_holds(encoded, codes):
    """Every PE holds its sub-matrix, as scipy compresses it, and `decode` gives `codes` back."""
    cycles = issue_counts(encoded)
    assert cycles.shape == (encoded.geometry.pes, encoded.local_columns)
    padding = 0
    for pe in range(encoded.geometry.pes):
        slot, group = divmod(pe, encoded.groups)
        part = codes[encoded.order[slot::encoded.slots]][:, group::encoded.groups]
        expected = scipy.sparse.csc_matrix(part)
        expected.sort_indices()
        indices, rows, borders, issued = read_slowly(encoded, pe)
        short = encoded.local_columns + 1 - len(expected.indptr)
        assert indices == expected.data.tolist()
        assert rows == expected.indices.tolist()
        assert borders == expected.indptr.tolist() + [expected.nnz] * short
        assert issued == cycles[pe].tolist()
        padding += sum(issued) - expected.nnz
        assert encoded.entries[pe] == encoded.padding[pe] + encoded.escapes[pe] + expected.nnz
    assert encoded.padding.sum() == padding
    assert encoded.geometry.escape or not encoded.escapes.any()
    np.testing.assert_array_equal(decode(encoded), codes)


def test_examples():
    result = doctest.testmod(module)
    assert result.attempted > 0 and result.failed == 0


def test_the_papers_column():
    codes = column_of((2, 1), (0, 2), (18, 3))
    assert entries_of(codes, escape=False) == [(1, 2), (2, 0), (0, 15), (3, 2)]
    assert entries_of(codes, escape=True) == [(1, 2), (2, 0), (0, 0), (3, 2)]


@pytest.mark.parametrize("gap, expected, cycles", [
    (0, [(7, 0)], 1),
    (15, [(7, 15)], 1),                                     # a real entry with the longest run
    (16, [(0, 0), (7, 0)], 1),
    (31, [(0, 0), (7, 15)], 1),
    (32, [(0, 1), (7, 0)], 1),
    (255, [(0, 14), (7, 15)], 1),
    (271, [(0, 15), (7, 15)], 1),
    (272, [(0, 15), (0, 15), (7, 0)], 2),
    (287, [(0, 15), (0, 15), (7, 15)], 2),
    (288, [(0, 15), (0, 15), (0, 0), (7, 0)], 2),
    (300, [(0, 15), (0, 15), (0, 0), (7, 12)], 2),
    (543, [(0, 15), (0, 15), (0, 15), (7, 15)], 2),
    (544, [(0, 15)] * 4 + [(7, 0)], 3),
])
def test_escapes_by_hand(gap, expected, cycles):
    # After another entry, first in its column, and with zeros after it, which take no entry.
    for before, after in (([], 0), ([(3, 5)], 400), ([(40, 5)], 1)):
        codes = column_of(*before, (gap, 7), after=after)
        lead = entries_of(column_of(*before), escape=True) if before else []
        assert entries_of(codes, escape=True) == lead + expected
        encoded = encode(codes, geometry=SparseGeometry(pes=1))
        assert issue_counts(encoded).tolist() == [[cycles + len(before)]]
        np.testing.assert_array_equal(decode(encoded), codes)


@pytest.mark.parametrize("run_width", [1, 2])
def test_no_sequence_of_entries_is_shorter(run_width):
    base = 1 << run_width
    top = 12 * base * (base + 1)
    fewest = [None] * top                                   # entries for a gap and its non-zero
    for gap in range(top):
        ways = [1] if gap < base else []
        for run, follower in itertools.product(range(base), repeat=2):
            skipped = base * (run + 1) + follower
            if skipped == gap:
                ways.append(2)                              # an escape and the non-zero
            elif skipped < gap:
                ways.append(2 + fewest[gap - skipped - 1])  # an escape and a padding entry
        fewest[gap] = min(ways)
        assert len(entries_of(column_of((gap, 1)), run_width=run_width)) == fewest[gap]


def test_grid_of_shapes_and_geometries():
    rng = np.random.default_rng(0)
    cases = 0
    shapes = [(1, 1), (1, 40), (40, 1), (7, 5), (64, 33), (300, 9)]
    for escape, (pes, groups), shape in itertools.product(
            (False, True), [(1, 1), (2, 1), (4, 2), (16, 1), (16, 4), (64, 8), (256, 2)], shapes):
        for density, run_width, index_width in ((0, 4, 4), (.05, 1, 4), (.02, 2, 2), (.3, 4, 8),
                                                (1, 8, 3)):
            if pes > 64 and density not in (0, .3):
                continue                                    # the slow reader's time
            geometry = SparseGeometry(pes=pes, groups=groups, run_width=run_width,
                                      index_width=index_width, escape=escape)
            codes = random_codes(rng, shape, density, index_width)
            load = np.count_nonzero(codes, axis=1)
            for order in (None, greedy_order(load, pes // groups), rng.permutation(shape[0])):
                encoded = encode(codes, geometry=geometry, groups=groups, order=order)
                assert encoded.indices.dtype == encoded.runs.dtype == np.uint8
                assert encoded.pointers.dtype == encoded.starts.dtype == np.int64
                assert_holds(encoded, codes)
                cases += 1
    assert cases == 1152


def test_any_layer_survives():
    cases = 0

    @settings(max_examples=300, deadline=None, derandomize=True, database=None)
    @given(st.data())
    def survives(data):
        nonlocal cases
        pes = 1 << data.draw(st.integers(0, 8), "log2 of pes")
        groups = 1 << data.draw(st.integers(0, min(3, (pes.bit_length() - 1) // 2)), "groups")
        geometry = SparseGeometry(
            pes=pes, groups=groups, escape=data.draw(st.booleans(), "escape"),
            run_width=data.draw(st.integers(1, 8), "run width"),
            index_width=data.draw(st.integers(2, 8), "index width"))
        shape = data.draw(st.tuples(st.integers(1, 80), st.integers(1, 30)), "shape")
        if data.draw(st.booleans(), "tall"):
            shape = (shape[0] * 50, 1 + shape[1] % 3)       # gaps of every length
        rng = np.random.default_rng(data.draw(st.integers(0, 1 << 32), "seed"))
        density = data.draw(st.sampled_from([0, .001, .01, .1, .5, 1]), "density")
        codes = random_codes(rng, shape, density, geometry.index_width)
        codes[:, rng.random(shape[1]) < .2] = 0
        codes[rng.random(shape[0]) < .2] = 0
        layer_groups = 1 << data.draw(st.integers(0, groups.bit_length() - 1), "layer groups")
        encoded = encode(codes, geometry=geometry, groups=layer_groups,
                         order=rng.permutation(shape[0]))
        np.testing.assert_array_equal(decode(encoded), codes)
        assert issue_counts(encoded).sum() == len(encoded.indices) - encoded.escapes.sum()
        cases += 1

    survives()
    assert cases >= 300


def test_trailing_escapes_do_nothing():
    codes = column_of((3, 5), (20, 6))
    encoded = encode(codes, geometry=SparseGeometry(pes=1))
    trailing = dataclasses.replace(
        encoded, indices=np.append(encoded.indices, 0).astype(np.uint8),
        runs=np.append(encoded.runs, 15).astype(np.uint8), starts=encoded.starts + [0, 1],
        pointers=encoded.pointers + [0, 1])
    np.testing.assert_array_equal(decode(trailing), codes)
    assert trailing.escapes.tolist() == [2] and issue_counts(trailing).tolist() == [[2]]


def test_a_column_forgets_the_escape_before_it():
    """A trailing escape must not turn the next column's escape into padding."""
    codes = np.hstack([column_of((0, 5), after=20), column_of((20, 6))])
    encoded = encode(codes, geometry=SparseGeometry(pes=1))
    assert encoded.indices.tolist() == [5, 0, 6]
    trailing = dataclasses.replace(
        encoded, indices=np.array([5, 0, 0, 6], np.uint8), runs=np.array([0, 0, 0, 4], np.uint8),
        starts=np.array([0, 4]), pointers=np.array([[0, 2, 4]]))
    np.testing.assert_array_equal(decode(trailing), codes)


@pytest.mark.parametrize("change, complaint", [
    ({"pointers": [[0, 2, 1], [0, 1, 2]]}, "PE 0, local column 2: .* at entry 1"),
    ({"pointers": [[0, 1, 1], [0, 1, 2]]}, "PE 0, local column 2: .* 2 entries at entry 1"),
    ({"pointers": [[0, 1, 2], [0, 3, 2]]}, "PE 1, local column 2"),
    ({"pointers": [[0, 1, 2], [-1, 1, 2]]}, "PE 1, local column 0: .* at entry -1"),
    ({"pointers": [[1, 1, 2], [0, 1, 2]]}, "PE 0, local column 0: .* at entry 1"),
    ({"pointers": [[0, 1, 2], [0, 1, 3]]}, "PE 1, local column 2: .* at entry 3"),
    ({"pointers": [[0, 2], [0, 2]]}, "2 columns in 1 groups are not 1 local columns"),
    ({"runs": [0, 0, 0, 1]}, "PE 1, local column 1, entry 1: column 1 of position 3 .* 3 rows"),
    ({"runs": [0, 2, 0, 0]}, "PE 0, local column 1, entry 1: column 1 of position 4"),
    ({"starts": [0, 2, 5]}, "4 indices and 4 runs, but 5 entries"),
])
def test_malformed_streams_are_refused(change, complaint):
    codes = np.array([[1, 1], [2, 2], [0, 0]], np.uint8)
    encoded = encode(codes, geometry=SparseGeometry(pes=2))
    assert encoded.pointers.tolist() == [[0, 1, 2], [0, 1, 2]]
    changed = dataclasses.replace(
        encoded, **{name: np.array(value, getattr(encoded, name).dtype)
                    for name, value in change.items()})
    with pytest.raises(ValueError, match=complaint):
        decode(changed)


def test_entries_of_missing_columns_are_refused():
    """Group 1 of a layer of three columns has only one."""
    geometry = SparseGeometry(pes=4, groups=2)
    encoded = encode(np.ones((2, 3), np.uint8), geometry=geometry, groups=2)
    assert encoded.pointers.tolist() == [[0, 1, 2], [0, 1, 1]] * 2
    pointers = encoded.pointers.copy()
    pointers[1] = [0, 0, 1]
    with pytest.raises(ValueError, match="PE 1, local column 1, entry 0: column 3 .* 3 columns"):
        decode(dataclasses.replace(encoded, pointers=pointers))


@pytest.mark.parametrize("codes, options, complaint", [
    (np.zeros((2, 2), int), {}, "uint8, not int64"),
    (np.zeros(2, np.uint8), {}, r"of shape \(2,\)"),
    (np.zeros((0, 2), np.uint8), {}, r"of shape \(0, 2\)"),
    (np.full((2, 2), 16, np.uint8), {}, "index 16 does not fit index_width=4"),
    (np.zeros((2, 2), np.uint8), {"groups": 4}, "groups=2, not 4"),
    (np.zeros((2, 2), np.uint8), {"groups": 0}, "not 0"),
    (np.zeros((2, 2), np.uint8), {"order": [0, 0]}, "exactly once"),
])
def test_arguments_are_checked(codes, options, complaint):
    with pytest.raises(ValueError, match=complaint):
        encode(codes, geometry=SparseGeometry(pes=4, groups=2), **options)


def test_the_largest_layer_of_the_paper():
    rng = np.random.default_rng(3)
    codes = np.zeros((4096, 25088), np.uint8)
    codes.reshape(-1)[rng.integers(0, codes.size, 4_195_000)] = rng.integers(
        1, 16, 4_195_000, dtype=np.uint8)
    non_zeros = np.count_nonzero(codes)
    assert non_zeros > 4_100_000
    encoded = encode(codes, geometry=SparseGeometry(pes=64, groups=4), groups=4)
    assert len(encoded.indices) - encoded.escapes.sum() - encoded.padding.sum() == non_zeros
