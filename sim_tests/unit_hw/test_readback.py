"""Answers to fetches of the host, against tables in Python; what is not asked for is noise."""

import random

import pytest

from golden.formats import DENSE_IDENTITY, DenseCounter, DenseMemory
from hw.systolic.readback import Readback
from sim_tests.bench.simulate import simulate

#: Cycles from a read of the unified buffer to its elements: the shortest, and a longer one.
BUFFER_LATENCIES = (4, 7)
FETCHES = 60


@pytest.mark.parametrize("buffer_latency", BUFFER_LATENCIES)
@pytest.mark.parametrize("lanes", (1, 2, 4))
def test_random_fetches(lanes, buffer_latency):
    rng = random.Random(10 * lanes + buffer_latency)
    identity = [rng.getrandbits(32) for _ in DENSE_IDENTITY]
    counters = [rng.getrandbits(32) for _ in DenseCounter]
    dut = Readback(identity=identity, lanes=lanes, memory_width=4, address_width=16)
    kinds = (DenseMemory.UNIFIED, DenseMemory.COUNTERS, DenseMemory.IDENTITY)
    asked = dict.fromkeys(kinds, 0)

    async def bench(ctx):
        select = 0
        for _ in range(FETCHES):
            memory = rng.choice(kinds)
            address = rng.randrange({DenseMemory.UNIFIED: 1 << 16,
                                     DenseMemory.COUNTERS: len(counters),
                                     DenseMemory.IDENTITY: len(identity)}[memory])
            words = [rng.getrandbits(32) for _ in range(buffer_latency + 3)]
            ctx.set(dut.fetch_memory, memory)
            for cycle, word in enumerate(words):
                ctx.set(dut.fetch_valid, cycle == 0)
                ctx.set(dut.fetch_address, address if cycle == 0 else rng.getrandbits(16))
                # A counter comes one cycle after it has been selected, elements each cycle.
                ctx.set(dut.counter, counters[select] if select < len(counters) else 0)
                ctx.set(dut.elements.as_value(), word)
                select = ctx.get(dut.select)
                await ctx.tick()
            expected = {DenseMemory.UNIFIED: words[1 + buffer_latency],
                        DenseMemory.COUNTERS: counters[address % len(counters)],
                        DenseMemory.IDENTITY: identity[address % len(identity)]}
            assert ctx.get(dut.word) == expected[memory]
            asked[memory] += 1

    simulate(dut, bench)
    assert sum(asked.values()) == FETCHES and min(asked.values()) > 0
