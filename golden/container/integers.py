"""Integers of a few bits each, packed: how a file with Huffman codes holds biases."""

import numpy as np

__all__ = ["pack_signed", "signed_width", "unpack_signed"]


def signed_width(values):
    """Bits that hold each of some integers of 32 bits, sign included.

    Examples
    --------
    >>> signed_width([0, -1]), signed_width([-8, 7]), signed_width([8])
    (1, 4, 5)
    """
    values = np.asarray(values, np.int64)
    return 1 + int(np.where(values < 0, ~values, values).max(initial=0)).bit_length()


def pack_signed(values, width):
    """Pack integers, least significant bit first, filled up with zero bits to whole bytes.

    Examples
    --------
    >>> pack_signed([1, -1, -2], 3).hex()
    'b901'
    """
    words = np.asarray(values).astype("<i4").view(np.uint8).reshape(-1, 4)
    bits = np.unpackbits(words, axis=1, bitorder="little")
    return np.packbits(bits[:, :width], bitorder="little").tobytes()


def unpack_signed(data, count, width):
    """Unpack integers, the inverse of `pack_signed`.

    Parameters
    ----------
    data : bytes-like
        Exactly as many bytes as they take.
    count, width : int

    Returns
    -------
    ndarray of int32, shape (count,)

    Raises
    ------
    ValueError
        If the bits that fill up the last byte are not zero.
    """
    bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
    if bits[count * width:].any():
        raise ValueError("the bits behind the last one are not zero")
    words = np.zeros((count, 32), np.uint8)
    words[:, :width] = bits[:count * width].reshape(count, width)
    words[:, width:] = words[:, width - 1:width]
    return np.packbits(words, axis=1, bitorder="little").view("<i4").ravel().astype(np.int32)
