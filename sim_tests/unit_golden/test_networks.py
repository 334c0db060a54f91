"""Graphs of nodes, and what their nodes compute, against SciPy and plain loops."""

import doctest

import numpy as np
import pytest
from scipy.signal import correlate2d

from golden import convolution
from golden.convolution import max_pool
from golden.networks import ops
from golden.networks.forward import forward, walk
from golden.networks.graph import Concat, Conv, GlobalAverage, Graph, MaxPool
from golden.networks.ops import conv2d, conv2d_exact, global_sum

GRAPH = Graph("small", (2, 9, 8), (
    Conv("first", "data", 2, 4, 3, stride=2, padding=1),
    MaxPool("pool", "first", 3, 2),
    Conv("left", "pool", 4, 3, 1, relu=False),
    Conv("right", "pool", 4, 2, 3, padding=1),
    Concat("both", ("left", "right")),
    GlobalAverage("mean", "both"),
))


def test_examples():
    for module in (ops, convolution):
        result = doctest.testmod(module)
        assert result.attempted and not result.failed


def reference(images, weights, stride, padding):
    """Convolution by SciPy, one channel after the other."""
    border = (padding, padding)
    images = np.pad(images, ((0, 0), (0, 0), border, border))
    return np.array([[sum(correlate2d(channel, kernel, "valid") for channel, kernel in
                          zip(image, filter_, strict=True))[::stride, ::stride]
                      for filter_ in weights] for image in images])


@pytest.mark.parametrize(("kernel", "stride", "padding"), [
    (1, 1, 0), (1, 1, 1), (3, 1, 1), (3, 2, 1), (5, 3, 0), (2, 2, 2), (7, 1, 0)])
def test_convolution(kernel, stride, padding):
    rng = np.random.default_rng(kernel)
    images, weights = rng.normal(size=(2, 3, 9, 7)), rng.normal(size=(4, 3, kernel, kernel))
    bias = rng.normal(size=4)
    expected = reference(images, weights, stride, padding) + bias[:, None, None]
    np.testing.assert_allclose(conv2d(images, weights, bias, stride=stride, padding=padding),
                               expected, atol=1e-12)
    images, weights = rng.integers(-255, 256, images.shape), rng.integers(-127, 128, weights.shape)
    exact = conv2d_exact(images, weights, stride=stride, padding=padding)
    assert exact.dtype == np.int64
    np.testing.assert_array_equal(exact, reference(images, weights, stride, padding))


def test_outputs_lie_as_the_next_convolution_wants_them():
    """Pooling in between keeps the number of the image innermost; so no array is turned around."""
    rng = np.random.default_rng(0)
    images, weights = rng.normal(size=(5, 3, 9, 9)), rng.normal(size=(4, 3, 2, 2))
    outputs = conv2d(images, weights)
    pooled = max_pool(outputs, 2)
    for array in (outputs, pooled):
        assert array.transpose(1, 2, 3, 0).flags.c_contiguous
    np.testing.assert_array_equal(pooled, max_pool(np.ascontiguousarray(outputs), 2))
    with pytest.raises(ValueError, match="9 x 9, padding included, are smaller .* of 10 x 10"):
        conv2d(images, rng.normal(size=(4, 3, 10, 10)))


@pytest.mark.parametrize(("largest", "type_"), [
    (1 << 18, np.float32), ((1 << 18) + 1, np.float64), (1 << 47, np.float64)])
def test_integers_are_exact_up_to_the_bound(largest, type_, monkeypatch):
    """64 products of one sign, of the largest magnitude, and of one less in an odd place."""
    types = []
    monkeypatch.setattr(ops, "conv2d", lambda images, *a, **k: (
        types.append(images.dtype.type), conv2d(images, *a, **k))[1])
    images = np.full((1, 64, 1, 2), largest, np.int64)
    images[0, 17, 0, 1] -= 1
    for sign in (1, -1):
        weights = np.full((1, 64, 1, 1), sign, np.int64)
        assert conv2d_exact(images, weights).ravel().tolist() == [
            sign * 64 * largest, sign * (64 * largest - 1)]
    assert types == [type_, type_]


def test_integers_that_would_not_be_exact_are_refused():
    with pytest.raises(OverflowError, match="not exact"):
        conv2d_exact(np.full((1, 64, 1, 1), (1 << 47) + 1), np.ones((1, 64, 1, 1), np.int64))
    with pytest.raises(TypeError, match="must be integers"):
        conv2d_exact(np.ones((1, 1, 1, 1)), np.ones((1, 1, 1, 1), np.int64))
    with pytest.raises(ValueError, match="don't match"):
        conv2d(np.ones((1, 2, 3, 3)), np.ones((1, 3, 1, 1)))


@pytest.mark.parametrize(("shape", "size", "stride"), [
    ((7, 8), 3, 2), ((6, 6), 3, 2), ((5, 9), 2, 2), ((4, 4), 3, 3), ((3, 3), 3, 1), ((9, 5), 4, 3)])
def test_pooling_over_the_border(shape, size, stride):
    """Caffe's: as many windows as start inside, and each of what is inside."""
    images = np.random.default_rng(0).integers(-9, 9, (2, 3, *shape))
    counts = [-(-(length - size) // stride) + 1 for length in shape]
    expected = np.empty((2, 3, *counts), images.dtype)
    for row, column in np.ndindex(*counts):
        window = images[..., row * stride:row * stride + size,
                        column * stride:column * stride + size]
        expected[..., row, column] = window.max(axis=(2, 3))
    pooled = max_pool(images, size, stride=stride, partial=True)
    np.testing.assert_array_equal(pooled, expected)
    whole = [(length - size) // stride + 1 for length in shape]
    np.testing.assert_array_equal(max_pool(images, size, stride=stride),
                                  expected[..., :whole[0], :whole[1]])
    with pytest.raises(ValueError, match="smaller than"):
        max_pool(images, 10, partial=True)


def test_a_network():
    rng = np.random.default_rng(1)
    data = rng.normal(size=(3, 2, 9, 8)).astype(np.float32)
    weights = {conv.name: (rng.normal(size=conv.weight_shape), rng.normal(size=conv.outputs))
               for conv in GRAPH.convolutions}
    outputs, kept = forward(GRAPH, weights, data, keep=("first", "both"))

    def conv(name, images, stride=1, padding=0):
        filters, bias = weights[name]
        return reference(images, filters, stride, padding) + bias[:, None, None]

    first = np.maximum(conv("first", data, 2, 1), 0)
    pooled = max_pool(first, 3, stride=2, partial=True)
    both = np.concatenate(
        [conv("left", pooled), np.maximum(conv("right", pooled, padding=1), 0)], axis=1)
    np.testing.assert_allclose(kept["first"], first, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(kept["both"], both, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(outputs[:, :, 0, 0], both.mean(axis=(2, 3)), rtol=1e-4, atol=1e-5)
    for name, result in {**kept, "mean": outputs}.items():
        assert result.dtype == np.float32 and result.shape[1:] == GRAPH.shapes[name]
    with pytest.raises(ValueError, match=r"small takes images of \(2, 9, 8\), not \(2, 8, 9\)"):
        forward(GRAPH, weights, data.transpose(0, 1, 3, 2))


def test_outputs_are_forgotten_once_nothing_reads_them():
    alive, most = set(), []

    class Counted(np.ndarray):
        def __del__(self):
            alive.discard(id(self))

    def compute(node, *sources):
        result = np.zeros((1, *GRAPH.shapes[node.name])).view(Counted)
        alive.add(id(result))
        most.append(len(alive))
        return result

    walk(GRAPH, np.zeros((1, 2, 9, 8)), compute)
    assert max(most) <= 3 < len(GRAPH.nodes) and len(most) == len(GRAPH.nodes)


def test_sums():
    images = np.full((1, 2, 100, 100), 127, np.int8)
    assert global_sum(images).tolist() == [[[[1_270_000]], [[1_270_000]]]]


@pytest.mark.parametrize(("nodes", "message"), [
    ((Conv("a", "data", 2, 1, 1), Conv("a", "a", 1, 1, 1)), "two nodes a"),
    ((Conv("a", "b", 2, 1, 1),), "a reads b, which is not before it"),
    ((Conv("a", "data", 3, 1, 1),), "a has 3 input channels, data has 2"),
    ((Conv("a", "data", 2, 1, 3), Concat("b", ("data", "a"))), "don't match"),
])
def test_a_graph_that_does_not_fit_is_refused(nodes, message):
    with pytest.raises(ValueError, match=message):
        Graph("wrong", (2, 9, 8), nodes)
