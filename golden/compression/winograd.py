"""Convolution with 3 x 3 kernels by Winograd's minimal filtering (Lavin and Gray, CVPR'16).

The matrices, and why integers come out exactly, are in `golden.compression.winograd_transforms`.
"""

import math

import numpy as np

from .winograd_transforms import KERNEL, integer_transforms, transforms

__all__ = ["winograd_conv2d"]


def winograd_conv2d(inputs, weights, *, tile=4, padding=0, scaling="rows"):
    """Convolve as networks do (cross-correlation), with stride 1.

    Parameters
    ----------
    inputs : array_like of int or float, shape (images, channels, height, width)
        Any height and width; tiles that reach over the border are filled up with zeros.
    weights : array_like, shape (filters, channels, 3, 3)
        Integers if the inputs are, else floats.
    tile : 2 or 4
        Outputs of a tile, each way.
    padding : int or pair of int
        Zeros on each side, vertically and horizontally.
    scaling : "rows" or "uniform"
        See `integer_transforms`; it changes no bit of the result.

    Returns
    -------
    ndarray, shape (images, filters, height + 2 padding - 2, width + 2 padding - 2)
        Of int64, exact, for integers; else of the floats' common type, rounded in it: in float32
        a tile of 4 errs some four times as much as direct convolution.

    Raises
    ------
    TypeError
        If integers meet floats.
    ValueError
        If shapes don't fit, the padded input is smaller than the kernel, or a sum could leave 63
        bits.
    """
    inputs, weights = np.asarray(inputs), np.asarray(weights)
    if inputs.ndim != 4 or weights.shape[1:] != (inputs.shape[1], KERNEL, KERNEL):
        raise ValueError(f"Inputs of shape {inputs.shape} and weights of shape {weights.shape} "
                         f"must be (images, channels, height, width) and (filters, channels, 3, 3)")
    integers = [array.dtype.kind in "iu" for array in (inputs, weights)]
    if any(integers) != all(integers):
        raise TypeError(f"{inputs.dtype} inputs don't go with {weights.dtype} weights")
    matrices = integer_transforms(tile, scaling) if all(integers) else transforms(tile)
    kind = np.int64 if all(integers) else np.result_type(inputs, weights)
    data, shape = _tiles(inputs.astype(kind), tile, padding)
    to_data, to_weights, to_outputs = (matrix.astype(kind) for matrix in matrices[:3])
    data = _transform(to_data, data)                        # (e, e, channels, tiles)
    weights = _transform(to_weights, weights.astype(kind).transpose(2, 3, 0, 1))
    if all(integers):
        products = _exact_products(weights, data, to_outputs)
    else:
        products = weights @ data
    outputs = _transform(to_outputs, products)              # (tile, tile, filters, tiles)
    if all(integers):
        outputs //= matrices.scale                          # exact
    images, rows, columns, height, width = shape
    outputs = outputs.reshape(tile, tile, -1, images, rows, columns).transpose(3, 2, 4, 0, 5, 1)
    outputs = outputs.reshape(images, -1, rows * tile, columns * tile)
    return np.ascontiguousarray(outputs[:, :, :height, :width])


def _tiles(inputs, tile, padding):
    """Overlapping tiles, shape (e, e, channels, tiles), and the sizes to put them together."""
    vertical, horizontal = np.broadcast_to(padding, 2).tolist()
    images, channels, height, width = inputs.shape
    height, width = height + 2 * vertical - KERNEL + 1, width + 2 * horizontal - KERNEL + 1
    if min(vertical, horizontal) < 0 or min(height, width) < 1:
        raise ValueError(f"Inputs of {inputs.shape[2:]} with padding {padding} are smaller than "
                         f"the kernel")
    rows, columns = -(-height // tile), -(-width // tile)
    padded = np.pad(inputs, ((0, 0), (0, 0), (vertical, vertical + rows * tile - height),
                             (horizontal, horizontal + columns * tile - width)))
    edge = tile + KERNEL - 1
    windows = np.lib.stride_tricks.sliding_window_view(padded, (edge, edge), axis=(2, 3))
    windows = windows[:, :, ::tile, ::tile].transpose(4, 5, 1, 0, 2, 3)
    return (windows.reshape(edge, edge, channels, -1), (images, rows, columns, height, width))


def _transform(matrix, tiles):
    """``matrix tile matrix.T`` over the first two axes."""
    half = np.tensordot(matrix, tiles, axes=(1, 0))
    return np.moveaxis(np.tensordot(matrix, half, axes=(1, 1)), 0, 1)


def _exact_products(weights, data, to_outputs):
    """Sums over channels, in float64 by BLAS where that is exact."""
    bound = data.shape[2]
    for array in (weights, data):
        bound *= max(int(array.max(initial=0)), -int(array.min(initial=0)))
    growth = int(np.abs(to_outputs).sum(axis=1).max())**2
    if bound * growth > np.iinfo(np.int64).max:
        raise ValueError(f"Sums of up to {bound * growth:.3g} leave 63 bits")
    if math.log2(bound + 1) > 53:
        return weights @ data
    return (weights.astype(np.float64) @ data.astype(np.float64)).astype(np.int64)
