# amaranth: UnusedElaboratable=no

"""A layer four times larger than the memories: in tiles, bit for bit, loading hidden."""

import numpy as np
import pytest

from golden.formats import Counter, Memory, Opcode
from golden.network import SparseLayer, SparseNetwork
from golden.sparse.compute import run_network
from golden.sparse.image import build_image
from golden.sparse.tiles import join_tiles, split_layer
from hw.config import PRESETS
from hw.host.driver import signed
from hw.host.tiles import tiled_program
from hw.sparse.core import SparseCore
from sim_tests.bench.player import build_simulator

CONFIG = PRESETS["weft"].replace(bias_depth=1024, pointer_depth=1024)
SIZES = ("entry_words", "pointer_depth", "accumulator_depth", "bias_depth", "activation_depth",
         "lanes")


def large_layer(rng, rows=1024, columns=200, density=.36):
    codes = rng.integers(1, 16, (rows, columns)) * (rng.random((rows, columns)) < density)
    codes[rows // 3:rows // 3 + 5] = 0
    codes[:, 7] = 0
    return SparseLayer(
        "large", codes.astype(np.uint8),
        np.concatenate([[0], rng.integers(-300, 300, 15)]).astype(np.int16),
        rng.integers(-100_000, 100_000, rows).astype(np.int32), 1 << 31, right_shift=8, low=0)


def split(layer, config=CONFIG, **options):
    return split_layer(layer, config.geometry, **options,
                       **{name: getattr(config, name) for name in SIZES})


def golden(layer, activations, config=CONFIG):
    trace, = run_network(SparseNetwork((layer,)), activations, geometry=config.geometry,
                         plans=build_image(SparseNetwork((layer,)), geometry=config.geometry,
                                           balance=False).plans)
    return np.asarray(trace.outputs)


def test_tiles_fit_half_of_the_memories_and_cover_the_layer():
    layer = large_layer(np.random.default_rng(0))
    assert np.count_nonzero(layer.codes) > 4 * CONFIG.pes * CONFIG.entry_words * 8
    tiles = split(layer)
    assert len(tiles) > 8
    rows = [row for tile in tiles for row in range(tile.rows.start, tile.rows.stop)]
    assert rows == list(range(1024))
    for number, tile in enumerate(tiles):
        half = number % 2
        assert tile.entry_base == half * CONFIG.entry_words // 2
        assert tile.entry_base + tile.image.entry_words.max() <= (half + 1) * (
            CONFIG.entry_words // 2)
        assert tile.pointer_base + tile.image.pointers.shape[1] <= (half + 1) * (
            CONFIG.pointer_depth // 2)
        assert tile.image.pointers.min() == tile.entry_base * 8


def test_a_layer_that_fits_is_one_tile():
    layer = large_layer(np.random.default_rng(0), rows=40, columns=30)
    assert len(split(layer)) == 1


@pytest.mark.parametrize("columns, what", [(600, "pointer_depth"), (300, "activation_depth")])
def test_too_many_inputs_are_refused(columns, what):
    layer = large_layer(np.random.default_rng(0), rows=4, columns=columns)
    with pytest.raises(ValueError, match=f"Layer 'large': .*{what}.*too small"):
        split(layer)


@pytest.mark.cosim
def test_tiles_equal_golden_and_hide_their_loading():
    rng = np.random.default_rng(0)
    layer = large_layer(rng)
    activations = rng.integers(0, 1000, layer.columns)
    tiles = split(layer)
    simulator = build_simulator(SparseCore(CONFIG), name="sparse_core")
    cycles, busy = {}, 0
    for overlap in (False, True):
        program = tiled_program(tiles, activations, overlap=overlap)
        result = simulator.run(program.words, responses=program.answer_words)
        payloads = program.check(result.responses)
        outputs = join_tiles(tiles, [signed(words, 16) for words in payloads[::2]])
        assert np.array_equal(outputs, golden(layer, activations))
        cycles[overlap] = result.cycles
        busy = sum(int(words[Counter.TOTAL_CYCLES]) for words in payloads[1::2])
    behind = sum(command.length for command in program.expected
                 if command.opcode == Opcode.WRITE
                 and command.memory in (Memory.ENTRIES, Memory.POINTERS))
    hidden = cycles[False] - cycles[True]
    print(f"{len(tiles)} tiles: {behind} words of entries and pointers, {busy} cycles of runs; "
          f"{cycles[False]} cycles one after the other, {cycles[True]} overlapped: "
          f"{hidden / behind:.0%} of the loading hidden, behind {hidden / busy:.0%} of the runs")
    # The first tile is loaded before any run, and nothing is left to load during the last.
    share = (len(tiles) - 1) / len(tiles)
    assert hidden > .95 * share * min(behind, busy)
