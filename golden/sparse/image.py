"""Contents of every memory of the sparse core for a whole network."""

from dataclasses import dataclass

import numpy as np

from ..formats import LAYER
from .encode import EncodedLayer, encode
from .fill import fill_words
from .geometry import SparseGeometry
from .partition import from_positions, to_positions
from .plan import LayerPlan, check_layer, plan_network

__all__ = ["MemoryImage", "build_image", "from_positions", "pack_entries", "plan_network",
           "read_layer", "to_positions", "unpack_entries"]

_FIELDS = {field.name: field for field in LAYER.fields}


@dataclass(frozen=True, eq=False)
class MemoryImage:
    """What the host loads, with how it came about.

    Parameters
    ----------
    entries : ndarray of uint32, shape (pes, words, host_words)
        Words of the entry memories, least significant 32 bits first; zero beyond `entry_words`.
    entry_words : ndarray of int64, shape (pes,)
        Words that each processing element (PE) really has.
    pointers : ndarray of uint32, shape (pes, n_pointers)
        Absolute entry indices, layer after layer, each from an even index on.
    biases : ndarray of int32, shape (n_biases,)
        In the order of positions, layer after layer, each from a multiple of the lanes on.
    codebooks : ndarray of int16, shape (n_codebooks * 2**index_width,)
    layers : ndarray of uint32, shape (n_layers, 8)
        Descriptors, see `golden.formats.LAYER`.
    plans : tuple of LayerPlan
    encoded : tuple of EncodedLayer
    geometry : SparseGeometry
    """

    entries: np.ndarray
    entry_words: np.ndarray
    pointers: np.ndarray
    biases: np.ndarray
    codebooks: np.ndarray
    layers: np.ndarray
    plans: tuple[LayerPlan, ...]
    encoded: tuple[EncodedLayer, ...]
    geometry: SparseGeometry

    @property
    def needs(self):
        """Least value of each parameter of `hw.config.SparseConfig` that holds this image."""
        return {
            "entry_words": int(self.entry_words.max()),
            "pointer_depth": self.pointers.shape[1],
            "accumulator_depth": max(-(-layer.shape[0] // layer.slots) for layer in self.encoded),
            "activation_depth": max(max(layer.shape) for layer in self.encoded),
            "bias_depth": len(self.biases),
            "codebook_count": len(self.codebooks) >> self.geometry.index_width,
            "layer_count": len(self.layers),
        }


def pack_entries(indices, runs, geometry):
    """Pack entries into words of the entry memory.

    Parameters
    ----------
    indices, runs : ndarray of int, shape (n,)
        The last word is filled up with zeros.
    geometry : SparseGeometry

    Returns
    -------
    ndarray of uint32, shape (ceil(n / word_entries), ceil(word_width / 32))
    """
    count = geometry.word_entries
    words = -(-len(indices) // count)
    entries = np.zeros(words * count, dtype=np.uint64)
    entries[:len(indices)] = indices.astype(np.uint64) | (
        runs.astype(np.uint64) << np.uint64(geometry.index_width))
    packed = np.zeros((words, -(-geometry.word_width // 32) + 1), dtype=np.uint64)
    for number, column in enumerate(entries.reshape(words, count).T):
        at, shift = divmod(number * geometry.entry_width, 32)
        column = column << np.uint64(shift)
        packed[:, at] |= column & np.uint64(0xFFFFFFFF)
        packed[:, at + 1] |= column >> np.uint64(32)    # an entry may cross the border
    return packed[:, :-1].astype(np.uint32)


def unpack_entries(words, geometry):
    """Indices and runs in words of the entry memory, the inverse of `pack_entries`.

    Parameters
    ----------
    words : ndarray of uint32, shape (n_words, ceil(word_width / 32))
    geometry : SparseGeometry

    Returns
    -------
    indices, runs : ndarray of uint8, shape (n_words * word_entries,)
    """
    words = np.hstack([words, np.zeros((len(words), 1))]).astype(np.uint64)
    entries = np.empty((len(words), geometry.word_entries), dtype=np.uint64)
    for number in range(geometry.word_entries):
        at, shift = divmod(number * geometry.entry_width, 32)
        pair = words[:, at] | words[:, at + 1] << np.uint64(32)
        entries[:, number] = pair >> np.uint64(shift)
    entries = entries.ravel().astype(np.uint32)
    indices = entries & (1 << geometry.index_width) - 1
    runs = entries >> geometry.index_width & (1 << geometry.run_width) - 1
    return indices.astype(np.uint8), runs.astype(np.uint8)


def build_image(network, *, geometry, groups=None, balance=True, lanes=1, plans=None):
    """Lay a network out in the memories of a core.

    Parameters
    ----------
    network : SparseNetwork
    geometry : SparseGeometry
    groups, balance
        As for `plan_network`.
    lanes : int
        Outputs that leave the core's accumulators per cycle.
    plans : sequence of LayerPlan, optional
        Layout of the layers, instead of a new one from `groups` and `balance`.

    Returns
    -------
    MemoryImage

    Raises
    ------
    ValueError
        If the network does not fit the geometry or the descriptors, with the layer's name and what
        would help.
    """
    if plans is None:
        plans = plan_network(network, geometry, groups, balance)
    else:
        for layer in network.layers:
            check_layer(layer, geometry)

    encoded = []
    entry_base = np.zeros(geometry.pes, dtype=np.int64)
    pointers, pointer_base = [], 0
    biases, bias_base = [], 0
    codebooks = []
    descriptors = []
    for layer, plan in zip(network.layers, plans, strict=True):
        streams = fill_words(
            encode(_by_position(layer.codes, plan.input_order), geometry=geometry,
                   groups=plan.groups, order=plan.order), entry_base)
        encoded.append(streams)
        book = _codebook(layer, geometry)
        if book not in codebooks:
            codebooks.append(book)
        descriptors.append(_descriptor(
            layer, columns=layer.columns, rows=layer.rows, pointer_base=pointer_base,
            bias_base=bias_base, multiplier=layer.multiplier, left_shift=layer.left_shift,
            right_shift=layer.right_shift, groups_log2=plan.groups.bit_length() - 1,
            codebook=codebooks.index(book), saturate=1, reserved=0, low=layer.low,
            high=layer.high, padding=0))

        absolute = streams.pointers + entry_base[:, None]
        pointers.append(np.pad(absolute, ((0, 0), (0, absolute.shape[1] % 2)), mode="edge"))
        pointer_base += pointers[-1].shape[1]
        entry_base += streams.entries
        biases.append(np.pad(to_positions(layer.bias, plan.order), (0, -layer.rows % lanes)))
        bias_base += len(biases[-1])

    packed = [_pack_pe(encoded, pe, geometry) for pe in range(geometry.pes)]
    entry_words = np.array([len(words) for words in packed], dtype=np.int64)
    entries = np.zeros((geometry.pes, entry_words.max(), packed[0].shape[1]), dtype=np.uint32)
    for pe, words in enumerate(packed):
        entries[pe, :len(words)] = words
    return MemoryImage(
        entries, entry_words, np.hstack(pointers).astype(np.uint32),
        np.concatenate(biases).astype(np.int32),
        np.frombuffer(b"".join(codebooks), dtype=np.int16).copy(),
        np.array(descriptors, dtype=np.uint32), tuple(plans), tuple(encoded), geometry)


def read_layer(image, index):
    """Read one layer's entries back from the memory words and pointers of an image.

    Returns
    -------
    EncodedLayer
        Equal to ``image.encoded[index]``.
    """
    geometry, plan = image.geometry, image.plans[index]
    fields = LAYER.unpack(sum(int(word) << 32 * n for n, word in enumerate(image.layers[index])))
    groups = 1 << fields["groups_log2"]
    first = fields["pointer_base"]
    last = first + -(-fields["columns"] // groups) + 1
    pointers = image.pointers[:, first:last].astype(np.int64)
    streams = []
    for words, own in zip(image.entries, pointers, strict=True):
        indices, runs = unpack_entries(words, geometry)
        streams.append((indices[own[0]:own[-1]], runs[own[0]:own[-1]]))
    indices, runs = (np.concatenate(parts) for parts in zip(*streams, strict=True))
    starts = np.concatenate([[0], np.cumsum(pointers[:, -1] - pointers[:, 0])])
    return EncodedLayer(indices, runs, starts, pointers - pointers[:, :1],
                        (fields["rows"], fields["columns"]), groups, plan.order, geometry)


def _by_position(codes, input_order):
    """Codes with their columns in the order of input positions."""
    if np.array_equal(input_order, np.arange(len(input_order))):
        return codes                                # spares the first, largest layer a copy
    return to_positions(codes, input_order)


def _pack_pe(encoded, pe, geometry):
    """Words of one PE: the entries of all layers, one after the other."""
    spans = [(streams, slice(*streams.starts[pe:pe + 2])) for streams in encoded]
    indices = np.concatenate([streams.indices[span] for streams, span in spans])
    runs = np.concatenate([streams.runs[span] for streams, span in spans])
    return pack_entries(indices, runs, geometry)


def _codebook(layer, geometry):
    """Bytes of a layer's codebook, filled up to all indices, to be compared and shared."""
    book = np.zeros(1 << geometry.index_width, dtype=np.int16)
    book[:len(layer.codebook)] = layer.codebook
    return book.tobytes()


#: What to do about a descriptor's field that is too small.
_REMEDIES = {
    "pointer_base": "use more column groups, or load the network in parts",
    "bias_base": "load the network in parts",
    "codebook": "let layers share codebooks, or load the network in parts",
}


def _descriptor(layer, **values):
    for name, remedy in _REMEDIES.items():
        if values[name] not in _FIELDS[name].range:
            raise ValueError(f"Layer {layer.name!r}: its {name} would be {values[name]}, beyond "
                             f"{_FIELDS[name].range[-1]}: {remedy}")
    return LAYER.pack_words(**values)
