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
        for number in range(900):
            reads = rng.random() < .55
            left = sum(queue)
            tiles = rng.randint(1, most) if reads or not left else rng.choice(
                [left, left + 1, rng.randint(1, left), rng.randint(1, left), 1])
            tiles = min(tiles, 0xFFFF)
            lacking, full = tiles > left, len(queue) == WEIGHT_FIFO_TILES
            ctx.set(dut.tiles_read, tiles if reads else rng.getrandbits(16))
            ctx.set(dut.tiles_claimed, rng.getrandbits(16) if reads else tiles)
            strobe = dut.read if reads else dut.claim
            ctx.set(strobe, 1)
            await ctx.tick()
            ctx.set(strobe, 0)
            wrong = full if reads else lacking
            if reads:
                assert ctx.get(dut.full) == full
                queue.append(tiles)
            else:
                while tiles and queue:
                    taken = min(tiles, queue[0])
                    tiles -= taken
                    queue[0] -= taken
                    if not queue[0]:
                        queue.popleft()
                for _ in range(WEIGHT_FIFO_TILES):
                    await ctx.tick()
                assert ctx.get(dut.lacking) == lacking
            met["lacking"] += lacking and not reads
            met["full"] += full and reads
            if wrong or number % 100 == 99:
                ctx.set(dut.clear, 1)
                await ctx.tick()
                ctx.set(dut.clear, 0)
                queue.clear()
                met["clear"] += 1
                assert not ctx.get(dut.lacking)

    simulate(dut, bench, max_cycles=20_000)
    assert min(met.values()) > 5
