"""Networks of binary weights and activations (XNOR-Net, Rastegari et al., arXiv 1603.05279).

Before a layer its inputs are normalised, channel by channel (section 3.2, "BinActiv" behind
"BNorm"). Of a binary layer only their signs are used: products are counted in bits, and each filter
has a scale. Of another layer they go through a ReLU. Behind the product comes the pooling. The
scales of the inputs, K of equation 11, are left out, as in the authors' own program.
"""

from dataclasses import dataclass

import numpy as np

from ..convolution import im2col, max_pool
from .binary import pack_signs, signs, xnor_products
from .float_network import FloatLayer

__all__ = ["XnorLayer", "forward", "normalised", "xnor_bytes"]

#: Added to variances.
_EPSILON = 1e-4


@dataclass(frozen=True, eq=False)
class XnorLayer:
    """One layer with the normalisation in front of it.

    Parameters
    ----------
    layer : FloatLayer
        Of a binary layer, the weights of a row have one magnitude, the row's scale.
    binary : bool
        Whether weights and inputs are binary.
    gain, offset : ndarray of float, shape (channels,), or None
        ``gain * input + offset`` of each input channel; equally many inputs, one behind the other,
        belong to a channel. None in front of a first layer of floats, whose inputs stay as they
        are.
    """

    layer: FloatLayer
    binary: bool
    gain: np.ndarray | None = None
    offset: np.ndarray | None = None

    def __post_init__(self):
        magnitudes = np.abs(self.layer.weights)
        if self.binary and (magnitudes != magnitudes[:, :1]).any():
            raise ValueError(f"{self.layer.name}: the weights of a row differ in magnitude")
        if self.binary and (self.gain is None or self.layer.window and self.layer.window.padding):
            raise ValueError(f"{self.layer.name}: a binary layer is normalised, and has no padding,"
                             f" as signs have no zero")


def normalised(gain, offset, inputs):
    """Gain and offset that make inputs have mean 0 and variance 1 before a trained gain and offset.

    Batch normalisation as it is used after training (Ioffe and Szegedy, arXiv 1502.03167,
    algorithm 2), with the statistics of `inputs`.

    Parameters
    ----------
    gain, offset : ndarray of float, shape (channels,)
    inputs : ndarray of float, shape (batch, channels * size)

    Returns
    -------
    gain, offset : ndarray of float64, shape (channels,)

    Examples
    --------
    >>> gain, offset = normalised(np.ones(1), np.zeros(1), np.array([[1.0], [3.0]]))
    >>> gain.round(3).tolist(), offset.round(3).tolist()
    ([1.0], [-2.0])
    """
    channels = np.asarray(inputs, np.float64).reshape(len(inputs), len(gain), -1)
    scale = gain / np.sqrt(channels.var(axis=(0, 2)) + _EPSILON)
    return scale, offset - scale * channels.mean(axis=(0, 2))


def forward(layers, inputs):
    """Outputs of every layer.

    Parameters
    ----------
    layers : sequence of XnorLayer
    inputs : ndarray of float, shape (batch, inputs)
        An image channel by channel, row by row.

    Yields
    ------
    ndarray of float, shape (batch, outputs)
        Of one layer after the other, not yet normalised.
    """
    for item in layers:
        layer, window = item.layer, item.layer.window
        if item.gain is not None:
            channels = inputs.reshape(len(inputs), len(item.gain), -1)
            channels = channels * item.gain[:, None] + item.offset[:, None]
            inputs = channels.reshape(inputs.shape)
        if item.binary:
            inputs = signs(inputs)
        elif item.gain is not None:
            inputs = np.maximum(inputs, 0)
        if window is not None:
            images = inputs.reshape(-1, window.channels, window.height, window.width)
            inputs = im2col(images, (window.kernel_height, window.kernel_width),
                            stride=window.stride, padding=window.padding)
        outputs = (_counted if item.binary else np.matmul)(inputs, layer.weights.T) + layer.bias
        if window is not None:
            outputs = max_pool(outputs.transpose(0, 3, 1, 2), window.pool)
            outputs = outputs.reshape(len(outputs), -1)
        yield outputs
        inputs = outputs


def _counted(inputs, weights):
    """The product of signs, shape (..., n), with weights, shape (n, rows), by counting bits."""
    rows = inputs.reshape(-1, inputs.shape[-1])
    products = xnor_products(pack_signs(rows), pack_signs(weights.T), len(weights))
    return (products * np.abs(weights[0])).reshape(*inputs.shape[:-1], -1)


def xnor_bytes(layers):
    """Bytes of a network: a bit for a binary weight, 4 bytes for every other number.

    Parameters
    ----------
    layers : sequence of XnorLayer

    Returns
    -------
    int
    """
    total = 0
    for item in layers:
        rows, columns = item.layer.weights.shape
        numbers = len(item.layer.bias) + (2 * len(item.gain) if item.gain is not None else 0)
        total += 4 * numbers + (-(-rows * columns // 8) + 4 * rows if item.binary
                                else 4 * rows * columns)
    return total
