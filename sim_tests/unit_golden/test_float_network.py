"""Networks of real numbers: their forward pass, the range of their activations, their integers."""

import numpy as np
import pytest
from scipy.signal import correlate

from golden.compression.codebook import kmeans_codebook
from golden.compression.float_network import (
    FloatLayer,
    activation_limits,
    bound_limits,
    forward,
    shared_network,
)
from golden.compression.integer import infer
from golden.network import Window
from golden.sparse.compute import overflow_proof
from golden.sparse.geometry import SparseGeometry

WINDOW = Window(2, 7, 6, 3, 2, pool=2)


def layers(seed=0):
    """A convolution to 3 channels of 2 x 2, and two layers behind it."""
    rng = np.random.default_rng(seed)
    return [FloatLayer("conv", rng.normal(0, 0.3, (3, 12)), rng.normal(0, 0.1, 3), WINDOW),
            FloatLayer("fc1", rng.normal(0, 0.3, (8, 12)), rng.normal(0, 0.1, 8)),
            FloatLayer("fc2", rng.normal(0, 0.3, (5, 8)), rng.normal(0, 0.1, 5))]


def test_shapes():
    conv, first, _ = layers()
    assert (conv.inputs, conv.outputs, first.inputs, first.outputs) == (84, 12, 12, 8)


def test_forward_by_scipy():
    conv, first, second = layers()
    images = np.random.default_rng(1).normal(size=(4, 84))
    found = list(forward(layers(), images))
    for image, *outputs in zip(images.reshape(4, 2, 7, 6), *found, strict=True):
        hidden = []
        for kernel, bias in zip(conv.weights.reshape(3, 2, 3, 2), conv.bias, strict=True):
            sums = correlate(image, kernel, "valid")[0] + bias
            hidden.append([sums[row:row + 2, column:column + 2].max()
                           for row in (0, 2) for column in (0, 2)])
        hidden = np.maximum(np.ravel(hidden), 0)
        np.testing.assert_allclose(outputs[0], hidden, atol=1e-12)
        hidden = np.maximum(first.weights @ hidden + first.bias, 0)
        np.testing.assert_allclose(outputs[1], hidden, atol=1e-12)
        np.testing.assert_allclose(outputs[2], second.weights @ hidden + second.bias, atol=1e-12)


def test_limits_are_met_and_bounds_hold():
    inputs = np.random.default_rng(2).integers(-300, 301, (250, 84))
    outputs = list(forward(layers(), inputs * 0.01))
    limits = activation_limits(layers(), inputs, 0.01)
    np.testing.assert_allclose(limits, [np.abs(output).max() for output in outputs], rtol=1e-6)
    bounds = bound_limits(layers(), 3)
    assert all(bound >= limit for bound, limit in zip(bounds, limits, strict=True))
    # The bound of a single layer is reached by the worst input.
    one = FloatLayer("fc", np.array([[1.0, -2.0]]), np.array([0.5]))
    assert bound_limits([one], 3) == [9.5]
    assert next(forward([one], np.array([[3.0, -3.0]])))[0, 0] == 9.5


@pytest.mark.parametrize("clusters", [15, 255])
def test_integers_follow_the_shared_network(clusters):
    rng = np.random.default_rng(3)
    inputs = rng.integers(-100, 101, (200, 84))
    codebooks, codes = zip(*(kmeans_codebook(layer.weights, clusters) for layer in layers()),
                           strict=True)
    shared = [FloatLayer(layer.name, codebook[code], layer.bias, layer.window)
              for layer, codebook, code in zip(layers(), codebooks, codes, strict=True)]
    limits = activation_limits(shared, inputs, 0.01)
    network = shared_network(layers(), codebooks, codes, limits, input_scale=0.01,
                             metadata={"a": "b"})
    assert network.metadata == {"a": "b"}
    assert [layer.window for layer in network.layers] == [WINDOW, None, None]
    *_, real = forward(shared, inputs * 0.01)
    np.testing.assert_allclose(infer(network, inputs) * network.layers[-1].output_scale, real,
                               atol=2e-3 * np.abs(real).max())
    for layer in network.layers:
        assert overflow_proof(layer, geometry=SparseGeometry(index_width=8)).all()
