"""Huffman-coded files of the published SqueezeNet's kind: sizes, round trips, what is refused."""

import struct
import zlib

import numpy as np
import pytest

from golden.compression.huffman import code_lengths, size_bits
from golden.container import ContainerError
from golden.models.coded_net import (
    dumps_coded,
    layer_entries,
    loads_coded,
    loads_coded_with_spans,
)
from golden.models.deep_compression_net import NetLayer, NetShape, dumps_net
from golden.models.squeezenet import net_shapes
from sim_tests.bench.squeezenet_data import file_bytes, layers, needs_squeezenet

BOOK = np.arange(4, dtype=np.float32)
SMALL = [NetLayer("a", BOOK, np.ones(2, np.float32),
                  np.array([[[[1, 0, 3]]], [[[0, 0, 2]]]], np.uint8))]
SHAPES = [NetShape("a", (2, 1, 1, 3))]


def sealed(data):
    """With the checksum made right."""
    return data[:-4] + struct.pack("<I", zlib.crc32(data[:-4]))


def assert_same(first, second):
    for a, b in zip(first, second, strict=True):
        assert a.name == b.name
        for name in ("codes", "codebook", "bias"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


def test_bytes_by_hand():
    """Without runs: the symbols 1 0 3 0 0 2 in the codes 10, 0, 111 and 110.

    The lengths 1 2 3 3 of the symbols are in the codes 10, 11 and 0.
    """
    data = dumps_coded(SMALL)
    head = b"WNET" + struct.pack("<IBB", 6, 2, 0) + BOOK.tobytes() + struct.pack("<ff", 1, 1)
    assert data.startswith(head)
    rest = struct.pack("<II", 0, 2) + bytes.fromhex("03 09 10 00 00 00 00 b0 9c c0")
    assert data == sealed(head + rest + bytes(4))
    assert_same(loads_coded(data, SHAPES), SMALL)


def test_round_trips():
    rng = np.random.default_rng(0)
    for width, density in ((1, 0.1), (4, 0.02), (6, 0.3), (8, 1), (8, 0.3)):
        shape = 20, 7, 3, 3
        codes = np.where(rng.random(shape) < density, rng.integers(1, 1 << width, shape), 0)
        book = np.append(0, rng.normal(size=(1 << width) - 1)).astype(np.float32)
        made = [NetLayer("a", book, rng.normal(size=20).astype(np.float32),
                         codes.astype(np.uint8))] * 2
        data = dumps_coded(made)
        read, spans = loads_coded_with_spans(data, [NetShape("a", shape)] * 2)
        assert_same(read, made)
        assert sum(size for _, size in spans) == len(data)


def test_plain_indices():
    """63 of them in use: 62 codes of 6 bits and one of 5, which is the most frequent's or not."""
    codes = np.random.default_rng(0).integers(1, 64, (50, 40), np.uint8)
    codes[:, ::2] = 0
    made = [NetLayer("a", np.arange(64, dtype=np.float32), np.ones(50, np.float32), codes)]
    data = dumps_coded(made, plain=True)
    assert_same(loads_coded(data, [NetShape("a", codes.shape)]), made)
    lengths = layer_entries(made[0], plain=True).indices.lengths
    assert set(lengths[lengths > 0].tolist()) <= {5, 6}
    assert len(dumps_coded(made)) <= len(data)


def test_what_is_wrong_is_named():
    data = dumps_coded(SMALL)
    for at, value, match in (
            (0, b"V", "magic at byte 0"), (20, b"\xff", "checksum at byte"),
            (4, b"\7", r"layers\[0\].entries at byte 4: 7 entries of 0-bit runs"),
            (8, b"\0", r"layers\[0\].index_width at byte 8: .* from 1 to 8, not 0"),
            (9, b"\x08", r"layers\[0\].run_width at byte 9: .* from 0 to 7, not 8"),
            (13, b"\x3f", r"layers\[0\].codebook at byte 10: entry 0 must be 0.0"),
            (28, b"\x80\x7f", r"layers\[0\].bias at byte 26: inf is not finite"),
            (34, b"\1", r"layers\[0\].run_bytes at byte 34: must be 0 without runs, not 1"),
            (len(data) - 5, b"\x4f", r"layers\[0\].index_stream at byte 50")):
        wrong = data[:at] + value + data[at + len(value):]
        with pytest.raises(ContainerError, match=match):
            loads_coded(wrong if "checksum" in match else sealed(wrong), SHAPES)
    with pytest.raises(ContainerError, match="1 bytes follow"):
        loads_coded(sealed(data[:-4] + bytes(5)), SHAPES)
    for length in range(len(data) - 4):
        with pytest.raises(ContainerError):
            loads_coded(sealed(data[:length] + bytes(4)), SHAPES)
    with pytest.raises(ValueError, match="a codebook has 2, 4 ... or 256 entries, not 3"):
        dumps_coded([NetLayer("a", BOOK[:3], np.ones(2), SMALL[0].codes)])


@needs_squeezenet
def test_the_known_size_of_huffman_codes():
    """A code for each layer's indices and one for its runs, padding included, without tables."""
    bits, entries, rest = [0, 0], 0, 4 * 26
    for layer in layers():
        for number, symbols in enumerate(layer.entries):
            counts = np.bincount(symbols)
            bits[number] += size_bits(counts, code_lengths(counts))
        entries += len(layer.entries[0])
        rest += layer.codebook.nbytes + layer.bias.nbytes
    assert round(bits[0] / entries, 2) == 7.29 and round(bits[1] / entries, 2) == 2.45
    # Whole bytes a layer or not: that is not known of it.
    assert rest + sum(bits) // 8 == pytest.approx(556_569, abs=26)


@needs_squeezenet
def test_the_published_network_is_smaller_and_comes_back():
    """The paper's way, Huffman codes for each layer's indices and runs, gives 556,569 bytes."""
    data = dumps_coded(layers())
    assert len(data) <= 556_569
    assert len(data) == 542_825
    read, spans = loads_coded_with_spans(data, net_shapes())
    assert_same(read, layers())
    assert dumps_net(read) == file_bytes()
    assert sum(size for _, size in spans) == len(data)
    runs = [layer_entries(layer).run_width for layer in read]
    assert 0 in runs and max(runs) >= 4
