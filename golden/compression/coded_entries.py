"""The entries of a sparse matrix as two Huffman-coded streams (Deep Compression, section 4).

`golden.compression.relative` says what entries are. Here the indices of the non-zeros are one
stream, and the runs before them another. A padding entry, which bridges a gap that is too long for
a run, is a run symbol of its own, ``2**run_width``, and takes nothing of the stream of indices.

With ``run_width = 0`` there are no runs: each weight, a pruned one too, is an index. Where few
weights are pruned that is smaller, as a run takes one bit even if it is nearly always 0.
"""

from dataclasses import dataclass

import numpy as np

from .huffman import HuffmanError, code_lengths, decode, dump_lengths, encode, size_bits
from .relative import decode_relative, encode_relative, gaps_of

__all__ = [
    "MAX_RUN_WIDTH", "CodedEntries", "CodedStream", "best_coded_run_width", "code_entries",
    "decode_indices", "decode_runs", "place_indices",
]

#: With 8-bit runs, the padding would be symbol 256.
MAX_RUN_WIDTH = 7


@dataclass(frozen=True, eq=False)
class CodedStream:
    """Huffman codes of some symbols.

    Parameters
    ----------
    lengths : ndarray of uint8
        Of the codes, see `golden.compression.huffman.code_lengths`.
    data : ndarray of uint8
        See `golden.compression.huffman.encode`.
    count : int
        Symbols.
    bits : int
        How much of the data is in use.
    """

    lengths: np.ndarray
    data: np.ndarray
    count: int
    bits: int

    @property
    def table(self):
        """The lengths, serialised."""
        return dump_lengths(self.lengths)

    @property
    def bytes(self):
        """Bytes of table and data."""
        return len(self.table) + len(self.data)


@dataclass(frozen=True, eq=False)
class CodedEntries:
    """What `code_entries` makes of a matrix.

    Parameters
    ----------
    run_width : int
    runs : CodedStream or None
        None without runs. As many symbols as entries, padding included.
    indices : CodedStream
        Of the non-zeros; without runs, of all weights.
    """

    run_width: int
    runs: CodedStream | None
    indices: CodedStream

    @property
    def entries(self):
        """Entries, padding included."""
        return (self.runs or self.indices).count

    @property
    def bytes(self):
        """Bytes of tables and streams."""
        return self.indices.bytes + (self.runs.bytes if self.runs else 0)


def best_coded_run_width(codes, *, plain=False):
    """Width of a run, 0 to 7 bits, with which a matrix takes the fewest bytes.

    Parameters
    ----------
    codes : ndarray of uint8, shape (rows, columns)
        Codebook indices.
    plain : bool
        See `code_entries`.

    Returns
    -------
    int
        The smallest of the best widths.
    """
    values, gaps = gaps_of(codes)
    counts = np.bincount(values, minlength=1)
    indices = _size(counts, plain)
    counts[0] = np.size(codes) - len(values)
    sizes = [_size(counts, plain)]
    for width in range(1, MAX_RUN_WIDTH + 1):
        counts = np.bincount(gaps[:-1] & (1 << width) - 1, minlength=(1 << width) + 1)
        counts[1 << width] = int((gaps >> width).sum())
        sizes.append(indices + _size(counts))
    return sizes.index(min(sizes))


def _size(counts, plain=False):
    """Bytes of table and stream."""
    lengths = _lengths(counts, plain)
    return len(dump_lengths(lengths)) + -(-size_bits(counts, lengths) // 8)


def _lengths(counts, plain):
    return code_lengths(np.minimum(counts, 1) if plain else counts)


def code_entries(codes, run_width, *, plain=False):
    """Turn a matrix into coded entries.

    Parameters
    ----------
    codes : ndarray of uint8, shape (rows, columns)
        Codebook indices; 0 is a pruned weight. Read column by column.
    run_width : int
        Bits of a run, 0 to 7.
    plain : bool
        Give all indices in use codes as long as each other's (or a bit shorter, as far as their
        number is below a power of two), as if they were stored as they are.

    Returns
    -------
    CodedEntries

    Examples
    --------
    Run symbols 2 (padding) and 1, index 5: the codes 1 and 0, and a 0.

    >>> coded = code_entries(np.array([[0, 0], [0, 5]], np.uint8), 1)
    >>> coded.runs.data.tobytes().hex(), coded.indices.data.tobytes().hex()
    ('80', '00')
    """
    if not 0 <= run_width <= MAX_RUN_WIDTH:
        raise ValueError(f"run_width must be from 0 to {MAX_RUN_WIDTH}, not {run_width}")
    if run_width == 0:
        return CodedEntries(0, None, _code(np.asarray(codes, np.uint8).T.reshape(-1), plain))
    indices, runs = encode_relative(codes, run_width)
    runs[indices == 0] = 1 << run_width
    return CodedEntries(run_width, _code(runs), _code(indices[indices != 0], plain))


def _code(symbols, plain=False):
    counts = np.bincount(symbols, minlength=1)
    lengths = _lengths(counts, plain)
    return CodedStream(lengths, encode(symbols, lengths), len(symbols), size_bits(counts, lengths))


def decode_runs(stream, lengths, count, run_width):
    """Decode run symbols.

    Returns
    -------
    runs : ndarray of uint8, shape (count,)
    real : ndarray of bool, shape (count,)
        False for padding.

    Raises
    ------
    HuffmanError
        If the stream is not that of so many, or (``bad symbol``) a run is wider than that.
    """
    if len(lengths) > (1 << run_width) + 1:
        raise HuffmanError("bad symbol", f"run {len(lengths) - 1} is none of {run_width} bits")
    runs = decode(stream, lengths, count)
    real = runs != 1 << run_width
    return np.where(real, runs, (1 << run_width) - 1).astype(np.uint8), real


def decode_indices(stream, lengths, count, index_width, *, zeros):
    """Decode indices, of which some may be 0 only if `zeros`; errors as of `decode_runs`."""
    if len(lengths) > 1 << index_width:
        raise HuffmanError("bad symbol", f"index {len(lengths) - 1} is none of {index_width} bits")
    if lengths[0] and not zeros:
        raise HuffmanError("bad symbol", "index 0 has a code, but there are runs")
    return decode(stream, lengths, count)


def place_indices(indices, runs, real, shape, run_width):
    """Matrix of indices that follow runs; errors as of `decode_relative`."""
    merged = np.zeros(len(runs), np.uint8)
    merged[real] = indices
    return decode_relative(merged, runs, shape, run_width)
