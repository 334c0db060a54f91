"""Mutated container files: each is a network or a ContainerError, and takes little memory."""

import re
import struct
import time
import tracemalloc
import zlib
from itertools import pairwise

import numpy as np

from golden.container import MAX_WEIGHTS, ContainerError, dumps, loads
from golden.network import SparseLayer, SparseNetwork, Window

#: Each is tried as it is and with size and checksum made right: twice as many files.
MUTATIONS = 10_000
#: Numbers that parsers trip over, in the sizes of the format's fields.
NASTY = [struct.pack(f"<{type_}", value) for type_, values in (
    ("B", (0, 1, 8, 9, 31, 32, 127, 128, 255)),
    ("H", (0, 1, 255, 256, 32767, 32768, 65535)),
    ("I", (0, 1, 2, 255, 65535, 65536, 1 << 24, 1 << 28, (1 << 31) - 1, 1 << 31, (1 << 32) - 1)),
    ("d", (0.0, -1.0, float("inf"), float("nan"), 5e-324)),
) for value in values]


def example(rng, sizes, density, index_width, *, huffman=False, window=None):
    """A file of fully connected layers, or with a `window` of one convolution."""
    layers = []
    shapes = list(pairwise(sizes)) if window is None else [(window.columns, sizes[0])]
    for number, (columns, rows) in enumerate(shapes):
        codes = rng.integers(1, 1 << index_width, (rows, columns))
        codebook = rng.integers(-999, 999, 1 << index_width).astype(np.int16)
        codebook[0] = 0
        layers.append(SparseLayer(
            name=f"layer{number}", codebook=codebook, multiplier=1 << 30,
            codes=np.where(rng.random(codes.shape) < density, codes, 0).astype(np.uint8),
            bias=rng.integers(-999, 999, rows).astype(np.int32),
            window=window))
    return dumps(SparseNetwork(tuple(layers), {"made by": "a test", "accuracy": "97 %"}),
                 huffman=huffman)


def mutate(rng, data, others):
    """Change a file in one of eight ways, once to thrice."""
    for _ in range(rng.integers(1, 4)):
        at, end = sorted(int(i) for i in rng.integers(0, len(data) + 1, 2))
        way = rng.integers(8)
        if way == 0:                                    # a bit
            at = min(at, len(data) - 1)
            data = data[:at] + bytes([data[at] ^ 1 << rng.integers(8)]) + data[at + 1:]
        elif way == 1:                                  # a byte
            data = data[:at] + rng.bytes(1) + data[at + 1:]
        elif way == 2:                                  # a truncation
            data = data[:end]
        elif way == 3:                                  # a hole of up to 16 bytes
            data = data[:at] + data[min(end, at + 16):]
        elif way == 4:                                  # a repetition
            data = data[:end] + data[at:]
        elif way == 5:                                  # a piece of another file
            other = others[rng.integers(len(others))]
            start = int(rng.integers(len(other)))
            piece = other[start:start + int(rng.integers(1, 64))]
            data = data[:at] + piece + data[at + len(piece) * int(rng.integers(2)):]
        elif way == 6:                                  # a nasty number in a random place
            value = NASTY[rng.integers(len(NASTY))]
            data = data[:at] + value + data[at + len(value):]
        else:                                           # ... and near the front, among the fields
            at, value = int(rng.integers(12, 120)), NASTY[rng.integers(len(NASTY))]
            data = data[:at] + value + data[at + len(value):]
        data = data or b"W"
    return data


def seal(data):
    """Make size and checksum right, so that the parser behind them is reached."""
    body = data[:-4] if len(data) > 16 else data
    body = body[:8] + struct.pack("<I", len(body) + 4) + body[12:]
    return body + struct.pack("<I", zlib.crc32(body))


def assert_valid(network):
    """What whoever uses a network may rely on."""
    weights, outputs = 0, None
    for layer in network.layers:
        assert layer.codes.dtype == np.uint8 and layer.codes.ndim == 2 and layer.codes.size
        assert outputs in (None, layer.inputs)
        outputs, weights = layer.outputs, weights + layer.codes.size
        assert layer.window is None or layer.window.columns == layer.columns
        assert layer.codebook.dtype == np.int16 and layer.codebook[0] == 0
        assert layer.codes.max() < len(layer.codebook) == 1 << layer.index_width
        assert layer.bias.dtype == np.int32 and layer.bias.shape == (layer.rows,)
        assert 0 <= layer.multiplier <= 1 << 31
        assert 0 <= layer.left_shift <= 31 and 0 <= layer.right_shift <= 31
        assert -32768 <= layer.low <= layer.high <= 32767
        for scale in (layer.weight_scale, layer.input_scale, layer.output_scale):
            assert 0 < scale < float("inf")
    assert 0 < weights <= MAX_WEIGHTS


def test_mutated_files():
    rng = np.random.default_rng(2)
    files = [example(rng, (2, 2), 0.5, 2), example(rng, (9, 20, 7, 3), 0.2, 4),
             example(rng, (40, 30, 1), 0.03, 1), example(rng, (5, 6), 1, 8),
             *(example(rng, (60, 50, 2), density, 3, huffman=True) for density in (0.02, 0.2, 1)),
             example(rng, (6,), 0.5, 3, window=Window(2, 5, 6, 3, 2, stride=2, padding=1, pool=2))]
    counts = {(sealed, outcome): 0 for sealed in (False, True) for outcome in ("network", "error")}
    fields, largest, slowest = set(), 0.0, 0.0
    for number in range(MUTATIONS):
        mutant = mutate(rng, files[number % len(files)], files)
        for sealed in (False, True):
            data = seal(mutant) if sealed else mutant
            traced = number % 4 == 0                    # it halves the speed
            if traced:
                tracemalloc.start()
            start = time.process_time()
            try:
                network = loads(data)
            except ContainerError as error:
                outcome = "error"
                fields.add(re.sub(r"\[\d+\]", "", error.field))
                assert 0 <= error.offset <= len(data)
                assert str(error).startswith(f"{error.field} at byte {error.offset}: ")
            else:
                outcome = "network"
                assert_valid(network)
            finally:
                peak = tracemalloc.get_traced_memory()[1]
                tracemalloc.stop()
            slowest = max(slowest, time.process_time() - start)
            largest = max(largest, peak / (len(data) + 1000))
            counts[sealed, outcome] += 1
            if outcome == "network" and counts[sealed, outcome] % 16 == 0:
                again = loads(dumps(network))
                for a, b in zip(network.layers, again.layers, strict=True):
                    np.testing.assert_array_equal(a.weights, b.weights)
    assert sum(counts.values()) == 2 * MUTATIONS >= 20_000
    # The checksum stops nearly everything; behind it, the parser has met both kinds.
    assert counts[False, "error"] > 0.99 * MUTATIONS
    assert counts[True, "network"] > 1000
    assert counts[True, "error"] > 5000
    assert fields >= {
        "magic", "version", "layers", "size", "checksum", "metadata.key", "metadata.value",
        *(f"layers.{name}" for name in (
            "name", "rows", "columns", "multiplier", "left_shift", "right_shift", "high",
            "index_width", "run_width", "weight_scale", "input_scale", "output_scale", "entries",
            "codebook", "bias", "stream", "coding", "bias_width", "window", "run_bytes",
            "index_bytes", "run_table", "run_stream", "index_table", "index_stream"))}
    # Bytes taken per byte of file: an entry of 9 bits makes up to 256 weights, twice over.
    assert largest < 600
    assert slowest < 0.5
    print(counts, f"memory {largest:.0f}x, slowest {slowest * 1e3:.1f} ms")
