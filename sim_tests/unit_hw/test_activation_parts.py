# amaranth: UnusedElaboratable=no

"""Parts of the activation unit, each alone."""

import itertools
import random

import pytest

from hw.common.power_multiplier import PowerMultiplier
from hw.systolic.beat_pipeline import BeatPipeline
from hw.systolic.loop_counter import LoopCounter
from hw.systolic.operation_slot import OperationSlot
from hw.systolic.pooling_unit import PoolingUnit
from hw.systolic.result_writer import ResultWriter
from hw.systolic.vector_unit import VectorUnit
from sim_tests.bench.simulate import simulate


@pytest.mark.parametrize("columns, lanes, levels", [
    (4, 4, 0), (8, 2, 1), (9, 2, 2), (5, 1, 2), (34, 2, 3)])
def test_pooling(columns, lanes, levels):
    """Windows of random rows, with pauses in them, and beats in any order."""
    dut = PoolingUnit(columns=columns, lanes=lanes, width=8)
    assert dut.latency == 2 + levels
    rng = random.Random(columns)
    largest, expected = None, {}

    async def bench(ctx):
        nonlocal largest
        checked = 0
        for cycle in range(200):
            valid, first = rng.random() < 0.7, cycle == 0 or rng.random() < 0.4
            beat = rng.randrange(dut.beats)
            row = [rng.choice([-128, 127, rng.randrange(-128, 128)]) for _ in range(columns)]
            for name, value in (("sums", row), ("valid", valid), ("first", first), ("beat", beat)):
                ctx.set(getattr(dut, name), value)
            if valid:
                own = [row[at] if at < columns else 0
                       for at in range(beat * lanes, (beat + 1) * lanes)]
                largest = own if first or largest is None else list(map(max, own, largest))
                expected[cycle + dut.latency] = largest
            _, _, values = await ctx.tick().sample(dut.largest)
            if cycle in expected and min(expected) < cycle:
                assert list(values) == expected[cycle]
                checked += 1
        assert checked > 80
        ctx.set(dut.clear, 1)
        await ctx.tick()
        assert list(ctx.get(dut.largest)) == [0] * lanes

    simulate(dut, bench)


@pytest.mark.parametrize("stride", [1, 2, 4, 64])
def test_loops_know_their_last_turn(stride):
    dut = LoopCounter(width=4, stride=stride)
    turns_seen = set()

    async def bench(ctx):
        for items, many in itertools.product((1, 2, 3, 4, 5, 8, 9, 15, 1), (0, 1)):
            ctx.set(dut.items, items)
            ctx.set(dut.many, many)
            ctx.set(dut.restart, 1)
            ctx.set(dut.step, 1)
            await ctx.tick()
            ctx.set(dut.restart, 0)
            turns = -(-items // stride) if many else items
            turns_seen.add(turns)
            for turn in range(turns):
                for step in (0, 1):
                    ctx.set(dut.step, step)
                    assert ctx.get(dut.last) == (turn == turns - 1)
                    await ctx.tick()
            ctx.set(dut.step, 0)

    simulate(dut, bench)
    assert turns_seen >= {1, 2, 3, 4, 5, 8, 9, 15}
    with pytest.raises(ValueError, match="at least one item, not 0"):
        LoopCounter(width=4, stride=0)


def test_results_go_row_by_row():
    dut = ResultWriter(lanes=4, depth=64)
    seen = []

    async def bench(ctx):
        for destination, stride, rows, beats in ((5, 9, 3, 2), (60, 1, 4, 1), (0, 65, 2, 3)):
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            ctx.set(dut.destination, destination)
            await ctx.tick()
            ctx.set(dut.stride, stride)
            await ctx.tick()
            for row in range(rows):
                for beat in range(beats):
                    ctx.set(dut.beat, 0)
                    await ctx.tick()
                    ctx.set(dut.beat, 1)
                    ctx.set(dut.row_last, beat == beats - 1)
                    seen.append(ctx.get(dut.address))
                    assert seen[-1] == (destination + row * stride + beat * 4) % 64
                    await ctx.tick()
            ctx.set(dut.beat, 0)

    simulate(dut, bench)
    assert len(seen) == 16


def test_operations_start_one_after_the_other():
    """Offered and completed at random times; none is lost, and none starts late."""
    dut = OperationSlot(8)
    rng = random.Random(5)
    accepted, started, done = [], [], 0
    met = {"back to back": 0, "held off": 0, "idle": 0}

    async def bench(ctx):
        nonlocal done
        for cycle in range(600):
            offered, number = rng.random() < .4, rng.randrange(256)
            under_way = len(started) > done
            ends = under_way and rng.random() < (.5 if cycle < 300 else .05)
            ctx.set(dut.operations.valid, offered)
            ctx.set(dut.operations.payload, number)
            ctx.set(dut.done, ends)
            waiting = len(accepted) > len(started)
            assert ctx.get(dut.start) == (waiting and not under_way)
            assert ctx.get(dut.operations.ready) == (not waiting)
            assert ctx.get(dut.idle) == (not waiting and not under_way)
            if under_way:
                assert ctx.get(dut.operation) == started[-1]
            met["back to back"] += ends and waiting
            met["held off"] += offered and waiting
            met["idle"] += not waiting and not under_way
            if waiting and not under_way:
                started.append(ctx.get(dut.pending))
            if offered and not waiting:
                accepted.append(number)
            done += ends
            await ctx.tick()

    simulate(dut, bench)
    assert started == accepted[:len(started)] and len(started) > 40
    assert min(met.values()) > 5


@pytest.mark.parametrize("cycles", [(3, 7), (6, 2), (4, 4), (0, 3)])
def test_beats_follow_their_reads(cycles):
    dut = BeatPipeline(cycles=cycles)
    rng = random.Random(str(cycles))
    arrivals = {}       # cycle in the output stages -> beat
    checked = 0

    async def bench(ctx):
        nonlocal checked
        for phase in range(8):
            kind = phase % 2
            for cycle in range(phase * 50, phase * 50 + 50):
                issued = cycle % 50 < 30 and rng.random() < .6
                beat = rng.randrange(16)
                ctx.set(dut.issued, issued << kind)
                ctx.set(dut.beat.as_value(), beat)
                if issued:
                    arrivals[cycle + cycles[kind]] = beat
                for distance, read in enumerate(dut.ahead):
                    if distance <= cycles[kind]:
                        assert ctx.get(read.valid) == (cycle + distance in arrivals)
                    if ctx.get(read.valid):
                        assert ctx.get(read.beat.as_value()) == arrivals[cycle + distance]
                        checked += 1
                await ctx.tick()

    simulate(dut, bench)
    assert checked > 150


@pytest.mark.parametrize("down", [False, True])
def test_powers(down):
    dut = PowerMultiplier(down=down)
    rng = random.Random(down)
    cases = [(rng.choice([-1 << 31, (1 << 31) - 1, -1, rng.randrange(-1 << 31, 1 << 31)]), exponent)
             for exponent in range(16) for _ in range(6)]

    async def bench(ctx):
        for cycle in range(len(cases) + dut.latency):
            if cycle < len(cases):
                ctx.set(dut.number, cases[cycle][0])
                ctx.set(dut.power, 1 << cases[cycle][1])
            if cycle >= dut.latency:
                number, exponent = cases[cycle - dut.latency]
                low, high = (ctx.get(product) for product in dut.products)
                product = number << (16 - exponent if down else exponent)
                assert (low | high << 16) % (1 << 48) == product % (1 << 48)
                assert low == (number % (1 << 16)) << (16 - exponent if down else exponent)
            await ctx.tick()

    simulate(dut, bench)


@pytest.mark.parametrize("width", [8, 12, 16])
def test_vectors(width):
    """Pairs and single operands, one behind the other; nothing unless enabled."""
    dut = VectorUnit(width=width, operand_tables=2)
    rng = random.Random(width)
    half = 1 << width - 1
    tables = [[[rng.randrange(-1 << 31, 1 << 31) for _ in range(2 * half)] for _ in range(2)]
              for _ in range(2)] if width <= 8 else None
    checked = 0

    def signed16(value):
        return (value + 32768) % 65536 - 32768

    async def bench(ctx):
        nonlocal checked
        if tables:
            ctx.set(dut.load, 1)
            for address in range(dut.table_depth):
                number, operand, place = address >> width + 1, address >> width & 1, address % (
                    2 * half)
                ctx.set(dut.load_address, address)
                ctx.set(dut.load_data, tables[number][operand][place] & 0xFFFFFFFF)
                await ctx.tick()
            ctx.set(dut.load, 0)
        for multiply, unary, enable in ((0, 0, 1), (1, 0, 1), (0, 1, 1), (1, 1, 1), (0, 0, 0)):
            table, shifts = rng.randrange(2), (rng.randrange(16), rng.randrange(16))
            for name, value in (("multiply", multiply), ("unary", unary), ("enable", enable),
                                ("tables", table), ("shift_a", shifts[0]),
                                ("shift_b", shifts[1])):
                ctx.set(getattr(dut, name), value)
            expected, cycle = {}, 0
            for _ in range(40):
                operands = []
                for number in range(2 - unary):
                    element = rng.choice([-half, half - 1, rng.randrange(-half, half)])
                    for name, value in (("element", element), ("valid", 1), ("first", number == 0),
                                        ("last", number == 1 - unary)):
                        ctx.set(getattr(dut, name), value)
                    operands.append(tables[table][number][element + half] if tables
                                    else element << shifts[number])
                    if number == 1 - unary:
                        a, b = (*operands, 0)[:2]
                        result = signed16(a) * signed16(b) if multiply else a + b
                        expected[cycle + dut.latency] = result if enable else 0
                    if cycle in expected:
                        assert ctx.get(dut.result) == expected[cycle]
                        checked += 1
                    await ctx.tick()
                    cycle += 1
            ctx.set(dut.valid, 0)
            await ctx.tick().repeat(dut.latency + 1)

    simulate(dut, bench)
    assert checked > 150


def test_parameters_are_checked():
    with pytest.raises(ValueError, match="from 1 to the columns, 4, not 5"):
        PoolingUnit(columns=4, lanes=5, width=8)
    with pytest.raises(ValueError, match="from 2 to 16 bits, not 17"):
        VectorUnit(width=17, operand_tables=1)
    with pytest.raises(ValueError, match="8 bits need tables of operands"):
        VectorUnit(width=8, operand_tables=0)
