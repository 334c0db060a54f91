"""Where the bytes of a network go that is stored as Deep Compression's authors do."""

import numpy as np

from golden.models.coded_net import layer_entries
from golden.models.deep_compression_net import RUN_WIDTH

from .sizes import LayerSize

__all__ = ["net_layer_sizes"]


def net_layer_sizes(layers, spans, *, coded, plain=False):
    """Size of every layer.

    Parameters
    ----------
    layers : sequence of golden.models.deep_compression_net.NetLayer
    spans : list of (str, int)
        Fields of their file, and the bytes of each.
    coded : bool
        Whether its runs are Huffman codes, and unless `plain` its indices.
    plain : bool
        See `golden.models.coded_net.dumps_coded`.

    Returns
    -------
    list of LayerSize
        The bits are those of the streams in the file, coded or not.
    """
    sizes = []
    for number, layer in enumerate(layers):
        kept = int(np.count_nonzero(layer.codes))
        if coded:
            entries = layer_entries(layer, plain=plain)
            run_width, index_bits = entries.run_width, entries.indices.bits
            run_bits = entries.runs.bits if entries.runs else 0
        else:
            count = len(layer.entries[0])
            run_width, index_bits, run_bits = RUN_WIDTH, layer.index_width * count, (
                RUN_WIDTH * count)
        sizes.append(LayerSize(
            layer.name, layer.codes.size, kept, len(layer.bias), layer.index_width,
            index_bits / max(kept, 1), run_width, run_bits / max(kept, 1),
            sum(size for field, size in spans if field.startswith(f"layers[{number}]."))))
    return sizes
