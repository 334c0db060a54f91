# amaranth: UnusedElaboratable=no

"""MatrixUnit with its WeightUnit against plain Python: sums, counters, and every cycle of both."""

from collections import deque

import numpy as np
import pytest
from amaranth import *
from amaranth.lib import wiring

from hw.config import DenseConfig
from hw.emission import emit_verilog
from hw.systolic.matrix_unit import MatrixUnit
from hw.systolic.weight_unit import WeightUnit
from scripts.lint import lint_verilog
from sim_tests.bench.matrix_model import (
    Schedule,
    convolution,
    matrix_multiply,
    multiply,
    operation_rows,
)
from sim_tests.bench.simulate import simulate
from sim_tests.bench.streams import stream_put

COUNTS = ("active", "weight_stall", "weight_shift", "tile", "useful", "saturations", "row_written")


def small(**changes):
    return DenseConfig(**{"lanes": 1, "unified_depth": 64, "accumulator_depth": 16,
                          "weight_depth": 64, "parameter_depth": 4, **changes})


class Units(wiring.Component):
    """A weight unit and a matrix unit, without what is around them."""

    def __init__(self, config, *, read_latency):
        self.matrix = MatrixUnit(config, read_latency=read_latency)
        self.weights = WeightUnit(config=config, feed_cycles=self.matrix.feed_cycles)
        super().__init__({})

    def elaborate(self, platform):
        m = Module()
        m.submodules.matrix = matrix = self.matrix
        m.submodules.weights = weights = self.weights
        m.d.comb += [
            matrix.weights_ready.eq(weights.ready), matrix.weights_readies.eq(weights.readies),
            matrix.weights_stalled.eq(weights.stalled),
            weights.taken.eq(matrix.taken), matrix.weights.eq(weights.weights),
            matrix.shift.eq(weights.shift), matrix.shift_first.eq(weights.shift_first),
        ]
        return m


class Bench:
    """Both units with a unified buffer and a weight memory; says when what happened."""

    def __init__(self, config, *, read_latency, seed):
        self.config, self.read_latency = config, read_latency
        self.dut = Units(config, read_latency=read_latency)
        self.rng = rng = np.random.default_rng(seed)
        half = 1 << config.activation_width - 1
        self.unified = rng.integers(-half, half, config.unified_depth)
        half = 1 << config.weight_width - 1
        self.memory = rng.integers(-half, half, (config.weight_depth, config.columns))
        self.memory[rng.random(self.memory.shape) < .1] = -half
        self.cycle, self.reads, self.operations, self.taken = 0, [], [], []
        self.fed, self.counts, self.finished = 0, dict.fromkeys(COUNTS, 0), False

    async def watch(self, ctx):
        """The unified buffer, and a record of events: runs before the other benches each cycle."""
        matrix, weights = self.dut.matrix, self.dut.weights
        pending = deque([(0, 0, 0)] * (self.read_latency - 1))
        names = COUNTS
        while not self.finished:
            (_, _, enable, address, mask, taken, accepted, tiles, operation, fed,
             *counted) = await ctx.tick().sample(
                matrix.read_enable, matrix.read_address, matrix.read_mask, matrix.taken,
                weights.operations.valid & weights.operations.ready,
                weights.operations.payload.tiles,
                matrix.operations.valid & matrix.operations.ready, matrix.fed,
                *(getattr(matrix, name) for name in names))
            pending.append((enable, address, mask))
            enable, address, mask = pending.popleft()
            for lane in range(self.config.banks):
                # What is not wanted may be anything.
                ctx.set(matrix.read_data[lane], int(
                    self.unified[(address + lane) % self.config.unified_depth]
                    if enable and mask >> lane & 1 else self.rng.integers(-2, 2)))
            if taken:
                self.taken.append(self.cycle)
            if accepted:
                self.reads.append((self.cycle, tiles))
            if operation:
                self.operations.append(self.cycle)
            self.fed += fed
            for name, value in zip(names, counted, strict=True):
                self.counts[name] += value
            self.cycle += 1

    async def load(self, ctx):
        """Write the weight memory through its 32-bit parts."""
        dut, width = self.dut.weights, self.config.weight_width
        for row, weights in enumerate(self.memory.tolist()):
            word = sum((weight & (1 << width) - 1) << width * column
                       for column, weight in enumerate(weights))
            for part in range(dut.parts):
                for port, value in ((dut.load, 1), (dut.load_address, row), (dut.load_part, part),
                                    (dut.load_data, word >> 32 * part & 0xFFFFFFFF)):
                    ctx.set(port, value)
                await ctx.tick()
        ctx.set(dut.load, 0)
        await ctx.tick()

    async def sums(self, ctx):
        """Read all accumulators, one row a cycle."""
        matrix, rows = self.dut.matrix, []
        for row in range(self.config.accumulator_depth + matrix.sums_latency):
            if row >= matrix.sums_latency:
                rows.append([ctx.get(sum_) for sum_ in matrix.sums])
            ctx.set(matrix.sums_read, row < self.config.accumulator_depth)
            ctx.set(matrix.sums_address, row % self.config.accumulator_depth)
            await ctx.tick()
        ctx.set(matrix.sums_read, 0)
        return np.array(rows)

    async def clear(self, ctx):
        for value in (1, 0):
            ctx.set(self.dut.matrix.clear, value)
            ctx.set(self.dut.weights.clear, value)
            await ctx.tick()
        # Strobes for counters come a few cycles after what they tell of.
        await ctx.tick().repeat(4)
        self.reads, self.operations, self.taken, self.fed = [], [], [], 0
        self.counts = dict.fromkeys(COUNTS, 0)


CONFIGS = {
    "2x2": small(rows=2, columns=2),
    "3x5, narrow": small(rows=3, columns=5, activation_width=4, weight_width=3),
    "5x2, 16 bits": small(rows=5, columns=2, activation_width=16, weight_width=16,
                          function_tables=2, operand_tables=0),
    "4x4": small(rows=4, columns=4),
    "9x5": small(rows=9, columns=5),
    "17x2": small(rows=17, columns=2),
}


def random_program(rng, config, count):
    """Operations, and the Read_Weights for their tiles as (first row, tiles)."""
    operations = [(convolution if rng.random() < .5 else matrix_multiply)(rng, config)
                  for _ in range(count)]
    # As many lines, and as many outputs in one, as there are accumulators.
    depth = config.accumulator_depth
    operations += [matrix_multiply(rng, config, lines=depth, accumulator=0),
                   convolution(rng, config, lines=1, pixels=depth, accumulator=0)]
    left, reads = sum(operation["tiles"] for operation in operations), []
    longest = config.weight_depth // config.rows
    while left:
        tiles = min(left, int(rng.integers(1, longest + 1)))
        reads.append((int(rng.integers(config.weight_depth - tiles * config.rows + 1)), tiles))
        left -= tiles
    return operations, reads


@pytest.mark.parametrize("name, read_latency, idle", [
    *((name, latency, idle) for name in CONFIGS for latency, idle in ((2, .9), (6, 0))),
    ("4x4", 3, 0), ("2x2", 7, .9), ("3x5, narrow", 4, 0)])
def test_random_programs(name, read_latency, idle):
    config = CONFIGS[name]
    bench = Bench(config, read_latency=read_latency, seed=len(name) + read_latency)
    matrix, weights, rng = bench.dut.matrix, bench.dut.weights, bench.rng
    schedule = Schedule(config, feed_cycles=matrix.feed_cycles, first_cycles=matrix.first_cycles,
                        accumulate_cycles=matrix.accumulate_cycles)
    program = []

    async def put(ctx, stream, payloads):
        for payload in payloads:
            while rng.random() < idle * rng.random():
                await ctx.tick().repeat(int(rng.integers(1, 40)))
            await stream_put(ctx, stream, payload)

    async def read_weights(ctx):
        for reads in iter(lambda: program[-1][1] if program else [], None):
            if reads:
                await put(ctx, weights.operations, [
                    {"address": address, "tiles": tiles} for address, tiles in reads])
                reads.clear()
            if bench.finished:
                return
            await ctx.tick()

    async def run(ctx):
        await bench.load(ctx)
        saturated = 0
        for _ in range(2):
            # What is cleared while it is under way leaves nothing but what it has written.
            await stream_put(ctx, weights.operations, {"address": 0, "tiles": 2})
            for _ in range(2):
                await stream_put(ctx, matrix.operations,
                                 matrix_multiply(rng, config, tiles=2, accumulator=0))
            await ctx.tick().repeat(int(rng.integers(60)))
            await bench.clear(ctx)
            accumulators = await bench.sums(ctx)
            operations, reads = random_program(rng, config, 10)
            tiles = [bench.memory[address + number * config.rows:][:config.rows]
                     for address, count in reads for number in range(count)]
            program.append((operations, reads))
            await put(ctx, matrix.operations, operations)
            await ctx.tick()
            while not ctx.get(matrix.idle):
                await ctx.tick()
            for _ in range(config.columns + 4):
                await ctx.tick()
            expected, done, useful = dict(bench.counts), 0, 0
            batch_saturated = rows = final = 0
            for operation in operations:
                count = operation["tiles"]
                found = multiply(operation, config, unified=bench.unified,
                                 tiles=tiles[done:done + count], accumulators=accumulators)
                done += count
                useful, batch_saturated = useful + found[0], batch_saturated + found[1]
                outputs = operation["lines"] * operation["pixels"]
                rows, final = rows + outputs * count, final + outputs
            np.testing.assert_array_equal(await bench.sums(ctx), accumulators)
            taken, waits = schedule.run(bench.reads, [
                (cycle, operation["accumulate"], [len(tile) for tile in
                                                  operation_rows(operation, config)])
                for cycle, operation in zip(bench.operations, operations, strict=True)])
            assert bench.taken == taken
            assert expected == {
                "active": rows, "weight_stall": waits[0], "weight_shift": waits[1], "tile": done,
                "useful": useful, "saturations": batch_saturated, "row_written": rows}
            assert bench.fed == len(operations)
            assert ctx.get(matrix.written) == final
            saturated += batch_saturated
        assert (saturated > 20) == (config.weight_width == 16)
        bench.finished = True

    simulate(bench.dut, bench.watch, read_weights, run, max_cycles=40_000)
    assert bench.finished


@pytest.mark.cosim
@pytest.mark.parametrize("rows, columns", [(4, 5), (17, 3)])
def test_emitted_verilog_passes_lint(rows, columns, tmp_path):
    config = small(rows=rows, columns=columns)
    matrix = MatrixUnit(config, read_latency=6)
    weights = WeightUnit(config=config, feed_cycles=matrix.feed_cycles)
    for name, unit in (("matrix_unit", matrix), ("weight_unit", weights)):
        source = tmp_path / f"{name}.v"
        source.write_text(emit_verilog(unit, name=name))
        assert lint_verilog(source) == []


def test_parameters_are_checked():
    with pytest.raises(ValueError, match="at least 2 cycles, not 1"):
        MatrixUnit(small(rows=2, columns=2), read_latency=1)
