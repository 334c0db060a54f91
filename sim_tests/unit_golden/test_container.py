"""The container file: hand-made bytes, round trips, and every field's error by name and byte."""

import io
import struct
import tracemalloc
import zlib
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golden.container import (
    ContainerError,
    dumps,
    loads,
    loads_with_spans,
    read,
    read_layer,
    read_network,
    write,
    write_network,
)
from golden.network import SparseLayer, SparseNetwork

TINY = SparseNetwork((SparseLayer(
    name="a", codes=np.array([[0, 0], [0, 3]], np.uint8),
    codebook=np.array([0, 1, -1, 300], np.int16), bias=np.array([-1, 7], np.int32),
    multiplier=1 << 31, left_shift=0, right_shift=3, low=0, high=32767, weight_scale=0.5,
    input_scale=1.0, output_scale=2.0, input_zero_point=-1, output_zero_point=2),),
    {"k": "v\u00e9"})

#: The file of TINY, field by field, worked out by hand from the tables of golden.container.
TINY_FIELDS = [
    ("magic", b"WEFT"),
    ("version", "01 00"),
    ("layers", "01 00"),
    ("size", "66 00 00 00"),
    ("metadata", "01 00"),
    ("metadata[0].key", "01 00 6b"),
    ("metadata[0].value", "03 00 76 c3 a9"),
    ("layers[0].name", "01 00 61"),
    ("layers[0].rows", "02 00 00 00"),
    ("layers[0].columns", "02 00 00 00"),
    ("layers[0].multiplier", "00 00 00 80"),
    ("layers[0].left_shift", "00"),
    ("layers[0].right_shift", "03"),
    ("layers[0].low", "00 00"),
    ("layers[0].high", "ff 7f"),
    ("layers[0].index_width", "02"),
    ("layers[0].run_width", "02"),          # 1 entry of 2 + 2 bits; 1-bit runs take 2 of 2 + 1
    ("layers[0].input_zero_point", "ff ff ff ff"),
    ("layers[0].output_zero_point", "02 00 00 00"),
    ("layers[0].weight_scale", "00 00 00 00 00 00 e0 3f"),
    ("layers[0].input_scale", "00 00 00 00 00 00 f0 3f"),
    ("layers[0].output_scale", "00 00 00 00 00 00 00 40"),
    ("layers[0].entries", "01 00 00 00"),
    ("layers[0].codebook", "00 00 01 00 ff ff 2c 01"),
    ("layers[0].bias", "ff ff ff ff 07 00 00 00"),
    ("layers[0].stream", "0f"),             # index 3 below run 3
]


def tiny_file():
    """Bytes of `TINY_FIELDS` with their checksum, and the offset of each field."""
    data, offsets = b"", {}
    for name, value in TINY_FIELDS:
        offsets[name] = len(data)
        data += value if isinstance(value, bytes) else bytes.fromhex(value)
    offsets["checksum"] = len(data)
    return data + crc32(data).to_bytes(4, "little"), offsets


def crc32(data):
    """CRC-32 (polynomial 0x04C11DB7, reflected) one bit at a time."""
    remainder = 0xFFFFFFFF
    for byte in data:
        remainder ^= byte
        for _ in range(8):
            remainder = remainder >> 1 ^ (0xEDB88320 if remainder & 1 else 0)
    return remainder ^ 0xFFFFFFFF


def sealed(body):
    """Make header size and checksum right again, as someone who means harm would."""
    body = body[:8] + struct.pack("<I", len(body) + 4) + body[12:]
    return body + struct.pack("<I", zlib.crc32(body))


def assert_same(first, second):
    assert first.metadata == second.metadata
    assert len(first.layers) == len(second.layers)
    for a, b in zip(first.layers, second.layers, strict=True):
        for name, value in vars(a).items():
            other = getattr(b, name)
            assert type(value) is type(other), name
            if isinstance(value, np.ndarray):
                assert value.dtype == other.dtype, name
                np.testing.assert_array_equal(value, other, err_msg=name)
            else:
                assert value == other, name


def test_bytes_by_hand():
    data, _ = tiny_file()
    assert dumps(TINY).hex(" ") == data.hex(" ")
    assert_same(loads(data), TINY)


@st.composite
def networks(draw):
    sizes = draw(st.lists(st.integers(1, 50), min_size=2, max_size=5))
    rng = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    scale = st.floats(0, exclude_min=True, allow_infinity=False)
    name = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=20)
    layers = []
    for columns, rows in pairwise(sizes):
        index_width = draw(st.integers(1, 8))
        codes = rng.integers(0, 1 << index_width, (rows, columns))
        density = draw(st.sampled_from([0, 0.02, 0.2, 1]))
        codebook = rng.integers(-32768, 32768, 1 << index_width)
        codebook[0] = 0
        low, high = sorted(draw(st.lists(st.integers(-32768, 32767), min_size=2, max_size=2)))
        layers.append(SparseLayer(
            name=draw(name), codes=np.where(rng.random(codes.shape) < density, codes, 0).astype(
                np.uint8), codebook=codebook.astype(np.int16),
            bias=rng.integers(-(1 << 31), 1 << 31, rows).astype(np.int32),
            multiplier=draw(st.integers(0, 1 << 31)), left_shift=draw(st.integers(0, 31)),
            right_shift=draw(st.integers(0, 31)), low=low, high=high, weight_scale=draw(scale),
            input_scale=draw(scale), output_scale=draw(scale),
            input_zero_point=draw(st.integers(-(1 << 31), (1 << 31) - 1)),
            output_zero_point=draw(st.integers(-(1 << 31), (1 << 31) - 1))))
    lines = st.lists(name, max_size=3).map("\n\t".join)
    return SparseNetwork(tuple(layers), draw(st.dictionaries(name, lines, max_size=4)))


@settings(max_examples=150, deadline=None)
@given(networks(), st.booleans())
def test_round_trip(network, huffman):
    data = dumps(network, huffman=huffman)
    again, spans = loads_with_spans(data)
    assert_same(again, network)
    assert dumps(again, huffman=huffman) == data
    assert sum(size for _, size in spans) == len(data)
    if huffman:             # 3 bytes a layer say what is coded; nothing else may become larger
        assert len(data) <= len(dumps(network)) + 3 * len(network.layers)


def test_files(tmp_path):
    write_network(TINY, tmp_path / "tiny.weft")
    assert (tmp_path / "tiny.weft").read_bytes() == dumps(TINY)
    assert_same(read_network(tmp_path / "tiny.weft"), TINY)
    assert_same(read_network(str(tmp_path / "tiny.weft")), TINY)
    stream = io.BytesIO()
    write_network(TINY, stream)
    stream.seek(0)
    assert_same(read_network(stream), TINY)
    with pytest.raises(FileNotFoundError):
        read_network(tmp_path / "none.weft")
    with pytest.raises(ValueError, match="layers"):
        write_network(SparseNetwork(()), tmp_path / "empty.weft")
    assert not (tmp_path / "empty.weft").exists()


def test_an_endless_file_is_not_read_to_its_end():
    class Endless(io.RawIOBase):
        taken = 0

        def read(self, size=-1):
            assert size >= 0
            start = tiny_file()[0][self.taken:self.taken + size]
            self.taken += size
            return start + bytes(size - len(start))

    with pytest.raises(ContainerError, match="size at byte 8: .* more than that"):
        read_network(endless := Endless())
    assert endless.taken <= len(tiny_file()[0]) + 1


def test_every_truncation_is_refused():
    data, offsets = tiny_file()
    for length in range(len(data)):
        resealed = [sealed(data[:length])] if 12 <= length < offsets["checksum"] else []
        for file in (data[:length], *resealed):
            with pytest.raises(ContainerError) as error:
                loads(file)
            assert f"at byte {error.value.offset}: " in str(error.value)
            assert 0 <= error.value.offset <= len(file)
    # With size and checksum made right, the field that is cut is the one that is named.
    for name, offset in offsets.items():
        if offset >= 14 and name not in ("checksum", "layers[0].codebook"):
            with pytest.raises(ContainerError) as error:
                loads(sealed(data[:offset]))
            assert (error.value.field, error.value.offset) == (name, offset)


@pytest.mark.parametrize(("field", "value", "problem"), [
    ("metadata", "02 00", None),
    ("metadata[0].key", "00 00", None),
    ("metadata[0].key", "ff ff", "takes 65535 bytes"),
    ("metadata[0].key", "01 00 07", "not printable"),
    ("metadata[0].value", "03 00 76 c3 28", "UTF-8"),
    ("layers[0].name", "01 00 1b", "not printable"),
    ("layers[0].rows", "00 00 00 00", "rows must be from 1 to"),
    ("layers[0].rows", "ff ff ff ff", "rows must be from 1 to"),
    ("layers[0].columns", "00 00 00 00", "columns must be from 1 to"),
    ("layers[0].columns", "00 00 00 08", "2 x 134217728 weights; a network has at most"),
    ("layers[0].multiplier", "01 00 00 80", "must be from 0 to 2147483648, not 2147483649"),
    ("layers[0].left_shift", "20", "must be from 0 to 31, not 32"),
    ("layers[0].right_shift", "ff", "must be from 0 to 31, not 255"),
    ("layers[0].high", "ff ff", "must not be below low=0, but is -1"),
    ("layers[0].index_width", "00", "must be from 1 to 8, not 0"),
    ("layers[0].index_width", "09", "must be from 1 to 8, not 9"),
    ("layers[0].run_width", "00", "must be from 1 to 8, not 0"),
    ("layers[0].weight_scale", "00 00 00 00 00 00 00 00", "positive and finite, not 0.0"),
    ("layers[0].input_scale", "00 00 00 00 00 00 f0 ff", "positive and finite, not -inf"),
    ("layers[0].input_scale", "00 00 00 00 00 00 f0 7f", "positive and finite, not inf"),
    ("layers[0].output_scale", "00 00 00 00 00 00 f8 7f", "positive and finite, not nan"),
    ("layers[0].entries", "00 00 00 00", "0 entries of 2-bit runs can't make 2 x 2 weights"),
    ("layers[0].entries", "05 00 00 00", "5 entries of 2-bit runs can't make 2 x 2 weights"),
    ("layers[0].codebook", "01 00", "entry 0 must be 0, not 1"),
    ("layers[0].stream", "1f", "behind the last entry are not zero"),
    ("layers[0].stream", "04", "entry 0 has index 0 but run 1, not 3"),
])
def test_a_wrong_field_is_named(field, value, problem):
    data, offsets = tiny_file()
    value, at = bytes.fromhex(value), offsets[field]
    with pytest.raises(ContainerError, match=problem) as error:
        loads(sealed(data[:at] + value + data[at + len(value):-4]))
    if problem is None:                 # the text that this makes of the bytes behind is no text
        assert error.value.offset >= at
    else:
        inside = {"UTF-8": 3, "takes 65535 bytes": 2}.get(problem, 0)
        assert (error.value.field, error.value.offset) == (field, at + inside)


@pytest.mark.parametrize(("offset", "value", "message"), [
    (0, "56", "magic at byte 0: is b'VEFT', not b'WEFT'"),
    (4, "03", "version at byte 4: is 3; this program reads 1 and 2"),
    (6, "00", "layers at byte 6: a network has at least 1"),
    (8, "67", "size at byte 8: the header says 103 bytes, there are only 102"),
    (8, "65", "size at byte 8: the header says 101 bytes, there are more than that"),
    (8, "ff ff ff ff", "size at byte 8: must be from 18 to 268435456, not 4294967295"),
    (16, "6c", "checksum at byte 98: the file has been changed since it was written"),
])
def test_a_wrong_header_is_named(offset, value, message):
    data = bytearray(tiny_file()[0])
    value = bytes.fromhex(value)
    data[offset:offset + len(value)] = value
    with pytest.raises(ContainerError, match=message):
        loads(bytes(data))


def test_layers_must_fit_each_other_and_the_file():
    data, offsets = tiny_file()
    layer = data[offsets["layers[0].name"]:-4]
    two = bytearray(data[:-4] + layer)
    two[6] = 2
    assert len(loads(sealed(bytes(two))).layers) == 2
    at = offsets["checksum"] + offsets["layers[0].columns"] - offsets["layers[0].name"]
    two[at] = 1
    with pytest.raises(ContainerError, match=rf"layers\[1\].columns at byte {at}: takes 1 inputs, "
                                             "but the layer before has 2 outputs"):
        loads(sealed(bytes(two)))
    with pytest.raises(ContainerError, match=f"layers at byte {len(data) - 4}: 1 bytes follow"):
        loads(sealed(data[:-4] + b"\0"))
    pair = data[14:22]
    twice = data[:12] + b"\2\0" + 2 * pair + data[22:-4]
    with pytest.raises(ContainerError, match=r"metadata\[1\].key at byte 22: 'k' occurs twice"):
        loads(sealed(twice))


def test_a_small_file_does_not_allocate_a_large_matrix():
    data, offsets = tiny_file()
    at = offsets["layers[0].rows"]
    for shape in ((65535, 65535), (1 << 27, 1), (1, 1 << 27), (11000, 11000), (16000, 16000)):
        hostile = sealed(data[:at] + struct.pack("<II", *shape) + data[at + 8:-4])
        tracemalloc.start()
        try:
            with pytest.raises(ContainerError, match=r"layers\[0\]\.(columns|entries) at byte"):
                loads(hostile)
            assert tracemalloc.get_traced_memory()[1] < 100_000
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize(("changes", "message"), [
    ({"name": ""}, r"layers\[0\].name: must not be empty"),
    ({"name": "a\n"}, "name: has characters that are not printable"),
    ({"name": "a" * 65536}, "name: is longer than 65535 bytes"),
    ({"codes": np.zeros((2, 0), np.uint8)}, "codes: must have rows and columns"),
    ({"codes": np.zeros(4, np.uint8)}, "codes: must have rows and columns"),
    ({"codes": np.full((2, 2), 4, np.uint8)}, "codes: must be from 0 to 3, not 4 to 4"),
    ({"codes": np.zeros((2, 2))}, "codes: must be integers"),
    ({"codebook": np.zeros(3, np.int16)}, "codebook: must have 2, 4 ... or 256 entries"),
    ({"codebook": np.ones(4, np.int16)}, "codebook: entry 0 must be 0, not 1"),
    ({"codebook": np.array([0, 1, 2, 32768])}, "codebook: must be from -32768 to 32767"),
    ({"bias": np.zeros(3, np.int32)}, r"bias: must be integers of shape \(2,\)"),
    ({"bias": np.array([0, 1 << 31])}, "bias: must be from"),
    ({"multiplier": -1}, r"layers\[0\].multiplier must be from 0"),
    ({"right_shift": 32}, "right_shift must be from 0 to 31, not 32"),
    ({"low": -40000}, "low must be from -32768"),
    ({"low": 5, "high": 4}, "high: must not be below low=5, but is 4"),
    ({"weight_scale": 0.0}, "weight_scale must be positive and finite, not 0.0"),
    ({"output_scale": float("nan")}, "output_scale must be positive and finite"),
])
def test_a_layer_that_no_file_can_hold_is_refused(changes, message):
    layer = replace(TINY.layers[0], **changes)
    with pytest.raises(ValueError, match=message):
        dumps(SparseNetwork((layer,)))


def test_a_network_that_no_file_can_hold_is_refused(monkeypatch):
    layer = TINY.layers[0]
    wide = replace(layer, codes=np.zeros((2, 3), np.uint8))
    for network, message in (
            (SparseNetwork(()), "layers: must be from 1 to 65535, not 0"),
            (SparseNetwork((layer, wide)), r"layers\[1\].columns: takes 3 inputs, .* 2 outputs"),
            (SparseNetwork((layer,), {"": "a"}), r"metadata\[0\].key: must not be empty"),
            (SparseNetwork((layer,), {"a": "\0"}), r"metadata\[0\].value: has characters")):
        with pytest.raises(ValueError, match=message):
            dumps(network)
    monkeypatch.setattr(write, "MAX_WEIGHTS", 3)
    with pytest.raises(ValueError, match="for 4 weights; at most"):
        dumps(TINY)


def test_the_limit_of_weights_is_that_of_all_layers_together(monkeypatch):
    layer = TINY.layers[0]
    data = dumps(SparseNetwork((layer, layer)))
    monkeypatch.setattr(read, "MAX_WEIGHTS", 8)
    assert len(loads(data).layers) == 2
    monkeypatch.setattr(read, "MAX_WEIGHTS", 7)
    monkeypatch.setattr(read_layer, "MAX_WEIGHTS", 7)
    with pytest.raises(ContainerError, match=r"layers\[1\].columns .* a network has at most 7"):
        loads(data)
