# amaranth: UnusedElaboratable=no

"""SerialOutputStage: the arithmetic of OutputStage, a sum at a time."""

import numpy as np
import pytest

from golden.fixed import INT32_MAX, INT32_MIN, MULTIPLIER_ONE
from hw.common.serial_output_stage import SerialOutputStage
from sim_tests.bench.simulate import simulate
from sim_tests.unit_hw.test_output_stage import CONSTANTS, MULTIPLIERS, SHIFTS, edges, expected

TAKEN = ("sum", "bias", "multiplier", "left_shift", "right_shift")


@pytest.mark.parametrize("sum_in_width, activation_width", [(33, 9), (24, 16), (40, 2)])
def test_sums(sum_in_width, activation_width):
    """Edges and random numbers, one behind the other as fast as they may."""
    rng = np.random.default_rng(sum_in_width)
    dut = SerialOutputStage(sum_in_width=sum_in_width, activation_width=activation_width)
    count, half, clamp = 150, 1 << sum_in_width - 1, 1 << activation_width - 1
    sums = rng.integers(-half, half, count) >> rng.integers(0, sum_in_width, count)
    sums[:60] = rng.choice(edges(sum_in_width), 60)
    biases = rng.integers(INT32_MIN, INT32_MAX + 1, count) >> rng.integers(0, 32, count)
    biases[:60] = rng.choice([0, 0, 1, -1, INT32_MAX, INT32_MIN], 60)
    multipliers = np.where(rng.random(count) < 0.5, rng.choice(MULTIPLIERS, count),
                           rng.integers(0, MULTIPLIER_ONE + 1, count))
    left, right = np.array(SHIFTS)[rng.integers(0, len(SHIFTS), count)].T
    right = np.where(rng.random(count) < 0.5, right, rng.integers(0, 32, count))
    low, high = -clamp, clamp - 1
    seen = []

    async def bench(ctx):
        ctx.set(dut.low, low)
        ctx.set(dut.high, high)
        cycle, start, number = 0, None, 0
        while len(seen) < count:
            taken = start is None
            ctx.set(dut.input_valid, taken)
            for name, value in zip(TAKEN, (sums, biases, multipliers, left, right), strict=True):
                ctx.set(getattr(dut, name), int(value[number]) if taken else 3)
            if taken:
                start = cycle
            _, _, valid, payload, saturated = await ctx.tick().sample(
                dut.output_valid, dut.payload, dut.saturated)
            assert valid == (cycle == start + dut.latency + left[number] + right[number])
            assert valid or not saturated
            if valid:
                seen.append((payload, saturated))
                number, start = min(number + 1, count - 1), None
            cycle += 1

    simulate(dut, bench, max_cycles=30_000)
    values, counts = expected(sums, biases, multiplier=multipliers, left_shift=left,
                              right_shift=right, low=low, high=high)
    assert [value for value, _ in seen] == values
    assert [saturated for _, saturated in seen] == counts
    assert set(CONSTANTS) <= set(TAKEN) | {"low", "high"}
