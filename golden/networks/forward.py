"""A network in floats."""

import numpy as np

from ..convolution import max_pool
from .graph import Concat, Conv, GlobalAverage, MaxPool
from .ops import conv2d, global_sum

__all__ = ["compute_node", "forward", "measure_ranges", "walk"]


def walk(graph, data, compute, keep=()):
    """Compute nodes in order, and forget what no later node reads.

    Parameters
    ----------
    graph : Graph
    data : ndarray, shape (images, channels, height, width)
    compute : callable
        ``compute(node, *sources)`` gives a node's output from those of the nodes that it reads.
    keep : iterable of str
        Nodes whose output is wanted, besides the last one's.

    Returns
    -------
    outputs : ndarray
        Of the last node.
    kept : dict of str to ndarray

    Raises
    ------
    ValueError
        If the images have another shape than the graph's input.
    """
    data = np.asarray(data)
    if data.ndim != 4 or data.shape[1:] != graph.input_shape:
        raise ValueError(f"{graph.name} takes images of {graph.input_shape}, not {data.shape[1:]}")
    last_reader = {source: number for number, node in enumerate(graph.nodes)
                   for source in node.sources}
    outputs, kept = {"data": data}, {}
    for number, node in enumerate(graph.nodes):
        result = compute(node, *(outputs[source] for source in node.sources))
        for source in node.sources:
            if last_reader[source] == number:
                outputs.pop(source, None)
        outputs[node.name] = result
        if node.name in keep:
            kept[node.name] = result
    return result, kept


def forward(graph, weights, data, keep=()):
    """Compute a network in float32.

    Parameters
    ----------
    graph : Graph
    weights : dict of str to (ndarray, ndarray)
        Weights and bias of each convolution.
    data : array_like of float, shape (images, channels, height, width)
    keep : iterable of str
        Nodes whose output is wanted too.

    Returns
    -------
    outputs : ndarray of float32
        Of the last node.
    kept : dict of str to ndarray of float32
    """
    def compute(node, *sources):
        return compute_node(node, weights, *sources)
    return walk(graph, np.asarray(data, np.float32), compute, keep)


def measure_ranges(graph, weights, data):
    """Smallest and largest number of every node over some images, to choose scales by.

    Parameters
    ----------
    graph, weights, data
        As of `forward`.

    Returns
    -------
    dict of str to (float, float)
        Of ``data`` too.
    """
    names = [node.name for node in graph.nodes]
    data = np.asarray(data)
    ranges = {"data": (float(data.min()), float(data.max()))}
    for image in data:
        for name, output in forward(graph, weights, image[None], keep=names)[1].items():
            low, high = ranges.get(name, (np.inf, -np.inf))
            ranges[name] = min(low, float(output.min())), max(high, float(output.max()))
    return ranges


def compute_node(node, weights, *sources):
    """Compute one node in float32.

    Parameters
    ----------
    node : Conv, MaxPool, Concat or GlobalAverage
    weights : dict of str to (ndarray, ndarray)
        Weights and bias of each convolution.
    *sources : ndarray of float32, shape (images, channels, height, width)
        Outputs of the nodes that it reads.

    Returns
    -------
    ndarray of float32
    """
    match node:
        case Conv():
            filters, bias = (np.asarray(part, np.float32) for part in weights[node.name])
            outputs = conv2d(sources[0], filters, bias, stride=node.stride, padding=node.padding)
            return np.maximum(outputs, 0, out=outputs) if node.relu else outputs
        case MaxPool():
            return max_pool(sources[0], node.kernel, stride=node.stride, partial=True)
        case Concat():
            return np.concatenate(sources, axis=1)
        case GlobalAverage():
            pixels = sources[0].shape[2] * sources[0].shape[3]
            return global_sum(sources[0]) / np.float32(pixels)
    raise TypeError(f"Nothing is known of nodes of {type(node).__name__}")
