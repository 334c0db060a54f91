"""The `.net` file in which Deep Compression's authors publish SqueezeNet.

All numbers are little-endian. There are no shapes, names or magic numbers in it: they come from the
definition of the network (here `golden.models.squeezenet`).

=========  =================  ==================================================================
field      type               meaning
=========  =================  ==================================================================
entries    u32 x layers       of each layer
codebook   f32 x 2**b         of the first layer; b = 8 for convolutions, 4 for other layers;
                              entry 0 is 0.0
bias       f32 x outputs
indices    b bits x entries   of two in a byte, the first is in the low half
runs       4 bits x entries   zeros before each entry; the first in the low half
codebook   ...                of the second layer, and so on
=========  =================  ==================================================================

The entries run over the weights as they lie in memory, (outputs, inputs, height, width). An entry
with index 0 is padding, of a gap of more than 15 zeros; but a run of 15 may also belong to a
weight. The zeros behind the last weight have no entries. Half a byte that is left over is zero.

Source: the file itself and the decoder beside it, github.com/songhan/SqueezeNet-Deep-Compression.
"""

from dataclasses import dataclass

import numpy as np

from ..compression.relative import gaps_of
from ..container.layout import ContainerError
from ..container.reader import Reader

__all__ = ["RUN_WIDTH", "NetLayer", "NetShape", "dumps_net", "loads_net", "loads_net_with_spans",
           "read_floats"]

#: Bits of a run.
RUN_WIDTH = 4
_LONGEST = (1 << RUN_WIDTH) - 1


@dataclass(frozen=True)
class NetShape:
    """What a file does not say of a layer.

    Parameters
    ----------
    name : str
    shape : tuple of int
        Of the weights; outputs first.
    index_width : int
        4 or 8 bits.
    """

    name: str
    shape: tuple[int, ...]
    index_width: int = 8


@dataclass(frozen=True, eq=False)
class NetLayer:
    """A layer as the file has it.

    Parameters
    ----------
    name : str
    codebook : ndarray of float32, shape (2**index_width,)
        Entry 0 is 0.0.
    bias : ndarray of float32, shape (outputs,)
    codes : ndarray of uint8, shape (outputs, ...)
        Codebook index of each weight; 0 is a pruned one.
    """

    name: str
    codebook: np.ndarray
    bias: np.ndarray
    codes: np.ndarray

    @property
    def index_width(self):
        """Width of a codebook index, in bits."""
        return (len(self.codebook) - 1).bit_length()

    @property
    def weights(self):
        """Weights, float32."""
        return self.codebook[self.codes]

    @property
    def entries(self):
        """Indices and runs, uint8, as the file has them."""
        values, gaps = gaps_of(self.codes.reshape(-1, 1))
        gaps = gaps[:-1]
        real = np.cumsum((gaps >> RUN_WIDTH) + 1) - 1
        indices = np.zeros(real[-1] + 1 if len(real) else 0, np.uint8)
        runs = np.full(indices.shape, _LONGEST, np.uint8)
        indices[real] = values
        runs[real] = gaps & _LONGEST
        return indices, runs


def loads_net(data, shapes):
    """Read a network.

    Parameters
    ----------
    data : bytes-like
    shapes : sequence of NetShape

    Returns
    -------
    list of NetLayer

    Raises
    ------
    ContainerError
        If it is not the file of such a network, byte for byte as `dumps_net` writes it.
    """
    return loads_net_with_spans(data, shapes)[0]


def loads_net_with_spans(data, shapes):
    """Read a network, and say where the bytes of its file go.

    Returns
    -------
    layers : list of NetLayer
    spans : list of (str, int)
        Fields of the file in order, and the bytes of each.
    """
    data = memoryview(data).cast("B")
    reader = Reader(data, 0)
    counts = reader.array("entries", "<u4", len(shapes))
    layers = [_read_layer(reader, f"layers[{number}]", shape, int(count), 4 * number)
              for number, (shape, count) in enumerate(zip(shapes, counts, strict=True))]
    reader.finish("layers")
    return layers, reader.spans


def _read_layer(reader, field, shape, count, at):
    size = int(np.prod(shape.shape))
    if not 1 <= count <= size:
        raise ContainerError("entries", at, f"{shape.name} has from 1 to {size}, not {count}")

    codebook = read_floats(reader, f"{field}.codebook", 1 << shape.index_width, zero_first=True)
    bias = read_floats(reader, f"{field}.bias", shape.shape[0])
    indices = _halves(reader, f"{field}.indices", count, shape.index_width)
    offset = reader.offset
    runs = _halves(reader, f"{field}.runs", count, RUN_WIDTH)

    def refuse(number, problem):
        raise ContainerError(f"{field}.runs", offset + number // 2, f"entry {number} {problem}")

    positions = np.cumsum(runs + np.int64(1)) - 1
    if positions[-1] >= size:
        refuse(int(np.searchsorted(positions, size)), f"lies beyond the {size} weights")
    padding = indices == 0
    if (wrong := np.flatnonzero(padding & (runs != _LONGEST))).size:
        refuse(int(wrong[0]), f"is padding, but its run is {runs[wrong[0]]}, not {_LONGEST}")
    if padding[-1]:
        refuse(count - 1, "is padding, but no weight follows it")
    codes = np.zeros(size, np.uint8)
    codes[positions] = indices
    return NetLayer(shape.name, codebook, bias, codes.reshape(shape.shape))


def read_floats(reader, field, count, *, zero_first=False):
    """Take numbers of 32 bits, of which all are finite, and the first may have to be 0.0."""
    offset = reader.offset
    values = reader.array(field, "<f4", count)
    wrong = np.flatnonzero(~np.isfinite(values))
    if wrong.size:
        raise ContainerError(field, offset + 4 * int(wrong[0]),
                             f"{values[wrong[0]]} is not finite")
    if zero_first and values[0] != 0:
        raise ContainerError(field, offset, f"entry 0 must be 0.0, not {values[0]}")
    return values


def _halves(reader, field, count, width):
    """Take numbers of 4 or 8 bits."""
    offset = reader.offset
    if width == 8:
        return reader.array(field, "u1", count)
    data = reader.array(field, "u1", -(-count // 2))
    numbers = np.stack([data & 15, data >> 4], axis=1).ravel()
    if numbers[count:].any():
        raise ContainerError(field, offset + count // 2, "the last half byte is not zero")
    return numbers[:count]


def dumps_net(layers):
    """Return the bytes of the file of some layers.

    Parameters
    ----------
    layers : sequence of NetLayer

    Returns
    -------
    bytes

    Raises
    ------
    ValueError
        If a layer has no weight at all, or its codebook neither 16 nor 256 entries.
    """
    counts, parts = [], []
    for layer in layers:
        if layer.index_width not in (4, 8) or not layer.codes.any():
            raise ValueError(f"{layer.name}: must have 16 or 256 codebook entries, not "
                             f"{len(layer.codebook)}, and a weight that is not 0")
        indices, runs = layer.entries
        counts.append(len(indices))
        parts += [layer.codebook.astype("<f4").tobytes(), layer.bias.astype("<f4").tobytes(),
                  _pack(indices, layer.index_width), _pack(runs, RUN_WIDTH)]
    return np.array(counts, "<u4").tobytes() + b"".join(parts)


def _pack(numbers, width):
    if width == 8:
        return numbers.tobytes()
    numbers = np.append(numbers, np.zeros(len(numbers) % 2, np.uint8))
    return (numbers[::2] | numbers[1::2] << 4).tobytes()
