"""Writing a network to a container file."""

import struct
import zlib
from operator import index

import numpy as np

from ..compression.coded_entries import best_coded_run_width, code_entries
from ..compression.relative import best_run_width, encode_relative, pack_entries
from .coded_section import dump_section
from .integers import pack_signed, signed_width
from .layout import (
    CODED_FIELDS,
    HEADER,
    INT16,
    INT32,
    LAYER_FIELDS,
    MAGIC,
    MAX_SIZE,
    MAX_WEIGHTS,
    VERSION,
    VERSION_CODED,
    WINDOW_FIELDS,
    number_problem,
    text_problem,
)

__all__ = ["dumps", "write_network"]


def write_network(network, target, *, huffman=False):
    """Write a network.

    Parameters
    ----------
    network : SparseNetwork
    target : path-like or binary file object
    huffman : bool
        Code indices and runs, wherever that makes a layer smaller.

    Raises
    ------
    ValueError
        If the network is not one that a file can hold; nothing has then been written.
    """
    data = dumps(network, huffman=huffman)
    if hasattr(target, "write"):
        target.write(data)
    else:
        with open(target, "wb") as file:
            file.write(data)


def dumps(network, *, huffman=False):
    """Return the bytes of the file of a `SparseNetwork`; errors as of `write_network`."""
    if not 1 <= len(network.layers) <= 0xFFFF:
        raise ValueError(f"layers: must be from 1 to 65535, not {len(network.layers)}")
    if len(network.metadata) > 0xFFFF:
        raise ValueError(f"metadata: at most 65535 pairs, not {len(network.metadata)}")
    parts = [struct.pack("<H", len(network.metadata))]
    for number, (key, value) in enumerate(network.metadata.items()):
        parts += [_dump_text(f"metadata[{number}].key", key),
                  _dump_text(f"metadata[{number}].value", value, lines=True)]
    version = VERSION_CODED if huffman or any(layer.window for layer in network.layers) else VERSION
    outputs, weights = None, 0
    for number, layer in enumerate(network.layers):
        field = f"layers[{number}]"
        parts += _dump_layer(field, layer, version, huffman)
        if outputs not in (None, layer.inputs):
            raise ValueError(f"{field}.columns: takes {layer.inputs} inputs, but the layer before "
                             f"has {outputs} outputs")
        outputs, weights = layer.outputs, weights + layer.rows * layer.columns
    body = b"".join(parts)
    size = HEADER.size + len(body) + 4
    if size > MAX_SIZE or weights > MAX_WEIGHTS:
        raise ValueError(f"size: {size} bytes for {weights} weights; at most {MAX_SIZE} bytes for "
                         f"{MAX_WEIGHTS} weights can be read back")
    data = HEADER.pack(MAGIC, version, len(network.layers), size) + body
    return data + struct.pack("<I", zlib.crc32(data))


def _dump_text(field, text, *, lines=False):
    problem = text_problem(text, lines=lines)
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


def _dump_layer(field, layer, version, huffman):
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
    bias = _dump_array(f"{field}.bias", layer.bias, "<i4", (layer.rows,), *INT32)
    run_width, entries, stream = _dump_packed(codes, index_width)
    coding, extra = False, []
    if huffman:
        coded = _dump_coded(codes)
        coding = len(coded[-1]) < len(stream)
        if coding:
            run_width, entries, stream = coded
    if version == VERSION_CODED:
        bias_width = signed_width(layer.bias)
        bias = pack_signed(layer.bias, bias_width)
        window = layer.window
        extra = _dump_fields(field, CODED_FIELDS, (int(coding), bias_width, window is not None))
        if window is not None:
            if window.columns != layer.columns:
                raise ValueError(f"{field}.window: its patches hold {window.columns} numbers, not "
                                 f"{layer.columns}")
            extra += _dump_fields(f"{field}.window", WINDOW_FIELDS,
                                  [getattr(window, name) for name, *_ in WINDOW_FIELDS])
    derived = {"run_width": run_width, "entries": entries}
    values = [derived[name] if name in derived else getattr(layer, name)
              for name, *_ in LAYER_FIELDS]
    return [_dump_text(f"{field}.name", layer.name), *_dump_fields(field, LAYER_FIELDS, values),
            *extra, _dump_array(f"{field}.codebook", codebook, "<i2", codebook.shape, *INT16),
            bias, stream]


def _dump_fields(field, declared, values):
    """Bytes of each field of a table such as `LAYER_FIELDS`, or raise if a value does not fit."""
    parts = []
    for (name, type_, low, high), value in zip(declared, values, strict=True):
        value = float(value) if type_ == "d" else index(value)
        if problem := number_problem(name, value, low, high):
            raise ValueError(f"{field}.{problem}")
        parts.append(struct.pack("<" + type_, value))
    return parts


def _dump_packed(codes, index_width):
    """Run width, number of entries, and bytes, of entries that are not coded."""
    run_width = best_run_width(codes, index_width)
    indices, runs = encode_relative(codes, run_width)
    return run_width, len(indices), pack_entries(indices, runs, index_width, run_width)


def _dump_coded(codes):
    """Run width, number of entries, and bytes, of entries that are."""
    run_width = best_coded_run_width(codes)
    coded = code_entries(codes, run_width)
    return run_width, coded.entries, dump_section(coded)
