"""Container files with Huffman codes: hand-made bytes, sizes, and every field's error by name."""

import doctest
import struct
import tracemalloc
import zlib
from dataclasses import replace

import numpy as np
import pytest

from golden.compression import coded_entries
from golden.compression.coded_entries import best_coded_run_width, code_entries
from golden.compression.huffman import HuffmanError
from golden.container import ContainerError, dumps, integers, loads, loads_with_spans, write
from golden.container.integers import pack_signed, signed_width, unpack_signed
from golden.network import SparseLayer, SparseNetwork

#: 40 x 1, of which rows 0, 2, 20 and 39 are 1, 2, 1 and 1.
CODES = np.zeros((40, 1), np.uint8)
CODES[[0, 2, 20, 39], 0] = 1, 2, 1, 1
SMALL = SparseNetwork((SparseLayer(
    name="a", codes=CODES, codebook=np.array([0, 1, -1, 300], np.int16),
    bias=np.array([-1, 7, *[0] * 38], np.int32), multiplier=1 << 31, low=0),))

#: What follows `entries` in a file of SMALL, worked out by hand. The zeros before the weights are
#: 0, 1, 17 and 18; with runs of 3 bits, where 8 is padding, they are 0, 1, 8 8 1, 8 8 2.
FIELDS = [
    ("coding", "01"),
    ("bias_width", "04"),
    ("window", "00"),
    ("codebook", "00 00 01 00 ff ff 2c 01"),
    ("bias", "7f" + 19 * " 00"),
    ("run_bytes", "02 00 00 00"),
    ("index_bytes", "01 00 00 00"),
    # The codes of 8, 1, 0, 2 are 0, 10, 110, 111: their lengths, from 0 to 8, are 3 2 3 0 0 0 0 0
    # 1. So the codes of the lengths 0, 3, 1, 2 are these too.
    ("run_table", "08 2d a0 00 00 00 00 bc 0c"),
    ("run_stream", "d1 1c"),
    # Indices 1 2 1 1. The lengths of the symbols 0 1 2 are 0 1 1, of the lengths 0 1 are 1 1.
    ("index_table", "02 24 00 00 00 00 00 60"),
    ("index_stream", "40"),
]


def sealed(data):
    """Make size and checksum right again."""
    body = data[:-4]
    body = body[:8] + struct.pack("<I", len(body) + 4) + body[12:]
    return body + struct.pack("<I", zlib.crc32(body))


def small_file():
    """A coded file of SMALL, and the offset of each of `FIELDS`."""
    _, spans = loads_with_spans(dumps(SMALL))
    names = [name for name, _ in spans]
    end = sum(size for _, size in spans[:names.index("layers[0].codebook")])
    data = bytearray(dumps(SMALL)[:end])
    data[4], data[-4] = 2, 8                                # version, and entries
    data[sum(size for _, size in spans[:names.index("layers[0].run_width")])] = 3
    offsets = {"run_width": data.index(b"\xff\x7f\2\3") + 3, "entries": end - 4}
    for name, value in FIELDS:
        offsets[name] = len(data)
        data += bytes.fromhex(value)
    return sealed(bytes(data) + bytes(4)), offsets


def test_examples():
    for module in (coded_entries, integers):
        result = doctest.testmod(module)
        assert result.attempted and not result.failed


def test_bytes_by_hand(monkeypatch):
    data, _ = small_file()
    again = loads(data).layers[0]
    np.testing.assert_array_equal(again.codes, CODES)
    np.testing.assert_array_equal(again.bias, SMALL.layers[0].bias)
    # The writer does not choose codes for so few weights, unless packed ones are made larger.
    assert len(dumps(SMALL, huffman=True)) < len(data)
    # Nor would it have runs.
    monkeypatch.setattr(write, "_dump_packed", lambda *_: (1, 1, bytes(1000)))
    monkeypatch.setattr(write, "best_coded_run_width", lambda _: 3)
    assert dumps(SMALL, huffman=True).hex(" ") == data.hex(" ")


@pytest.mark.parametrize(("field", "value", "named", "problem"), [
    ("coding", "02", "coding", "from 0 to 1, not 2"),
    ("bias_width", "00", "bias_width", "from 1 to 32, not 0"),
    ("bias_width", "21", "bias_width", "from 1 to 32, not 33"),
    ("run_width", "00", "entries", "8 entries of 0-bit runs can't make"),
    ("run_width", "08", "run_width", "from 0 to 7, not 8"),
    ("window", "02", "window", "from 0 to 1, not 2"),
    ("codebook", "01", "codebook", "entry 0 must be 0"),
    ("run_bytes", "03", "run_stream", "trailing bytes"),
    ("run_bytes", "ff 00 00 00", "run_stream", "takes 255 bytes"),
    ("run_bytes", "ff ff ff ff", "run_bytes", "must be from 0 to"),
    ("index_bytes", "00", "index_stream", "truncated"),
    ("run_table", "09", "run_table", "bad table|truncated"),
    ("run_table", "08 2d e0", "run_table", "incomplete|over-subscribed"),
    ("run_stream", "d1 1d", "run_stream", "trailing bits"),
    ("run_stream", "ff ff", "run_stream", "truncated"),
    ("index_table", "03", "index_table", "bad table|truncated|incomplete"),
    ("index_stream", "41", "index_stream", "trailing bits"),
    ("entries", "07", "run_stream", "trailing|ends|index"),
    ("entries", "04", "entries", "4 entries of 3-bit runs can't make 40 x 1 weights"),
])
def test_a_wrong_field_is_named(field, value, named, problem):
    data, offsets = small_file()
    at, value = offsets[field], bytes.fromhex(value)
    with pytest.raises(ContainerError, match=problem) as error:
        loads(sealed(data[:at] + value + data[at + len(value):]))
    assert (error.value.field, error.value.offset) == (f"layers[0].{named}", offsets[named])


def test_without_runs():
    """Nearly nothing is pruned: a run would take a bit, although it is nearly always 0."""
    codes = np.random.default_rng(0).integers(1, 4, (30, 40), np.uint8)
    codes[3, 4:6] = codes[29, 39] = 0
    layer = replace(SMALL.layers[0], codes=codes, bias=np.zeros(30, np.int32))
    data = dumps(SparseNetwork((layer,)), huffman=True)
    np.testing.assert_array_equal(loads(data).layers[0].codes, codes)
    _, spans = loads_with_spans(data)
    sizes = dict(spans)
    assert "layers[0].run_table" not in sizes and "layers[0].run_stream" not in sizes
    names = [name for name, _ in spans]
    offsets = dict(zip(names, np.cumsum([0] + [size for _, size in spans]).tolist(), strict=False))
    for field, value, problem in (("run_bytes", 1, "must be 0 without runs, not 1"),
                                  ("entries", 1201, "1201 entries of 0-bit runs"),
                                  ("entries", 1199, "1199 entries of 0-bit runs")):
        at = offsets[f"layers[0].{field}"]
        wrong = data[:at] + struct.pack("<I", value) + data[at + 4:]
        with pytest.raises(ContainerError, match=rf"layers\[0\].{field} at byte {at}: {problem}"):
            loads(sealed(wrong))


def test_every_truncation_is_refused():
    data, offsets = small_file()
    for length in range(12, len(data) - 4):
        with pytest.raises(ContainerError) as error:
            loads(sealed(data[:length] + bytes(4)))
        assert 0 <= error.value.offset <= length + 4
    for name in ("bias", "run_bytes", "index_bytes", "run_table", "run_stream", "index_table",
                 "index_stream"):
        with pytest.raises(ContainerError) as error:
            loads(sealed(data[:offsets[name]] + bytes(4)))
        assert (error.value.field, error.value.offset) == (f"layers[0].{name}", offsets[name])


def test_symbols_of_no_weight_are_refused():
    """An index beyond the codebook, index 0, and a run beyond its width."""
    coded = code_entries(CODES, 3)
    for lengths, match in (([0, 1, 1, 0], None), ([1, 1], "index 0 has a code, but there are runs"),
                           ([0, 1, 0, 0, 1], "index 4 is none of 2 bits")):
        call = coded_entries.decode_indices, (coded.indices.data, lengths, 4, 2)
        if match is None:
            assert call[0](*call[1], zeros=False).tolist() == [1, 2, 1, 1]
        else:
            with pytest.raises(HuffmanError, match=f"bad symbol: {match}"):
                call[0](*call[1], zeros=False)
    with pytest.raises(HuffmanError, match="bad symbol: run 8 is none of 2 bits"):
        coded_entries.decode_runs(coded.runs.data, coded.runs.lengths, 8, 2)
    with pytest.raises(ValueError, match="run_width must be from 0 to 7, not 8"):
        code_entries(CODES, 8)


def test_the_best_run_width_is_the_best():
    rng = np.random.default_rng(0)
    found = set()
    for density in (0, 0.003, 0.03, 0.2, 0.6, 0.97, 1):
        codes = np.where(rng.random((50, 300)) < density, rng.integers(1, 16, (50, 300)), 0)
        codes = codes.astype(np.uint8)
        best = best_coded_run_width(codes)
        sizes = [code_entries(codes, width).bytes for width in range(8)]
        assert sizes.index(min(sizes)) == best
        found.add(best)
    assert 0 in found and len(found) > 2


def test_a_layer_as_deep_compression_makes_it_is_smaller_coded():
    """As LeNet-300-100's first: 8 % of 235,200 weights, 63 centroids, a few of them frequent."""
    rng = np.random.default_rng(1)
    columns = np.clip(rng.normal(1, 0.8, 784), 0, 3) * 0.08     # pixels at the border are unused
    indices = np.clip(np.round(rng.normal(31.5, 6, (300, 784))), 1, 63)
    codes = np.where(rng.random((300, 784)) < columns, indices, 0).astype(np.uint8)
    network = SparseNetwork((SparseLayer(
        name="ip1", codes=codes, codebook=np.arange(64, dtype=np.int16),
        bias=rng.integers(-5000, 5000, 300).astype(np.int32), multiplier=1 << 30),))
    plain, coded = dumps(network), dumps(network, huffman=True)
    np.testing.assert_array_equal(loads(coded).layers[0].codes, codes)
    kept = np.count_nonzero(codes)
    assert len(coded) < 0.85 * len(plain)
    assert 8 * len(coded) / kept < 10           # plain entries take 6 + 5 bits, and padding


@pytest.mark.parametrize("width", [1, 2, 7, 8, 13, 31, 32])
def test_signed_integers(width):
    rng = np.random.default_rng(width)
    values = rng.integers(-1 << width - 1, 1 << width - 1, 37)
    values[:2] = -1 << width - 1, (1 << width - 1) - 1
    assert signed_width(values) == width
    packed = pack_signed(values, width)
    assert len(packed) == -(-37 * width // 8)
    again = unpack_signed(packed, 37, width)
    assert again.dtype == np.int32 and again.tolist() == values.tolist()
    if width % 8:
        with pytest.raises(ValueError, match="behind the last one are not zero"):
            unpack_signed(packed[:-1] + bytes([packed[-1] | 0x80]), 37, width)


def test_a_small_coded_file_does_not_allocate_a_large_matrix():
    data, offsets = small_file()
    at = data.index(struct.pack("<II", 40, 1))
    for shape, entries in (((1 << 27, 1), 1 << 25), ((1 << 13, 1 << 14), 1 << 27)):
        hostile = bytearray(data)
        hostile[at:at + 8] = struct.pack("<II", *shape)
        hostile[offsets["entries"]:offsets["entries"] + 4] = struct.pack("<I", entries)
        tracemalloc.start()
        try:
            with pytest.raises(ContainerError, match=r"layers\[0\]\.(bias|entries|run_stream) at"):
                loads(sealed(bytes(hostile)))
            assert tracemalloc.get_traced_memory()[1] < 200_000
        finally:
            tracemalloc.stop()
