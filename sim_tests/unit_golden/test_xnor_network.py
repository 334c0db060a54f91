"""Networks of binary weights and activations: by plain arithmetic with signs."""

import numpy as np
import pytest

from golden.compression.binary import binary_weights
from golden.compression.float_network import FloatLayer
from golden.compression.float_network import forward as float_forward
from golden.compression.xnor_network import XnorLayer, forward, normalised, xnor_bytes
from golden.network import Window


def binary_layer(rng, name, rows, columns, window=None):
    signs, scale = binary_weights(rng.normal(size=(rows, columns)))
    return FloatLayer(name, scale * signs, rng.normal(size=rows), window)


def network(rng):
    """A convolution of floats, one of signs and of floats behind it, as LeNet-5."""
    first = FloatLayer("a", rng.normal(size=(4, 9)), rng.normal(size=4),
                       Window(1, 10, 10, 3, 3, pool=2))
    second = binary_layer(rng, "b", 70, 16, Window(4, 4, 4, 2, 2))
    third = FloatLayer("c", rng.normal(size=(3, 630)), rng.normal(size=3))
    return [XnorLayer(first, False),
            XnorLayer(second, True, rng.normal(size=4), rng.normal(size=4)),
            XnorLayer(third, False, rng.normal(size=70), rng.normal(size=70))]


def test_counted_bits_are_products_of_signs():
    rng = np.random.default_rng(0)
    layers, inputs = network(rng), rng.normal(size=(6, 100))
    first, second, third = forward(layers, inputs)
    np.testing.assert_array_equal(first, next(float_forward([layers[0].layer], inputs)))
    raised = (first.reshape(6, 4, 16) * layers[1].gain[:, None] + layers[1].offset[:, None])
    assert 0.1 < np.mean(raised < 0) < 0.9
    plain, = float_forward([layers[1].layer], np.where(raised < 0, -1.0, 1.0).reshape(6, 64))
    np.testing.assert_allclose(second, plain, atol=1e-12)
    raised = second.reshape(6, 70, 9) * layers[2].gain[:, None] + layers[2].offset[:, None]
    plain = np.maximum(raised, 0).reshape(6, 630) @ layers[2].layer.weights.T
    np.testing.assert_allclose(third, plain + layers[2].layer.bias, atol=1e-12)


def test_normalised_inputs_have_mean_and_variance():
    rng = np.random.default_rng(1)
    inputs = rng.normal(3, 2, (500, 8)) * np.repeat([1, 10], 4)
    gain, offset = normalised(np.array([1.0, -2.0]), np.array([0.0, 5.0]), inputs)
    raised = inputs.reshape(500, 2, 4) * gain[:, None] + offset[:, None]
    np.testing.assert_allclose(raised.mean(axis=(0, 2)), [0, 5], atol=1e-9)
    np.testing.assert_allclose(raised.std(axis=(0, 2)), [1, 2], rtol=1e-3)


def test_bytes_by_hand():
    """Filters of 36 and 16 weights: 4-byte weights and biases; 1,120 bits, and a scale a filter."""
    assert xnor_bytes(network(np.random.default_rng(2))) == (
        4 * (36 + 4) + (140 + 4 * 70 + 4 * (70 + 2 * 4)) + 4 * (1890 + 3 + 2 * 70))


def test_what_is_refused():
    rng = np.random.default_rng(3)
    layer, ones = binary_layer(rng, "b", 2, 9), np.ones(1)
    with pytest.raises(ValueError, match="b: the weights of a row differ"):
        XnorLayer(FloatLayer("b", rng.normal(size=(2, 9)), np.zeros(2)), True, ones, ones)
    with pytest.raises(ValueError, match="b: a binary layer is normalised"):
        XnorLayer(layer, True)
    with pytest.raises(ValueError, match="no padding"):
        XnorLayer(binary_layer(rng, "b", 2, 9, Window(1, 5, 5, 3, 3, padding=1)), True, ones, ones)
