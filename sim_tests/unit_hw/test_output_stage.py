# amaranth: UnusedElaboratable=no

"""OutputStage against the golden arithmetic, in the Amaranth simulator."""

import itertools

import numpy as np
import pytest
from amaranth.sim import Simulator

from golden.fixed import INT32_MAX, INT32_MIN, MULTIPLIER_ONE, requantise, saturate
from hw.common.output_stage import OutputStage

CONSTANTS = ("multiplier", "left_shift", "right_shift", "low", "high")
GARBAGE = 0x5A5A5A5A


def expected(sums, biases, *, multiplier, left_shift, right_shift, low, high):
    """(activations, saturations of each) by the golden model."""
    total = np.asarray(sums, np.int64) + np.asarray(biases, np.int64)
    x, _ = saturate(total, 32)
    y, _ = requantise(x, multiplier, left_shift, right_shift)
    overflowed = saturate(x << left_shift, 32)[0] != x << left_shift
    return np.clip(y, low, high).tolist(), ((x != total) + overflowed.astype(int)).tolist()


def stream_through(dut, sums, biases, constants, *, gaps=None):
    """Put sums in, one a cycle but for `gaps`, and return (cycle in, cycle out, value, count)s."""
    sim = Simulator(dut)
    sim.add_clock(1e-6)
    fed, seen, silent = [], [], []
    gaps = np.zeros(len(sums), bool) if gaps is None else gaps

    async def bench(ctx):
        for name in CONSTANTS:
            ctx.set(getattr(dut, name), int(constants[name]))
        cycle, at = 0, 0
        while at < len(sums) or cycle <= fed[-1] + dut.latency + 20:
            gap = at == len(sums) or (gaps[at] and cycle % 2)
            ctx.set(dut.input_valid, not gap)
            ctx.set(dut.sum, GARBAGE if gap else sums[at])
            ctx.set(dut.bias, GARBAGE if gap else biases[at])
            if not gap:
                fed.append(cycle)
                at += 1
            _, _, valid, payload, count = await ctx.tick().sample(
                dut.output_valid, dut.payload, dut.saturated)
            if valid:
                seen.append((cycle, payload, count))
            else:
                silent.append(count)
            cycle += 1

    sim.add_testbench(bench)
    sim.run()       # ends with the bench: there is no back-pressure to hang on
    assert not any(silent), "nothing is counted without a result"
    assert [cycle for cycle, _, _ in seen] == [cycle + dut.latency for cycle in fed]
    return [value for _, value, _ in seen], [count for _, _, count in seen]


def edges(width):
    """Numbers around every power of two that fits, and around 0."""
    values = {0}
    for bit in range(width):
        values |= {sign * (1 << bit) + offset for sign in (1, -1) for offset in (-1, 0, 1)}
    return sorted(value for value in values if -(1 << width - 1) <= value < 1 << width - 1)


MULTIPLIERS = (0, 1, 3, (1 << 30) - 1, 1 << 30, (1 << 30) + 1, 0x5555_5555, 0x7FFF_FFFF,
               MULTIPLIER_ONE)
SHIFTS = ((0, 0), (0, 1), (0, 2), (0, 7), (0, 15), (0, 16), (0, 30), (0, 31), (1, 0), (2, 0),
          (8, 0), (16, 0), (31, 0), (3, 5), (31, 31))


@pytest.mark.parametrize("short", [False, True])
def test_extremes(short):
    """Every edge of a sum, under multipliers and shifts at theirs."""
    dut = OutputStage(sum_in_width=36, activation_width=16, short=short)
    numbers = edges(36)
    counts = set()
    cases = [*itertools.product(MULTIPLIERS[-2:], SHIFTS), *itertools.product(MULTIPLIERS,
                                                                              SHIFTS[::7])]
    for index, (multiplier, (left_shift, right_shift)) in enumerate(cases):
        biases = [(0, 1, -1, INT32_MAX, INT32_MIN)[(n + index) % 5] for n in range(len(numbers))]
        constants = {"multiplier": multiplier, "left_shift": left_shift,
                     "right_shift": right_shift, "low": -32768, "high": 32767}
        actual = stream_through(dut, numbers, biases, constants)
        assert actual == expected(numbers, biases, **constants), constants
        counts |= set(actual[1])
    assert len(cases) == 57 and counts == {0, 1, 2}


@pytest.mark.parametrize("sum_in_width, activation_width", [(36, 16), (24, 8), (40, 2)])
def test_random_sums(sum_in_width, activation_width):
    """Several layers through one lane, one sum a cycle, sums of every magnitude."""
    dut = OutputStage(sum_in_width=sum_in_width, activation_width=activation_width)
    rng = np.random.default_rng(sum_in_width)
    count, clamped, inside = 600, 0, 0
    for _ in range(8):
        half = 1 << sum_in_width - 1
        sums = rng.integers(-half, half, count) >> rng.integers(0, sum_in_width, count)
        biases = rng.integers(INT32_MIN, INT32_MAX + 1, count) >> rng.integers(0, 32, count)
        low, high = sorted(rng.integers(-1 << activation_width - 1, 1 << activation_width - 1, 2))
        constants = {"multiplier": rng.integers(0, MULTIPLIER_ONE + 1),
                     "left_shift": rng.choice([0, 0, 0, rng.integers(32)]),
                     "right_shift": rng.integers(32), "low": low, "high": high}
        actual = stream_through(dut, sums.tolist(), biases.tolist(), constants)
        assert actual == expected(sums, biases, **constants), constants
        clamped += sum(value in (low, high) for value in actual[0])
        inside += sum(low < value < high for value in actual[0])
    assert clamped > 500 and (inside > 500 or activation_width == 2)


def test_ties_round_as_the_reference_does():
    """Values worked out by hand from gemmlowp's definition, independent of the golden model."""
    dut = OutputStage(sum_in_width=36, activation_width=16)
    for multiplier, right_shift, sums, results in [
            (MULTIPLIER_ONE, 2, [5, 6, 7, -5, -6, -7], [1, 2, 2, -1, -2, -2]),
            (1 << 30, 0, [1, -1, 3, -3, 2, -2], [1, 0, 2, -1, 1, -1])]:
        constants = {"multiplier": multiplier, "left_shift": 0, "right_shift": right_shift,
                     "low": -100, "high": 100}
        assert stream_through(dut, sums, [0] * len(sums), constants) == (results, [0] * len(sums))


def test_gaps_stay_gaps():
    dut = OutputStage(sum_in_width=36, activation_width=16)
    rng = np.random.default_rng(3)
    sums, biases = rng.integers(-1 << 35, 1 << 35, (2, 200)) >> 16
    sums[::10] <<= 15           # some saturate, so that counts have to keep to their results
    constants = {"multiplier": 0x6000_0000, "left_shift": 3, "right_shift": 0, "low": -9999,
                 "high": 32767}
    actual = stream_through(dut, sums.tolist(), biases.tolist(), constants,
                            gaps=rng.random(200) < 0.5)
    assert actual == expected(sums, biases, **constants)
    assert 0 < sum(actual[1]) < 200


def test_parameters_are_checked():
    with pytest.raises(ValueError, match="Sum width must be from 2 to 48 bits, not 49"):
        OutputStage(sum_in_width=49, activation_width=16)
    with pytest.raises(ValueError, match="Activation width must be from 2 to 16 bits, not 17"):
        OutputStage(sum_in_width=36, activation_width=17)
