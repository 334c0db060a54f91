"""What a network loses to few bits: weights and activations rounded to what they are stored as.

Every weight and every activation goes through its stored form and back ("fake quantisation", Jacob
et al., CVPR'18, section 3), the sums in between stay real, as those of 32 bits nearly are. That is
for the choice of bits and scales, for any number of bits; what hardware computes, bit for bit, are
networks of integers.
"""

from dataclasses import dataclass

import numpy as np

from ..compression.calibration import calibrate
from .forward import compute_node, forward, walk
from .graph import Conv, Graph, MaxPool

__all__ = ["RoundedNetwork", "activation_samples", "graph_of", "round_network"]

#: Values of an activation that are kept to choose its scale by.
_SAMPLES = 1 << 16


@dataclass(frozen=True, eq=False)
class RoundedNetwork:
    """A network with the quantisation of all that it stores.

    Parameters
    ----------
    graph : Graph
    weights : dict of str to (ndarray of float32, ndarray of float32)
        Of every convolution: weights after the round trip, and its bias, which is left as it is.
    formats : dict of str to Quantisation
        Of the weights of every convolution.
    activations : dict of str to Quantisation
        Of ``data`` and the output of every convolution.
    """

    graph: Graph
    weights: dict
    formats: dict
    activations: dict

    @property
    def bits(self):
        """Bits of all weights together, without scales and biases."""
        return sum(self.formats[name].width * weights.size
                   for name, (weights, _) in self.weights.items())

    def forward(self, data):
        """Outputs of the network.

        Parameters
        ----------
        data : array_like of float, shape (images, channels, height, width)

        Returns
        -------
        ndarray of float32
        """
        def compute(node, *sources):
            outputs = compute_node(node, self.weights, *sources)
            # Other nodes select what is rounded already, or are the last.
            return (_rounded(outputs, self.activations[node.name]) if isinstance(node, Conv)
                    else outputs)
        data = _rounded(np.array(data, np.float32), self.activations["data"])
        return walk(self.graph, data, compute)[0]


def _rounded(values, quantisation):
    """The round trip of float32 numbers, in place; of ties, to even ones."""
    scale, zero = np.float32(quantisation.scale), np.float32(quantisation.zero_point)
    values *= 1 / scale
    np.rint(values, out=values)
    np.clip(values, quantisation.low - zero, quantisation.high - zero, out=values)
    values *= scale
    return values


def graph_of(name, layers):
    """A network of real layers as a graph, in which a fully connected layer is a convolution.

    Parameters
    ----------
    name : str
    layers : sequence of golden.compression.float_network.FloatLayer
        ReLU follows all but the last. Convolutions may pool.

    Returns
    -------
    graph : Graph
        Of which the last node is the last layer.
    weights : dict of str to (ndarray, ndarray)
    """
    window = layers[0].window
    shape = ((window.channels, window.height, window.width) if window
             else (layers[0].weights.shape[1], 1, 1))
    nodes, weights, source, inner = [], {}, "data", shape
    for number, layer in enumerate(layers, 1):
        window, relu = layer.window, number < len(layers)
        if window is None:
            # Its kernel covers the whole image.
            kernel, stride, padding = inner[1], 1, 0
        else:
            kernel, stride, padding = window.kernel_height, window.stride, window.padding
        conv = Conv(layer.name, source, inner[0], len(layer.weights), kernel, stride, padding, relu)
        if layer.weights.shape[1] != inner[0] * kernel * kernel or inner[1] != inner[2] or (
                window and window.kernel_width != kernel):
            raise ValueError(f"{layer.name}: only square images and kernels are known")
        nodes.append(conv)
        weights[layer.name] = (layer.weights.reshape(conv.weight_shape), layer.bias)
        source, inner = layer.name, conv.output_shape(inner)
        if window and window.pool > 1:
            pool = MaxPool(f"{layer.name}/pool", source, window.pool, window.pool)
            if inner[1] % window.pool:
                raise ValueError(f"{layer.name}: {inner[1]} pixels don't pool by {window.pool}")
            nodes.append(pool)
            source, inner = pool.name, pool.output_shape(inner)
    return Graph(name, shape, tuple(nodes)), weights


def activation_samples(graph, weights, data, *, rng):
    """Values that the activations of a network take.

    Parameters
    ----------
    graph : Graph
    weights : dict of str to (ndarray, ndarray)
    data : array_like of float, shape (images, channels, height, width)
        What the network is calibrated with.
    rng : numpy.random.Generator
        Chooses among many.

    Returns
    -------
    dict of str to ndarray of float32
        Of ``data`` and of every convolution: the smallest, the largest, and some 65,000 others.
    """
    names = [conv.name for conv in graph.convolutions]
    _, kept = forward(graph, weights, data, keep=names)
    samples = {}
    for name, values in {"data": np.asarray(data, np.float32), **kept}.items():
        values = values.ravel()
        ends = np.array([values.min(), values.max()])
        if values.size > _SAMPLES:
            values = values[rng.integers(0, values.size, _SAMPLES)]
        samples[name] = np.concatenate([values, ends])
    return samples


def round_network(graph, weights, samples, width, *, scheme="symmetric", method="max",
                     per_channel=False, activation_scheme=None):
    """Choose the scales of a network, and round its weights.

    Parameters
    ----------
    graph : Graph
    weights : dict of str to (ndarray, ndarray)
        Weights and bias of every convolution.
    samples : dict of str to ndarray
        See `activation_samples`.
    width : int
        Bits of weights and activations, 2 to 16.
    scheme, method
        See `golden.compression.calibration.calibrate`.
    per_channel : bool
        A scale for each filter.
    activation_scheme : str, optional
        By default that of the weights.

    Returns
    -------
    RoundedNetwork
    """
    formats = {conv.name: calibrate(weights[conv.name][0], width, scheme=scheme, method=method,
                                    axis=0 if per_channel else None)
               for conv in graph.convolutions}
    activations = {name: calibrate(values, width, scheme=activation_scheme or scheme, method=method)
                   for name, values in samples.items()}
    rounded = {name: (quantisation.round_trip(weights[name][0]).astype(np.float32),
                      np.asarray(weights[name][1], np.float32))
               for name, quantisation in formats.items()}
    return RoundedNetwork(graph, rounded, formats, activations)
