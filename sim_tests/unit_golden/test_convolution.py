"""Convolutions: their patches, their layers in integers, and their place in a file."""

import doctest
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import correlate

from golden import convolution
from golden.compression.integer import infer, integer_layer
from golden.container import ContainerError, dumps, loads, loads_with_spans
from golden.convolution import im2col, max_pool, output_size
from golden.network import SparseLayer, SparseNetwork, Window
from golden.sparse.geometry import SparseGeometry
from golden.sparse.plan import plan_network

WINDOW = Window(2, 6, 5, 3, 2, padding=1, pool=2)


def layer_of(window, rows, seed=0, name="conv"):
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 8, (rows, window.columns)).astype(np.uint8)
    codebook = np.concatenate([[0], rng.integers(-99, 99, 7)]).astype(np.int16)
    return SparseLayer(name=name, codes=codes, codebook=codebook, right_shift=4,
                       bias=rng.integers(-99, 99, rows).astype(np.int32), multiplier=1 << 31,
                       low=0, window=window)


def network():
    """A convolution, and a layer for its outputs, 4 channels of 3 x 3."""
    rng = np.random.default_rng(1)
    full = SparseLayer(name="fc", codes=rng.integers(0, 2, (3, 36)).astype(np.uint8),
                       codebook=np.array([0, 3], np.int16), bias=np.zeros(3, np.int32),
                       multiplier=1 << 31)
    return SparseNetwork((layer_of(WINDOW, 4), full))


def test_examples():
    result = doctest.testmod(convolution)
    assert result.attempted and not result.failed


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9), st.integers(1, 3),
       st.integers(1, 3), st.integers(1, 3), st.integers(0, 2), st.integers(0, 99))
def test_patches_make_scipys_correlation(channels, height, width, tall, wide, stride, padding,
                                         seed):
    rng = np.random.default_rng(seed)
    images = rng.integers(-9, 10, (2, channels, height, width))
    kernels = rng.integers(-9, 10, (3, channels, tall, wide))
    if height + 2 * padding < tall or width + 2 * padding < wide:
        with pytest.raises(ValueError, match="smaller than the kernel"):
            im2col(images, (tall, wide), stride=stride, padding=padding)
        return
    patches = im2col(images, (tall, wide), stride=stride, padding=padding)
    assert patches.shape[1:3] == (output_size(height, tall, stride, padding),
                                  output_size(width, wide, stride, padding))
    outputs = patches @ kernels.reshape(3, -1).T
    edge = ((0, 0), (padding, padding), (padding, padding))
    for number, image in enumerate(images):
        for output, kernel in enumerate(kernels):
            expected = correlate(np.pad(image, edge), kernel, "valid")[0, ::stride, ::stride]
            np.testing.assert_array_equal(outputs[number, :, :, output], expected)


def test_pooling_leaves_out_what_fills_no_window():
    image = np.arange(25).reshape(1, 1, 5, 5)
    assert max_pool(image, 2)[0, 0].tolist() == [[6, 8], [16, 18]]
    assert max_pool(image, 3, stride=2)[0, 0].tolist() == [[12, 14], [22, 24]]
    assert (max_pool(image, 1) == image).all()


@pytest.mark.parametrize(("call", "message"), [
    (lambda: im2col(np.zeros((3, 3)), (2, 2)), "4 dimensions"),
    (lambda: im2col(np.zeros((1, 1, 3, 3)), (2, 2), stride=0), "stride=0"),
    (lambda: Window(1, 5, 5, 0, 3), "kernel_height must not be 0"),
    (lambda: Window(1, 5, 5, 3, 3, padding=-1), "padding must not be -1"),
    (lambda: Window(1, 5, 5, 6, 3), "has no output"),
    (lambda: Window(1, 5, 5, 3, 3, pool=4), "has no output"),
])
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_layer_one_number_at_a_time():
    net, rng = network(), np.random.default_rng(2)
    conv, full = net.layers
    assert (conv.inputs, conv.outputs, full.inputs, full.outputs) == (60, 36, 36, 3)
    images = rng.integers(-50, 50, (2, 2, 6, 5))
    weights = conv.weights.reshape(4, 2, 3, 2).astype(int)
    for image in images:
        padded = np.pad(image, ((0, 0), (1, 1), (1, 1)))
        hidden = []
        for kernel, bias in zip(weights, conv.bias.tolist(), strict=True):
            outputs = np.zeros((6, 6), int)
            for row, column in np.ndindex(6, 6):
                total = bias + (kernel * padded[:, row:row + 3, column:column + 2]).sum()
                outputs[row, column] = max(0, (abs(total) + 8) >> 4 if total > 0 else 0)
            hidden += [outputs[row:row + 2, column:column + 2].max()
                       for row in (0, 2, 4) for column in (0, 2, 4)]
        expected = full.weights.astype(int) @ hidden
        np.testing.assert_array_equal(infer(net, image.reshape(1, -1))[0], expected)


def test_integers_follow_the_real_convolution():
    rng = np.random.default_rng(3)
    codebook = np.concatenate([[0], rng.normal(0, 0.3, 7)])
    codes = rng.integers(0, 8, (4, WINDOW.columns)).astype(np.uint8)
    layer = integer_layer("conv", codebook, codes, rng.normal(0, 0.1, 4), input_scale=1e-3,
                          output_scale=1e-3, activation_bound=32768, relu=True, window=WINDOW)
    images = rng.integers(-1000, 1000, (5, 60))
    real = im2col(images.reshape(5, 2, 6, 5) * 1e-3, (3, 2), padding=1) @ codebook[codes].T
    real = np.maximum(real + layer.bias * layer.weight_scale * 1e-3, 0).transpose(0, 3, 1, 2)
    outputs = infer(SparseNetwork((layer,)), images) * layer.output_scale
    np.testing.assert_allclose(outputs, max_pool(real, 2).reshape(5, -1), atol=2e-3)


@pytest.mark.parametrize("huffman", [False, True])
def test_file(huffman):
    net = network()
    data = dumps(net, huffman=huffman)
    again = loads(data)
    assert [layer.window for layer in again.layers] == [WINDOW, None]
    for first, second in zip(net.layers, again.layers, strict=True):
        np.testing.assert_array_equal(first.weights, second.weights)
        np.testing.assert_array_equal(first.bias, second.bias)
    assert dumps(again, huffman=huffman) == data and data[4] == 2


def offset_of(data, field):
    spans = loads_with_spans(data)[1]
    return sum(size for _, size in spans[:[name for name, _ in spans].index(field)])


@pytest.mark.parametrize(("field", "value", "named", "problem"), [
    ("layers[0].channels", b"\3\0", "layers[0].window", "patches hold 18 numbers, not 12"),
    ("layers[0].height", b"\0\0", "layers[0].height", "must be from 1 to 65535, not 0"),
    ("layers[0].height", b"\1\0", "layers[0].window", "has no output"),
    ("layers[0].pool", b"\1", "layers[1].columns", "36 inputs, but the layer before has 144"),
])
def test_a_wrong_window_is_named(field, value, named, problem):
    data = dumps(network())
    at = offset_of(data, field)
    body = data[:at] + value + data[at + len(value):-4]
    with pytest.raises(ContainerError, match=problem) as error:
        loads(body + struct.pack("<I", zlib.crc32(body)))
    assert error.value.field == named


def test_what_does_not_go_together_is_not_written():
    conv, full = network().layers
    wide = SparseLayer(**{**vars(conv), "codes": conv.codes[:, :-1]})
    with pytest.raises(ValueError, match=r"layers\[0\].window: its patches hold 12 numbers, not 1"):
        dumps(SparseNetwork((wide,)))
    with pytest.raises(ValueError, match=r"layers\[1\].columns: takes 60 inputs, but .* has 3"):
        dumps(SparseNetwork((full, conv)))


def test_the_sparse_core_says_that_it_has_no_convolutions():
    with pytest.raises(ValueError, match="'conv': is a convolution; the sparse core runs fully"):
        plan_network(network(), SparseGeometry())
