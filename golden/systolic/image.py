"""Memories of the dense core as the host writes and reads them: 32-bit words."""

import numpy as np

from ..formats import PARAMETER, DenseMemory
from .memories import PARAMETER_NAMES

__all__ = ["host_words", "memory_image", "pack_elements", "pack_rows", "unpack_elements"]


def pack_rows(values, width):
    """Pack rows of numbers without gaps, the first in the lowest bits.

    Parameters
    ----------
    values : ndarray of int, shape (n, count)
        Of which the lowest `width` bits are taken.
    width : int
        From 1 to 32.

    Returns
    -------
    ndarray of uint32, shape (n, ceil(count * width / 32))
        Zero above the last number.

    Examples
    --------
    >>> [hex(word) for word in pack_rows(np.array([[1, -1, 2]]), 12)[0]]
    ['0x2fff001', '0x0']
    """
    values = np.asarray(values).astype(np.int64)
    bits = (values[..., None] >> np.arange(width) & 1).astype(np.uint8)
    bits = bits.reshape(len(values), values.shape[1] * width)
    padded = np.zeros((len(bits), -(-bits.shape[1] // 32) * 32), dtype=np.uint8)
    padded[:, :bits.shape[1]] = bits
    return np.packbits(padded, axis=1, bitorder="little").view("<u4").astype(np.uint32)


def pack_elements(values, geometry):
    """Pack activations as they go to and come from the unified buffer, each in whole bytes.

    Parameters
    ----------
    values : array_like of int, shape (n,)
        Stored numbers.
    geometry : DenseGeometry

    Returns
    -------
    ndarray of uint32, shape (ceil(n / word_elements),)
        Zero above the last element.
    """
    values = np.asarray(values).ravel()
    count = geometry.word_elements
    padded = np.zeros(-(-len(values) // count) * count, dtype=np.int64)
    padded[:len(values)] = values
    return pack_rows(padded.reshape(-1, count), 32 // count).ravel()


def unpack_elements(words, geometry, count=None):
    """Activations in words of the host, the inverse of `pack_elements`.

    Parameters
    ----------
    words : array_like of uint32, shape (n,)
    geometry : DenseGeometry
    count : int, optional
        Elements; by default all that the words have room for.

    Returns
    -------
    ndarray of int64, shape (count,)
    """
    bits = 32 // geometry.word_elements
    parts = np.asarray(words, dtype=np.uint32)[:, None] >> np.arange(0, 32, bits, dtype=np.uint32)
    half = 1 << geometry.activation_width - 1
    return ((parts.astype(np.int64).ravel() + half) % (2 * half) - half)[:count]


def host_words(memory, values, geometry):
    """Contents of a memory, or of a part of it, as words.

    Parameters
    ----------
    memory : DenseMemory
    values : ndarray of int
        As in `DenseMemories`, or a part of its rows; for PROGRAM encoded instructions, for UNIFIED
        and HOST_INPUT activations.
    geometry : DenseGeometry

    Returns
    -------
    ndarray of uint32, shape (memory words, 32-bit parts)
        Least significant part first.
    """
    if memory in (DenseMemory.UNIFIED, DenseMemory.HOST_INPUT):
        return pack_elements(values, geometry)[:, None]
    if memory == DenseMemory.WEIGHTS:
        return pack_rows(values, geometry.weight_width)
    if memory == DenseMemory.PARAMETERS:
        rows = [PARAMETER.pack_words(reserved=0, **dict(zip(PARAMETER_NAMES, row, strict=True)))
                for row in np.asarray(values).tolist()]
        return np.array(rows, dtype=np.uint32).reshape(-1, PARAMETER.words())
    if memory == DenseMemory.PROGRAM:
        return np.asarray(values, dtype=np.uint32)
    if memory in (DenseMemory.FUNCTIONS, DenseMemory.OPERANDS):
        return (np.asarray(values, dtype=np.int64).reshape(-1, 1) & 0xFFFFFFFF).astype(np.uint32)
    raise ValueError(f"The host does not write {memory.name}")


def memory_image(memories):
    """All that the host writes before a run.

    Parameters
    ----------
    memories : DenseMemories

    Returns
    -------
    dict of DenseMemory to ndarray of uint32, shape (memory words, 32-bit parts)
        From address 0 on; a memory that is empty is left out.
    """
    contents = {
        DenseMemory.PROGRAM: memories.program,
        DenseMemory.PARAMETERS: memories.parameters,
        DenseMemory.FUNCTIONS: memories.functions,
        DenseMemory.OPERANDS: memories.operands,
        DenseMemory.WEIGHTS: memories.weights,
        DenseMemory.UNIFIED: memories.unified,
    }
    return {memory: host_words(memory, values, memories.geometry)
            for memory, values in contents.items() if values.size}
