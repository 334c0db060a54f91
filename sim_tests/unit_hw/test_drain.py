# amaranth: UnusedElaboratable=no

"""Drain against the definition of positions: which accumulators make up which output, and when."""

import itertools
import random

import pytest

from hw.sparse.drain import Drain
from hw.sparse.processing_array import ProcessingArray
from sim_tests.bench.simulate import simulate

SUM_WIDTH = 12


def shapes():
    """Every legal (pes, groups, lanes) with up to 16 PEs."""
    powers = (1, 2, 4, 8, 16)
    for pes, groups, lanes in itertools.product(powers, powers, powers):
        if groups**2 <= pes and groups <= lanes <= pes // groups:
            yield pes, groups, lanes


def run_drain(dut, layers):
    """Drain layers, (rows, groups_log2, sums) each, from the accumulators `sums[pe][row]`.

    Accumulators answer `ProcessingArray.drain_latency` cycles after a strobe, hold what they
    answered, and are cleared. Returns, of each layer, its start, [(cycle, beat)] of the fetches,
    [(cycle, sums)] of the beats, and the rows strobed.
    """
    seen = []

    async def bench(ctx):
        cycle, due = 0, {}
        for rows, groups_log2, sums in layers:
            fetches, beats, strobed = [], [], []
            seen.append((cycle, fetches, beats, strobed))
            want = -(-rows // dut.lanes)
            ctx.set(dut.rows, rows)
            ctx.set(dut.groups_log2, groups_log2)
            ctx.set(dut.start, 1)
            # As long as the layer takes if it goes well, and a few cycles that must be silent.
            for _ in range(want + dut.latency + 3):
                if cycle in due:
                    ctx.set(dut.drained, due.pop(cycle))
                _, _, drain, row, fetching, beat, valid, values = await ctx.tick().sample(
                    dut.drain, dut.drain_row, dut.fetching, dut.fetch_beat, dut.valid, dut.sums)
                ctx.set(dut.start, 0)
                if drain:
                    strobed.append(row)
                    due[cycle + ProcessingArray.drain_latency] = [own[row] for own in sums]
                    for own in sums:
                        own[row] = 0
                if fetching:
                    fetches.append((cycle, beat))
                if valid:
                    beats.append((cycle, list(values)))
                cycle += 1

    simulate(dut, bench)
    return seen


@pytest.mark.parametrize("pes, groups, lanes", list(shapes()))
def test_every_position_gets_its_sum(pes, groups, lanes):
    depth = 4
    dut = Drain(pes=pes, groups=groups, lanes=lanes, sum_width=SUM_WIDTH, accumulator_depth=depth,
                depth=pes * depth)
    rng = random.Random(pes * groups + lanes)
    modes = range(groups.bit_length())
    top = 1 << SUM_WIDTH - 1
    layers, expected = [], []
    for mode in modes:
        most = pes * depth >> mode
        for rows in (most, 1, rng.randint(1, most)):
            sums = [[rng.choice([-top, top - 1, rng.randrange(-top, top)]) for _ in range(depth)]
                    for _ in range(pes)]
            layers.append((rows, mode, sums))
    rng.shuffle(layers)         # so that groups come and go
    for rows, mode, sums in layers:
        count, slots = 1 << mode, pes >> mode
        expected.append([sum(sums[(q % slots) * count + g][q // slots] for g in range(count))
                         for q in range(rows)])

    seen = run_drain(dut, layers)
    for (rows, mode, _), results, (start, fetches, beats, strobed) in zip(
            layers, expected, seen, strict=True):
        assert [value for _, values in beats for value in values][:rows] == results
        assert len(beats) == -(-rows // lanes)
        first = start + dut.latency
        assert [cycle for cycle, _ in beats] == list(range(first, first + len(beats)))
        assert fetches == [(cycle - 3, beat) for beat, (cycle, _) in enumerate(beats)]
        assert strobed == list(range(-(-rows // (pes >> mode)))), "rows in use, once each"


def test_accumulators_are_left_clear():
    """What one layer has read, the next finds to be zero, whatever the groups of both."""
    dut = Drain(pes=8, groups=2, lanes=2, sum_width=SUM_WIDTH, accumulator_depth=4, depth=32)
    sums = [[100 * pe + row for row in range(4)] for pe in range(8)]
    seen = run_drain(dut, [(5, 1, sums), (16, 1, sums), (32, 0, sums)])
    first, second, third = ([value for _, values in beats for value in values]
                            for _, _, beats, _ in seen)
    # Four slots of two elements; rows 0 and 1 are cleared by the first layer.
    assert first == [0 + 100, 200 + 300, 400 + 500, 600 + 700, 1 + 101, 201 + 301]
    assert second == [0] * 8 + [2 + 102, 202 + 302, 402 + 502, 602 + 702,
                                3 + 103, 203 + 303, 403 + 503, 603 + 703]
    assert third == [0] * 32


def test_latency_grows_with_the_groups():
    latencies = [Drain(pes=64, groups=groups, lanes=8, sum_width=32, accumulator_depth=2,
                       depth=64).latency for groups in (1, 2, 4, 8)]
    assert latencies == [7, 9, 10, 11]


def test_parameters_are_checked():
    for pes, groups, lanes, slots in ((4, 1, 8, 4), (16, 4, 2, 4), (16, 2, 16, 8)):
        message = f"the groups, {groups}, to the slots that so many leave, {slots}, not {lanes}"
        with pytest.raises(ValueError, match=message):
            Drain(pes=pes, groups=groups, lanes=lanes, sum_width=8, accumulator_depth=2, depth=8)
    with pytest.raises(ValueError, match="power of 2"):
        Drain(pes=16, groups=3, lanes=4, sum_width=8, accumulator_depth=2, depth=8)
