# amaranth: UnusedElaboratable=no

"""ProcessingArray: words reach their element, classes their columns, events their sums."""

import random

import numpy as np
import pytest

from golden.formats import Memory
from golden.network import SparseLayer, SparseNetwork
from golden.sparse.image import build_image
from hw.config import SparseConfig
from hw.sparse.arithmetic_unit import ArithmeticUnit
from hw.sparse.processing_array import ProcessingArray
from sim_tests.bench.column_feed import ColumnFeed
from sim_tests.bench.simulate import simulate

ROWS, COLUMNS = 19, 13
EVENTS = ("busy", "wasted", "escapes", "saturations")
SIZES = {"entry_words": 32, "pointer_depth": 32, "accumulator_depth": 16, "codebook_count": 2,
         "queue_depth": 2, "activation_depth": 64}
#: Words of 1, 2 and 3 parts.
CONFIGS = {
    "1 PE": {"pes": 1, "word_entries": 4, "accumulator_depth": 32},
    "4 PEs, 2 groups": {"pes": 4, "groups": 2, "lanes": 2, "run_width": 1},
    "8 PEs, 2 groups": {"pes": 8, "groups": 2, "lanes": 4, "escape": False},
    "4 PEs, as published": {"pes": 4, "escape": False, "lookahead": False, "run_width": 8},
    "4 PEs, narrow sums": {"pes": 4, "sum_width": 12},
}


def random_layer(rng):
    codes = rng.integers(1, 16, (ROWS, COLUMNS)) * (rng.random((ROWS, COLUMNS)) < .3)
    return SparseLayer(
        name="layer", codes=codes.astype(np.uint8), bias=np.zeros(ROWS, dtype=np.int32),
        codebook=np.concatenate([[0], rng.integers(-300, 300, 15)]).astype(np.int16),
        multiplier=1 << 31)


class Bench:
    """An array, loaded by `Memory` and unit, that sums what it says of its events."""

    def __init__(self, config):
        self.config, self.dut = config, ProcessingArray(config)
        self.counts = dict.fromkeys(EVENTS, 0)
        self.rng = random.Random(1)

    async def tick(self, ctx):
        _, _, *values = await ctx.tick().sample(*(getattr(self.dut, name) for name in EVENTS))
        for name, value in zip(EVENTS, values, strict=True):
            self.counts[name] += value

    async def write(self, ctx, memory, unit, words, *, parts=1):
        """Write `words`, with cycles of silence in which everything else moves."""
        dut = self.dut
        for index, word in enumerate(np.asarray(words).ravel().tolist()):
            while self.rng.random() < .3:
                ctx.set(dut.load, 0)
                ctx.set(dut.load_data, self.rng.getrandbits(32))
                ctx.set(dut.load_address, self.rng.randrange(len(words)))
                ctx.set(dut.load_unit, self.rng.randrange(self.config.pes))
                await self.tick(ctx)
            for port, value in ((dut.load, 1), (dut.load_memory, int(memory)),
                                (dut.load_unit, unit), (dut.load_address, index // parts),
                                (dut.load_part, index % parts), (dut.load_data, word & 0xFFFFFFFF),
                                (dut.load_last_part, index % parts == parts - 1)):
                ctx.set(port, value)
            await self.tick(ctx)
        ctx.set(dut.load, 0)
        # What follows is for other memories, and must leave the array alone.
        ctx.set(dut.load_unit, self.rng.randrange(self.config.pes))
        for other in Memory:
            if other not in (Memory.POINTERS, Memory.ENTRIES, Memory.CODEBOOKS):
                ctx.set(dut.load, 1)
                ctx.set(dut.load_memory, int(other))
                await self.tick(ctx)
        ctx.set(dut.load, 0)

    async def load(self, ctx, image):
        parts = image.entries.shape[2]
        assert parts == self.dut.parts
        for pe in range(self.config.pes):
            await self.write(ctx, Memory.ENTRIES, pe, image.entries[pe], parts=parts)
            await self.write(ctx, Memory.POINTERS, pe, image.pointers[pe])
        await self.write(ctx, Memory.CODEBOOKS, 0, image.codebooks.astype(np.int64))

    async def multiply(self, ctx, activations, groups):
        """Broadcast in `groups` column groups; return the sums, shape (pes, rows of one)."""
        dut, config = self.dut, self.config
        feeds = [ColumnFeed(dut.classes[number], [
            (column // groups, int(activations[column]))
            for column in range(number % groups, COLUMNS, groups) if activations[column]])
            for number in range(config.groups)]
        blocked = 0
        while not all(feed.done for feed in feeds):
            for feed in feeds:
                feed.show(ctx)
            flags = ctx.get(dut.blocked)
            blocked += flags != 0
            for number, feed in enumerate(feeds):
                partners = range(number % groups, config.groups, groups)
                feed.advance(ctx, not any(flags >> other & 1 for other in partners))
            await self.tick(ctx)
        for feed in feeds:
            feed.advance(ctx, False)
        while not ctx.get(dut.idle):
            await self.tick(ctx)
        for _ in range(ArithmeticUnit.latency):
            await self.tick(ctx)
        rows = -(-ROWS // (config.pes // groups))
        sums = []
        for row in range(rows + ProcessingArray.drain_latency):
            if row >= ProcessingArray.drain_latency:
                sums.append([ctx.get(dut.drained[pe]) for pe in range(config.pes)])
            ctx.set(dut.drain, row < rows)
            ctx.set(dut.drain_row, min(row, rows - 1))
            await self.tick(ctx)
        for _ in range(ArithmeticUnit.latency):
            await self.tick(ctx)
        return np.array(sums).T, blocked


def partial_sums(layer, order, activations, config, groups):
    """What the accumulators should hold, column after column, and how often one saturates."""
    slots, top = config.pes // groups, 1 << config.sum_width - 1
    sums = np.zeros((config.pes, -(-ROWS // slots)), dtype=np.int64)
    saturations = 0
    for position, row in enumerate(order):
        for column in range(COLUMNS):
            if activations[column]:
                pe = position % slots * groups + column % groups
                exact = (sums[pe, position // slots]
                         + int(layer.weights[row, column]) * int(activations[column]))
                sums[pe, position // slots] = held = max(-top, min(top - 1, exact))
                saturations += held != exact
    return sums, saturations


@pytest.mark.parametrize("name", CONFIGS)
def test_products_of_matrices(name):
    config = SparseConfig(**{**SIZES, **CONFIGS[name]})
    bench = Bench(config)
    rng = np.random.default_rng(5)
    ran = blocked = saturated = 0

    async def run(ctx):
        nonlocal ran, blocked, saturated
        for groups in [1 << mode for mode in range(config.groups.bit_length())] * 2:
            layer = random_layer(rng)
            image = build_image(SparseNetwork((layer,)), geometry=config.geometry, groups=groups)
            await bench.load(ctx, image)
            for share in (1, .5):
                activations = rng.integers(-200, 200, COLUMNS) * (rng.random(COLUMNS) < share)
                bench.counts.update(dict.fromkeys(EVENTS, 0))
                sums, waited = await bench.multiply(ctx, activations, groups)
                expected, saturations = partial_sums(layer, image.plans[0].order, activations,
                                                     config, groups)
                np.testing.assert_array_equal(sums, expected)
                encoded = image.encoded[0]
                plain = ~encoded.is_escape
                entries = [encoded.starts[pe] + entry for pe in range(config.pes)
                           for column in range(pe % groups, COLUMNS, groups) if activations[column]
                           for entry in range(*encoded.pointers[pe, column // groups:][:2])]
                assert bench.counts == {
                    "busy": plain[entries].sum(), "escapes": (~plain)[entries].sum(),
                    "wasted": (plain & (encoded.indices == 0))[entries].sum(),
                    "saturations": saturations}
                ran += len(entries)
                blocked += waited
                saturated += saturations

    simulate(bench.dut, run, max_cycles=20_000)
    assert ran > 100 and blocked > 3
    assert (saturated > 0) == (config.sum_width == 12)
