"""Where the bytes of a compressed network go, layer by layer."""

from dataclasses import dataclass

import numpy as np

from golden.compression.coded_entries import code_entries
from golden.container import loads_with_spans

__all__ = ["LayerSize", "layer_sizes", "total_size"]


@dataclass(frozen=True)
class LayerSize:
    """Size of one layer, or of all together.

    Parameters
    ----------
    name : str
    weights, kept : int
        How many, and how many of them aren't zero.
    biases : int
    bits : float
        Of an index.
    bits_huffman : float
        Of an index, coded: bits of the stream for every kept weight.
    run_width : float
        Bits of a run.
    run_bits : float
        Of the runs, coded: bits of the stream, padding included, for every kept weight.
    bytes : int
        In the file, everything counted.
    """

    name: str
    weights: int
    kept: int
    biases: int
    bits: float
    bits_huffman: float
    run_width: float
    run_bits: float
    bytes: int

    @property
    def density(self):
        """Share of the weights that are kept."""
        return self.kept / self.weights

    @property
    def float_bytes(self):
        """Bytes of all weights and biases as 32-bit floats."""
        return 4 * (self.weights + self.biases)

    @property
    def ratio(self):
        """How many times smaller than as 32-bit floats."""
        return self.float_bytes / self.bytes


def layer_sizes(data):
    """Size of every layer of a file, as its entries are coded there or would be.

    Parameters
    ----------
    data : bytes
        Of a container.

    Returns
    -------
    network : golden.network.SparseNetwork
    list of LayerSize
    """
    network, spans = loads_with_spans(data)
    widths = _widths(data, spans)
    sizes = []
    for number, layer in enumerate(network.layers):
        coded = code_entries(layer.codes, min(widths[number], 7))
        kept = int(np.count_nonzero(layer.codes))
        sizes.append(LayerSize(
            layer.name, layer.codes.size, kept, layer.rows, layer.index_width,
            coded.indices.bits / max(kept, 1), widths[number],
            (coded.runs.bits if coded.runs else 0) / max(kept, 1),
            sum(size for name, size in spans if name.startswith(f"layers[{number}]."))))
    return network, sizes


def _widths(data, spans):
    """Run width of every layer, from its field in the file."""
    widths, offset = [], 0
    for name, size in spans:
        if name.endswith(".run_width"):
            widths.append(data[offset])
        offset += size
    return widths


def total_size(data, sizes):
    """Size of the whole file: means over the kept weights, and every byte.

    Parameters
    ----------
    data : bytes
    sizes : list of LayerSize
        Of its layers.

    Returns
    -------
    LayerSize
    """
    kept = sum(size.kept for size in sizes)

    def mean(name):
        return sum(size.kept * getattr(size, name) for size in sizes) / max(kept, 1)

    return LayerSize(
        "all", sum(size.weights for size in sizes), kept, sum(size.biases for size in sizes),
        mean("bits"), mean("bits_huffman"), mean("run_width"), mean("run_bits"), len(data))
