"""Interleaved, relative-indexed compressed columns (EIE, section III-B and III-C)."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .geometry import SparseGeometry
from .partition import check_order

__all__ = ["EncodedLayer", "check_groups", "encode", "escape_mask", "issue_counts"]


@dataclass(frozen=True, eq=False)
class EncodedLayer:
    """The compressed columns of one layer, processing element (PE) after PE.

    Entry e of PE k is ``indices[starts[k] + e], runs[starts[k] + e]``; its local column c is the
    entries ``pointers[k, c]`` to ``pointers[k, c + 1]``.

    Parameters
    ----------
    indices, runs : ndarray of uint8, shape (n_entries,)
        Codebook index of each entry, and the zeros (or what the format makes of it) before it.
    starts : ndarray of int64, shape (pes + 1,)
        First entry of each PE; the last one is the number of entries.
    pointers : ndarray of int64, shape (pes, local_columns + 1)
        First entry of each local column, counted from the PE's own first one. A column group with
        fewer columns than another ends in empty ones.
    shape : tuple of int
        Rows and columns of the layer.
    groups : int
        Column groups of the layer.
    order : ndarray of intp, shape (rows,)
        Row at each position.
    geometry : SparseGeometry
    """

    indices: np.ndarray
    runs: np.ndarray
    starts: np.ndarray
    pointers: np.ndarray
    shape: tuple[int, int]
    groups: int
    order: np.ndarray
    geometry: SparseGeometry

    @property
    def slots(self):
        """PEs that share the rows: position q belongs to slot ``q % slots``."""
        return self.geometry.pes // self.groups

    @property
    def local_columns(self):
        """Columns of a PE, the empty ones at the end of a short column group included."""
        return self.pointers.shape[1] - 1

    @property
    def entries(self):
        """Entries of each PE, shape (pes,)."""
        return np.diff(self.starts)

    @cached_property
    def column_starts(self):
        """First entry of every column of every PE in `indices`, shape (pes * local_columns,)."""
        return (self.starts[:-1, None] + self.pointers[:, :-1]).ravel()

    @cached_property
    def is_escape(self):
        """Whether each entry is an escape, shape (n_entries,)."""
        if not self.geometry.escape:
            return np.zeros(len(self.indices), dtype=bool)
        return escape_mask(self.indices, self.column_starts)

    @cached_property
    def operations(self):
        """Entries but escapes among the first 0, 1, 2 ... entries, shape (n_entries + 1,)."""
        if not self.geometry.escape:
            return np.arange(len(self.indices) + 1)
        return _cumulated(~self.is_escape)

    @cached_property
    def products(self):
        """Entries with a weight among the first 0, 1, 2 ... entries, shape (n_entries + 1,)."""
        return _cumulated(self.indices != 0)

    @cached_property
    def escapes(self):
        """Escape entries of each PE, shape (pes,)."""
        return self._per_pe(self.is_escape)

    @cached_property
    def padding(self):
        """Entries of each PE that multiply by codebook entry 0, shape (pes,)."""
        return self._per_pe((self.indices == 0) & ~self.is_escape)

    def _per_pe(self, mask):
        return np.diff(_cumulated(mask)[self.starts])


def _cumulated(counts):
    """Sums of the first 0, 1, 2 ... counts, shape (n + 1,)."""
    sums = np.zeros(len(counts) + 1, dtype=np.int64)
    np.cumsum(counts, out=sums[1:])
    return sums


def check_groups(groups, geometry):
    """Raise ValueError unless a layer can have `groups` column groups."""
    if not (1 <= groups <= geometry.groups and int(groups).bit_count() == 1):
        raise ValueError(f"Column groups of a layer must be a power of two from 1 to the "
                         f"geometry's groups={geometry.groups}, not {groups}")


def escape_mask(indices, column_starts):
    """Which entries are escapes, in the escape format.

    Entries of index 0 that follow each other in one column are escape, padding, escape ...

    Parameters
    ----------
    indices : ndarray of int, shape (n_entries,)
    column_starts : ndarray of int, shape (n_columns,)
        First entry of every column, not descending; those of empty columns may be `n_entries`.

    Returns
    -------
    ndarray of bool, shape (n_entries,)
    """
    zero = np.flatnonzero(indices == 0)
    mask = np.zeros(len(indices), dtype=bool)
    if not len(zero):
        return mask
    opens = np.zeros(len(indices) + 1, dtype=bool)
    opens[column_starts] = True                         # a column forgets what came before it
    fresh = opens[zero]
    fresh[1:] |= zero[1:] != zero[:-1] + 1
    number = np.arange(len(zero))
    since = number - np.maximum.accumulate(np.where(fresh, number, 0))
    mask[zero] = since % 2 == 0
    return mask


def issue_counts(encoded):
    """Cycles that each column takes in its PE if no word boundary interferes.

    As published, each entry takes one. In the escape format an escape issues together with the
    entry after it and takes none.

    Returns
    -------
    ndarray of int64, shape (pes, local_columns)
    """
    if not encoded.geometry.escape:
        return np.diff(encoded.pointers, axis=1)
    pointers = encoded.starts[:-1, None] + encoded.pointers
    return np.diff(encoded.operations[pointers], axis=1)


def _non_zeros(codes, groups, local_columns):
    """Non-zero codes of a slot in the order of column group, local column, local row.

    Parameters
    ----------
    codes : ndarray of uint8, shape (local_rows, columns)
        Its rows.
    groups, local_columns : int

    Returns
    -------
    values : ndarray of uint8, shape (n,)
    gaps : ndarray of int64, shape (n,)
        Zeros between each and the one before it in its column.
    counts : ndarray of int64, shape (groups * local_columns,)
        How many each column has.
    """
    depth = len(codes)
    if groups == 1:
        dense = np.ascontiguousarray(codes.T)
    else:
        dense = np.zeros((groups, local_columns, depth), dtype=np.uint8)
        for group in range(groups):
            own = codes[:, group::groups].T
            dense[group, :len(own)] = own
    dense = dense.ravel()
    where = np.flatnonzero(dense != 0)
    columns = where // depth
    counts = np.bincount(columns, minlength=groups * local_columns)
    gaps = np.diff(where, prepend=-1) - 1
    # The first of a column counts from the column's top, not from the one before it.
    first = (np.cumsum(counts) - counts)[counts > 0]
    gaps[first] = where[first] - columns[first] * depth
    return dense[where], gaps, counts


def encode(codes, *, geometry, groups=1, order=None):
    """Compress a matrix of codebook indices.

    With B = 2**run_width, a gap of ``B * p + x`` zero rows (x < B) before a non-zero becomes

    * as published, p padding entries (index 0, run B - 1) and the entry itself with run x;
    * in the escape format, ``p // (B + 1)`` pairs of a longest escape and a padding entry, both
      (index 0, run B - 1), which cover B * (B + 1) rows; then, if r = p % (B + 1) is not 0, one
      escape (index 0, run r - 1); then the entry itself with run x. No other sequence is shorter.
      A pair costs one cycle, the last escape none, so the non-zero issues after
      ``p // (B + 1)`` cycles of padding where EIE needs p.

    Zeros after the last non-zero of a column take no entry.

    Parameters
    ----------
    codes : ndarray of uint8, shape (rows, columns)
        Codebook indices; 0 is a pruned weight.
    geometry : SparseGeometry
    groups : int
        Column groups of this layer.
    order : array_like of int, shape (rows,), optional
        Row at each position; by default every row has its own.

    Returns
    -------
    EncodedLayer

    Raises
    ------
    ValueError
        If `codes` is no matrix of uint8, an index does not fit `geometry.index_width`, `order` is
        no permutation, or the geometry has not that many groups.

    Examples
    --------
    The paper's column (section III-B):

    >>> column = np.array([0, 0, 1, 2] + [0] * 18 + [3], dtype=np.uint8)[:, None]
    >>> published = encode(column, geometry=SparseGeometry(pes=1, escape=False))
    >>> published.indices, published.runs
    (array([1, 2, 0, 3], dtype=uint8), array([ 2,  0, 15,  2], dtype=uint8))
    """
    codes = np.asarray(codes)
    if codes.ndim != 2 or not codes.size or codes.dtype != np.uint8:
        raise ValueError(f"codes must be a matrix of uint8, not {codes.dtype} of shape "
                         f"{codes.shape}")
    check_groups(groups, geometry)
    order = check_order(order, len(codes))
    if (largest := codes.max()) >> geometry.index_width:
        raise ValueError(f"Codebook index {largest} does not fit index_width="
                         f"{geometry.index_width}")

    # Slot after slot: what a few rows need stays within the cache, which is several times faster.
    slots, local_columns = geometry.pes // groups, -(-codes.shape[1] // groups)
    pointers = np.zeros((geometry.pes, local_columns + 1), dtype=np.int64)
    indices, runs = [], []
    for slot in range(min(slots, len(codes))):
        values, gaps, counts = _non_zeros(codes[order[slot::slots]], groups, local_columns)
        slot_indices, slot_runs, ends = _entries(values, gaps, geometry)
        indices.append(slot_indices)
        runs.append(slot_runs)
        # Entry at which each column begins, counted from the slot's first, then from the PE's.
        borders = ends[_cumulated(counts)]
        own = pointers[slot * groups:(slot + 1) * groups]
        own[:, :-1] = borders[:-1].reshape(groups, local_columns)
        own[:, -1] = borders[local_columns::local_columns]
        own -= own[:, :1].copy()
    return EncodedLayer(
        np.concatenate(indices), np.concatenate(runs), _cumulated(pointers[:, -1]), pointers,
        codes.shape, groups, order, geometry)


def _entries(values, gaps, geometry):
    """Entries of non-zeros with the given gaps before them.

    Returns
    -------
    indices, runs : ndarray of uint8, shape (n_entries,)
    ends : ndarray of int64, shape (n_non_zeros + 1,)
        Entries of the first 0, 1, 2 ... non-zeros.
    """
    base = 1 << geometry.run_width
    whole = gaps >> geometry.run_width
    if geometry.escape:
        pairs = whole // (base + 1)
        rest = whole - pairs * (base + 1)
        extra = 2 * pairs + (rest > 0)
    else:
        extra = whole
    ends = _cumulated(extra + 1)

    # Whatever is neither a non-zero nor the escape just before it is (index 0, longest run).
    indices = np.zeros(ends[-1], dtype=np.uint8)
    runs = np.full(ends[-1], base - 1, dtype=np.uint8)
    indices[ends[1:] - 1] = values
    runs[ends[1:] - 1] = gaps & base - 1
    if geometry.escape:
        short = np.flatnonzero(rest)
        runs[ends[short + 1] - 2] = rest[short] - 1
    return indices, runs, ends
