"""Networks of real numbers, as they are before compression and while it goes on."""

import math
from dataclasses import dataclass

import numpy as np

from ..convolution import im2col, max_pool
from ..network import SparseNetwork, Window
from ..quantisation import symmetric_scale
from .integer import integer_layer

__all__ = ["FloatLayer", "activation_limits", "bound_limits", "forward", "shared_network"]

#: Images that are computed at a time, so that the patches of a convolution stay small.
_BATCH = 100


@dataclass(frozen=True, eq=False)
class FloatLayer:
    """A layer of real weights; ReLU follows all but the last of a network.

    Parameters
    ----------
    name : str
    weights : ndarray of float, shape (rows, columns)
        Of a convolution, kernels as rows, in the order (channel, row, column).
    bias : ndarray of float, shape (rows,)
    window : golden.network.Window, optional
        Of a convolution.
    """

    name: str
    weights: np.ndarray
    bias: np.ndarray
    window: Window | None = None

    @property
    def inputs(self):
        """Number of inputs."""
        return self.window.inputs if self.window else self.weights.shape[1]

    @property
    def outputs(self):
        """Number of outputs."""
        return len(self.weights) * (math.prod(self.window.output_shape) if self.window else 1)


def forward(layers, inputs):
    """Outputs of every layer.

    Parameters
    ----------
    layers : sequence of FloatLayer
    inputs : ndarray of float, shape (batch, inputs)
        An image channel by channel, row by row.

    Yields
    ------
    ndarray of float, shape (batch, outputs)
        Of one layer after the other.
    """
    for number, layer in enumerate(layers, 1):
        window = layer.window
        if window is not None:
            images = inputs.reshape(-1, window.channels, window.height, window.width)
            inputs = im2col(images, (window.kernel_height, window.kernel_width),
                            stride=window.stride, padding=window.padding)
        outputs = inputs @ layer.weights.T + layer.bias
        if window is not None:
            outputs = max_pool(outputs.transpose(0, 3, 1, 2), window.pool)
            outputs = outputs.reshape(len(outputs), -1)
        if number < len(layers):
            outputs = np.maximum(outputs, 0)
        yield outputs
        inputs = outputs


def activation_limits(layers, inputs, scale):
    """Largest magnitude at the output of every layer, over some inputs.

    Parameters
    ----------
    layers : sequence of FloatLayer
    inputs : ndarray, shape (count, inputs)
    scale : float
        Real value of one unit of the inputs.

    Returns
    -------
    list of float
    """
    limits = np.zeros(len(layers))
    for first in range(0, len(inputs), _BATCH):
        outputs = forward(layers, inputs[first:first + _BATCH] * np.float32(scale))
        limits = np.maximum(limits, [np.abs(output).max() for output in outputs])
    return limits.tolist()


def bound_limits(layers, limit):
    """Magnitudes that no output of any layer can exceed, from the weights alone.

    Parameters
    ----------
    layers : sequence of FloatLayer
    limit : float
        Largest magnitude of an input.

    Returns
    -------
    list of float
        ``max(sum |w| * limit + |bias|)`` over the rows of each layer; much more than occurs, but
        safe where there are no inputs to measure with.
    """
    limits = []
    for layer in layers:
        sums = np.abs(layer.weights).sum(axis=1) * limit + np.abs(layer.bias)
        limits.append(limit := float(sums.max()))
    return limits


def shared_network(layers, codebooks, codes, limits, *, input_scale, metadata):
    """The network that computes in integers what layers with shared weights compute.

    Parameters
    ----------
    layers : sequence of FloatLayer
        Their weights are not used.
    codebooks : sequence of ndarray of float, shape (2**index_width,)
    codes : sequence of ndarray of uint8, shape (rows, columns)
    limits : sequence of float
        Largest magnitude at the output of each layer, which gets the scale that 16 bits need.
    input_scale : float
        Real value of one unit of an input.
    metadata : dict of str to str

    Returns
    -------
    SparseNetwork
        No sum of it can leave 32 bits, whatever its inputs of 16 bits.
    """
    integer, scale = [], input_scale
    for number, (layer, codebook, indices, limit) in enumerate(
            zip(layers, codebooks, codes, limits, strict=True), 1):
        output_scale = symmetric_scale(limit, 16)
        integer.append(integer_layer(
            layer.name, codebook, indices, layer.bias, input_scale=scale,
            output_scale=output_scale, activation_bound=32768, relu=number < len(layers),
            window=layer.window))
        scale = output_scale
    return SparseNetwork(tuple(integer), metadata)
