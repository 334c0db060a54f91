"""Networks of real weights, from .npz files that users bring."""

from dataclasses import dataclass

import numpy as np

from golden.compression.float_network import FloatLayer
from golden.network import Window

from ..files import load_arrays, reading

__all__ = ["Weights", "read_weights"]

_FORMAT = ("MODEL.npz holds NAME.weight and NAME.bias of every layer in their order, see "
           "weft compress --help")


@dataclass(frozen=True, eq=False)
class Weights:
    """What `read_weights` found.

    Parameters
    ----------
    layers : list of golden.compression.float_network.FloatLayer
        Of float64.
    input_scale : float
    inputs : ndarray of int, shape (count, inputs), or None
    labels : ndarray of int, shape (count,), or None
    """

    layers: list
    input_scale: float
    inputs: np.ndarray | None
    labels: np.ndarray | None


def read_weights(path):
    """Read a network of real weights from an .npz file.

    Its arrays, in the order of the layers:

    ``NAME.weight``
        Real numbers, shape (rows, columns); of a convolution (kernels, channels, height, width).
    ``NAME.bias``
        Real numbers, shape (rows,).
    ``NAME.window``
        Of a convolution: height and width of its input, stride, padding, and the size of the
        maximum pooling behind it (1 for none).
    ``input_scale``
        Real value of one unit of an input; 1 unless it is given.
    ``inputs``, ``labels``
        May be there: integers of 16 bits, shape (count, inputs), by which activations are scaled,
        and what the network should make of them, by which its error is measured.

    ReLU follows all layers but the last.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    Weights

    Raises
    ------
    UsageError
        If the file is not so; what is wrong is named.
    """
    with reading(path, remedy=_FORMAT):
        arrays = load_arrays(path)
        if isinstance(arrays, np.ndarray):
            raise ValueError("holds a single array")
        layers = _layers(arrays)
        scale = arrays.pop("input_scale", np.float64(1))
        if scale.ndim or not (np.isfinite(scale) and scale > 0):
            raise ValueError(f"input_scale must be a positive number, not {scale}")
        inputs, labels = arrays.pop("inputs", None), arrays.pop("labels", None)
        _check_inputs(inputs, labels, layers[0].inputs)
        if arrays:
            raise ValueError(f"nothing is known of the array {next(iter(arrays))!r}")
    return Weights(layers, float(scale), inputs, labels)


def _layers(arrays):
    """Take the arrays of the layers out of a dictionary, and check that they go together."""
    layers, outputs = [], None
    for name in [key.removesuffix(".weight") for key in arrays if key.endswith(".weight")]:
        weights, bias = arrays.pop(f"{name}.weight"), arrays.pop(f"{name}.bias", None)
        window = arrays.pop(f"{name}.window", None)
        if weights.dtype.kind != "f" or weights.ndim not in (2, 4) or not weights.size:
            raise ValueError(f"{name}.weight must be real numbers with 2 or 4 dimensions, not "
                             f"{weights.dtype} of shape {weights.shape}")
        if bias is None or bias.dtype.kind != "f" or bias.shape != weights.shape[:1]:
            what = "is missing" if bias is None else f"is {bias.dtype} of shape {bias.shape}"
            raise ValueError(f"{name}.bias {what}; it must be {len(weights)} real numbers")
        if not (np.isfinite(weights).all() and np.isfinite(bias).all()):
            raise ValueError(f"{name} has numbers that are not finite")
        layer = FloatLayer(name, weights.reshape(len(weights), -1).astype(np.float64),
                           bias.astype(np.float64), _window(name, weights, window))
        if outputs not in (None, layer.inputs):
            raise ValueError(f"{name}.weight takes {layer.inputs} inputs, but the layer before it "
                             f"has {outputs} outputs")
        layers.append(layer)
        outputs = layer.outputs
    if not layers:
        raise ValueError("no array is called NAME.weight")
    return layers


def _window(name, weights, numbers):
    if (weights.ndim == 4) != (numbers is not None):
        raise ValueError(f"{name}.window must be there for a convolution, and only for one: its "
                         f"weights have {weights.ndim} dimensions")
    if numbers is None:
        return None
    if numbers.shape != (5,) or numbers.dtype.kind not in "iu":
        raise ValueError(f"{name}.window must be 5 integers: height and width of the input, "
                         f"stride, padding, pool")
    height, width, *rest = numbers.tolist()
    try:
        return Window(weights.shape[1], height, width, *weights.shape[2:], *rest)
    except ValueError as error:
        raise ValueError(f"{name}.window: {error}") from error


def _check_inputs(inputs, labels, width):
    if inputs is not None and (inputs.dtype.kind not in "iu" or inputs.ndim != 2
                               or inputs.shape[1] != width or not len(inputs)
                               or inputs.min() < -32768 or inputs.max() > 32767):
        raise ValueError(f"inputs must be integers of 16 bits of shape (count, {width}), not "
                         f"{inputs.dtype} of shape {inputs.shape}")
    if labels is not None and (inputs is None or labels.dtype.kind not in "iu"
                               or labels.shape != inputs.shape[:1]):
        raise ValueError(f"labels must be an integer for each of the inputs, not {labels.dtype} "
                         f"of shape {labels.shape}")
