"""Streams of prefix codes, encoded and decoded many symbols at a time.

The first code starts in the most significant bit of the first byte; the last byte is filled up with
zero bits. There is nothing else in a stream: no lengths of blocks, no marks.
"""

import numpy as np

from .huffman_codes import HuffmanError, canonical_codes, check_lengths
from .huffman_lanes import Lanes

__all__ = ["decode", "decode_one_by_one", "encode"]

#: Symbols that are encoded at a time: stays within the cache.
_SYMBOLS = 1 << 16
#: Fewer symbols are decoded sooner one by one than in lanes.
_FEW = 1000


def encode(symbols, lengths):
    """Encode symbols.

    Parameters
    ----------
    symbols : ndarray of uint8, shape (count,)
    lengths : array_like of int
        Length of each symbol's code, as of `code_lengths`.

    Returns
    -------
    ndarray of uint8
        ``ceil(bits / 8)`` of them.

    Raises
    ------
    ValueError
        If a symbol has no code.
    HuffmanError
        If these are no lengths of a code.

    Examples
    --------
    Codes 0, 10, 110 and 111:

    >>> encode(np.array([0, 1, 4, 0], np.uint8), [1, 2, 3, 0, 3]).tobytes().hex()
    '5c'
    """
    symbols, lengths = _as_symbols(symbols), check_lengths(lengths)
    codes = np.zeros(256, np.uint32)
    codes[:len(lengths)] = canonical_codes(lengths).astype(np.uint32) << np.uint32(4) | lengths
    occurs = np.bincount(symbols, minlength=256)
    if (occurs[codes == 0] > 0).any():
        raise ValueError(f"symbol {np.flatnonzero((occurs > 0) & (codes == 0))[0]} has no code")
    bits = int((occurs * (codes & 15)).sum())
    words, start = np.zeros(bits // 64 + 2, np.uint64), 0
    for first in range(0, len(symbols), _SYMBOLS):
        start = _append(words, start, codes.take(symbols[first:first + _SYMBOLS]))
    return words.astype(">u8").view(np.uint8)[:-(-bits // 8)]


def _append(words, start, codes):
    """Write (code << 4 | length) from bit `start` on; return the bit behind them."""
    codes = np.concatenate([codes, np.zeros(-len(codes) % 4, np.uint32)]).astype(np.uint64)
    taken = codes & np.uint64(15)
    codes >>= np.uint64(4)
    # Four codes have at most 60 bits. So every word is one in which some group starts, and only
    # the last group that starts in a word can reach into the next.
    for _ in range(2):
        codes = codes[::2] << taken[1::2] | codes[1::2]
        taken = taken[::2] + taken[1::2]
    taken = taken.view(np.int64)
    ends = start + np.cumsum(taken)
    starts = ends - taken
    at = starts >> 6
    room = 64 - (starts & 63) - taken           # negative where a group reaches into the next word
    inside = np.where(room < 0, codes >> np.maximum(-room, 0).astype(np.uint64),
                      codes << np.maximum(room, 0).astype(np.uint64))
    first = np.flatnonzero(np.diff(at, prepend=-1))
    last = np.append(first[1:], len(at)) - 1
    words[at[first]] |= np.bitwise_or.reduceat(inside, first)
    last = last[room[last] < 0]
    words[at[last] + 1] |= codes[last] << (64 + room[last]).astype(np.uint64)
    return int(ends[-1])


def decode(stream, lengths, count):
    """Decode symbols, the inverse of `encode`.

    Takes time and memory in proportion to the stream, whatever is in it.

    Parameters
    ----------
    stream : bytes-like
    lengths : array_like of int
        Length of each symbol's code, as of `code_lengths`.
    count : int
        How many symbols.

    Returns
    -------
    ndarray of uint8, shape (count,)

    Raises
    ------
    HuffmanError
        If the stream is not what `encode` makes of so many symbols, or these are no lengths of a
        code. Nothing is allocated before the stream is known to be long enough.
    """
    stream, lengths = np.frombuffer(stream, np.uint8), check_lengths(lengths)
    used = lengths[lengths > 0]
    shortest, longest = (int(used.min()), int(used.max())) if used.size else (1, 0)
    if 8 * len(stream) < count * shortest:
        raise HuffmanError("truncated", f"{count} codes of {shortest} bits or more do not fit "
                                        f"{len(stream)} bytes")
    if len(stream) > -(-count * longest // 8):
        raise HuffmanError("trailing bytes", f"{count} codes of {longest} bits or less do not "
                                             f"fill {len(stream)} bytes")
    if used.size <= 1:
        return _decode_single(stream, lengths, count)
    if count < _FEW:
        symbols, bits = decode_one_by_one(stream, lengths, count)
    else:
        symbols, bits = _decode_many(stream, lengths, count)
    if -(-bits // 8) != len(stream):
        raise HuffmanError("trailing bytes", f"{count} symbols take {-(-bits // 8)} bytes, not "
                                             f"{len(stream)}")
    _check_rest(stream, bits)
    return symbols


def decode_one_by_one(stream, lengths, count):
    """Decode symbols from the front of some bytes.

    Returns
    -------
    symbols : ndarray of uint8, shape (count,)
    bits : int
        That they take.

    Raises
    ------
    HuffmanError
        ``truncated`` or ``invalid code``.
    """
    codes = zip(lengths.tolist(), canonical_codes(lengths).tolist(), strict=True)
    symbol_of = {key: symbol for symbol, key in enumerate(codes) if key[0]}
    if count == 0:
        return np.zeros(0, np.uint8), 0
    longest = int(lengths.max())
    symbols, code, length, bits = [], 0, 0, 0
    for bit in np.unpackbits(np.frombuffer(stream, np.uint8)).tolist():
        code, length, bits = code << 1 | bit, length + 1, bits + 1
        symbol = symbol_of.get((length, code))
        if symbol is not None:
            symbols.append(symbol)
            code, length = 0, 0
            if len(symbols) == count:
                return np.array(symbols, np.uint8), bits
        elif length == longest:
            raise HuffmanError("invalid code", f"symbol {len(symbols)} of {count}")
    raise HuffmanError("truncated", f"the stream ends after {len(symbols)} of {count} symbols")


def _decode_many(stream, lengths, count):
    """Decode symbols in lanes, as `decode_one_by_one`, of two symbols or more."""
    symbols, bit, found = np.empty(count, np.uint8), 0, 0
    lanes = Lanes(lengths, count)
    while found < count:
        if bit >= 8 * len(stream):
            raise HuffmanError("truncated", f"the stream ends after {found} of {count} symbols")
        part, bit = lanes.decode(stream, bit)
        part = part[:count - found]
        symbols[found:found + len(part)] = part
        found += len(part)
    bits = int((np.bincount(symbols, minlength=len(lengths)) * lengths.astype(np.int64)).sum())
    if bits > 8 * len(stream):
        raise HuffmanError("truncated", f"the last of {count} symbols ends {bits - 8 * len(stream)}"
                                        f" bits behind the stream")
    return symbols, bits


def _decode_single(stream, lengths, count):
    """Decode a stream of which every code is the bit 0."""
    ones = np.flatnonzero(stream)
    if ones.size:
        bit = 8 * int(ones[0]) + 8 - int(stream[ones[0]]).bit_length()
        if bit < count:
            raise HuffmanError("invalid code", f"symbol {bit} of {count} starts with a 1")
        _check_rest(stream, count)
    return np.full(count, lengths.argmax(), np.uint8)


def _check_rest(stream, bits):
    if bits % 8 and stream[-1] & 0xFF >> bits % 8:
        raise HuffmanError("trailing bits", f"the {-bits % 8} bits behind the last symbol are not "
                                            f"zero")


def _as_symbols(symbols):
    symbols = np.asarray(symbols)
    if symbols.ndim != 1 or symbols.dtype != np.uint8:
        raise ValueError(f"symbols must be a vector of uint8, not {symbols.dtype} of shape "
                         f"{symbols.shape}")
    return symbols
