"""Layers that are larger than a core's memories, as tiles that fit half of them."""

from dataclasses import dataclass, replace

import numpy as np

from ..formats import LAYER
from ..network import SparseNetwork
from .image import MemoryImage, build_image
from .partition import from_positions

__all__ = ["Tile", "join_tiles", "split_layer"]


@dataclass(frozen=True, eq=False)
class Tile:
    """Some rows of a layer, laid out for one half of the entry and pointer memories.

    Parameters
    ----------
    rows : slice
        Rows of the layer.
    image : MemoryImage
        Of these rows alone, as the only layer; pointers and descriptor say where they lie.
    entry_base, pointer_base : int
        First word of the entry memories and first pointer that they take.
    """

    rows: slice
    image: MemoryImage
    entry_base: int
    pointer_base: int


def split_layer(layer, geometry, *, entry_words, pointer_depth, accumulator_depth, bias_depth,
                activation_depth, lanes=1, groups=1, balance=True):
    """Split a layer into tiles of whole rows, which alternate between the halves of the memories.

    While one tile is computed, the next is loaded into the other half. Every tile takes all the
    inputs, so these must fit the activation memory; outputs, biases and accumulators are those of
    one tile at a time.

    Parameters
    ----------
    layer : SparseLayer
    geometry : SparseGeometry
    entry_words, pointer_depth, accumulator_depth, bias_depth, activation_depth, lanes : int
        The core's, see `hw.config.SparseConfig`.
    groups, balance
        As for `golden.sparse.plan.plan_network`.

    Returns
    -------
    list of Tile
        As few as fit, of about equal rows.

    Raises
    ------
    ValueError
        If not even a single row fits, with what is too small.
    """
    limits = {"entry_words": entry_words // 2, "pointer_depth": pointer_depth // 4 * 2,
              "accumulator_depth": accumulator_depth, "activation_depth": activation_depth,
              "bias_depth": bias_depth}
    # At least so many: one entry for every non-zero, and one accumulator for every row and group.
    entries = geometry.pes * geometry.word_entries * max(1, limits["entry_words"])
    count = max(1, -(-np.count_nonzero(layer.codes) // entries),
                -(-layer.rows * groups // (geometry.pes * accumulator_depth)))
    while True:
        borders = np.linspace(0, layer.rows, min(count, layer.rows) + 1).round().astype(int)
        tiles, short = [], {}
        for number, (start, stop) in enumerate(zip(borders, borders[1:], strict=False)):
            tile = _tile(layer, slice(int(start), int(stop)), geometry, groups, balance, lanes,
                         number % 2 * limits["entry_words"], number % 2 * limits["pointer_depth"])
            short = {name: tile[1][name] for name, limit in limits.items() if tile[1][name] > limit}
            if short:
                break
            tiles.append(tile[0])
        if not short:
            return tiles
        if count >= layer.rows or not short.keys() & {"entry_words", "accumulator_depth",
                                                      "bias_depth", "activation_depth"}:
            what = ", ".join(f"{name} {need} of {limits[name]}" for name, need in short.items())
            raise ValueError(f"Layer {layer.name!r}: a tile of {stop - start} rows needs {what}: "
                             f"the core is too small for its {layer.columns} inputs")
        count += max(1, count // 8)


def _tile(layer, rows, geometry, groups, balance, lanes, entry_base, pointer_base):
    """A tile, and what it needs of each memory."""
    part = replace(layer, codes=layer.codes[rows], bias=layer.bias[rows])
    image = build_image(SparseNetwork((part,)), geometry=geometry, groups=groups, balance=balance,
                        lanes=lanes)
    words = sum(int(word) << 32 * n for n, word in enumerate(image.layers[0]))
    descriptor = LAYER.pack_words(**{**LAYER.unpack(words), "pointer_base": pointer_base})
    moved = replace(
        image, layers=np.array([descriptor], dtype=np.uint32),
        pointers=image.pointers + np.uint32(entry_base * geometry.word_entries))
    return Tile(rows, moved, entry_base, pointer_base), image.needs


def join_tiles(tiles, outputs):
    """Outputs of the layer from those of its tiles.

    Parameters
    ----------
    tiles : list of Tile
    outputs : list of ndarray, each of shape (rows of the tile,)
        By position, as the core holds them.

    Returns
    -------
    ndarray, shape (rows,)
        By row of the layer.
    """
    return np.concatenate([from_positions(values, tile.image.plans[0].order)
                           for tile, values in zip(tiles, outputs, strict=True)])
