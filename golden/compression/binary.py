"""Binary weights and activations (Rastegari et al., XNOR-Net, ECCV 2016, arXiv 1603.05279).

A filter W becomes ``alpha * B`` with B its signs and alpha the mean of its magnitudes, the best of
that form in least squares (section 3.1). If activations are binary too, the product of two vectors
of n signs is ``n - 2 * popcount(a xor b)`` (section 3.2). The sign of zero is +1.
"""

import numpy as np

__all__ = ["binary_activation_scale", "binary_gradient", "binary_weights", "pack_signs", "signs",
           "xnor_products"]


def signs(values):
    """Signs of numbers as int8, -1 or 1; zero counts as positive.

    Examples
    --------
    >>> signs([-0.5, 0.0, 2.0])
    array([-1,  1,  1], dtype=int8)
    """
    return np.where(np.asarray(values) < 0, -1, 1).astype(np.int8)


def binary_weights(weights):
    """Signs and scale of every filter: BWN, equations 5 and 6.

    Parameters
    ----------
    weights : array_like of float, shape (filters, ...)
        2-D or 4-D; a filter is a row of a fully connected layer.

    Returns
    -------
    binary : ndarray of int8, same shape
        -1 or 1.
    scale : ndarray of float64, shape (filters, 1, ...)
        Mean magnitude of each filter, to broadcast against `binary`.

    Raises
    ------
    ValueError
        If there is no filter, or a weight is not finite.

    Examples
    --------
    >>> binary, scale = binary_weights([[1.0, -3.0], [0.5, 0.0]])
    >>> (scale * binary).tolist()
    [[2.0, -2.0], [0.25, 0.25]]
    """
    weights = _require(weights)
    scale = np.abs(weights).mean(axis=tuple(range(1, weights.ndim)), keepdims=True)
    return signs(weights), scale


def binary_gradient(gradients, weights):
    """Gradient by the real weights, from that by the binary ones (section 3.1, training).

    ``dW = dB * (1 / n + alpha * [|W| <= 1])``, n the weights of a filter: the sign passes a
    gradient straight through where a weight is within -1 .. 1 (the paper neglects the other
    members of the filter that alpha couples in).

    Parameters
    ----------
    gradients : array_like of float, shape (filters, ...)
        By ``alpha * B``.
    weights : array_like of float, same shape

    Returns
    -------
    ndarray of float64, same shape

    Examples
    --------
    A filter of two, alpha 1: the first passes 1/2 + 1, the second, beyond 1, only 1/2:

    >>> binary_gradient([[1.0, 1.0]], [[0.5, -1.5]])
    array([[1.5, 0.5]])
    """
    weights, gradients = _require(weights), np.asarray(gradients, np.float64)
    if gradients.shape != weights.shape:
        raise ValueError(f"{gradients.shape} gradients don't match {weights.shape} weights")
    _, scale = binary_weights(weights)
    return gradients * (scale.size / weights.size + scale * (np.abs(weights) <= 1))


def binary_activation_scale(inputs, kernel, *, padding=0):
    """Scale of every patch of binary inputs: K of equation 11.

    Parameters
    ----------
    inputs : array_like of float, shape (images, channels, height, width)
    kernel : tuple of int
        Height and width of the filters; stride 1.
    padding : int
        Zeros on each side.

    Returns
    -------
    ndarray of float64, shape (images, 1, height + 2 padding - kh + 1, ...)
        Mean magnitude over channels and the patch.

    Examples
    --------
    >>> binary_activation_scale(np.array([[[[1.0, -3.0]]]]), (1, 2))
    array([[[[2.]]]])
    """
    magnitude = np.abs(np.asarray(inputs, np.float64)).mean(axis=1, keepdims=True)
    magnitude = np.pad(magnitude, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    patches = np.lib.stride_tricks.sliding_window_view(magnitude, kernel, axis=(2, 3))
    return patches.mean(axis=(4, 5))


def pack_signs(values):
    """Signs as bits, 64 in a word, 1 for a negative number, filled up with zeros.

    Parameters
    ----------
    values : array_like of float or int, shape (..., n)

    Returns
    -------
    ndarray of uint64, shape (..., ceil(n / 64))

    Examples
    --------
    >>> pack_signs([1, -1, -1])
    array([6], dtype=uint64)
    """
    bits = np.packbits(np.asarray(values) < 0, axis=-1, bitorder="little")
    missing = [(0, 0)] * (bits.ndim - 1) + [(0, -bits.shape[-1] % 8)]
    return np.ascontiguousarray(np.pad(bits, missing)).view("<u8")


def xnor_products(left, right, count):
    """Products of packed vectors of signs: ``n - 2 * popcount(a xor b)``.

    Parameters
    ----------
    left, right : ndarray of uint64, shapes (rows, words) and (columns, words)
        See `pack_signs`.
    count : int
        n, signs of a vector.

    Returns
    -------
    ndarray of int64, shape (rows, columns)

    Examples
    --------
    >>> xnor_products(pack_signs([[1, -1, -1]]), pack_signs([[1, 1, -1]]), 3)
    array([[1]])
    """
    if left.shape[-1] != right.shape[-1] or not count <= 64 * left.shape[-1] < count + 64:
        raise ValueError(f"Words of shapes {left.shape} and {right.shape} don't hold {count} signs")
    different = np.bitwise_count(left[:, None] ^ right[None]).sum(axis=-1, dtype=np.int64)
    return count - 2 * different


def _require(weights):
    weights = np.asarray(weights, np.float64)
    if weights.ndim < 2 or not weights.size or not np.isfinite(weights).all():
        raise ValueError(f"Weights must be finite, with filters first; their shape is "
                         f"{weights.shape}")
    return weights
