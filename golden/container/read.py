"""Reading a network from a container file, whatever that file turns out to be."""

import os
import struct
import zlib

from ..network import SparseNetwork
from .layout import (
    HEADER,
    MAGIC,
    MAX_SIZE,
    MAX_WEIGHTS,
    VERSION,
    VERSION_CODED,
    ContainerError,
)
from .read_layer import read_layer
from .reader import Reader

__all__ = ["loads", "loads_with_spans", "read_network"]


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
    _, _, size = _read_header(header)
    return loads(header + source.read(size - len(header) + 1))


def loads(data):
    """Read a network from the bytes of its file; results and errors as of `read_network`."""
    return loads_with_spans(data)[0]


def loads_with_spans(data):
    """Read a network from the bytes of its file, and say where these go.

    Returns
    -------
    network : SparseNetwork
    spans : list of (str, int)
        Fields of the file in order, as errors name them, and the bytes of each: of all, the file's.
    """
    data = memoryview(data).cast("B")
    version, layer_count, size = _read_header(data)
    if size != len(data):
        more = "more than that" if len(data) > size else f"only {len(data)}"
        raise ContainerError("size", 8, f"the header says {size} bytes, there are {more}")
    end = size - 4
    if zlib.crc32(data[:end]) != struct.unpack_from("<I", data, end)[0]:
        raise ContainerError("checksum", end, "the file has been changed since it was written")
    reader = Reader(data[:end], HEADER.size)

    metadata = {}
    for number in range(reader.number("metadata", "H")):
        offset = reader.offset
        key = reader.text(f"metadata[{number}].key")
        if key in metadata:
            raise ContainerError(f"metadata[{number}].key", offset, f"{key!r} occurs twice")
        metadata[key] = reader.text(f"metadata[{number}].value", lines=True)

    layers, weights = [], 0
    for number in range(layer_count):
        inputs = layers[-1].outputs if layers else None
        layers.append(read_layer(reader, f"layers[{number}]", coded=version == VERSION_CODED,
                                 inputs=inputs, max_weights=MAX_WEIGHTS - weights))
        weights += layers[-1].codes.size
    reader.finish("layers")
    spans = [("header", HEADER.size), *reader.spans, ("checksum", len(data) - end)]
    return SparseNetwork(tuple(layers), metadata), spans


def _read_header(data):
    """Check the header; return the version, the number of layers and the size."""
    if bytes(data[:4]) != MAGIC[:len(data)] or not len(data):
        raise ContainerError("magic", 0, f"is {bytes(data[:4])!r}, not {MAGIC!r}: no .weft file")
    for name, offset, length in (("magic", 0, 4), ("version", 4, 2), ("layers", 6, 2),
                                 ("size", 8, 4)):
        if len(data) < offset + length:
            raise ContainerError(name, offset, f"the file ends after {len(data)} bytes")
    _, version, layers, size = HEADER.unpack_from(data)
    if version not in (VERSION, VERSION_CODED):
        raise ContainerError("version", 4, f"is {version}; this program reads {VERSION} and "
                                           f"{VERSION_CODED}")
    if layers < 1:
        raise ContainerError("layers", 6, "a network has at least 1")
    smallest = HEADER.size + struct.calcsize("<HI")    # no metadata, a checksum
    if not smallest <= size <= MAX_SIZE:
        raise ContainerError("size", 8, f"must be from {smallest} to {MAX_SIZE}, not {size}")
    return version, layers, size
