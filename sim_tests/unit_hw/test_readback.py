"""Answers to fetches of the host, against tables in Python; what is not asked for is noise."""

import random

import pytest

from golden.formats import DENSE_IDENTITY, DenseCounter, DenseMemory
from hw.systolic.readback import Readback
from sim_tests.bench.simulate import simulate

#: Cycles from a read of the unified buffer to its elements: the shortest, and a longer one.
BUFFER_LATENCIES = (5, 8)
#: Cycles from the choice of a counter to its value.
COUNTER_CYCLES = 6
FETCHES = 60


@pytest.mark.parametrize("buffer_latency", BUFFER_LATENCIES)
@pytest.mark.parametrize("lanes", (1, 2, 4))
def test_random_fetches(lanes, buffer_latency):
    rng = random.Random(10 * lanes + buffer_latency)
    identity = [rng.getrandbits(32) for _ in DENSE_IDENTITY]
    counters = [rng.getrandbits(32) for _ in DenseCounter]
    dut = Readback(identity=identity, lanes=lanes, memory_width=4, address_width=16)
    kinds = (DenseMemory.UNIFIED, DenseMemory.COUNTERS, DenseMemory.IDENTITY)
    faults = 0
    asked = dict.fromkeys(kinds, 0)

    async def bench(ctx):
        nonlocal faults
        chosen = [0] * COUNTER_CYCLES
        for _ in range(FETCHES):
            memory = rng.choice(kinds)
            address = rng.randrange({DenseMemory.UNIFIED: 1 << 16,
                                     DenseMemory.COUNTERS: len(counters),
                                     DenseMemory.IDENTITY: len(identity)}[memory])
            late = memory == DenseMemory.COUNTERS
            words = [rng.getrandbits(32)
                     for _ in range(COUNTER_CYCLES + 3 if late else buffer_latency + 3)]
            ctx.set(dut.fetch_memory, memory)
            for cycle, word in enumerate(words):
                ctx.set(dut.fetch_valid, cycle == 0)
                ctx.set(dut.fetch_address, address if cycle == 0 else rng.getrandbits(16))
                # A counter comes some cycles after it has been selected, elements each cycle.
                chosen = [*chosen[1:], ctx.get(dut.select)]
                right = len(set(chosen)) == 1 and chosen[0] < len(counters)
                shows = right and rng.random() < .5 or cycle == len(words) - 3
                ctx.set(dut.counter_shows, shows)
                ctx.set(dut.counter, counters[chosen[0]] if shows and right else
                        rng.getrandbits(32))
                ctx.set(dut.elements.as_value(), word)
                await ctx.tick()
            if rng.random() < .3:
                ctx.set(dut.faulted, 1)
                ctx.set(dut.fault_word, fault := rng.getrandbits(32))
                await ctx.tick().repeat(3)
                assert ctx.get(dut.word) == fault
                ctx.set(dut.faulted, 0)
                await ctx.tick().repeat(3)
                faults += 1
                continue
            expected = {DenseMemory.UNIFIED: words[-2],
                        DenseMemory.COUNTERS: counters[address % len(counters)],
                        DenseMemory.IDENTITY: identity[address % len(identity)]}
            assert ctx.get(dut.word) == expected[memory]
            asked[memory] += 1

    simulate(dut, bench)
    assert sum(asked.values()) + faults == FETCHES and faults > 0 and min(asked.values()) > 0
