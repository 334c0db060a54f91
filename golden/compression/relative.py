"""A whole sparse matrix as one stream of (index, run) entries (Deep Compression, section 2).

The matrix is read column by column. An entry is a codebook index and the number of zeros before it
(`run`, below ``2**run_width``); a longer gap is bridged by padding entries, index 0 with the
longest run, each of which stands for ``2**run_width`` zeros. The zeros behind the last non-zero
are padded likewise, so that fewer than ``2**run_width`` positions are left implicit: the size of a
matrix is then at most ``(entries + 1) * 2**run_width``, and a short stream can't claim a large one.
Every matrix has exactly one stream.

This is how a matrix is stored. How a sparse core wants it, split over processing elements, is
`golden.sparse.encode`.
"""

import numpy as np

__all__ = [
    "best_run_width", "decode_relative", "encode_relative", "gaps_of", "pack_entries",
    "unpack_entries",
]

#: Entries decoded at a time, so that the 64-bit temporaries stay small; a multiple of 8.
_CHUNK = 1 << 18


def gaps_of(codes):
    """Values of the non-zeros, and how many zeros are before each and behind the last.

    Returns
    -------
    values : ndarray of uint8, shape (non-zeros,)
    gaps : ndarray of int64, shape (non-zeros + 1,)
    """
    flat = np.asarray(codes).T.reshape(-1)
    positions = np.flatnonzero(flat)
    return flat[positions], np.diff(positions, prepend=-1, append=flat.size) - 1


def best_run_width(codes, index_width):
    """Width of a run, 1 to 8 bits, with which the stream of a matrix is shortest.

    Parameters
    ----------
    codes : ndarray of uint8, shape (rows, columns)
        Codebook indices.
    index_width : int
        Bits of an index.

    Returns
    -------
    int
        The smallest of the best widths.
    """
    values, gaps = gaps_of(codes)
    bits = [(len(values) + int((gaps >> width).sum())) * (index_width + width)
            for width in range(1, 9)]
    return 1 + bits.index(min(bits))


def encode_relative(codes, run_width):
    """Turn a matrix into entries.

    Parameters
    ----------
    codes : ndarray of uint8, shape (rows, columns)
        Codebook indices; 0 is a pruned weight.
    run_width : int
        Bits of a run, 1 to 8.

    Returns
    -------
    indices, runs : ndarray of uint8, shape (entries,)

    Examples
    --------
    Three zeros, then a 5: one padding entry for two of them.

    >>> encode_relative(np.array([[0, 0], [0, 5]], np.uint8), 1)
    (array([0, 5], dtype=uint8), array([1, 1], dtype=uint8))
    """
    values, gaps = gaps_of(codes)
    padding = gaps >> run_width
    real = np.cumsum(padding[:-1] + 1) - 1
    indices = np.zeros(len(values) + int(padding.sum()), np.uint8)
    runs = np.full(indices.shape, (1 << run_width) - 1, np.uint8)
    indices[real] = values
    runs[real] = gaps[:-1] & (1 << run_width) - 1
    return indices, runs


def decode_relative(indices, runs, shape, run_width):
    """Turn entries back into a matrix, the inverse of `encode_relative`.

    Parameters
    ----------
    indices, runs : ndarray of uint8, shape (entries,)
    shape : tuple of int
        Rows and columns. No more memory is allocated than the entries justify.
    run_width : int
        Bits of a run, 1 to 8.

    Returns
    -------
    codes : ndarray of uint8, shape (rows, columns)

    Raises
    ------
    ValueError
        If the entries are not what `encode_relative` makes of such a matrix. The number of the
        first wrong entry is the exception's second argument.
    """
    rows, columns = shape
    size, longest = rows * columns, (1 << run_width) - 1
    # A padding entry must be full, and be needed: index 0 otherwise has no place in a stream.
    wrong = np.flatnonzero((indices == 0) & (runs != longest))
    if wrong.size:
        raise ValueError(f"entry {wrong[0]} has index 0 but run {runs[wrong[0]]}, not {longest}",
                         int(wrong[0]))
    end = int(np.sum(runs, dtype=np.int64)) + len(runs)
    if size - end > longest:
        raise ValueError(f"the {len(indices)} entries end {size - end} weights before the last of "
                         f"{rows} x {columns}", len(indices))
    codes = np.zeros(size, np.uint8)
    end = 0
    for first in range(0, len(runs), _CHUNK):
        chunk = slice(first, first + _CHUNK)
        positions = end - 1 + np.cumsum(runs[chunk] + np.int64(1))
        if positions[-1] >= size:
            first += int(np.searchsorted(positions, size))
            raise ValueError(f"entry {first} lies beyond the {rows} x {columns} weights", first)
        codes[positions] = indices[chunk]
        end = int(positions[-1]) + 1
    return np.ascontiguousarray(codes.reshape(columns, rows).T)


def pack_entries(indices, runs, index_width, run_width):
    """Pack entries into bytes, least significant bit first, the index below its run.

    Returns
    -------
    bytes
        ``ceil(entries * (index_width + run_width) / 8)`` of them, filled up with zero bits.

    Examples
    --------
    >>> pack_entries(np.array([5], np.uint8), np.array([3], np.uint8), 4, 4).hex()
    '35'
    """
    words = indices.astype("<u2") | runs.astype("<u2") << np.uint16(index_width)
    bits = np.unpackbits(words.view(np.uint8).reshape(-1, 2), axis=1, bitorder="little")
    return np.packbits(bits[:, :index_width + run_width], bitorder="little").tobytes()


def unpack_entries(data, count, index_width, run_width):
    """Unpack `count` entries, the inverse of `pack_entries`.

    Parameters
    ----------
    data : bytes-like
        Exactly as many bytes as `count` entries take.
    count, index_width, run_width : int

    Returns
    -------
    indices, runs : ndarray of uint8, shape (count,)

    Raises
    ------
    ValueError
        If the bits that fill up the last byte are not zero.
    """
    width = index_width + run_width
    data = np.frombuffer(data, np.uint8)
    if count * width % 8 and data[-1] >> np.uint8(count * width % 8):
        raise ValueError("the bits behind the last entry are not zero")
    indices, runs = np.empty(count, np.uint8), np.empty(count, np.uint8)
    for first in range(0, count, _CHUNK):
        chunk = slice(first, min(first + _CHUNK, count))
        starts = np.arange(chunk.stop - chunk.start, dtype=np.int64) * width
        part = data[first * width // 8:-(-chunk.stop * width // 8)]
        # Two bytes more than there are, so that three can be read wherever an entry starts.
        part = np.concatenate([part, np.zeros(2, np.uint8)]).astype(np.uint32)
        at = starts >> 3
        words = part[at] | part[at + 1] << np.uint32(8) | part[at + 2] << np.uint32(16)
        words >>= (starts & 7).astype(np.uint32)
        indices[chunk] = words & np.uint32((1 << index_width) - 1)
        runs[chunk] = words >> np.uint32(index_width) & np.uint32((1 << run_width) - 1)
    return indices, runs
