"""Huffman coding of codebook indices and runs (Deep Compression, section 4; Huffman, 1952).

Codes are canonical and at most 15 bits long: `code_lengths` finds the best ones, a table of lengths
says all about them (`dump_lengths`), and a decoder in hardware is a comparison a length. Symbols
are bytes. Streams hold nothing but the codes, see `golden.compression.huffman_stream`.
"""

import numpy as np

from .huffman_codes import (
    MAX_LENGTH,
    MAX_SYMBOLS,
    HuffmanError,
    canonical_codes,
    check_lengths,
    code_lengths,
    size_bits,
)
from .huffman_stream import decode, decode_one_by_one, encode

__all__ = [
    "MAX_LENGTH", "MAX_SYMBOLS", "HuffmanError", "canonical_codes", "check_lengths",
    "code_lengths", "decode", "dump_lengths", "encode", "load_lengths", "size_bits",
]

#: Lengths are themselves symbols, whose codes have at most so many bits, told in 3 bits each.
_MAX_INNER = 7


def dump_lengths(lengths):
    """Serialise a table of lengths, compactly.

    One byte: the last symbol that has a code. Then 16 times 3 bits, the first the most significant:
    the lengths of the codes of the lengths 0 to 15. Then the stream of the lengths of the symbols
    0 to the last, in these codes.

    Parameters
    ----------
    lengths : array_like of int, shape (symbols,)
        As of `code_lengths`.

    Returns
    -------
    bytes
        8 to about 120.

    Raises
    ------
    HuffmanError
        If these are no lengths of a code.

    Examples
    --------
    >>> dump_lengths([1, 2, 3, 0, 3]).hex(' ')
    '04 49 20 00 00 00 00 6c c0'
    """
    lengths = check_lengths(lengths)
    last = int(np.flatnonzero(lengths)[-1]) if lengths.any() else 0
    lengths = lengths[:last + 1]
    inner = code_lengths(np.bincount(lengths, minlength=16), _MAX_INNER)
    packed = sum(int(length) << 3 * (15 - symbol) for symbol, length in enumerate(inner))
    return bytes([last]) + packed.to_bytes(6, "big") + encode(lengths, inner).tobytes()


def load_lengths(data):
    """Read a table of lengths from the front of some bytes, the inverse of `dump_lengths`.

    Parameters
    ----------
    data : bytes-like
        May go on behind the table.

    Returns
    -------
    lengths : ndarray of uint8, shape (last symbol + 1,)
    size : int
        Bytes that the table takes.

    Raises
    ------
    HuffmanError
        ``truncated`` if the bytes end within the table, ``over-subscribed`` or ``incomplete`` if
        no code has such lengths, ``bad table`` if `dump_lengths` writes them in another way.
    """
    data = bytes(memoryview(data)[:7 + MAX_SYMBOLS * _MAX_INNER // 8])
    if len(data) < 8:
        raise HuffmanError("truncated", f"a table takes 8 bytes or more, not {len(data)}")
    packed, count = int.from_bytes(data[1:7], "big"), data[0] + 1
    inner = check_lengths([packed >> 3 * (15 - symbol) & 7 for symbol in range(16)])
    lengths, bits = decode_one_by_one(data[7:], inner, count)
    size = 7 + -(-bits // 8)
    lengths = check_lengths(lengths)
    if dump_lengths(lengths) != data[:size]:
        raise HuffmanError("bad table", "these lengths are serialised in another way")
    return lengths, size
