"""Files of Deep Compression's authors: hand-made bytes, round trips, and what is refused."""

import struct

import numpy as np
import pytest

from golden.container import ContainerError
from golden.models.deep_compression_net import (
    NetLayer,
    NetShape,
    dumps_net,
    loads_net,
    loads_net_with_spans,
)

SHAPES = [NetShape("conv", (2, 1, 5, 4)), NetShape("fc", (2, 3), 4)]

#: Of 40 weights, 0, 2, 18 and 37 are there: runs 0, 1, 15 (of a weight), and 18 = 16 + 2.
CONV = np.zeros(40, np.uint8)
CONV[[0, 2, 18, 37]] = 7, 255, 7, 1
BOOK = np.arange(256, dtype=np.float32) / 8
FC = np.array([[0, 0, 3], [15, 0, 0]], np.uint8)
LAYERS = [NetLayer("conv", BOOK, np.array([0.5, -2], np.float32), CONV.reshape(2, 1, 5, 4)),
          NetLayer("fc", BOOK[:16], np.zeros(2, np.float32), FC)]

DATA = (struct.pack("<II", 5, 2)
        + BOOK.tobytes() + struct.pack("<ff", 0.5, -2) + bytes.fromhex("07 ff 07 00 01 10 ff 02")
        + BOOK[:16].tobytes() + bytes(8) + bytes.fromhex("f3 02"))
#: Where its fields start.
AT = {"codebook": 8, "bias": 8 + 1024, "indices": 1040, "runs": 1045, "codebook 1": 1048,
      "indices 1": 1048 + 72, "runs 1": 1048 + 73}


def test_bytes_by_hand():
    assert dumps_net(LAYERS) == DATA
    layers, spans = loads_net_with_spans(DATA, SHAPES)
    assert sum(size for _, size in spans) == len(DATA)
    for layer, read in zip(LAYERS, layers, strict=True):
        assert read.name == layer.name and read.index_width == layer.index_width
        np.testing.assert_array_equal(read.codes, layer.codes)
        np.testing.assert_array_equal(read.codebook, layer.codebook)
        np.testing.assert_array_equal(read.bias, layer.bias)
    assert layers[0].weights[0, 0, 0, 0] == 7 / 8
    indices, runs = layers[0].entries
    assert indices.tolist() == [7, 255, 7, 0, 1] and runs.tolist() == [0, 1, 15, 15, 2]


def test_round_trips():
    rng = np.random.default_rng(0)
    for number in range(60):
        shapes, layers = [], []
        for layer in range(int(rng.integers(1, 4))):
            width = int(rng.choice([4, 8]))
            shape = tuple(rng.integers(1, 9, int(rng.choice([2, 4]))).tolist())
            codes = rng.integers(1, 1 << width, shape) * (rng.random(shape) < (0.02, 0.3, 1)[
                number % 3])
            codes.flat[int(rng.integers(codes.size))] = 1
            book = np.append(np.float32(0), rng.normal(size=(1 << width) - 1)).astype(np.float32)
            shapes.append(NetShape(f"layer{layer}", shape, width))
            layers.append(NetLayer(f"layer{layer}", book, rng.normal(size=shape[0]).astype(
                np.float32), codes.astype(np.uint8)))
        data = dumps_net(layers)
        read = loads_net(data, shapes)
        assert dumps_net(read) == data
        for first, second in zip(layers, read, strict=True):
            np.testing.assert_array_equal(first.weights, second.weights)


@pytest.mark.parametrize(("at", "value", "field", "offset", "problem"), [
    (0, "00", "entries", 0, "conv has from 1 to 40, not 0"),
    (4, "07", "entries", 4, "fc has from 1 to 6, not 7"),
    (0, "29", "entries", 0, "conv has from 1 to 40, not 41"),
    (AT["codebook"] + 3, "3f", "layers[0].codebook", 8, "entry 0 must be 0.0, not 0.5"),
    (AT["codebook"] + 10, "c0 7f", "layers[0].codebook", 16, "nan is not finite"),
    (AT["bias"] + 6, "80 ff", "layers[0].bias", 1036, "-inf is not finite"),
    (AT["runs"], "f0 ff 0f", "layers[0].runs", 1046, "entry 3 lies beyond the 40 weights"),
    (AT["runs"], "10 1f 02", "layers[0].runs", 1046, "entry 3 is padding, but its run is 1, not"),
    (AT["runs"] + 2, "0f", "layers[0].runs", 1047, "entry 4 lies beyond the 40 weights"),
    (AT["runs"] + 2, "12", "layers[0].runs", 1047, "the last half byte is not zero"),
    (AT["indices"] + 4, "00", "layers[0].runs", 1047, "entry 4 is padding, but"),
    (AT["indices"], "00 ff 07 01 00", "layers[0].runs", 1045, "entry 0 is padding, but its run"),
])
def test_a_wrong_field_is_named(at, value, field, offset, problem):
    value = bytes.fromhex(value)
    data = DATA[:at] + value + DATA[at + len(value):]
    with pytest.raises(ContainerError, match=problem) as error:
        loads_net(data, SHAPES)
    assert (error.value.field, error.value.offset) == (field, offset)


def test_padding_at_the_end_is_refused():
    at = AT["indices"]
    data = DATA[:at] + bytes.fromhex("07 ff 07 01 00 10 2f 0f") + DATA[at + 8:]
    with pytest.raises(ContainerError, match="entry 4 is padding, but no weight follows it"):
        loads_net(data, SHAPES)


def test_truncations_and_more_bytes():
    for length in range(len(DATA)):
        with pytest.raises(ContainerError, match="bytes, but .* are left"):
            loads_net(DATA[:length], SHAPES)
    with pytest.raises(ContainerError, match=f"layers at byte {len(DATA)}: 3 bytes follow"):
        loads_net(DATA + bytes(3), SHAPES)
    with pytest.raises(ContainerError):
        loads_net(DATA, SHAPES[::-1])
    with pytest.raises(ContainerError):
        loads_net(b"PK\3\4" + bytes(5000), SHAPES)


def test_damaged_files_are_read_or_refused():
    rng, read = np.random.default_rng(1), 0
    for _ in range(2000):
        data = bytearray(DATA)
        for _ in range(int(rng.integers(1, 4))):
            start = int(rng.choice([0, 1032, len(DATA) - 16]))
            data[min(start + int(rng.integers(16)), len(data) - 1)] = rng.integers(256)
        try:
            layers = loads_net(bytes(data), SHAPES)
        except ContainerError as error:
            assert 0 <= error.offset <= len(data)
        else:
            read += 1
            assert dumps_net(layers) == bytes(data)
    assert 50 < read < 1950


def test_layers_that_no_file_can_hold_are_refused():
    for layer, message in (
            (NetLayer("a", BOOK[:8], np.zeros(2), FC), "16 or 256 codebook entries, not 8"),
            (NetLayer("a", BOOK[:16], np.zeros(2), FC * 0), "a weight that is not 0")):
        with pytest.raises(ValueError, match=message):
            dumps_net([layer])
