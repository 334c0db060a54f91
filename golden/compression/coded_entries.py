"""The entries of a sparse matrix as two Huffman-coded streams (Deep Compression, section 4).

`golden.compression.relative` says what entries are. Here the indices of the non-zeros are one
stream, and the runs before them another. A padding entry, which bridges a gap that is too long for
a run, is a run symbol of its own, ``2**run_width``, and takes nothing of the stream of indices.
"""

from dataclasses import dataclass

import numpy as np

from .huffman import HuffmanError, code_lengths, decode, dump_lengths, encode, size_bits
from .relative import encode_relative, gaps_of

__all__ = ["MAX_RUN_WIDTH", "CodedEntries", "best_coded_run_width", "code_entries", "merge_entries",
           "decode_indices", "decode_runs"]

#: With 8-bit runs, the padding would be symbol 256.
MAX_RUN_WIDTH = 7


@dataclass(frozen=True, eq=False)
class CodedEntries:
    """What `code_entries` makes of a matrix.

    Parameters
    ----------
    entries : int
        Padding included.
    run_lengths, index_lengths : ndarray of uint8
        Lengths of the codes, see `golden.compression.huffman.code_lengths`.
    runs, indices : ndarray of uint8
        The streams.
    run_bits, index_bits : int
        What is in use of them.
    """

    entries: int
    run_lengths: np.ndarray
    runs: np.ndarray
    run_bits: int
    index_lengths: np.ndarray
    indices: np.ndarray
    index_bits: int

    @property
    def table_bytes(self):
        """Bytes of both tables of lengths, serialised."""
        return len(dump_lengths(self.run_lengths)) + len(dump_lengths(self.index_lengths))

    @property
    def bytes(self):
        """Bytes of tables and streams."""
        return self.table_bytes + len(self.runs) + len(self.indices)


def best_coded_run_width(codes):
    """Width of a run, 1 to 7 bits, with which the coded runs of a matrix take the fewest bytes.

    Parameters
    ----------
    codes : ndarray of uint8, shape (rows, columns)
        Codebook indices.

    Returns
    -------
    int
        The smallest of the best widths.
    """
    _, gaps = gaps_of(codes)
    sizes = []
    for width in range(1, MAX_RUN_WIDTH + 1):
        counts = np.bincount(gaps[:-1] & (1 << width) - 1, minlength=(1 << width) + 1)
        counts[1 << width] = int((gaps >> width).sum())
        lengths = code_lengths(counts)
        sizes.append(len(dump_lengths(lengths)) + -(-size_bits(counts, lengths) // 8))
    return 1 + sizes.index(min(sizes))


def code_entries(codes, run_width):
    """Turn a matrix into coded entries.

    Parameters
    ----------
    codes : ndarray of uint8, shape (rows, columns)
        Codebook indices; 0 is a pruned weight. Read column by column.
    run_width : int
        Bits of a run, 1 to 7.

    Returns
    -------
    CodedEntries

    Examples
    --------
    Run symbols 2 (padding) and 1, index 5: the codes 1 and 0, and a 0.

    >>> coded = code_entries(np.array([[0, 0], [0, 5]], np.uint8), 1)
    >>> coded.runs.tobytes().hex(), coded.indices.tobytes().hex()
    ('80', '00')
    """
    if not 1 <= run_width <= MAX_RUN_WIDTH:
        raise ValueError(f"run_width must be from 1 to {MAX_RUN_WIDTH}, not {run_width}")
    indices, runs = encode_relative(codes, run_width)
    runs[indices == 0] = 1 << run_width
    indices = indices[indices != 0]
    coded = []
    for symbols in (runs, indices):
        counts = np.bincount(symbols, minlength=1)
        lengths = code_lengths(counts)
        coded += [lengths, encode(symbols, lengths), size_bits(counts, lengths)]
    return CodedEntries(len(runs), *coded)


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


def decode_indices(stream, lengths, count, index_width):
    """Decode indices of `count` non-zeros; errors as of `decode_runs`."""
    if len(lengths) > 1 << index_width:
        raise HuffmanError("bad symbol", f"index {len(lengths) - 1} is none of {index_width} bits")
    if lengths[0]:
        raise HuffmanError("bad symbol", "index 0 has a code, which no weight can need")
    return decode(stream, lengths, count)


def merge_entries(indices, real):
    """Indices of all entries from those of the non-zeros: 0 where there is padding."""
    merged = np.zeros(len(real), np.uint8)
    merged[real] = indices
    return merged
