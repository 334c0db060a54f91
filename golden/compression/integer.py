"""From float weights to a network that computes in integers only."""

import numpy as np

from ..convolution import im2col, max_pool
from ..fixed import INT32_MAX, quantise_multiplier, requantise, saturate
from ..network import SparseLayer
from ..quantisation import quantise, symmetric_scale

__all__ = ["infer", "integer_layer"]


def integer_layer(name, codebook, codes, bias, *, input_scale, output_scale, activation_bound,
                  relu, window=None):
    """Quantise one layer so that no sum of it can leave 32 bits.

    Codebook entries get as many bits, at most 16, as this allows: whatever the activations, with
    the products of a row taken in any order, ``activation_bound * sum |w| + |bias|`` is within
    int32. A layer so made needs no saturating accumulators.

    Parameters
    ----------
    name : str
    codebook : array_like of float, shape (2**index_width,)
        Real weights; entry 0 is 0.0.
    codes : ndarray of uint8, shape (rows, columns)
    bias : array_like of float, shape (rows,)
        In real units.
    input_scale, output_scale : float
        Real value of one unit of an activation, at the input and at the output.
    activation_bound : int
        Largest magnitude of a centred activation at the input.
    relu : bool
        Whether negative outputs become 0.
    window : Window, optional
        Of a convolution, whose kernels are the rows of `codes`.

    Returns
    -------
    SparseLayer
        With 16-bit outputs and zero points of 0.

    Raises
    ------
    ValueError
        If not even 2-bit weights fit, or ``codebook[0]`` is not 0.
    """
    codebook, bias = np.asarray(codebook, np.float64), np.asarray(bias, np.float64)
    if codebook[0] != 0:
        raise ValueError(f"{name}: codebook entry 0 must be 0.0, not {codebook[0]}")
    for width in range(16, 1, -1):
        weight_scale = symmetric_scale(np.abs(codebook).max(), width)
        weights, _ = quantise(codebook, weight_scale)
        sums = np.abs(bias) / (weight_scale * input_scale) + 1
        sums += activation_bound * np.abs(weights)[codes].sum(axis=1)
        if sums.max() <= INT32_MAX:
            break
    else:
        raise ValueError(f"{name}: sums of up to {sums.max():.3g} leave 32 bits, even with 2-bit "
                         "weights; scale the activations down")
    stored, _ = quantise(bias, weight_scale * input_scale, low=-INT32_MAX, high=INT32_MAX)
    multiplier, left_shift, right_shift = quantise_multiplier(
        weight_scale * input_scale / output_scale)
    return SparseLayer(
        name=name, codes=codes, codebook=weights.astype(np.int16), bias=stored.astype(np.int32),
        multiplier=multiplier, left_shift=left_shift, right_shift=right_shift,
        low=0 if relu else -32768, high=32767, weight_scale=weight_scale,
        input_scale=input_scale, output_scale=output_scale, window=window)


def infer(network, inputs):
    """Outputs of a network for many inputs at once, where no sum leaves 32 bits.

    The plain definition, ``clamp(requantise(W a + bias))``, layer by layer.
    `golden.sparse.compute` also knows what saturating accumulators make of larger sums.

    Parameters
    ----------
    network : SparseNetwork
    inputs : array_like of int, shape (batch, inputs)
        Centred activations; an image channel by channel, row by row.

    Returns
    -------
    ndarray of int16, shape (batch, outputs)
        Centred outputs of the last layer.

    Raises
    ------
    ValueError
        If a sum leaves 32 bits, or an input 16.
    """
    activations = np.asarray(inputs)
    if activations.dtype.kind not in "iu" or saturate(activations, 16)[1]:
        raise ValueError("Inputs must be integers of 16 bits")
    for layer in network.layers:
        activations = _infer_layer(layer, activations)
    return activations


def _infer_layer(layer, activations):
    """Outputs of one layer, shape (batch, outputs), as int16."""
    window = layer.window
    if window is not None:
        images = activations.reshape(-1, window.channels, window.height, window.width)
        activations = im2col(images, (window.kernel_height, window.kernel_width),
                             stride=window.stride, padding=window.padding)
    # Products of 16-bit numbers: float64, which BLAS multiplies, holds their sums exactly.
    sums = activations.astype(np.float64) @ layer.weights.T.astype(np.float64) + layer.bias
    _, saturations = saturate([int(sums.min()), int(sums.max())], 32)
    if window is not None:
        # The channel comes first in an image; the matrix product has it last. What follows keeps
        # the order of numbers, so the largest can be found before it, with less to compute.
        sums = max_pool(sums.transpose(0, 3, 1, 2), window.pool).reshape(len(sums), -1)
    if not saturations:
        outputs, saturations = requantise(
            sums.astype(np.int64), layer.multiplier, layer.left_shift, layer.right_shift)
    if saturations:
        raise ValueError(f"{layer.name}: there are sums that leave 32 bits")
    return np.clip(outputs, layer.low, layer.high).astype(np.int16)
