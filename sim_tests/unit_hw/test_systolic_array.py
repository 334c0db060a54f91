# amaranth: UnusedElaboratable=no

"""SystolicArray against NumPy: tiles as close as they may follow, sums in the cycle stated."""

import re

import numpy as np
import pytest

from hw.emission import emit_verilog
from hw.systolic.data_setup import DataSetup, DelayLine
from hw.systolic.processing_row import ProcessingRow
from hw.systolic.row_group import RowGroup
from hw.systolic.systolic_array import SystolicArray
from sim_tests.bench.simulate import simulate


def schedule(rng, rows, count):
    """For each tile, the cycle of its first row of activations and how many it multiplies.

    Its shift begins `rows` cycles before at the latest, and when the tile before is taken at the
    earliest.
    """
    first, previous, tiles = rows + 3, None, []
    for _ in range(count):
        length = int(rng.choice([1, rows, rng.integers(1, 2 * rows + 2)]))
        earliest = first - rows if previous is None else previous
        start = int(rng.integers(earliest, first - rows + 1))
        tiles.append((first, length, start))
        previous = first
        first += max(length, rows) + int(rng.choice([0, 0, rng.integers(4)]))
    return tiles


@pytest.mark.parametrize("rows, columns, activation_width, weight_width", [
    (2, 2, 8, 8), (3, 5, 4, 2), (5, 3, 16, 16), (18, 2, 8, 8), (4, 4, 2, 7)])
def test_tiles(rows, columns, activation_width, weight_width):
    dut = SystolicArray(rows=rows, columns=columns, activation_width=activation_width,
                        weight_width=weight_width)
    rng = np.random.default_rng(rows)
    tiles = schedule(rng, rows, 12)

    def numbers(width, shape):
        half = 1 << width - 1
        values = rng.integers(-half, half, shape)
        values[rng.random(shape) < .2] = -half
        return values

    weights = numbers(weight_width, (len(tiles), rows, columns))
    end = tiles[-1][0] + tiles[-1][1]
    activations = numbers(activation_width, (end, rows))
    expected, switches, shifts = {}, set(), {}
    for tile, (first, length, start) in enumerate(tiles):
        switches.add(first)
        shifts |= {start + step: (tile, step) for step in range(rows)}
        for cycle in range(first, first + length):
            expected[cycle] = activations[cycle] @ weights[tile]
    assert len(shifts) == rows * len(tiles)
    found = {}

    async def run(ctx):
        for cycle in range(end + dut.sum_latency + columns):
            tile, step = shifts.get(cycle, (None, None))
            ctx.set(dut.shift, tile is not None)
            ctx.set(dut.shift_first, step == 0)
            ctx.set(dut.adopt, cycle in switches)
            for column in range(columns):
                ctx.set(dut.weights[column],
                        int(numbers(weight_width, 1)[0]) if tile is None
                        else int(weights[tile, rows - 1 - step, column]))
            for row in range(rows):
                ctx.set(dut.activations[row],
                        int(activations[cycle, row]) if cycle < end else 0)
            for column in range(columns):
                found[cycle - dut.sum_latency - column, column] = ctx.get(dut.sums[column])
            await ctx.tick()

    simulate(dut, run)
    compared = 0
    for cycle, sums in expected.items():
        for column in range(columns):
            assert found[cycle, column] == sums[column], (cycle, column)
            compared += 1
    assert compared == columns * sum(length for _, length, _ in tiles)


def test_largest_sums_are_exact():
    dut = SystolicArray(rows=4, columns=2, activation_width=3, weight_width=4)
    assert dut.partial_width == 9
    assert -(1 << dut.partial_width - 1) <= 4 * -4 * 7 and 4 * 4 * 8 < 1 << dut.partial_width - 1


def modules(verilog):
    return dict(re.findall(r"^module (\w+)(.*?)^endmodule", verilog, re.M | re.S))


def test_large_arrays_are_few_modules():
    """40 rows: two groups of 16 and one of 8, all of the same row."""
    texts = modules(emit_verilog(SystolicArray(rows=40, columns=6, activation_width=8,
                                               weight_width=8), name="array"))
    counts = {name: len(re.findall(rf"^  {name} \w+ \($", "".join(texts.values()), re.M))
              for name in texts}
    assert counts["array_pe"] == 6 and counts["array_multiplier"] == 3
    assert counts["array_row"] == 16 + 8
    assert counts["array_group"] == 2 and counts["array_last_group"] == 1
    assert len(texts) < 20


def test_parameters_are_checked():
    with pytest.raises(ValueError, match="at least 2 rows and columns, not 1 x 4"):
        SystolicArray(rows=1, columns=4, activation_width=8, weight_width=8)
    with pytest.raises(ValueError, match="at least 2 columns, not 1"):
        ProcessingRow(columns=1, activation_width=8, weight_width=8, partial_width=16)
    with pytest.raises(ValueError, match="at least one row, not 0"):
        RowGroup(rows=0, columns=2, activation_width=8, weight_width=8, partial_width=16)
    with pytest.raises(ValueError, match="at least one cycle, not 0"):
        DelayLine(width=8, cycles=0)


@pytest.mark.parametrize("lanes", [2, 5, 8, 11])
def test_data_setup_delays_each_lane_by_its_number(lanes):
    dut = DataSetup(lanes=lanes, width=12)
    words = np.random.default_rng(lanes).integers(-2048, 2048, (30, lanes))
    compared = 0

    async def run(ctx):
        nonlocal compared
        for cycle, word in enumerate(words.tolist()):
            for lane in range(lanes):
                ctx.set(dut.words[lane], word[lane])
            for lane in range(min(lanes, cycle + 1)):
                assert ctx.get(dut.skewed[lane]) == words[cycle - lane, lane]
                compared += 1
            await ctx.tick()

    simulate(dut, run)
    assert compared == 30 * lanes - lanes * (lanes - 1) // 2
