# amaranth: UnusedElaboratable=no

"""ChannelOutputStage: the arithmetic of OutputStage, with constants that change at every sum."""

import itertools

import numpy as np
import pytest

from golden.fixed import INT32_MAX, INT32_MIN, MULTIPLIER_ONE
from hw.common.channel_output_stage import ChannelOutputStage
from sim_tests.bench.simulate import simulate
from sim_tests.unit_hw.test_output_stage import MULTIPLIERS, SHIFTS, edges, expected


def stream_through(dut, sums, biases, constants, *, low, high, gaps):
    """Put sums in, each with its constants as much later as they are looked at."""
    channels = {"bias": biases, **constants}
    outputs, silent = [], []
    slots = [slot for number, gap in enumerate(gaps) for slot in (*[None] * gap, number)]

    async def bench(ctx):
        ctx.set(dut.low, low)
        ctx.set(dut.high, high)
        for cycle in range(len(slots) + dut.latency + 2):
            def at(delay, cycle=cycle):
                return slots[cycle - delay] if 0 <= cycle - delay < len(slots) else None

            ctx.set(dut.input_valid, at(0) is not None)
            ctx.set(dut.sum, 0x5A5A if at(0) is None else int(sums[at(0)]))
            for name, values in channels.items():
                number = at(dut.delays[name])
                value = 9 if number is None else int(values[number])
                if name.endswith("_shift") and dut.shift_multipliers:
                    value = 1 << value % 16 | value // 16 << 16
                ctx.set(getattr(dut, name), value)
            _, _, valid, payload, count = await ctx.tick().sample(
                dut.output_valid, dut.payload, dut.saturated)
            assert valid == (at(dut.latency) is not None)
            if valid:
                outputs.append((payload, count))
            else:
                silent.append(count)

    simulate(dut, bench, max_cycles=20_000)
    assert not any(silent), "nothing is counted without a result"
    return [payload for payload, _ in outputs], [count for _, count in outputs]


def check(dut, sums, biases, constants, *, low, high, gaps=None):
    gaps = np.zeros(len(sums), int) if gaps is None else gaps
    actual = stream_through(dut, sums, biases, constants, low=low, high=high, gaps=gaps)
    values, counts = expected(sums, biases, **constants, low=INT32_MIN, high=INT32_MAX)
    assert actual[1] == counts
    # The upper bound goes before the lower one, should they be the wrong way round.
    assert actual[0] == [high if value > high else max(low, value) for value in values]
    return actual


@pytest.mark.parametrize("shift_multipliers", [False, True])
def test_extremes(shift_multipliers):
    """Every edge of a sum, every multiplier and shift at theirs, all in one stream."""
    dut = ChannelOutputStage(sum_in_width=36, activation_width=16,
                             shift_multipliers=shift_multipliers)
    rng = np.random.default_rng(0)
    numbers = edges(36)
    cases = list(itertools.product(numbers, MULTIPLIERS[-3:], SHIFTS))
    cases = [cases[place] for place in rng.choice(len(cases), 2000, replace=False)]
    sums, multipliers, shifts = zip(*cases, strict=True)
    biases = rng.choice([0, 0, 1, -1, INT32_MAX, INT32_MIN], len(cases))
    left, right = np.array(shifts).T
    _, counts = check(dut, sums, biases, {"multiplier": np.array(multipliers), "left_shift": left,
                                          "right_shift": right}, low=-32768, high=32767)
    assert set(counts) == {0, 1, 2}


@pytest.mark.parametrize("shift_multipliers", [False, True])
def test_every_bit_that_is_cut_off_counts(shift_multipliers):
    """Of half a step below zero, any further bit makes more, which is rounded the other way."""
    dut = ChannelOutputStage(sum_in_width=33, activation_width=9,
                             shift_multipliers=shift_multipliers)
    # Shifted left by 1 and multiplied by 1/2, a sum is itself.
    cases = [(extra - (1 << shift) - (1 << shift - 1), shift) for shift in range(1, 30)
             for extra in (0, *(1 << bit for bit in range(shift - 1)))]
    sums, right = np.array(cases).T
    results, _ = check(
        dut, sums, np.zeros(len(cases), int),
        {"multiplier": np.full(len(cases), 1 << 30), "left_shift": np.ones(len(cases), int),
         "right_shift": right}, low=-256, high=255)
    # -1.5 becomes -2, and anything between it and -1 becomes -1.
    assert {(exact == -3 << shift - 1, result) for (exact, shift), result in zip(
        cases, results, strict=True)} == {(True, -2), (False, -1)}
    assert len(cases) > 400


@pytest.mark.parametrize("sum_in_width, activation_width, shift_multipliers", [
    (33, 9, False), (24, 16, False), (40, 2, True), (33, 9, True)])
def test_random_sums(sum_in_width, activation_width, shift_multipliers):
    dut = ChannelOutputStage(sum_in_width=sum_in_width, activation_width=activation_width,
                             shift_multipliers=shift_multipliers)
    rng = np.random.default_rng(sum_in_width)
    count, half = 700, 1 << sum_in_width - 1
    clamp = 1 << activation_width - 1
    sums = rng.integers(-half, half, count) >> rng.integers(0, sum_in_width, count)
    biases = rng.integers(INT32_MIN, INT32_MAX + 1, count) >> rng.integers(0, 32, count)
    constants = {"multiplier": rng.integers(0, MULTIPLIER_ONE + 1, count),
                 "left_shift": np.where(rng.random(count) < 0.3, rng.integers(0, 32, count), 0),
                 "right_shift": rng.integers(0, 32, count)}
    for low, high in ((-clamp, clamp - 1), (-clamp // 2, clamp // 3), (clamp // 2, -1)):
        values, _ = check(dut, sums, biases, constants, low=low, high=high,
                          gaps=rng.choice([0, 0, 0, 1, 3], count))
        assert low > high or len(set(values)) >= min(high - low, 30)
