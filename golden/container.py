"""The `.weft` file: one compressed network.

All numbers are little-endian; a *text* is a u16 count of bytes and as many bytes of UTF-8.

=============  =====  =====================================================================
field          type   meaning
=============  =====  =====================================================================
magic          4 B    ``WEFT``
version        u16    1
layers         u16    how many, at least 1
size           u32    bytes of the whole file, checksum included
metadata       u16    how many pairs follow, each a text `key` and a text `value`
layers[i]             see below
checksum       u32    CRC-32 (as zlib's) of every byte before it
=============  =====  =====================================================================

Each layer, whose fields mean what `golden.network.SparseLayer` says:

=========================  ==========================  =====================================
name                       text                        printable, not empty
rows, columns              u32 each                    columns = rows of the layer before
multiplier                 u32                         0 to 2**31
left_shift, right_shift    u8 each                     0 to 31
low, high                  i16 each                    low <= high
index_width, run_width     u8 each                     1 to 8
input_zero_point           i32
output_zero_point          i32
weight_scale               f64                         positive, finite; as the next two
input_scale, output_scale  f64 each
entries                    u32                         in the stream
codebook                   i16 x 2**index_width        the first is 0
bias                       i32 x rows
stream                     bytes                       `golden.compression.relative`
=========================  ==========================  =====================================

The writer chooses the `run_width` with which a stream is shortest; apart from that a network has
exactly one file. Whatever is wrong with a file, wherever it comes from, is a `ContainerError` that
names the field and its byte. Nothing is allocated before the bytes that justify it have been
counted: a layer has at most ``(entries + 1) * 2**run_width`` weights, a network `MAX_WEIGHTS`.
"""

import math
import os
import struct
import zlib
from operator import index

import numpy as np

from .compression.relative import (
    best_run_width,
    decode_relative,
    encode_relative,
    pack_entries,
    unpack_entries,
)
from .network import SparseLayer, SparseNetwork

__all__ = [
    "MAX_SIZE", "MAX_WEIGHTS", "VERSION", "ContainerError", "dumps", "loads", "read_network",
    "write_network",
]

MAGIC = b"WEFT"
VERSION = 1
#: Bytes of the largest file that is read.
MAX_SIZE = 1 << 28
#: Weights, pruned ones included, of the largest network that is read.
MAX_WEIGHTS = 1 << 28

_INT32 = (-(1 << 31), (1 << 31) - 1)
_INT16 = (-(1 << 15), (1 << 15) - 1)

#: Magic, version, layers, size.
_HEADER = struct.Struct("<4sHHI")

#: The fixed part of a layer: field, type, smallest and largest value (for floats: positive).
_LAYER_FIELDS = (
    ("rows", "I", 1, MAX_WEIGHTS),
    ("columns", "I", 1, MAX_WEIGHTS),
    ("multiplier", "I", 0, 1 << 31),
    ("left_shift", "B", 0, 31),
    ("right_shift", "B", 0, 31),
    ("low", "h", *_INT16),
    ("high", "h", *_INT16),
    ("index_width", "B", 1, 8),
    ("run_width", "B", 1, 8),
    ("input_zero_point", "i", *_INT32),
    ("output_zero_point", "i", *_INT32),
    ("weight_scale", "d", None, None),
    ("input_scale", "d", None, None),
    ("output_scale", "d", None, None),
    ("entries", "I", 0, 8 * MAX_SIZE),
)


class ContainerError(ValueError):
    """A file is not a network.

    Attributes
    ----------
    field : str
        What is wrong, for instance ``layers[1].codebook``.
    offset : int
        Byte of the file at which it stands.
    """

    def __init__(self, field, offset, problem):
        super().__init__(f"{field} at byte {offset}: {problem}")
        self.field = field
        self.offset = offset


def _problem(name, value, low, high):
    """Say what is wrong with a field of `_LAYER_FIELDS`, or return None."""
    if low is None:
        if not (math.isfinite(value) and value > 0):
            return f"{name} must be positive and finite, not {value}"
    elif not low <= value <= high:
        return f"{name} must be from {low} to {high}, not {value}"
    return None


def _text_problem(text, *, lines=False):
    """Say what is wrong with a text, or return None. Only values may have several lines."""
    if lines:
        text = text.replace("\n", "").replace("\t", "")
    elif not text:
        return "must not be empty"
    return None if text.isprintable() else "has characters that are not printable"


# --- writing

def write_network(network, target):
    """Write a network.

    Parameters
    ----------
    network : SparseNetwork
    target : path-like or binary file object

    Raises
    ------
    ValueError
        If the network is not one that a file can hold; nothing has then been written.
    """
    data = dumps(network)
    if hasattr(target, "write"):
        target.write(data)
    else:
        with open(target, "wb") as file:
            file.write(data)


def dumps(network):
    """Return the bytes of the file of a `SparseNetwork`; errors as of `write_network`."""
    if not 1 <= len(network.layers) <= 0xFFFF:
        raise ValueError(f"layers: must be from 1 to 65535, not {len(network.layers)}")
    if len(network.metadata) > 0xFFFF:
        raise ValueError(f"metadata: at most 65535 pairs, not {len(network.metadata)}")
    parts = [struct.pack("<H", len(network.metadata))]
    for number, (key, value) in enumerate(network.metadata.items()):
        parts += [_dump_text(f"metadata[{number}].key", key),
                  _dump_text(f"metadata[{number}].value", value, lines=True)]
    columns, weights = None, 0
    for number, layer in enumerate(network.layers):
        field = f"layers[{number}]"
        parts += _dump_layer(field, layer)
        if columns not in (None, layer.columns):
            raise ValueError(f"{field}.columns: must be {columns}, the rows of the layer before, "
                             f"not {layer.columns}")
        columns, weights = layer.rows, weights + layer.rows * layer.columns
    body = b"".join(parts)
    size = _HEADER.size + len(body) + 4
    if size > MAX_SIZE or weights > MAX_WEIGHTS:
        raise ValueError(f"size: {size} bytes for {weights} weights; at most {MAX_SIZE} bytes for "
                         f"{MAX_WEIGHTS} weights can be read back")
    data = _HEADER.pack(MAGIC, VERSION, len(network.layers), size) + body
    return data + struct.pack("<I", zlib.crc32(data))


def _dump_text(field, text, *, lines=False):
    problem = _text_problem(text, lines=lines)
    data = text.encode("utf-8", errors="surrogatepass")
    if problem or len(data) > 0xFFFF:
        raise ValueError(f"{field}: {problem or 'is longer than 65535 bytes'}")
    return struct.pack("<H", len(data)) + data


def _dump_array(field, values, type_, shape, low, high):
    """Bytes of an integer array, or raise if it has other values or another shape."""
    array = np.asarray(values)
    if array.dtype.kind not in "iu" or array.shape != shape:
        raise ValueError(f"{field}: must be integers of shape {shape}, not {array.dtype} of shape "
                         f"{array.shape}")
    if array.min() < low or array.max() > high:
        raise ValueError(f"{field}: must be from {low} to {high}, not {array.min()} to "
                         f"{array.max()}")
    return array.astype(type_).tobytes()


def _dump_layer(field, layer):
    codes, codebook = np.asarray(layer.codes), np.asarray(layer.codebook)
    if codes.ndim != 2 or not codes.size:
        raise ValueError(f"{field}.codes: must have rows and columns, not shape {codes.shape}")
    index_width = layer.index_width
    if not 1 <= index_width <= 8 or codebook.shape != (1 << index_width,):
        raise ValueError(f"{field}.codebook: must have 2, 4 ... or 256 entries, not shape "
                         f"{codebook.shape}")
    _dump_array(f"{field}.codes", codes, "u1", codes.shape, 0, len(codebook) - 1)
    if codebook[0] != 0:
        raise ValueError(f"{field}.codebook: entry 0 must be 0, not {codebook[0]}")
    if layer.low > layer.high:
        raise ValueError(f"{field}.high: must not be below low={layer.low}, but is {layer.high}")
    run_width = best_run_width(codes, index_width)
    indices, runs = encode_relative(codes, run_width)
    derived = {"run_width": run_width, "entries": len(indices)}
    parts = [_dump_text(f"{field}.name", layer.name)]
    for name, type_, low, high in _LAYER_FIELDS:
        value = derived[name] if name in derived else getattr(layer, name)
        value = float(value) if type_ == "d" else index(value)
        if problem := _problem(name, value, low, high):
            raise ValueError(f"{field}.{problem}")
        parts.append(struct.pack("<" + type_, value))
    return [*parts,
            _dump_array(f"{field}.codebook", codebook, "<i2", codebook.shape, *_INT16),
            _dump_array(f"{field}.bias", layer.bias, "<i4", (layer.rows,), *_INT32),
            pack_entries(indices, runs, index_width, run_width)]


# --- reading

def read_network(source):
    """Read a network.

    Parameters
    ----------
    source : path-like or binary file object
        Read no further than one byte beyond the size that its header gives.

    Returns
    -------
    SparseNetwork

    Raises
    ------
    ContainerError
        If it is not the file of a network.
    OSError
        If it can't be read.
    """
    if isinstance(source, (str, bytes, os.PathLike)):
        with open(source, "rb") as file:
            return read_network(file)
    header = source.read(_HEADER.size)
    _, size = _read_header(header)
    return loads(header + source.read(size - len(header) + 1))


def loads(data):
    """Read a network from the bytes of its file; results and errors as of `read_network`."""
    data = memoryview(data).cast("B")
    layer_count, size = _read_header(data)
    if size != len(data):
        more = "more than that" if len(data) > size else f"only {len(data)}"
        raise ContainerError("size", 8, f"the header says {size} bytes, there are {more}")
    end = size - 4
    if zlib.crc32(data[:end]) != struct.unpack_from("<I", data, end)[0]:
        raise ContainerError("checksum", end, "the file has been changed since it was written")
    reader = _Reader(data[:end], _HEADER.size)

    metadata = {}
    for number in range(reader.number("metadata", "H")):
        offset = reader.offset
        key = reader.text(f"metadata[{number}].key")
        if key in metadata:
            raise ContainerError(f"metadata[{number}].key", offset, f"{key!r} occurs twice")
        metadata[key] = reader.text(f"metadata[{number}].value", lines=True)

    layers, weights = [], 0
    for number in range(layer_count):
        columns = layers[-1].rows if layers else None
        layers.append(_read_layer(reader, f"layers[{number}]", columns, MAX_WEIGHTS - weights))
        weights += layers[-1].codes.size
    if reader.offset != end:
        raise ContainerError("layers", reader.offset,
                             f"{end - reader.offset} bytes follow the last one")
    return SparseNetwork(tuple(layers), metadata)


def _read_header(data):
    """Check the header; return the number of layers and the size."""
    if bytes(data[:4]) != MAGIC[:len(data)] or not len(data):
        raise ContainerError("magic", 0, f"is {bytes(data[:4])!r}, not {MAGIC!r}: no .weft file")
    for name, offset, length in (("magic", 0, 4), ("version", 4, 2), ("layers", 6, 2),
                                 ("size", 8, 4)):
        if len(data) < offset + length:
            raise ContainerError(name, offset, f"the file ends after {len(data)} bytes")
    _, version, layers, size = _HEADER.unpack_from(data)
    if version != VERSION:
        raise ContainerError("version", 4, f"is {version}; this program reads {VERSION}")
    if layers < 1:
        raise ContainerError("layers", 6, "a network has at least 1")
    smallest = _HEADER.size + struct.calcsize("<HI")    # no metadata, a checksum
    if not smallest <= size <= MAX_SIZE:
        raise ContainerError("size", 8, f"must be from {smallest} to {MAX_SIZE}, not {size}")
    return layers, size


class _Reader:
    """Takes fields from the front of some bytes, and never more than there are."""

    def __init__(self, data, offset):
        self.data = data
        self.offset = offset

    def take(self, field, length):
        left = len(self.data) - self.offset
        if length > left:
            raise ContainerError(field, self.offset, f"takes {length} bytes, but {left} are left")
        self.offset += length
        return self.data[self.offset - length:self.offset]

    def number(self, field, type_):
        return struct.unpack("<" + type_, self.take(field, struct.calcsize("<" + type_)))[0]

    def text(self, field, *, lines=False):
        offset = self.offset
        data = self.take(field, self.number(field, "H"))
        try:
            text = str(data, "utf-8")
        except UnicodeDecodeError as error:
            raise ContainerError(field, offset + 2 + error.start, "is no UTF-8") from None
        if problem := _text_problem(text, lines=lines):
            raise ContainerError(field, offset, problem)
        return text

    def array(self, field, type_, count):
        # The length is checked by `take` before NumPy sees it.
        data = self.take(field, count * np.dtype(type_).itemsize)
        return np.frombuffer(data, type_).astype(np.dtype(type_).newbyteorder("="))


def _read_layer(reader, field, columns, max_weights):
    """Read one layer; `columns` is what it must have (or None), `max_weights` what it may have."""
    name = reader.text(f"{field}.name")
    values, offsets = {}, {}
    for key, type_, low, high in _LAYER_FIELDS:
        offsets[key] = reader.offset
        values[key] = reader.number(f"{field}.{key}", type_)
        if problem := _problem(key, values[key], low, high):
            raise ContainerError(f"{field}.{key}", offsets[key], problem)

    def refuse(key, problem):
        raise ContainerError(f"{field}.{key}", offsets[key], problem)

    if columns not in (None, values["columns"]):
        refuse("columns", f"must be {columns}, the rows of the layer before, not "
                          f"{values['columns']}")
    if values["high"] < values["low"]:
        refuse("high", f"must not be below low={values['low']}, but is {values['high']}")
    index_width, run_width, entries = (
        values.pop(key) for key in ("index_width", "run_width", "entries"))
    shape = values.pop("rows"), values.pop("columns")
    weights = shape[0] * shape[1]
    if weights > max_weights:
        refuse("columns", f"{shape[0]} x {shape[1]} weights; a network has at most {MAX_WEIGHTS}")
    if weights >= entries + 1 << run_width or entries > weights:
        refuse("entries", f"{entries} entries of {run_width}-bit runs can't make {shape[0]} x "
                          f"{shape[1]} weights")

    offsets["codebook"] = reader.offset
    codebook = reader.array(f"{field}.codebook", "<i2", 1 << index_width)
    if codebook[0] != 0:
        refuse("codebook", f"entry 0 must be 0, not {codebook[0]}")
    bias = reader.array(f"{field}.bias", "<i4", shape[0])

    offset, width = reader.offset, index_width + run_width
    stream = reader.take(f"{field}.stream", -(-entries * width // 8))
    try:
        indices, runs = unpack_entries(stream, entries, index_width, run_width)
        codes = decode_relative(indices, runs, shape, run_width)
    except ValueError as error:
        problem, entry = (*error.args, entries)[:2]
        raise ContainerError(f"{field}.stream", offset + entry * width // 8, problem) from None
    return SparseLayer(name=name, codes=codes, codebook=codebook, bias=bias, **values)
