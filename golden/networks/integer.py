"""A network in integers, exactly."""

import numpy as np

from ..convolution import max_pool
from ..fixed import requantise, saturate
from .forward import walk
from .graph import Concat, Conv, GlobalAverage, MaxPool
from .ops import conv2d_exact, global_sum

__all__ = ["forward_integer"]


def forward_integer(network, inputs, keep=()):
    """Compute a network of integers: every bit of what the cores are to compute.

    Parameters
    ----------
    network : QuantisedNetwork
    inputs : array_like of int, shape (images, channels, height, width)
        Centred, see `QuantisedNetwork.store`.
    keep : iterable of str
        Nodes whose output is wanted too.

    Returns
    -------
    outputs : ndarray of int16
        Centred, of the last node.
    kept : dict of str to ndarray of int16

    Raises
    ------
    ValueError
        If an input is out of range.
    """
    inputs, scale = np.asarray(inputs), network.scales["data"]
    if inputs.dtype.kind not in "iu" or inputs.max(initial=0) > scale.high or (
            inputs.min(initial=0) < scale.low):
        raise ValueError(f"Inputs must be integers from {scale.low} to {scale.high}")

    def compute(node, *sources):
        match node:
            case Conv():
                return _convolve(node, network.convolutions[node.name], sources[0])
            case MaxPool():
                return max_pool(sources[0], node.kernel, stride=node.stride, partial=True)
            case Concat():
                return np.concatenate(sources, axis=1)
            case GlobalAverage():
                target = network.scales[node.name]
                return _requantise(node.name, global_sum(sources[0]),
                                   *network.averages[node.name], target.low, target.high)
    return walk(network.graph, inputs.astype(np.int16), compute, keep)


def _convolve(node, conv, images):
    sums = conv2d_exact(images, conv.weights, stride=node.stride, padding=node.padding)
    factors = (part[:, None, None] for part in (
        conv.multiplier, conv.left_shift, conv.right_shift))
    return _requantise(node.name, sums + conv.bias[:, None, None], *factors, conv.low, conv.high)


def _requantise(name, sums, multiplier, left_shift, right_shift, low, high):
    _, outside = saturate(sums, 32)
    if outside:
        raise ValueError(f"{name}: {outside} sums leave 32 bits")
    # What the left shift saturates is beyond the clamp as well.
    outputs, _ = requantise(sums, multiplier, left_shift, right_shift)
    return np.clip(outputs, low, high).astype(np.int16)
