"""Weights as tiles of the array, in the order in which they are multiplied."""

import numpy as np

__all__ = ["conv_tiles", "depthwise_tiles", "folded_bias"]


def conv_tiles(weights, geometry):
    """Tiles of a convolution, of which a fully connected layer is one.

    Parameters
    ----------
    weights : ndarray of int, shape (lines, taps, run, outputs)
        Runs of activations that lie one behind the other.
    geometry : DenseGeometry

    Returns
    -------
    ndarray of int64, shape (blocks, lines * taps * chunks, rows, columns)
        A block has the outputs that the array computes at once; 0 where it is larger than needed.
    """
    lines, taps, run, outputs = weights.shape
    rows, columns = geometry.rows, geometry.columns
    chunks, blocks = -(-run // rows), -(-outputs // columns)
    padded = np.zeros((lines, taps, chunks * rows, blocks * columns), dtype=np.int64)
    padded[:, :, :run, :outputs] = weights
    padded = padded.reshape(lines, taps, chunks, rows, blocks, columns)
    return padded.transpose(4, 0, 1, 2, 3, 5).reshape(blocks, -1, rows, columns)


def depthwise_tiles(weights, geometry):
    """Tiles of a convolution of each channel with its own kernel: weights on the diagonal.

    Parameters
    ----------
    weights : ndarray of int, shape (lines, taps, channels)
    geometry : DenseGeometry

    Returns
    -------
    ndarray of int64, shape (blocks, lines * taps, rows, columns)
        A block has ``min(rows, columns)`` channels.
    """
    lines, taps, channels = weights.shape
    rows, columns = geometry.rows, geometry.columns
    size = min(rows, columns)
    blocks = -(-channels // size)
    padded = np.zeros((lines * taps, blocks * size), dtype=np.int64)
    padded[:, :channels] = weights.reshape(-1, channels)
    tiles = np.zeros((blocks, lines * taps, rows, columns), dtype=np.int64)
    diagonal = np.arange(size)
    tiles[:, :, diagonal, diagonal] = padded.reshape(-1, blocks, size).transpose(1, 0, 2)
    return tiles


def folded_bias(weights, bias, zero_point, geometry):
    """Bias with the zero point of the input in it: ``bias - zero_point * sum(weights)``.

    Parameters
    ----------
    weights : ndarray of int, shape (..., outputs)
    bias : ndarray of int, shape (outputs,)
    zero_point : int
    geometry : DenseGeometry

    Returns
    -------
    ndarray of int64, shape (outputs,)

    Raises
    ------
    ValueError
        If accumulators of 32 bits might saturate for some input, or a bias is beyond 32 bits.
    """
    weights = weights.reshape(-1, weights.shape[-1]).astype(np.int64)
    largest = int(np.abs(weights).sum(axis=0).max()) << geometry.activation_width - 1
    if largest >= 1 << 31:
        raise ValueError(f"its sums may reach {largest}, more than 32 bits; use narrower weights "
                         "or activations, or fewer inputs")
    bias = np.asarray(bias, dtype=np.int64) - zero_point * weights.sum(axis=0)
    if np.abs(bias).max() >= 1 << 31:
        raise ValueError(f"a bias of {bias[np.abs(bias).argmax()]}, zero point included, is beyond "
                         "32 bits")
    return bias
