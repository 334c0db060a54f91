"""Commands that run a layer in tiles, each loaded while the one before it computes."""

import numpy as np

from golden.formats import Counter, Memory

from .commands import Program

__all__ = ["tiled_program"]


def tiled_program(tiles, activations, *, overlap=True):
    """Commands that run a layer larger than the core's memories.

    Writes of entries and pointers go ahead during a run, so the next tile's follow right behind
    RUN, into the half of these memories that the running tile leaves alone. Everything else waits
    for its end: the results, then biases, descriptor and once more the inputs of the next tile,
    since the result of a run takes their place.

    Parameters
    ----------
    tiles : sequence of golden.sparse.tiles.Tile, or anything with such attributes
    activations : ndarray of int, shape (columns,)
    overlap : bool
        Otherwise each tile is loaded when the one before it has ended, to compare with.

    Returns
    -------
    Program
        It reads outputs and counters of each tile, in order.
    """
    program = Program()
    inputs = np.asarray(activations).astype(np.int32).view(np.uint32)
    codebooks = tiles[0].image.codebooks
    program.write(Memory.CODEBOOKS, 0, 0, codebooks.astype(np.int32).view(np.uint32))
    _load(program, tiles[0])
    for number, tile in enumerate(tiles):
        following = tiles[number + 1:number + 2]
        image = tile.image
        program.write(Memory.BIASES, 0, 0, image.biases.astype(np.int32).view(np.uint32))
        program.write(Memory.LAYERS, 0, 0, image.layers.reshape(-1))
        program.write(Memory.ACTIVATIONS, 0, 0, inputs)
        program.run(0, 1)
        if overlap:
            for other in following:
                _load(program, other)
        program.read(Memory.ACTIVATIONS, 0, 0, tile.rows.stop - tile.rows.start)
        program.read(Memory.COUNTERS, 0, 0, len(Counter))
        if not overlap:
            for other in following:
                _load(program, other)
    return program


def _load(program, tile):
    """Entries and pointers of a tile, into its half of the memories."""
    image = tile.image
    for pe, (entries, count, pointers) in enumerate(
            zip(image.entries, image.entry_words, image.pointers, strict=True)):
        if count:
            program.write(Memory.ENTRIES, pe, tile.entry_base, entries[:count].reshape(-1),
                          word_parts=entries.shape[1])
        program.write(Memory.POINTERS, pe, tile.pointer_base, pointers)
