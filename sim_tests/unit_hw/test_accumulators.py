# amaranth: UnusedElaboratable=no

"""Accumulators against Python: sums on their diagonal, saturation, and what is said when."""

import numpy as np
import pytest

from hw.systolic.accumulator_column import AccumulatorColumn
from hw.systolic.accumulators import Accumulators
from sim_tests.bench.simulate import simulate


@pytest.mark.parametrize("columns, depth, partial_width", [
    (1, 2, 20), (3, 8, 31), (4, 5, 33), (2, 16, 40), (18, 32, 31)])
def test_random_rows(columns, depth, partial_width):
    dut = Accumulators(columns=columns, depth=depth, partial_width=partial_width)
    rng = np.random.default_rng(depth)
    half = 1 << partial_width - 1
    cycles = 400
    end = cycles + dut.accumulate_cycles + columns + dut.count_cycles + 1

    # What comes when: a row is not added to again too early.
    rows, age = {}, dict.fromkeys(range(depth), 0)
    for cycle in range(cycles):
        free = [row for row in range(depth) if age[row] <= cycle]
        if free and rng.random() < .8:
            row = int(rng.choice(free))
            age[row] = cycle + dut.accumulate_cycles
            sums = rng.integers(-half, half, columns)
            sums[rng.random(columns) < .2] = rng.choice([-half, half - 1])
            rows[cycle] = row, bool(rng.random() < .3), bool(rng.random() < .5), sums
    # What is then in the accumulators, by the cycle from which it can be read.
    held, contents, saturations = np.zeros((depth, columns), dtype=np.int64), {}, [0] * (end + 1)
    for cycle, (row, overwrite, _, sums) in rows.items():
        exact = sums + (0 if overwrite else held[row])
        held[row] = np.clip(exact, -2**31, 2**31 - 1)
        again = (other for other in rows if other > cycle and rows[other][0] == row)
        if next(again, end) > cycle + columns:
            contents[cycle + dut.accumulate_cycles + columns - 1] = row, held[row].tolist()
        for column in range(columns):
            saturations[cycle + dut.accumulate_cycles + column + dut.count_cycles] += int(
                exact[column] != held[row, column])
    compared = 0

    async def run(ctx):
        nonlocal compared
        reads = {}
        for cycle in range(end):
            row, overwrite, final, _ = rows.get(cycle, (int(rng.integers(depth)), 0, 1, None))
            ctx.set(dut.valid, cycle in rows)
            ctx.set(dut.address, row)
            ctx.set(dut.overwrite, overwrite)
            ctx.set(dut.final, final)
            for column in range(columns):
                source = rows.get(cycle - dut.sum_cycle - column)
                ctx.set(dut.sums[column], int(source[3][column]) if source
                        else int(rng.integers(-half, half)))
            # Rows are read in the first cycle in which they can be.
            ctx.set(dut.read, cycle in contents)
            if cycle in contents:
                ctx.set(dut.read_address, contents[cycle][0])
                reads[cycle + dut.read_latency] = contents[cycle][1]
            if cycle in reads:
                assert [ctx.get(value) for value in dut.values] == reads[cycle]
                compared += 1
            start = cycle - dut.accumulate_cycles - columns + 1
            assert ctx.get(dut.written) == (start in rows)
            assert ctx.get(dut.written_final) == (start in rows and rows[start][2])
            assert ctx.get(dut.saturations) == saturations[cycle]
            await ctx.tick()

    simulate(dut, run)
    assert compared == len(contents) > 60
    assert (sum(saturations) > 50) == (partial_width >= 31)


def test_clear_forgets_rows_under_way():
    dut = Accumulators(columns=3, depth=4, partial_width=8)

    async def row(ctx, overwrite):
        ctx.set(dut.valid, 1)
        ctx.set(dut.overwrite, overwrite)
        await ctx.tick()
        ctx.set(dut.valid, 0)

    async def run(ctx):
        for column in range(3):
            ctx.set(dut.sums[column], 5 + column)
        await row(ctx, 1)
        await ctx.tick().repeat(dut.accumulate_cycles + 3)
        await row(ctx, 0)
        ctx.set(dut.clear, 1)
        await ctx.tick()
        ctx.set(dut.clear, 0)
        for _ in range(10):
            assert not ctx.get(dut.written)
            await ctx.tick()
        ctx.set(dut.read, 1)
        await ctx.tick().repeat(dut.read_latency)
        assert [ctx.get(value) for value in dut.values] == [5, 6, 7]

    simulate(dut, run)


def test_parameters_are_checked():
    with pytest.raises(ValueError, match="at least 2 rows, not 1"):
        AccumulatorColumn(depth=1, partial_width=8)
    with pytest.raises(ValueError, match="2 to 40 bits, not 41"):
        AccumulatorColumn(depth=4, partial_width=41)
    with pytest.raises(ValueError, match="at least one column, not 0"):
        Accumulators(columns=0, depth=4, partial_width=8)
