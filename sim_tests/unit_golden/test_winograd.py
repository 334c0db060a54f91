"""Winograd convolution against direct convolution, the paper's matrices and exhaustive extremes."""

import doctest
import math
from itertools import product

import numpy as np
import pytest
from scipy.signal import correlate

from golden.compression import winograd_transforms as module
from golden.compression.winograd import winograd_conv2d
from golden.compression.winograd_transforms import (
    integer_transforms,
    multiplications,
    operand_widths,
    transforms,
)

TILES = (2, 4)
SCALINGS = ("rows", "uniform")


def direct(inputs, weights, padding):
    """By SciPy, a pair of channels at a time."""
    vertical, horizontal = padding
    padded = np.pad(inputs, ((0, 0), (0, 0), (vertical, vertical), (horizontal, horizontal)))
    return np.stack([[sum(correlate(channel, kernel, "valid", "direct")
                          for channel, kernel in zip(image, filter_, strict=True))
                      for filter_ in weights] for image in padded])


def test_examples():
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("tile", TILES)
def test_the_papers_matrices(tile):
    """F(2x2, 3x3) of section 4.1, and G and the last rows of F(4x4, 3x3) of section 4.3."""
    matrices = transforms(tile)
    if tile == 2:
        np.testing.assert_array_equal(
            matrices.weights, [[1, 0, 0], [.5, .5, .5], [.5, -.5, .5], [0, 0, 1]])
        np.testing.assert_array_equal(matrices.outputs, [[1, 1, 1, 0], [0, 1, -1, -1]])
        np.testing.assert_array_equal(matrices.data[3], [0, 1, 0, -1])
    else:
        np.testing.assert_allclose(
            matrices.weights, [[1 / 4, 0, 0], [-1 / 6, -1 / 6, -1 / 6], [-1 / 6, 1 / 6, -1 / 6],
                               [1 / 24, 1 / 12, 1 / 6], [1 / 24, -1 / 12, 1 / 6], [0, 0, 1]])
        np.testing.assert_array_equal(matrices.outputs[3], [0, 1, -1, 8, -8, 1])
        np.testing.assert_array_equal(matrices.data[5], [0, 4, 0, -5, 0, 1])


@pytest.mark.parametrize("tile", TILES)
@pytest.mark.parametrize("scaling", SCALINGS)
def test_matrices_are_an_identity(tile, scaling):
    """For every unit kernel and unit input: what one dimension does, both do."""
    data, weights, outputs, scale = integer_transforms(tile, scaling)
    for tap, place in product(range(3), range(tile + 2)):
        row = outputs @ (weights[:, tap] * data[:, place])
        expected = [int(place == output + tap) for output in range(tile)]
        np.testing.assert_array_equal(row, np.array(expected) * math.isqrt(scale))


@pytest.mark.parametrize("tile", TILES)
@pytest.mark.parametrize("scaling", SCALINGS)
def test_integers_are_exact(tile, scaling):
    rng = np.random.default_rng(tile)
    cases = 0
    for height, width, padding in product((1, 3, 4, 7, 13), (2, 3, 5, 8), ((0, 0), (1, 1), (2, 1))):
        if min(height + 2 * padding[0], width + 2 * padding[1]) < 3:
            continue
        images, channels, filters = rng.integers(1, 4, 3)
        inputs = rng.integers(-128, 128, (images, channels, height, width)).astype(np.int8)
        weights = rng.integers(-128, 128, (filters, channels, 3, 3)).astype(np.int8)
        found = winograd_conv2d(inputs, weights, tile=tile, padding=padding, scaling=scaling)
        expected = direct(inputs.astype(np.int64), weights.astype(np.int64), padding)
        assert found.dtype == np.int64
        np.testing.assert_array_equal(found, expected)
        cases += 1
    assert cases == 52


def test_integers_are_exact_where_float64_is_not():
    rng = np.random.default_rng(0)
    inputs = rng.integers(-2**37, 2**37, (1, 2, 6, 6)) | 1
    weights = rng.integers(-2**15, 2**15, (2, 2, 3, 3)) | 1
    found = winograd_conv2d(inputs, weights, tile=2, padding=1)
    expected = direct(inputs, weights, (1, 1))
    np.testing.assert_array_equal(found, expected)
    floats = winograd_conv2d(inputs.astype(float), weights.astype(float), tile=2, padding=1)
    assert (floats.astype(np.int64) != expected).any()
    with pytest.raises(ValueError, match="leave 63 bits"):
        winograd_conv2d(inputs << 10, weights, tile=2, padding=1)


@pytest.mark.parametrize("tile", TILES)
@pytest.mark.parametrize(("kind", "tolerance"), [(np.float32, 1e-4), (np.float64, 1e-12)])
def test_floats(tile, kind, tolerance):
    rng = np.random.default_rng(1)
    inputs = rng.normal(size=(2, 5, 11, 9)).astype(kind)
    weights = rng.normal(size=(3, 5, 3, 3)).astype(kind)
    found = winograd_conv2d(inputs, weights, tile=tile, padding=1)
    assert found.dtype == kind
    np.testing.assert_allclose(found, direct(inputs.astype(float), weights.astype(float), (1, 1)),
                               atol=tolerance)


@pytest.mark.parametrize("tile", TILES)
@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("width", [4, 8])
def test_widths_hold_and_are_tight(tile, scaling, width):
    """The extreme of every element, built from its signs, fits; the largest needs the last bit."""
    low, high = -(1 << width - 1), (1 << width - 1) - 1
    data, weights, _, _ = integer_transforms(tile, scaling)
    widths = operand_widths(tile, data_width=width, weight_width=width, scaling=scaling)
    reached = {}
    for name, matrix in (("data", data), ("weights", weights)):
        reached[name] = []
        for row, column in product(range(len(matrix)), repeat=2):
            signs = np.outer(matrix[row], matrix[column])
            tiles = [np.where(signs > 0, high, low), np.where(signs > 0, low, high)]
            reached[name].append([(matrix @ t @ matrix.T)[row, column] for t in tiles])
    reached["product"] = [[a * b for a in w for b in d] for w, d in
                          zip(reached["weights"], reached["data"], strict=True)]
    for name, values in reached.items():
        values, bits = np.array(values), getattr(widths, name)
        assert -(1 << bits - 1) <= values.min() and values.max() < 1 << bits - 1
        assert values.min() < -(1 << bits - 2) or values.max() >= 1 << bits - 2


def test_widths_for_8_bits():
    """Scaling rows one by one takes four bits off the weights of the larger tile."""
    assert operand_widths(2, scaling="uniform")[:2] == (12, 10)
    assert operand_widths(2)[:2] == (12, 10)
    assert operand_widths(4, scaling="uniform")[:2] == (18, 15)     # 24 * 24 * 127 = 73,152
    assert operand_widths(4)[:2] == (14, 15)


def test_multiplications():
    assert multiplications(2, 2, tile=2) == 16 and multiplications(2, 2) == 36
    assert multiplications(4, 4, tile=4) == 36 and multiplications(4, 4) == 144
    # A fifth row of tiles for one row of pixels.
    assert multiplications(17, 16, tile=4, channels=3, filters=2) == 5 * 4 * 36 * 6


def test_refusals():
    inputs, weights = np.zeros((1, 2, 4, 4), int), np.zeros((1, 2, 3, 3), int)
    for wrong in ({"tile": 3}, {"scaling": "both"}, {"padding": -1}):
        with pytest.raises(ValueError):
            winograd_conv2d(inputs, weights, **wrong)
    with pytest.raises(TypeError, match="float64 weights"):
        winograd_conv2d(inputs, weights.astype(float))
    for a, b in ((inputs, weights[:, :1]), (inputs[0], weights), (inputs[:, :, :2], weights)):
        with pytest.raises(ValueError):
            winograd_conv2d(a, b)
    with pytest.raises(ValueError, match="from 2 to 16"):
        operand_widths(2, data_width=17)
