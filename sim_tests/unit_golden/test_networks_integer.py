"""Networks of integers against plain Python, and against the published SqueezeNet in floats."""

from fractions import Fraction
from functools import cache
from itertools import product

import numpy as np
import pytest

from golden.fixed import INT32_MAX, requantise
from golden.models.squeezenet import SQUEEZENET
from golden.networks.forward import forward, measure_ranges
from golden.networks.graph import Concat, Conv, GlobalAverage, Graph, MaxPool
from golden.networks.integer import forward_integer
from golden.networks.quantised import quantise_fixed16, quantise_int8
from sim_tests.bench.squeezenet_data import expected, layers, needs_squeezenet, samples

GRAPH = Graph("small", (2, 6, 6), (
    Conv("first", "data", 2, 4, 3, padding=1),
    MaxPool("pool", "first", 3, 2),
    Conv("left", "pool", 4, 3, 1),
    Conv("right", "pool", 4, 2, 3, padding=1),
    Concat("both", ("left", "right")),
    Conv("last", "both", 5, 6, 1, relu=False),
    GlobalAverage("mean", "last"),
))
WAYS = (quantise_int8, quantise_fixed16)


def example(seed=0, spread=1.0):
    """Weights, images and ranges; filter 1 of the first layer has no weights."""
    rng = np.random.default_rng(seed)
    weights = {conv.name: (rng.normal(0, spread, conv.weight_shape), rng.normal(size=conv.outputs))
               for conv in GRAPH.convolutions}
    weights["first"][0][1] = 0
    images = rng.uniform(-1, 2, (3, 2, 6, 6))
    return weights, images, measure_ranges(GRAPH, weights, images)


def reference(network, image):
    """One image through the graph, a number at a time, in Python's integers."""
    outputs = {"data": image.tolist()}
    for node in network.graph.nodes:
        if isinstance(node, Concat):
            outputs[node.name] = sum((outputs[source] for source in node.sources), [])
            continue
        source = outputs[node.source]
        channels, height, width = network.graph.shapes[node.name]
        result = np.zeros((channels, height, width), object)
        for channel, row, column in product(range(channels), range(height), range(width)):
            if isinstance(node, MaxPool):
                result[channel, row, column] = max(
                    source[channel][y][x] for y in range(2 * row, min(2 * row + 3, 6))
                    for x in range(2 * column, min(2 * column + 3, 6)))
                continue
            if isinstance(node, GlobalAverage):
                total = sum(map(sum, source[channel]))
                factors = network.averages[node.name]
                low, high = network.scales[node.name].low, network.scales[node.name].high
            else:
                conv = network.convolutions[node.name]
                total = int(conv.bias[channel])
                for inner, y, x in product(range(node.inputs), range(node.kernel),
                                           range(node.kernel)):
                    at = row + y - node.padding, column + x - node.padding
                    if 0 <= at[0] < len(source[0]) and 0 <= at[1] < len(source[0][0]):
                        total += int(conv.weights[channel, inner, y, x]) * source[inner][at[0]][
                            at[1]]
                assert abs(total) <= INT32_MAX
                factors = (int(part[channel]) for part in (
                    conv.multiplier, conv.left_shift, conv.right_shift))
                low, high = conv.low, conv.high
            result[channel, row, column] = min(max(int(requantise(total, *factors)[0]), low), high)
        outputs[node.name] = result.tolist()
    return outputs


@pytest.mark.parametrize("way", WAYS)
def test_every_bit(way):
    weights, images, ranges = example()
    network = way(GRAPH, weights, ranges)
    inputs = network.store(images)
    names = [node.name for node in GRAPH.nodes]
    outputs, kept = forward_integer(network, inputs, keep=names)
    assert outputs.dtype == np.int16
    for number in range(2):
        wanted = reference(network, inputs[number])
        for name in names:
            assert kept[name][number].tolist() == wanted[name], name


@pytest.mark.parametrize(("way", "tolerance"), [(quantise_int8, 0.02), (quantise_fixed16, 1e-3)])
def test_near_the_real_network(way, tolerance):
    weights, images, ranges = example(1)
    network = way(GRAPH, weights, ranges)
    real, _ = forward(GRAPH, weights, images)
    outputs, _ = forward_integer(network, network.store(images))
    error = np.abs(outputs * network.scales["mean"].scale - real).max()
    assert error < tolerance * np.abs(real).max()


def test_int8_is_what_tensorflow_lite_takes():
    weights, _, ranges = example(2)
    network = quantise_int8(GRAPH, weights, ranges)
    for node in GRAPH.convolutions:
        conv, target = network.convolutions[node.name], network.scales[node.name]
        assert conv.weights.dtype == np.int8 and conv.weights.min() >= -127
        assert (target.low + target.zero_point, target.high + target.zero_point) == (-128, 127)
        if node.relu:
            assert (target.zero_point, conv.low, conv.high) == (-128, 0, 255)
        largest = np.abs(conv.weights.astype(int)).reshape(node.outputs, -1).max(axis=1)
        assert set(largest.tolist()) <= {0, 127}
        exact = conv.weight_scale * network.scales[node.source].scale / target.scale
        got = conv.multiplier / 2.0**31 * 2.0**conv.left_shift / 2.0**conv.right_shift
        np.testing.assert_allclose(got, exact, rtol=1e-8)
    # The two layers that are concatenated, and what is pooled, have the same scale.
    assert network.scales["left"] == network.scales["right"] == network.scales["both"]
    assert network.scales["pool"] == network.scales["first"]


def test_a_filter_without_weights_has_a_scale():
    """0/0 would be its scale; 1.0 would round its bias to a few units of the output."""
    weights, images, ranges = example(3, spread=0.01)
    weights["first"][1][1] = 0.37
    ranges = measure_ranges(GRAPH, weights, images)
    network = quantise_int8(GRAPH, weights, ranges)
    conv, target = network.convolutions["first"], network.scales["first"]
    assert not conv.weights[1].any()
    assert conv.weight_scale[1] == np.delete(conv.weight_scale, 1).max() < 1e-3
    _, kept = forward_integer(network, network.store(images), keep=("first",))
    np.testing.assert_allclose(kept["first"][:, 1] * target.scale, 0.37, atol=target.scale)
    weights["left"] = np.zeros_like(weights["left"][0]), weights["left"][1]
    for way in WAYS:
        network = way(GRAPH, weights, ranges)
        assert np.isfinite(network.convolutions["left"].weight_scale).all()


def test_fixed_point_is_shifts_and_never_leaves_32_bits():
    for spread in (1e-3, 1, 300):
        weights, images, ranges = example(4, spread)
        network = quantise_fixed16(GRAPH, weights, ranges)
        for node in GRAPH.convolutions:
            conv, source = network.convolutions[node.name], network.scales[node.source]
            assert (conv.multiplier == 1 << 31).all()
            assert Fraction(float(conv.weight_scale[0])).numerator == 1 or (
                float(conv.weight_scale[0]).is_integer())
            magnitudes = np.abs(conv.weights.astype(np.int64)).reshape(node.outputs, -1)
            sums = source.bound * magnitudes.sum(axis=1) + np.abs(conv.bias)
            assert sums.max() <= INT32_MAX
            # One more bit would not fit, in the weights themselves or in the sums.
            assert magnitudes.max() >= 1 << 14 or 2 * sums.max() > 0.99 * INT32_MAX
        # Inputs as large as can be, of either sign.
        extreme = np.where(np.random.default_rng(0).random((2, 2, 6, 6)) < 0.5, 32767, -32768)
        forward_integer(network, extreme.astype(np.int16))


def test_what_is_wrong_is_said():
    weights, images, ranges = example()
    network = quantise_int8(GRAPH, weights, ranges)
    with pytest.raises(ValueError, match="Inputs must be integers from"):
        forward_integer(network, np.full((1, 2, 6, 6), 300))
    with pytest.raises(ValueError, match="Inputs must be integers from"):
        forward_integer(network, images)
    for name, message in (("right", "no range of right"), ("data", "no range of data")):
        with pytest.raises(ValueError, match=message):
            quantise_int8(GRAPH, weights, {key: value for key, value in ranges.items()
                                           if key != name})
    huge = {**weights, "first": (weights["first"][0], np.array([0, 1e30, 0, 0]))}
    with pytest.raises(ValueError, match="first: sums could leave 32 bits"):
        quantise_int8(GRAPH, huge, ranges)


@cache
def squeezenet_ranges():
    weights = {layer.name: (layer.weights, layer.bias) for layer in layers()}
    return weights, measure_ranges(SQUEEZENET, weights, samples()[1])


@needs_squeezenet
@pytest.mark.parametrize(("way", "same", "error"), [
    (quantise_int8, 6, 2.0), (quantise_fixed16, 7, 0.5)])
def test_squeezenet(way, same, error):
    """16 bits: the same top 5. 8 bits: the same top 1, but where two are 0.1 apart."""
    names, images = samples()
    network = way(SQUEEZENET, *squeezenet_ranges())
    assert not network.convolutions["fire7/conv1x1_2"].weights.reshape(192, -1).any(axis=1).all()
    logits = np.stack([expected()[1][name] for name in names])
    outputs, _ = forward_integer(network, network.store(images))
    outputs = outputs[:, :, 0, 0] * network.scales["pool_final"].scale
    assert np.abs(outputs - logits).max() < error
    top, wanted = (np.argsort(-values, axis=1, kind="stable")[:, :5] for values in (
        outputs, logits))
    assert (top[:, 0] == wanted[:, 0]).sum() >= same
    if way is quantise_fixed16:
        np.testing.assert_array_equal(np.sort(top), np.sort(wanted))
