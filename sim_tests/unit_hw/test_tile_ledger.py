# amaranth: UnusedElaboratable=no

"""TileLedger against a queue of Python."""

import random
from collections import deque

import pytest

from golden.formats import WEIGHT_FIFO_TILES
from hw.systolic.tile_ledger import TileLedger
from sim_tests.bench.simulate import simulate


@pytest.mark.parametrize("most", [1, 3, 0xFFFF])
def test_lacking_and_full(most):
    dut = TileLedger()
    rng = random.Random(most)
    met = {"lacking": 0, "full": 0, "clear": 0}

    async def bench(ctx):
        queue = deque()
        for number in range(700):
            reads = rng.random() < .5
            left = sum(queue)
            tiles = rng.randint(1, most) if reads or not left else rng.choice(
                [left, left + 1, rng.randint(1, left), rng.randint(1, left), 1])
            tiles = min(tiles, 0xFFFF)
            ctx.set(dut.tiles, tiles)
            await ctx.tick().repeat(9)
            lacking, full = tiles > left, len(queue) == WEIGHT_FIFO_TILES
            assert ctx.get(dut.lacking) == lacking
            assert ctx.get(dut.full) == full
            met["lacking"] += lacking
            met["full"] += full
            if number % 100 == 99:
                ctx.set(dut.clear, 1)
                queue.clear()
                met["clear"] += 1
            elif reads and not full:
                ctx.set(dut.read, 1)
                queue.append(tiles)
            elif not reads and not lacking:
                ctx.set(dut.claim, 1)
                while tiles:
                    taken = min(tiles, queue[0])
                    tiles -= taken
                    queue[0] -= taken
                    if not queue[0]:
                        queue.popleft()
            await ctx.tick()
            for strobe in (dut.read, dut.claim, dut.clear):
                ctx.set(strobe, 0)

    simulate(dut, bench, max_cycles=20_000)
    assert min(met.values()) > 5
