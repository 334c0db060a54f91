"""Reading a network from a container file, whatever that file turns out to be."""

import os
import struct
import zlib

import numpy as np

from ..compression.relative import decode_relative, unpack_entries
from ..network import SparseLayer, SparseNetwork
from .layout import (
    HEADER,
    LAYER_FIELDS,
    MAGIC,
    MAX_SIZE,
    MAX_WEIGHTS,
    VERSION,
    ContainerError,
    number_problem,
    text_problem,
)

__all__ = ["loads", "read_network"]


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
    header = source.read(HEADER.size)
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
    reader = _Reader(data[:end], HEADER.size)

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
    _, version, layers, size = HEADER.unpack_from(data)
    if version != VERSION:
        raise ContainerError("version", 4, f"is {version}; this program reads {VERSION}")
    if layers < 1:
        raise ContainerError("layers", 6, "a network has at least 1")
    smallest = HEADER.size + struct.calcsize("<HI")    # no metadata, a checksum
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
        if problem := text_problem(text, lines=lines):
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
    for key, type_, low, high in LAYER_FIELDS:
        offsets[key] = reader.offset
        values[key] = reader.number(f"{field}.{key}", type_)
        if problem := number_problem(key, values[key], low, high):
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
