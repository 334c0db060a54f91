# amaranth: UnusedElaboratable=no

"""ActivationUnit against golden arithmetic, among memories that answer as late as they say."""

import random

import numpy as np
import pytest
from amaranth import ResetInserter, Signal
from amaranth.utils import ceil_log2

from hw.config import DenseConfig
from hw.systolic.activation_unit import ActivationUnit
from hw.systolic.operations import ticket_width
from sim_tests.bench.activation_model import ActivationModel
from sim_tests.bench.simulate import simulate

SMALL = {"rows": 2, "unified_depth": 512, "accumulator_depth": 100, "parameter_depth": 32,
         "weight_depth": 8}
GARBAGE = (1 << 31) - 1


def small(**changes):
    return DenseConfig(**{**SMALL, **changes})


def unit(config, *, accumulator_latency=2, unified_latency=5, write_latency=2):
    return ActivationUnit(config, accumulator_latency=accumulator_latency,
                          unified_latency=unified_latency, write_latency=write_latency)


def run(dut, model, operations, *, writes=lambda cycle: None, written=0, reset_at=None, idle=60,
        gap=lambda: 0):
    """Carry out operations; return the events [(cycle, name, value)] and all saturations.

    `writes(cycle)` may return (written, row, values): from this cycle on. The model's memories are
    read and written.
    """
    config = dut.config
    events, total = [], 0
    lanes = range(config.lanes)

    async def bench(ctx):
        nonlocal total
        for memory, address, part, word in model.loads():
            for name, value in (("valid", 1), ("memory", int(memory)), ("address", address),
                                ("part", part), ("data", word)):
                ctx.set(getattr(dut.load, name), value)
            await ctx.tick()
        ctx.set(dut.load.valid, 0)
        ctx.set(dut.written, written)
        todo, cycle, quiet, sums, elements, visible = list(operations), 0, 0, {}, {}, {}
        wait = 0
        while quiet < idle:
            if update := writes(cycle):
                ctx.set(dut.written, update[0] % (1 << ticket_width(config)))
                model.accumulators[update[1]] = update[2]
            offered = todo and not wait
            wait = max(0, wait - 1)
            if offered:
                ctx.set(dut.operations.payload, todo[0])
            ctx.set(dut.operations.valid, bool(offered))
            ctx.set(dut.sums, sums.pop(cycle, [GARBAGE] * config.columns))
            ctx.set(dut.elements, elements.pop(cycle, [1] * config.lanes))
            (_, _, ready, accumulator_read, row, unified_read, at, enable, to, values, last_row,
             done, idling, waits, saturations, mask) = await ctx.tick().sample(
                dut.operations.ready, dut.accumulator_read, dut.accumulator_address,
                dut.unified_read, dut.unified_address, dut.write_enable, dut.write_address,
                dut.write_elements, dut.accumulators_read, dut.done, dut.idle, dut.waits,
                dut.saturations, dut.unified_mask)
            total += saturations
            if offered and ready:
                todo.pop(0)
                wait = gap()
                events.append((cycle, "accepted", None))
            if accumulator_read:
                events.append((cycle, "row", row))
                sums[cycle + dut.accumulator_latency] = [
                    int(value) for value in model.accumulators[row]]
            if unified_read:
                events.append((cycle, "element", at))
                places = [(at + lane) % config.unified_depth for lane in lanes]
                elements[cycle + dut.unified_latency] = [
                    int(model.unified[place]) if cycle >= visible.get(place, 0) and mask >> lane & 1
                    else 1 for lane, place in enumerate(places)]
            assert enable & 1 or not enable, "lane 0 tells of all"
            for lane in lanes:
                if enable >> lane & 1:
                    place = (to + lane) % config.unified_depth
                    model.unified[place] = values[lane]
                    visible[place] = cycle + dut.write_latency
            for name, strobe in (("write", enable), ("rows done", last_row), ("done", done),
                                 ("waits", waits)):
                if strobe:
                    events.append((cycle, name, enable))
            quiet = quiet + 1 if idling and not todo else 0
            cycle += 1
            assert cycle < 6000, "the unit hangs"

    simulate(dut, bench, max_cycles=20_000)
    return events, total


def compare(dut, seed, operations, **options):
    """Run operations on a unit and on the model of golden arithmetic."""
    model, golden = (ActivationModel(dut.config, np.random.default_rng(seed)) for _ in range(2))
    saturations = sum(golden.carry_out(op) for op in operations)
    events, total = run(dut, model, operations, **options)
    assert model.unified.tolist() == golden.unified.tolist()
    assert total == saturations
    return events, saturations


CONFIGS = [
    {"columns": 8, "lanes": 2},
    {"columns": 5, "lanes": 1, "operand_tables": 1},
    {"columns": 6, "lanes": 4, "activation_width": 4, "shift_multipliers": False},
    {"columns": 8, "lanes": 8, "function_tables": 0},
    {"columns": 4, "lanes": 2, "operand_tables": 0},
    {"columns": 9, "lanes": 2, "activation_width": 12, "function_tables": 0, "operand_tables": 0},
    {"columns": 4, "lanes": 4, "activation_width": 16, "operand_tables": 0},
    {"columns": 3, "lanes": 1, "serial_output": True, "operand_tables": 1},
]


@pytest.mark.parametrize("number", range(len(CONFIGS)))
def test_random_instructions(number):
    """Activate, pooled or not, and vectors, one behind the other, in many shapes of the unit."""
    config = small(**CONFIGS[number])
    rng, gaps = np.random.default_rng(number), random.Random(number)
    model = ActivationModel(config, rng)
    operations = [model.random_operation(rng)
                  for _ in range(4 if config.serial_output else 10)]
    dut = unit(config, accumulator_latency=1 + number % 3, unified_latency=5 + number % 4,
               write_latency=1 + number % 2)
    events, saturations = compare(dut, number, operations,
                                  gap=lambda: gaps.choice([0, 0, 0, 70]))
    assert sum(name == "done" for _, name, _ in events) == len(operations)
    assert saturations > 3 or config.serial_output
    assert sum(name == "rows done" for _, name, _ in events) == sum(
        not op["vector"] for op in operations)


def test_timing():
    """Every figure of the documentation, for sums and for vectors."""
    config = small(columns=8, lanes=2)
    dut = unit(config, accumulator_latency=3, unified_latency=6, write_latency=2)
    rng = np.random.default_rng(5)
    model = ActivationModel(config, rng)
    plain = model.random_operation(rng, vector=False, pooled=False) | {"columns": 7, "lines": 3,
                                                                       "parameters": 0}
    plain |= {"accumulator": 5, "destination": 0, "stride": 8}
    pooled = plain | {"lines": 2, "pixels": 2, "height": 2, "width": 3, "line_rows": 5,
                      "line_step": 10, "x_step": 2, "destination": 100}
    vector = model.random_operation(rng, vector=True) | {"unary": 0, "length": 5, "a": 200,
                                                         "b": 220, "destination": 240}
    operations = [plain, pooled, vector, vector | {"unary": 1}]
    events, _ = compare(dut, 5, operations)
    assert dut.activate_cycles == 3 + 3 + 21 + 1 + 3 + 1
    assert dut.vector_cycles == 6 + 6 + 21 + 1 + 3 + 1

    def cycles(name):
        return [cycle for cycle, kind, _ in events if kind == name]

    done = cycles("done")
    starts = [cycles("accepted")[0] + 1, *(cycle + 1 for cycle in done[:-1])]
    reads, writes = cycles("row") + cycles("element"), cycles("write")
    counts = [(3 * 4, 1, dut.activate_cycles), (4 * 4 * 6, 6, dut.activate_cycles),
              (3 * 2, 2, dut.vector_cycles), (3, 1, dut.vector_cycles)]
    rows_done = []
    for start, end, (count, window, latency) in zip(starts, done, counts, strict=True):
        own, reads = reads[:count], reads[count:]
        assert own == list(range(start + dut.read_cycles, start + dut.read_cycles + count))
        assert end == own[-1] + latency
        written, writes = writes[:count // window], writes[count // window:]
        assert written == [cycle + latency - 1 for cycle in own[window - 1::window]]
        rows_done.append(own[-1])
    assert not reads and not writes
    assert cycles("rows done") == rows_done[:2]
    # One instruction waits while another one is under way.
    assert cycles("accepted") == [0, 2, done[0] + 2, done[1] + 2]
    # The order of reads: line, pixel, beat, then the window line by line.
    rows = [value for _, kind, value in events if kind == "row"]
    assert rows[:12] == [row for row in (5, 6, 7) for _ in range(4)]
    assert rows[12:] == [5 + line * 10 + pixel * 2 + y * 5 + x for line in range(2)
                         for pixel in range(2) for _ in range(4) for y in range(2)
                         for x in range(3)]


@pytest.mark.parametrize("base", [0, (1 << ticket_width(small(columns=4, lanes=2))) - 20])
def test_rows_are_read_when_they_have_been_written(base):
    """Two multiplications are under way; the last writes its rows one by one, with pauses."""
    config = small(columns=4, lanes=2)
    dut = unit(config)
    rng = np.random.default_rng(base % 97)
    start = ActivationModel(config, np.random.default_rng(3))
    final = np.array(start.accumulators)
    # 30 rows from 20 on by an earlier one, then 24 from 60 on by the last.
    order = [*range(20, 50), *range(60, 84)]
    final[order] = rng.integers(-1 << 20, 1 << 20, (len(order), 4))
    plan, cycle = {}, 12
    for number, row in enumerate(order):
        cycle += 400 if row == 83 else int(rng.choice([1, 1, 1, 9]))
        plan[cycle] = (base + number + 1, row, final[row])
    shared = {"ticket": (base + 30) % (1 << ticket_width(config)), "written_base": 60,
              "written_rows": 24, "line_step": 1, "columns": 4, "stride": 4, "parameters": 0}
    plain = start.random_operation(rng, vector=False, pooled=False)
    operations = [
        plain | shared | {"accumulator": 20, "lines": 30, "destination": 0},
        plain | shared | {"accumulator": 60, "lines": 1, "pixels": 8, "width": 3, "x_step": 3,
                          "destination": 120},      # waits inside of windows
        plain | shared | {"accumulator": 84, "lines": 3, "destination": 300},
        # Of a multiplication long ago: more has been written since than there are rows.
        plain | shared | {"ticket": (base + 30 - 233) % (1 << ticket_width(config)),
                          "accumulator": 60, "lines": 24, "destination": 320},
    ]
    golden, model = (ActivationModel(config, np.random.default_rng(3)) for _ in range(2))
    golden.accumulators[:] = final
    for op in operations:
        golden.carry_out(op)
    events, _ = run(dut, model, operations, writes=plan.get, written=base)
    assert model.unified.tolist() == golden.unified.tolist()
    assert sum(name == "waits" for _, name, _ in events) > 50
    # Nothing before the last multiplication has begun; then as soon as it may.
    first = min(cycle for cycle, name, _ in events if name == "row")
    assert first == list(plan)[29] + 4
    last = next(cycle for cycle, name, value in events if name == "row" and value == 83)
    assert last == list(plan)[-1] + 4


@pytest.mark.parametrize("before", ["one", "two", "one from the beginning"])
def test_what_is_seen_of_one_instruction_is_not_taken_for_the_next(before):
    """All rows of one are found written just as it ends; as it starts, having waited; at once."""
    config = small(columns=4, lanes=2)
    rng = np.random.default_rng(2)
    numbers = 2 << ceil_log2(config.accumulator_depth)
    firsts, done = [], 0
    for late in (0, *range(-3, 5)):
        dut, model = unit(config), ActivationModel(config, np.random.default_rng(3))
        plain = model.random_operation(rng, vector=False, pooled=False) | {
            "written_base": 60, "written_rows": 24, "line_step": 1, "columns": 4, "stride": 4,
            "parameters": 0, "lines": 2}
        operations = [plain | {"ticket": 0, "accumulator": 20, "destination": 0},
                      plain | {"ticket": numbers + 100, "accumulator": 60, "destination": 120}]
        # Of this one, all are.
        written = operations[0] | {"ticket": (1 << ticket_width(config)) - 1}
        if before == "two":
            operations.insert(0, written)
        elif before != "one":
            operations[0] = written
        keep = 0, model.accumulators[0].copy()
        plan = {done + late: (numbers, *keep), 200: (numbers + 124, *keep)}
        events, _ = run(dut, model, operations, writes=plan.get, written=numbers - 1)
        firsts.append(min(cycle for cycle, name, value in events
                          if name == "row" and value == 60))
        done = done or next(cycle for cycle, name, _ in events if name == "done")
    assert 20 < done < 150 and firsts == [204] * 9


def test_serial_timing():
    """One beat after the other, each as long as the shifts of its channel make it."""
    config = small(columns=4, lanes=1, serial_output=True)
    dut = unit(config, accumulator_latency=2, unified_latency=6, write_latency=2)
    rng = np.random.default_rng(5)
    model = ActivationModel(config, rng)
    operation = model.random_operation(rng, vector=False, pooled=False) | {
        "columns": 4, "lines": 1, "parameters": 4, "height": 1, "width": 3, "x_step": 1}
    model = ActivationModel(config, np.random.default_rng(5))
    events, _ = run(dut, model, [operation])
    shifts = model.parameters[4:8, 2:].sum(axis=1).tolist()
    assert len(set(shifts)) > 2
    cycle = 1 + dut.read_cycles
    expected = []
    for shift in shifts:
        expected += [cycle, cycle + 1, cycle + 2]
        cycle += 2 + dut.activate_cycles + shift + dut.turnaround_cycles
    assert [cycle for cycle, name, _ in events if name == "row"] == expected
    assert [cycle for cycle, name, _ in events if name == "done"] == [
        expected[-1] + dut.activate_cycles + shifts[-1]]
    assert dut.activate_cycles == 2 + 3 + 37 + 1 + 3 + 1


def test_a_reset_ends_everything():
    config = small(columns=8, lanes=2)
    dut = unit(config)
    clear = Signal()
    wrapped = ResetInserter(clear)(dut)
    rng = np.random.default_rng(1)
    model = ActivationModel(config, rng)
    operation = model.random_operation(rng, vector=False, pooled=False) | {"lines": 8}
    wrote = []

    async def bench(ctx):
        ctx.set(dut.operations.payload, operation)
        for moment in range(1, 48, 2):
            ctx.set(dut.operations.valid, 1)
            await ctx.tick().repeat(moment)
            ctx.set(dut.operations.valid, 0)
            ctx.set(clear, 1)
            await ctx.tick()
            ctx.set(clear, 0)
            for _ in range(40):
                assert ctx.get(dut.idle)
                wrote.append(ctx.get(dut.write_enable) | ctx.get(dut.done))
                await ctx.tick()

    simulate(wrapped, bench, max_cycles=20_000)
    assert len(wrote) == 24 * 40 and not any(wrote)


def test_parameters_are_checked():
    for name in ("accumulator_latency", "unified_latency", "write_latency"):
        with pytest.raises(ValueError, match=f"{name} must be at least 1 cycle, not 0"):
            unit(small(), **{name: 0})
