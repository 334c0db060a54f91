"""Binary and ternary weights against hand values, differences and exhaustive search."""

import doctest
from itertools import product

import numpy as np
import pytest
from scipy.signal import correlate

from golden.compression import binary, ternary
from golden.compression.binary import (
    binary_activation_scale,
    binary_gradient,
    binary_weights,
    pack_signs,
    signs,
    xnor_products,
)
from golden.compression.ternary import (
    ternary_codebook,
    ternary_codes,
    ttq_codes,
    ttq_gradients,
    twn_weights,
)


def test_examples():
    for module in (binary, ternary):
        assert doctest.testmod(module).failed == 0


def test_binary_weights_are_the_best_of_their_form():
    """Against all sixteen sign vectors of a filter, each with its own best scale."""
    weights = np.random.default_rng(0).normal(size=(6, 2, 2, 1))
    found, scale = binary_weights(weights)
    assert found.dtype == np.int8 and scale.shape == (6, 1, 1, 1)
    for filter_, mine in zip(weights.reshape(6, 4), (scale * found).reshape(6, 4), strict=True):
        errors = [np.sum((filter_ - filter_ @ b / 4 * np.array(b))**2)
                  for b in product((-1, 1), repeat=4)]
        assert np.sum((filter_ - mine)**2) == pytest.approx(min(errors))


def test_gradient_of_the_scale():
    """Where all weights are beyond 1, only alpha passes a gradient: its share of the mean."""
    weights = np.array([[2.0, -3.0, 4.0]])
    np.testing.assert_allclose(binary_gradient([[3.0, 6.0, 9.0]], weights), [[1, 2, 3]])
    inside = np.array([[0.5, -0.25, 0.25]])         # alpha is 1/3
    np.testing.assert_allclose(binary_gradient([[3.0, 3.0, 3.0]], inside), [[2, 2, 2]])


@pytest.mark.parametrize("count", [1, 63, 64, 65, 200])
def test_products_of_signs(count):
    rng = np.random.default_rng(count)
    left, right = rng.normal(size=(5, count)), rng.normal(size=(7, count))
    found = xnor_products(pack_signs(left), pack_signs(right), count)
    np.testing.assert_array_equal(found, signs(left).astype(int) @ signs(right).astype(int).T)
    assert pack_signs(left).shape == (5, -(-count // 64))
    with pytest.raises(ValueError, match="signs"):
        xnor_products(pack_signs(left), pack_signs(right), count + 64)


def test_scale_of_patches():
    """K of equation 11: the mean over channels, smoothed by a box."""
    images = np.random.default_rng(1).normal(size=(2, 3, 5, 6))
    found = binary_activation_scale(images, (3, 2), padding=1)
    assert found.shape == (2, 1, 5, 7)
    for image, scale in zip(images, found, strict=True):
        mean = np.pad(np.abs(image).mean(axis=0), 1)
        np.testing.assert_allclose(scale[0], correlate(mean, np.full((3, 2), 1 / 6), "valid"))


def test_xnor_convolution_by_hand():
    """Section 3.2, on inputs and a filter whose magnitudes are all alike: then it is exact."""
    rng = np.random.default_rng(2)
    image, kernel = 0.5 * signs(rng.normal(size=(4, 4))), 3.0 * signs(rng.normal(size=(2, 2)))
    patches = np.lib.stride_tricks.sliding_window_view(image, (2, 2)).reshape(9, 4)
    found, alpha = binary_weights(kernel[None])
    products = xnor_products(pack_signs(patches), pack_signs(found.reshape(1, 4)), 4)[:, 0]
    scale = binary_activation_scale(image[None, None], (2, 2)).ravel()
    np.testing.assert_allclose(products * scale * alpha.item(),
                               correlate(image, kernel, "valid").ravel())


def test_twn_by_exhaustive_thresholds():
    """The rule of thumb comes within a few percent of the best threshold for normal weights."""
    weights = np.random.default_rng(3).normal(size=4000)

    def error(codes):
        used = np.abs(weights[codes > 0])
        return np.sum((weights - np.array([0, used.mean(), -used.mean()])[codes])**2)

    codes, scale = twn_weights(weights)
    assert scale == pytest.approx(np.abs(weights[codes > 0]).mean())
    best = min(error(ternary_codes(weights, t)) for t in np.linspace(0.01, 2, 400))
    assert best <= error(codes) <= 1.02 * best
    assert twn_weights(np.zeros((2, 2)))[1] == 0


def test_ttq_gradients_are_derivatives():
    """By differences of a loss that is any function of the ternary weights."""
    rng = np.random.default_rng(4)
    latent, target = rng.normal(size=(5, 6)), rng.normal(size=(5, 6))
    codes = ttq_codes(latent, 0.2)
    assert set(np.unique(codes)) == {0, 1, 2}

    def loss(positive, negative):
        return np.sum((ternary_codebook(positive, negative)[codes] - target)**2) / 2

    positive, negative, step = 0.8, 0.6, 1e-6
    gradients = ternary_codebook(positive, negative)[codes] - target
    by_positive, by_negative, by_latent = ttq_gradients(gradients, codes, positive, negative)
    assert by_positive == pytest.approx(
        (loss(positive + step, negative) - loss(positive - step, negative)) / (2 * step))
    assert by_negative == pytest.approx(
        (loss(positive, negative + step) - loss(positive, negative - step)) / (2 * step))
    np.testing.assert_allclose(by_latent[codes == 0], gradients[codes == 0])
    np.testing.assert_allclose(by_latent[codes == 2], 0.6 * gradients[codes == 2])


def test_ttq_codes_by_hand():
    latent = np.array([[-2.0, 0.1, 0.11], [-0.1, -0.11, 0.0]])
    np.testing.assert_array_equal(ttq_codes(latent), [[2, 0, 1], [0, 2, 0]])
    assert not ttq_codes(np.zeros((2, 2))).any()


def test_binary_and_ternary_refusals():
    for wrong in (lambda: binary_weights([1.0]), lambda: binary_weights([[np.nan]]),
                  lambda: binary_gradient([[1.0]], [[1.0, 2.0]]),
                  lambda: ternary_codes([np.inf], 1), lambda: ternary_codes([1.0], -1),
                  lambda: ternary_codebook(-1, 1), lambda: ternary_codebook(np.nan, 1),
                  lambda: ttq_codes([1.0], 2), lambda: ttq_gradients([1.0], [[1]], 1, 1)):
        with pytest.raises(ValueError):
            wrong()
