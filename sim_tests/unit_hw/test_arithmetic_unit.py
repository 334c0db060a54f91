# amaranth: UnusedElaboratable=no

"""ArithmeticUnit against sums done one Python integer at a time."""

import random

import pytest

from hw.sparse.arithmetic_unit import ArithmeticUnit
from sim_tests.bench.simulate import simulate


def random_operations(rng, count, *, depth, skip_width):
    """Operations as (starts, skip, row, index, activation), with rows that often repeat."""
    operations, row = [], depth
    for _ in range(count):
        starts = row >= depth - 1 or rng.random() < .3
        base = 0 if starts else row + 1
        longest = min(depth - 1 - base, (1 << skip_width) - 1)
        skip = rng.randint(0, min(longest, rng.choice([0, 0, 1, 9])))
        row = base + skip
        operations.append((starts, skip, row, rng.randint(0, 15),
                           rng.choice([-2**15, 2**15 - 1, rng.randint(-2**15, 2**15 - 1)])))
    return operations


@pytest.mark.parametrize("output_registers", [True, False])
@pytest.mark.parametrize("idle", [0, .4])
@pytest.mark.parametrize("depth, sum_width", [(2, 32), (4, 20), (8, 32), (64, 40)])
def test_sums_match(depth, sum_width, idle, output_registers):
    dut = ArithmeticUnit(depth=depth, codebook_count=2, index_width=4, skip_width=4,
                         weight_width=16, activation_width=16, sum_width=sum_width,
                         output_registers=output_registers)
    rng = random.Random(depth * sum_width)
    weights = [rng.randint(-2**15, 2**15 - 1) for _ in range(32)]
    top = 1 << sum_width - 1
    done = []
    saturations = 0

    async def bench(ctx):
        nonlocal saturations
        for address, weight in enumerate(weights):
            ctx.set(dut.load, 1)
            ctx.set(dut.load_address, address)
            ctx.set(dut.load_data, weight)
            await ctx.tick()
        ctx.set(dut.load, 0)
        # Three batches: the second and third also show that rows are cleared as they leave.
        for codebook in (0, 1, 0):
            sums = [0] * depth
            ctx.set(dut.codebook, codebook)
            for starts, skip, row, index, activation in random_operations(
                    rng, 150, depth=depth, skip_width=4):
                while rng.random() < idle:
                    ctx.set(dut.valid, 0)
                    await ctx.tick()
                ctx.set(dut.valid, 1)
                ctx.set(dut.operation, {"starts": int(starts), "skip": skip, "index": index,
                                        "activation": activation})
                await ctx.tick()
                exact = sums[row] + weights[16 * codebook + index] * activation
                sums[row] = max(-top, min(top - 1, exact))
                saturations += sums[row] != exact
            ctx.set(dut.valid, 0)
            await ctx.tick().repeat(dut.latency)
            drained = []
            for row in range(depth + dut.drain_latency):
                if row >= dut.drain_latency:
                    drained.append(ctx.get(dut.drained))
                ctx.set(dut.drain, row < depth)
                ctx.set(dut.drain_row, min(row, depth - 1))
                await ctx.tick()
            ctx.set(dut.drain, 0)
            assert drained == sums
            await ctx.tick().repeat(dut.latency)
        done.append(True)

    async def count(ctx):
        while not done:
            _, _, saturated = await ctx.tick().sample(dut.saturated)
            counted.append(saturated)

    counted = []
    simulate(dut, bench, count)
    assert sum(counted) == saturations
    assert (saturations > 100) == (sum_width == 20)


def test_parameters_are_checked():
    with pytest.raises(ValueError, match="power of two and at least 2, not 6"):
        ArithmeticUnit(depth=6, codebook_count=1, index_width=4, skip_width=4, weight_width=16,
                       activation_width=16, sum_width=32)
