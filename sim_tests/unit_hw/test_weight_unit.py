# amaranth: UnusedElaboratable=no

"""WeightUnit alone: rows in the order of the array, tile after tile, and what `clear` forgets."""

import numpy as np
import pytest

from golden.formats import WEIGHT_FIFO_TILES
from hw.config import DenseConfig
from hw.systolic.weight_bank import WeightBank
from hw.systolic.weight_fetch import WeightFetch
from hw.systolic.weight_unit import WeightUnit
from sim_tests.bench.simulate import simulate
from sim_tests.bench.streams import put_all


def config(**changes):
    return DenseConfig(**{"lanes": 1, "unified_depth": 64, "accumulator_depth": 16,
                          "weight_depth": 40, "parameter_depth": 4, **changes})


class Bench:
    """A unit whose weight memory is filled; keeps what is shifted, and takes tiles."""

    def __init__(self, config, *, feed_cycles, seed=0):
        self.config = config
        self.dut = WeightUnit(config=config, feed_cycles=feed_cycles)
        self.rng = np.random.default_rng(seed)
        half = 1 << config.weight_width - 1
        self.memory = self.rng.integers(-half, half, (config.weight_depth, config.columns))
        self.cycle, self.shifts, self.ready, self.taken = 0, [], [], []
        self.wait, self.done = lambda: 0, False

    async def load(self, ctx):
        dut, width = self.dut, self.config.weight_width
        for row, weights in enumerate(self.memory.tolist()):
            word = sum((weight & (1 << width) - 1) << width * column
                       for column, weight in enumerate(weights))
            for part in range(dut.parts):
                ctx.set(dut.load, 1)
                ctx.set(dut.load_address, row)
                ctx.set(dut.load_part, part)
                ctx.set(dut.load_data, word >> 32 * part & 0xFFFFFFFF)
                await ctx.tick()
        ctx.set(dut.load, 0)
        await ctx.tick().repeat(2)

    async def watch(self, ctx):
        """Take each tile `wait()` cycles after it is ready; `readies` tells a cycle before."""
        dut, left, told = self.dut, None, False
        while not self.done:
            assert ctx.get(dut.ready) == told
            if told:
                if left is None:
                    self.ready.append(self.cycle)
                    left = self.wait()
                ctx.set(dut.taken, left == 0)
                if left == 0:
                    self.taken.append(self.cycle)
                left = left - 1 if left else None
            else:
                left = None
                ctx.set(dut.taken, 0)
            told = bool(ctx.get(dut.readies) or told and left is not None)
            told = told and not ctx.get(dut.clear)
            if ctx.get(dut.shift):
                self.shifts.append((self.cycle, ctx.get(dut.shift_first),
                                    [ctx.get(weight) for weight in dut.weights]))
            await ctx.tick()
            self.cycle += 1

    def check(self, reads):
        """What was shifted are the tiles of `reads`, each from its last row to its first."""
        rows = self.config.rows
        tiles = [address + number * rows for address, count in reads for number in range(count)]
        assert len(self.shifts) == rows * len(tiles) == rows * len(self.taken)
        for tile, address in enumerate(tiles):
            own = self.shifts[rows * tile:][:rows]
            assert [first for _, first, _ in own] == [1] + [0] * (rows - 1)
            assert [cycle - own[0][0] for cycle, _, _ in own] == list(range(rows))
            np.testing.assert_array_equal([weights for _, _, weights in own],
                                          self.memory[address:address + rows][::-1])
            # At the array the tile is whole when its first row of activations comes, and its shift
            # does not begin before that of the tile before has come.
            assert own[-1][0] < self.taken[tile] + self.dut.feed_cycles
            if tile:
                assert own[0][0] >= self.taken[tile - 1] + self.dut.feed_cycles


@pytest.mark.parametrize("feed_cycles", [3, 5, 9])
@pytest.mark.parametrize("sizes", [
    {"rows": 2, "columns": 2}, {"rows": 3, "columns": 7, "weight_width": 9},
    {"rows": 9, "columns": 8, "weight_width": 8}])
def test_tiles_are_shifted(sizes, feed_cycles):
    bench = Bench(config(**sizes), feed_cycles=feed_cycles)
    rows, rng = bench.config.rows, bench.rng
    reads = []
    for _ in range(9):
        count = int(rng.integers(1, min(7, bench.config.weight_depth // rows) + 1))
        reads.append((int(rng.integers(bench.config.weight_depth - count * rows + 1)), count))
    total = sum(count for _, count in reads)
    # First as fast as it goes, then slower, so that the FIFO is full.
    bench.wait = lambda: 0 if len(bench.taken) < total // 2 else int(rng.integers(0, 4 * rows))

    async def run(ctx):
        await bench.load(ctx)
        await put_all(ctx, bench.dut.operations, [
            {"address": address, "tiles": count} for address, count in reads])
        while not ctx.get(bench.dut.stalled):
            await ctx.tick()
        await ctx.tick().repeat(feed_cycles + 2 * rows + 5)
        bench.check(reads)
        bench.done = True

    simulate(bench.dut, run, bench.watch)
    assert bench.done
    # Nothing is lost between tiles that are taken as soon as they are ready.
    gaps = np.diff(bench.taken[1:total // 2])
    assert gaps.size >= 5 and set(gaps) == {rows}


def test_read_weights_queue_up_to_the_fifo_and_are_forgotten():
    bench = Bench(config(rows=4, columns=2), feed_cycles=5)
    dut = bench.dut
    bench.wait = lambda: 10**6

    async def run(ctx):
        await bench.load(ctx)
        # One fills FIFO and shadow, one waits for room, the others queue: until no more is taken.
        ctx.set(dut.operations.payload, {"address": 0, "tiles": 9})
        ctx.set(dut.operations.valid, 1)
        accepted = 0
        for _ in range(60):
            accepted += ctx.get(dut.operations.ready)
            await ctx.tick()
        ctx.set(dut.operations.valid, 0)
        assert accepted == 1 + WEIGHT_FIFO_TILES
        assert ctx.get(dut.ready) and not ctx.get(dut.stalled)
        assert len(bench.shifts) == 4
        ctx.set(dut.clear, 1)
        await ctx.tick()
        ctx.set(dut.clear, 0)
        assert ctx.get(dut.stalled) and not ctx.get(dut.ready)
        await ctx.tick().repeat(40)
        assert len(bench.shifts) == 4 and not ctx.get(dut.ready)
        # And it works again, with what the memory held.
        bench.shifts, bench.wait = [], lambda: 0
        await put_all(ctx, dut.operations, [{"address": 8, "tiles": 5}])
        await ctx.tick().repeat(60)
        bench.check([(8, 5)])
        bench.done = True

    simulate(dut, run, bench.watch)
    assert bench.done


def test_parameters_are_checked():
    with pytest.raises(ValueError, match="at least, not 2"):
        WeightUnit(config=config(rows=2, columns=2), feed_cycles=2)
    with pytest.raises(ValueError, match="1 to 32 bits, not 33"):
        WeightBank(width=33, depth=4, fifo_depth=4)
    with pytest.raises(ValueError, match="at least 2 rows, not 1"):
        WeightFetch(rows=1, depth=4, operation=None)
