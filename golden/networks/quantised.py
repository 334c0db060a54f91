"""Networks of integers: what the cores are to compute, from real weights and statistics.

Two ways. As TensorFlow Lite has it (Jacob et al., CVPR'18): 8 bits, weights symmetric with a scale
for each filter, activations with one scale and a zero point each tensor. And fixed point: 16 bits,
every scale a power of two, so that requantisation is a shift with rounding.

As in `golden.network`, what is computed with are *centred* activations, ``q - zero_point``: zero
is 0.0, the border of zeros around an image too, and the zero points only shift the clamp.
"""

from dataclasses import dataclass

import numpy as np

from ..compression.calibration import calibrate
from ..fixed import INT32_MAX, MULTIPLIER_ONE, quantise_multiplier
from ..quantisation import quantise
from .graph import Concat, Conv, GlobalAverage, Graph

__all__ = ["QuantisedConv", "QuantisedNetwork", "Scale", "quantise_fixed16", "quantise_int8"]


@dataclass(frozen=True)
class Scale:
    """How activations are stored: ``real = scale * centred``, clamped.

    Parameters
    ----------
    scale : float
    zero_point : int
        Only needed to turn centred activations into stored ones.
    low, high : int
        Range of the centred ones.
    """

    scale: float
    zero_point: int
    low: int
    high: int

    @property
    def bound(self):
        """Largest magnitude of a centred activation."""
        return max(-self.low, self.high)


@dataclass(frozen=True, eq=False)
class QuantisedConv:
    """A convolution: ``clamp(requantise(weights * centred inputs + bias))``.

    Parameters
    ----------
    weights : ndarray of int8 or int16, shape (outputs, inputs, kernel, kernel)
    bias : ndarray of int32, shape (outputs,)
        In units of ``weight_scale * input_scale``. No sum leaves 32 bits, whatever the inputs.
    multiplier, left_shift, right_shift : ndarray of int64, shape (outputs,)
        See `golden.fixed.requantise`.
    weight_scale : ndarray of float64, shape (outputs,)
    low, high : int
        Clamp of the centred outputs, ReLU included.
    """

    weights: np.ndarray
    bias: np.ndarray
    multiplier: np.ndarray
    left_shift: np.ndarray
    right_shift: np.ndarray
    weight_scale: np.ndarray
    low: int
    high: int


@dataclass(frozen=True, eq=False)
class QuantisedNetwork:
    """A graph with integers.

    Parameters
    ----------
    graph : Graph
    scales : dict of str to Scale
        Of every node and of ``data``. Means of channels always have 16 bits: of 8, most of the
        highest scores would be equal.
    convolutions : dict of str to QuantisedConv
    averages : dict of str to (int, int, int)
        Multiplier, left and right shift that make a mean of a sum.
    """

    graph: Graph
    scales: dict[str, Scale]
    convolutions: dict[str, QuantisedConv]
    averages: dict[str, tuple[int, int, int]]

    def store(self, real):
        """Centred inputs, int16, of real ones; those out of range are clamped."""
        scale = self.scales["data"]
        return quantise(real, scale.scale, low=scale.low, high=scale.high)[0].astype(np.int16)


def quantise_int8(graph, weights, ranges):
    """Quantise a network as TensorFlow Lite has it.

    A filter without weights has no range, and any scale would do for it; it gets the largest of
    its layer, in units of which its bias is not too large.

    Parameters
    ----------
    graph : Graph
    weights : dict of str to (ndarray, ndarray)
        Real weights and bias of each convolution.
    ranges : dict of str to (float, float)
        Smallest and largest real number of ``data``, of each convolution's output and of each mean.

    Returns
    -------
    QuantisedNetwork
        Weights of int8; stored activations would be int8 too, centred ones are up to 255.

    Raises
    ------
    ValueError
        If a range is missing, or a sum could leave 32 bits.
    """
    def quantise_weights(real, _bias, _source):
        chosen = calibrate(real, 8, axis=0)
        scale = chosen.scale.ravel()
        there = real.reshape(len(real), -1).any(axis=1)
        scale = np.where(there, scale, scale[there].max(initial=0) or 1.0)
        stored, _ = quantise(real, scale.reshape(-1, 1, 1, 1), low=-127, high=127)
        return stored.astype(np.int8), scale

    return _quantise(graph, weights, ranges, 8, "asymmetric", quantise_weights)


def quantise_fixed16(graph, weights, ranges):
    """Quantise a network in fixed point, as `quantise_int8`.

    Activations have 16 bits, and a radix point for each tensor. Weights have as many, at most 16,
    as keep every sum within 32 bits, whatever the inputs; the radix point is the layer's.

    Returns
    -------
    QuantisedNetwork
        Weights of int16; all multipliers are 2**31, that is 1.0.
    """
    def quantise_weights(real, bias, source):
        scale = float(calibrate(real, 16, scheme="fixed").scale)
        while True:
            stored, _ = quantise(real, scale)
            sums = source.bound * np.abs(stored).reshape(len(real), -1).sum(axis=1)
            if (sums + np.abs(bias) / (scale * source.scale) + 1).max() <= INT32_MAX:
                return stored.astype(np.int16), np.full(len(real), scale)
            scale *= 2

    return _quantise(graph, weights, ranges, 16, "fixed", quantise_weights)


def _quantise(graph, weights, ranges, width, scheme, quantise_weights):
    scales, convolutions, averages = _scales(graph, ranges, width, scheme), {}, {}
    for node in graph.nodes:
        source, target = scales[node.sources[0]], scales[node.name]
        if isinstance(node, GlobalAverage):
            _, height, across = graph.shapes[node.source]
            averages[node.name] = quantise_multiplier(
                source.scale / (height * across * target.scale))
        if not isinstance(node, Conv):
            continue
        real, bias = (np.asarray(part, np.float64) for part in weights[node.name])
        stored, weight_scale = quantise_weights(real, bias, source)
        stored_bias, outside = quantise(bias, weight_scale * source.scale, low=-INT32_MAX,
                                        high=INT32_MAX)
        sums = source.bound * np.abs(stored.astype(np.int64)).reshape(len(real), -1).sum(axis=1)
        if outside or (sums + np.abs(stored_bias)).max() > INT32_MAX:
            raise ValueError(f"{node.name}: sums could leave 32 bits")
        factors = np.array([_factor(ratio, scheme == "fixed") for ratio in
                            (weight_scale * source.scale / target.scale).tolist()])
        convolutions[node.name] = QuantisedConv(
            stored, stored_bias.astype(np.int32), *factors.T, weight_scale,
            0 if node.relu else target.low, target.high)
    return QuantisedNetwork(graph, scales, convolutions, averages)


def _factor(ratio, exact):
    """Multiplier and shifts; of a power of two the multiplier is 1.0 itself, not one half."""
    multiplier, left_shift, right_shift = quantise_multiplier(ratio)
    if exact and multiplier == 1 << 30 and right_shift < 31:
        multiplier = MULTIPLIER_ONE
        left_shift, right_shift = (left_shift - 1, 0) if left_shift else (0, right_shift + 1)
    return multiplier, left_shift, right_shift


def _scales(graph, ranges, width, scheme):
    """Scales of all nodes. What is concatenated has the same, and so has what is pooled."""
    missing = [node.name for node in graph.nodes if isinstance(node, (Conv, GlobalAverage))
               and node.name not in ranges]
    if missing or "data" not in ranges:
        raise ValueError(f"There is no range of {', '.join(missing) or 'data'}")
    ranges = dict(ranges)
    for node in graph.nodes:
        if isinstance(node, Concat):
            lows, highs = zip(*(ranges[source] for source in node.sources), strict=True)
            ranges.update(dict.fromkeys(node.sources, (min(lows), max(highs))))
            ranges[node.name] = min(lows), max(highs)
    scales = {"data": _scale(ranges["data"], width, scheme)}
    for node in graph.nodes:
        if isinstance(node, Conv):
            scales[node.name] = _scale(ranges[node.name], width, scheme)
        elif isinstance(node, GlobalAverage):
            scales[node.name] = _scale(ranges[node.name], 16, "fixed")
        else:
            scales[node.name] = scales[node.sources[0]]
    return scales


def _scale(extremes, width, scheme):
    chosen = calibrate(extremes, width, scheme=scheme)
    zero_point = int(chosen.zero_point)
    return Scale(float(chosen.scale), zero_point, chosen.low - zero_point,
                 chosen.high - zero_point)
