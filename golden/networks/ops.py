"""What the nodes of a network compute. Images have the shape (images, channels, height, width)."""

import numpy as np

from ..convolution import output_size

__all__ = ["conv2d", "conv2d_exact", "global_sum"]

#: Integers up to here are exact in floats of 32 and 64 bits.
_EXACT = ((np.float32, 1 << 24), (np.float64, 1 << 53))


def conv2d(images, weights, bias=None, *, stride=1, padding=0):
    """Convolve as networks do (cross-correlation), in the type of the arguments.

    A matrix product: filters as rows times patches as columns. The columns are copied a weight of
    the kernel at a time, so that what is copied lies behind each other. That takes images whose
    number changes fastest in memory, channels slowest; such are the outputs, and so the inputs of
    the next convolution. Others are right too, but slower.

    Parameters
    ----------
    images : ndarray of float, shape (images, inputs, height, width)
    weights : ndarray of float, shape (outputs, inputs, kernel height, kernel width)
    bias : ndarray of float, shape (outputs,), optional
    stride, padding : int
        Pixels each way; padding on each side, with zeros.

    Returns
    -------
    ndarray, shape (images, outputs, ...)
        In memory in the order (outputs, rows, columns, images).

    Raises
    ------
    ValueError
        If the shapes don't match, or the images, padding included, are smaller than the kernel.
    """
    if images.ndim != 4 or weights.ndim != 4 or images.shape[1] != weights.shape[1]:
        raise ValueError(f"Images of shape {images.shape} don't match weights of shape "
                         f"{weights.shape}")
    pixels = images.transpose(1, 2, 3, 0)
    if padding:
        pixels = np.pad(pixels, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    channels, *size, count = pixels.shape
    kernel = weights.shape[2:]
    rows, columns = (output_size(*pair, stride) for pair in zip(size, kernel, strict=True))
    if min(rows, columns) < 1:
        raise ValueError(f"Images of {size[0]} x {size[1]}, padding included, are smaller than the "
                         f"kernel of {kernel[0]} x {kernel[1]}")
    patches = np.empty((channels, *kernel, rows, columns, count), images.dtype)
    for row, column in np.ndindex(*kernel):
        patches[:, row, column] = pixels[:, row:row + stride * rows:stride,
                                         column:column + stride * columns:stride]
    outputs = weights.reshape(len(weights), -1) @ patches.reshape(weights[0].size, -1)
    if bias is not None:
        outputs += bias[:, None]
    return outputs.reshape(len(weights), rows, columns, count).transpose(3, 0, 1, 2)


def conv2d_exact(images, weights, *, stride=1, padding=0):
    """Convolve integers, exactly.

    BLAS multiplies floats. That is exact if neither a product nor a sum of any of a filter's
    products can be larger than the integers that the floats hold without gaps: the largest
    magnitude of the images times a filter's sum of magnitudes decides between 32 and 64 bits.

    Parameters
    ----------
    images : ndarray of int, shape (images, inputs, height, width)
    weights : ndarray of int, shape (outputs, inputs, kernel height, kernel width)
    stride, padding : int

    Returns
    -------
    ndarray of int64, shape (images, outputs, ...)

    Raises
    ------
    TypeError
        If an argument does not hold integers.
    OverflowError
        If sums could exceed 2**53.

    Examples
    --------
    >>> conv2d_exact(np.full((1, 1, 2, 2), 3), np.full((1, 1, 2, 2), -5)).tolist()
    [[[[-60]]]]
    """
    if images.dtype.kind not in "iu" or weights.dtype.kind not in "iu":
        raise TypeError(f"{images.dtype} images and {weights.dtype} weights must be integers")
    norms = np.abs(weights.astype(np.float64)).reshape(len(weights), -1).sum(axis=1)
    largest = max(float(images.max(initial=0)), -float(images.min(initial=0)))
    bound = largest * norms.max(initial=0)
    for type_, exact in _EXACT:
        if max(bound, largest) <= exact:
            return conv2d(images.astype(type_), weights.astype(type_), stride=stride,
                          padding=padding).astype(np.int64)
    raise OverflowError(f"Sums of up to {bound:.3g} are not exact in floats of 64 bits")


def global_sum(images):
    """Sum of each channel, shape (images, channels, 1, 1); of integers in int64."""
    type_ = np.int64 if images.dtype.kind in "iu" else images.dtype
    return images.sum(axis=(2, 3), keepdims=True, dtype=type_)
