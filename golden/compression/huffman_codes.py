"""Which code a symbol gets: optimal lengths within a limit, and the canonical codes of lengths."""

import numpy as np

__all__ = [
    "MAX_LENGTH", "MAX_SYMBOLS", "HuffmanError", "canonical_codes", "check_lengths",
    "code_lengths", "size_bits",
]

#: Longest code, in bits: a decoder in hardware needs a shifter no wider, and a length fits 4 bits.
MAX_LENGTH = 15
#: Symbols are bytes.
MAX_SYMBOLS = 256


class HuffmanError(ValueError):
    """A stream or a table of lengths is not what an encoder writes.

    Attributes
    ----------
    reason : str
        ``over-subscribed`` or ``incomplete`` (lengths); ``truncated``, ``invalid code``,
        ``trailing bits`` or ``trailing bytes`` (stream); ``bad table`` (serialised lengths).
    """

    def __init__(self, reason, detail):
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


def code_lengths(counts, max_length=MAX_LENGTH):
    """Lengths of an optimal prefix code whose codes are not longer than a limit.

    Package-merge (Larmore and Hirschberg, A fast algorithm for optimal length-limited Huffman
    codes, J. ACM 1990). Where the limit does not bind, it takes as many bits as Huffman's code.

    Parameters
    ----------
    counts : array_like of int, shape (symbols,)
        How often each symbol occurs; at most 256 symbols, sums below 2**58.
    max_length : int
        From 1 to 15.

    Returns
    -------
    ndarray of uint8, shape (symbols,)
        0 for a symbol that does not occur. A symbol that occurs alone has length 1, so that every
        symbol of a stream takes at least a bit of it. Of symbols equally frequent, the later ones
        get the longer codes.

    Raises
    ------
    ValueError
        If the counts are none, or there are too many symbols for codes so short.

    Examples
    --------
    >>> code_lengths([8, 4, 1, 0, 1])
    array([1, 2, 3, 0, 3], dtype=uint8)
    >>> code_lengths([8, 4, 1, 0, 1], max_length=2)
    array([2, 2, 2, 0, 2], dtype=uint8)
    """
    counts = np.asarray(counts)
    if counts.ndim != 1 or not 1 <= len(counts) <= MAX_SYMBOLS or counts.dtype.kind not in "iu":
        raise ValueError(f"counts must be integers of 1 to {MAX_SYMBOLS} symbols, not "
                         f"{counts.dtype} of shape {counts.shape}")
    if not 1 <= max_length <= MAX_LENGTH:
        raise ValueError(f"max_length must be from 1 to {MAX_LENGTH}, not {max_length}")
    total = sum(counts.tolist())
    if counts.min() < 0 or total >= 1 << 58:
        raise ValueError(f"counts must not be negative, nor sum to {total}")
    lengths = np.zeros(len(counts), np.uint8)
    # Rarest first; of equals the last, because the rarest get the longest codes.
    order = np.lexsort((-np.arange(len(counts)), counts))
    order = order[counts[order] > 0]
    if len(order) > 1 << max_length:
        raise ValueError(f"{len(order)} symbols need codes of more than {max_length} bits")
    if len(order) <= 1:
        lengths[order] = 1
        return lengths
    # A coin of each symbol for each bit that its code may have. From the least significant level
    # on, the coins of a level are paired into packages that join those of the next.
    coins = counts[order].astype(np.int64)
    values, levels = coins, [np.ones(len(coins), bool)]
    for _ in range(max_length - 1):
        packages = values[:len(values) // 2 * 2].reshape(-1, 2).sum(axis=1)
        values = np.concatenate([coins, packages])
        cheapest = np.argsort(values, kind="stable")
        values = values[cheapest]
        levels.append(cheapest < len(coins))
    # The cheapest 2 n - 2 of the top level are taken; a package takes two of the level below.
    taken = 2 * len(coins) - 2
    for is_coin in reversed(levels):
        bought = int(np.count_nonzero(is_coin[:taken]))
        lengths[order[:bought]] += 1
        taken = 2 * (taken - bought)
    return lengths


def check_lengths(lengths):
    """Return lengths as uint8, or raise if they are not those of a code without gaps.

    Raises
    ------
    HuffmanError
        ``over-subscribed`` if no code has such lengths, ``incomplete`` if some bits would start no
        code; a symbol that is alone, of length 1, is no error.
    ValueError
        If these are no lengths at all.
    """
    array = np.asarray(lengths)
    if array.ndim != 1 or not 1 <= len(array) <= MAX_SYMBOLS or array.dtype.kind not in "iu":
        raise ValueError(f"lengths must be integers of 1 to {MAX_SYMBOLS} symbols, not "
                         f"{array.dtype} of shape {array.shape}")
    if array.min() < 0 or array.max() > MAX_LENGTH:
        raise ValueError(f"lengths must be from 0 to {MAX_LENGTH}, not {array.min()} to "
                         f"{array.max()}")
    array = array.astype(np.uint8)
    used = array[array > 0].astype(np.int64)
    share = int((1 << MAX_LENGTH - used).sum())
    if share > 1 << MAX_LENGTH:
        raise HuffmanError("over-subscribed", f"codes of these lengths would take "
                                              f"{share / (1 << MAX_LENGTH):.4f} of all bit strings")
    if share < 1 << MAX_LENGTH and used.tolist() not in ([], [1]):
        raise HuffmanError("incomplete", f"codes of these lengths take only "
                                         f"{share / (1 << MAX_LENGTH):.4f} of all bit strings")
    return array


def canonical_codes(lengths):
    """Codes of given lengths: ascending by length, then by symbol.

    Parameters
    ----------
    lengths : array_like of int, shape (symbols,)
        As of `code_lengths`.

    Returns
    -------
    ndarray of uint16, shape (symbols,)
        The code of each symbol, its first bit the most significant of its length; 0 where unused.

    Raises
    ------
    HuffmanError
        See `check_lengths`.

    Examples
    --------
    Codes 0, 10, 110 and 111:

    >>> canonical_codes([1, 2, 3, 0, 3])
    array([0, 2, 6, 0, 7], dtype=uint16)
    """
    lengths = check_lengths(lengths)
    codes, code = np.zeros(len(lengths), np.uint16), 0
    for length in range(1, MAX_LENGTH + 1):
        symbols = np.flatnonzero(lengths == length)
        codes[symbols] = code + np.arange(len(symbols))
        code = code + len(symbols) << 1
    return codes


def size_bits(counts, lengths):
    """Bits of a stream of symbols that occur `counts` times, without its table.

    Examples
    --------
    >>> size_bits([8, 4, 1, 0, 1], [1, 2, 3, 0, 3])
    22
    """
    counts, lengths = np.asarray(counts, np.int64), np.asarray(lengths, np.int64)
    if counts.shape != lengths.shape:
        raise ValueError(f"{counts.shape} counts don't match {lengths.shape} lengths")
    if (counts[lengths == 0] > 0).any():
        raise ValueError(f"symbol {np.flatnonzero((counts > 0) & (lengths == 0))[0]} has no code")
    return int((counts * lengths).sum())
