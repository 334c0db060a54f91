# amaranth: UnusedElaboratable=no

"""ColumnQueue keeps order and count; PointerReader finds the ends of columns."""

import random
from collections import deque

import pytest

from hw.sparse.column_queue import ColumnQueue
from hw.sparse.pointer_reader import PointerReader
from sim_tests.bench.simulate import simulate


@pytest.mark.parametrize("read_share", [.2, .8, 1])
@pytest.mark.parametrize("depth", [1, 2, 7, 8])
def test_queue(depth, read_share):
    dut = ColumnQueue(shape=8, depth=depth)
    rng = random.Random(depth)
    read = 0

    async def bench(ctx):
        nonlocal read
        model = deque()
        for number in range(300):
            assert ctx.get(dut.columns.valid) == bool(model)
            if model:
                assert ctx.get(dut.columns.payload) == model[0]
            write = len(model) < depth and rng.random() < .7
            ready = rng.random() < read_share
            ctx.set(dut.write, int(write))
            ctx.set(dut.written, number % 256)
            ctx.set(dut.columns.ready, int(ready))
            if ready and model:
                model.popleft()
                read += 1
            if write:
                model.append(number % 256)
            assert ctx.get(dut.filled) == (len(model) == depth)
            await ctx.tick()

    simulate(dut, bench)
    assert read > 40


@pytest.mark.parametrize("output_registers", [True, False])
@pytest.mark.parametrize("depth", [2, 6, 64])
def test_pointers(depth, output_registers):
    dut = PointerReader(depth=depth, pointer_width=10, output_registers=output_registers)
    rng = random.Random(depth)
    pointers = sorted(rng.choices(range(depth), k=depth))       # many columns are empty
    checked = 0

    async def bench(ctx):
        nonlocal checked
        for number, pointer in enumerate(pointers):
            ctx.set(dut.load, 1)
            ctx.set(dut.load_address, number)
            ctx.set(dut.load_data, pointer)
            await ctx.tick()
        ctx.set(dut.load, 0)
        ctx.set(dut.present, 1)
        columns = [rng.randrange(depth - 1) for _ in range(50)]
        moves = 0
        # How many `advance` after the addresses each of them comes.
        parity, empty, shown = (2, 3, 4) if output_registers else (1, 1, 2)

        def column(stage):
            """The column that is so far behind the one whose addresses are presented now."""
            return columns[moves - stage] if 0 <= moves - stage < len(columns) else None

        while moves < len(columns) + shown:
            advance = rng.random() < .6
            ctx.set(dut.advance, int(advance))
            if (now := column(0)) is not None:
                ctx.set(dut.even_address, now + 1 >> 1)
                ctx.set(dut.odd_address, now >> 1)
            if (now := column(parity)) is not None:
                ctx.set(dut.odd, now % 2)
            if (now := column(empty)) is not None:
                assert ctx.get(dut.empty) == (pointers[now] == pointers[now + 1])
            await ctx.tick()
            moves += advance
            if (now := column(shown)) is not None:
                first, end = pointers[now:now + 2]
                assert ctx.get(dut.first) == first
                assert first == end or ctx.get(dut.last) == end - 1
                checked += 1

    simulate(dut, bench)
    assert checked > 50


def test_parameters_are_checked():
    with pytest.raises(ValueError, match="at least 1, not 0"):
        ColumnQueue(shape=8, depth=0)
    with pytest.raises(ValueError, match="even and at least 2, not 7"):
        PointerReader(depth=7, pointer_width=4)
