"""Going over to integers: bounds that hold, arithmetic against one Python integer at a time."""

import numpy as np
import pytest

from golden.compression.integer import infer, integer_layer
from golden.fixed import INT32_MAX, requantise
from golden.network import SparseNetwork


def layer_of(seed=0, rows=12, columns=40, bound=32767, relu=True, scale=1e-4):
    rng = np.random.default_rng(seed)
    codebook = np.concatenate([[0], rng.normal(0, 0.3, 15)])
    codes = np.where(rng.random((rows, columns)) < 0.3, rng.integers(1, 16, (rows, columns)), 0)
    return codebook, rng.normal(0, 0.1, rows), integer_layer(
        "fc", codebook, codes.astype(np.uint8), rng.normal(0, 0.1, rows), input_scale=scale,
        output_scale=3 * scale, activation_bound=bound, relu=relu)


@pytest.mark.parametrize("bound", [1, 16, 255, 32767])
def test_no_sum_can_leave_32_bits_and_weights_are_as_wide_as_that_allows(bound):
    for seed in range(20):
        _, _, layer = layer_of(seed, bound=bound)
        magnitude = np.abs(layer.weights.astype(np.int64)).sum(1)
        sums = bound * magnitude + np.abs(layer.bias.astype(np.int64))
        assert sums.max() <= INT32_MAX
        widest = np.abs(layer.codebook).max()
        assert widest == 32767 or sums.max() > INT32_MAX / 2.1
        assert (bound > 255) == (widest < 32767)


@pytest.mark.parametrize("relu", [True, False])
def test_integers_follow_the_real_layer(relu):
    rng = np.random.default_rng(1)
    codebook = np.concatenate([[0], rng.normal(0, 0.3, 15)])
    codes = rng.integers(0, 16, (12, 40)).astype(np.uint8)
    bias = rng.normal(0, 0.3, 12)
    layer = integer_layer("fc", codebook, codes, bias, input_scale=1e-4, output_scale=3e-4,
                          activation_bound=32767, relu=relu)
    inputs = rng.integers(-10000, 10001, (200, 40))
    real = inputs * 1e-4 @ codebook[codes].T + bias
    if relu:
        real = np.maximum(real, 0)
    outputs = infer(SparseNetwork((layer,)), inputs)
    assert outputs.dtype == np.int16 and (outputs < 0).any() != relu
    # Half a unit of rounding, and what rounding 13-bit or wider weights can add up to.
    np.testing.assert_allclose(outputs * layer.output_scale, real,
                               atol=0.5 * 3e-4 + 40 * layer.weight_scale / 2)
    assert layer.low == (0 if relu else -32768) and layer.high == 32767


def test_infer_one_integer_at_a_time():
    first = layer_of(2)[2]
    second = layer_of(3, rows=5, columns=12, relu=False)[2]
    inputs = np.random.default_rng(4).integers(-32768, 32768, (10, 40)) // 8
    expected = []
    for image in inputs.tolist():
        for layer in (first, second):
            sums = [sum(int(w) * a for w, a in zip(row, image, strict=True)) + int(b)
                    for row, b in zip(layer.weights, layer.bias, strict=True)]
            y, _ = requantise(sums, layer.multiplier, layer.left_shift, layer.right_shift)
            image = [min(max(value, layer.low), layer.high) for value in y.tolist()]
        expected.append(image)
    np.testing.assert_array_equal(infer(SparseNetwork((first, second)), inputs), expected)


def test_refuses():
    codes = np.ones((1, 70000), np.uint8)
    with pytest.raises(ValueError, match="big: sums of up to .* leave 32 bits, even with 2-bit"):
        integer_layer("big", [0, 1.0], codes, [0.0], input_scale=1, output_scale=1,
                      activation_bound=32767, relu=False)
    with pytest.raises(ValueError, match=r"fc: codebook entry 0 must be 0.0, not 1.0"):
        integer_layer("fc", [1.0, 1.0], codes, [0.0], input_scale=1, output_scale=1,
                      activation_bound=1, relu=False)
    _, _, layer = layer_of(bound=1)
    network = SparseNetwork((layer,))
    with pytest.raises(ValueError, match="fc: there are sums that leave 32 bits"):
        infer(network, np.sign(layer.weights[:1].astype(int)) * 32767)
    for wrong in ([[32768] * 40], [[0.5] * 40]):
        with pytest.raises(ValueError, match="Inputs must be integers of 16 bits"):
            infer(network, wrong)
