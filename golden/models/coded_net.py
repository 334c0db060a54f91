"""A network as Deep Compression's authors store it, Huffman-coded: all that its size consists of.

The published `.net` file leaves the last step of Deep Compression out. This one takes it, and keeps
every codebook and bias as it is, so that the published file comes back byte for byte.

============  =====================  ==============================================================
field         type                   meaning
============  =====================  ==============================================================
magic         4 B                    ``WNET``
layers[i]                            see below; shapes are not in the file, as in the published one
checksum      u32                    CRC-32 (as zlib's) of every byte before it
============  =====================  ==============================================================

Each layer:

=========================  ====================  ===============================================
entries                    u32                   `golden.compression.coded_entries`
index_width, run_width     u8 each               1 to 8, and 0 to 7
codebook                   f32 x 2**index_width  the first is 0.0
bias                       f32 x outputs
run_bytes and what follows                       as in layers of `golden.container` with coding 1
=========================  ====================  ===============================================

The entries run over the weights as they lie in memory, (outputs, inputs, height, width).
"""

import struct
import zlib

import numpy as np

from ..compression.coded_entries import MAX_RUN_WIDTH, best_coded_run_width, code_entries
from ..container.coded_section import dump_section, read_section
from ..container.layout import MAX_WEIGHTS, ContainerError
from ..container.reader import Reader
from .deep_compression_net import NetLayer, read_floats

__all__ = ["MAGIC", "dumps_coded", "layer_entries", "loads_coded", "loads_coded_with_spans"]

MAGIC = b"WNET"

_FIELDS = (
    ("entries", "I", 1, MAX_WEIGHTS),
    ("index_width", "B", 1, 8),
    ("run_width", "B", 0, MAX_RUN_WIDTH),
)


def layer_entries(layer, *, plain=False):
    """Coded entries of a layer, with runs of the width that makes them shortest.

    Parameters
    ----------
    layer : NetLayer
    plain : bool
        Store indices as they are, see `golden.compression.coded_entries.code_entries`.

    Returns
    -------
    golden.compression.coded_entries.CodedEntries
    """
    flat = layer.codes.reshape(-1, 1)
    return code_entries(flat, best_coded_run_width(flat, plain=plain), plain=plain)


def dumps_coded(layers, *, plain=False):
    """Return the bytes of the file of some layers.

    Parameters
    ----------
    layers : sequence of NetLayer
        With codebooks of 2, 4 ... or 256 entries.
    plain : bool
        See `layer_entries`.

    Returns
    -------
    bytes
    """
    parts = [MAGIC]
    for layer in layers:
        if len(layer.codebook) != 1 << layer.index_width or not 1 <= layer.index_width <= 8:
            raise ValueError(f"{layer.name}: a codebook has 2, 4 ... or 256 entries, not "
                             f"{len(layer.codebook)}")
        coded = layer_entries(layer, plain=plain)
        parts += [struct.pack("<" + "".join(type_ for _, type_, *_ in _FIELDS), coded.entries,
                              layer.index_width, coded.run_width),
                  layer.codebook.astype("<f4").tobytes(), layer.bias.astype("<f4").tobytes(),
                  dump_section(coded)]
    body = b"".join(parts)
    return body + struct.pack("<I", zlib.crc32(body))


def loads_coded(data, shapes):
    """Read a network.

    Parameters
    ----------
    data : bytes-like
    shapes : sequence of NetShape
        Of which names and shapes count.

    Returns
    -------
    list of NetLayer

    Raises
    ------
    ContainerError
        If it is not the file of such a network.
    """
    return loads_coded_with_spans(data, shapes)[0]


def loads_coded_with_spans(data, shapes):
    """Read a network, and say where the bytes of its file go.

    Returns
    -------
    layers : list of NetLayer
    spans : list of (str, int)
        Fields of the file in order, and the bytes of each.
    """
    data = memoryview(data).cast("B")
    if bytes(data[:4]) != MAGIC:
        raise ContainerError("magic", 0, f"is {bytes(data[:4])!r}, not {MAGIC!r}")
    end = len(data) - 4
    if end < 4 or zlib.crc32(data[:end]) != struct.unpack_from("<I", data, end)[0]:
        raise ContainerError("checksum", max(end, 4), "the file has been changed")
    reader = Reader(data[:end], 4)
    layers = [_read_layer(reader, f"layers[{number}]", shape)
              for number, shape in enumerate(shapes)]
    reader.finish("layers")
    return layers, [("magic", 4), *reader.spans, ("checksum", 4)]


def _read_layer(reader, field, shape):
    offset, size = reader.offset, int(np.prod(shape.shape))
    entries, index_width, run_width = (reader.checked(field, *spec) for spec in _FIELDS)
    if not entries <= size < entries + 1 << run_width:
        raise ContainerError(f"{field}.entries", offset, f"{entries} entries of {run_width}-bit "
                             f"runs can't make {size} weights of {shape.name}")
    codebook = read_floats(reader, f"{field}.codebook", 1 << index_width, zero_first=True)
    bias = read_floats(reader, f"{field}.bias", shape.shape[0])
    codes = read_section(reader, field, entries=entries, index_width=index_width,
                         run_width=run_width, shape=(size, 1))
    return NetLayer(shape.name, codebook, bias, codes.reshape(shape.shape))
