# amaranth: UnusedElaboratable=no

"""Queue in block RAM, and numbers that go on in steps, against lists and integers in Python."""

import random

import pytest
from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.common.stepper import stepper
from hw.common.word_queue import WordQueue
from sim_tests.bench.simulate import simulate


@pytest.mark.parametrize("depth", [2, 4, 16, 64])
@pytest.mark.parametrize("offer, take", [(1, 1), (.9, .3), (.3, .9), (.5, .5), (1, .05)])
def test_words_come_in_order(depth, offer, take):
    """It is filled to the brim and emptied; in the RAM are never more than `depth`."""
    dut = WordQueue(shape=20, depth=depth)
    rng = random.Random(depth)
    fullest = passed = 0

    async def bench(ctx):
        nonlocal fullest, passed
        expected, level, shown = [], 0, None
        for cycle in range(1200):
            writes = level < depth and rng.random() < offer
            word = rng.getrandbits(20)
            takes = cycle > 3 * depth and rng.random() < take
            ctx.set(dut.write, writes)
            ctx.set(dut.word, word)
            ctx.set(dut.words.ready, takes)
            await ctx.delay(1e-8)
            fullest = max(fullest, level)
            level += writes - ctx.get(dut.moves)
            if shown is not None:
                assert ctx.get(dut.words.valid) and ctx.get(dut.words.payload) == shown
            shown = None
            if ctx.get(dut.words.valid):
                assert ctx.get(dut.words.payload) == expected[0]
                if takes:
                    expected.pop(0)
                    passed += 1
                else:
                    shown = expected[0]
            if writes:
                expected.append(word)
            await ctx.tick()

    simulate(dut, bench)
    assert fullest == depth or take > offer
    assert passed > 30


def test_timing_is_as_documented():
    dut = WordQueue(shape=8, depth=4)

    async def bench(ctx):
        ctx.set(dut.words.ready, 1)
        seen = []
        for cycle in range(16):
            ctx.set(dut.write, 3 <= cycle < 12)
            ctx.set(dut.word, cycle)
            if ctx.get(dut.words.valid):
                seen.append((cycle, ctx.get(dut.words.payload)))
            await ctx.tick()
        assert seen == [(cycle + 3, cycle) for cycle in range(3, 12)]

    simulate(dut, bench)


def test_depths_are_checked():
    for depth in (1, 12, 1 << 17):
        with pytest.raises(ValueError, match="power of two from 2 to 65536"):
            WordQueue(shape=8, depth=depth)


class Stepper(wiring.Component):
    first: In(9)
    load: In(1)
    advance: In(1)
    begin: In(1)
    number: Out(10)

    def __init__(self, start, step, *, told):
        self.start, self.step, self.told = start, step, told
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.number.eq(stepper(
            m, "number", width=10, start=self.start, first=self.first, step=self.step,
            load=self.load, advance=self.advance, begin=self.begin if self.told else None))
        return m


@pytest.mark.parametrize("told", [False, True])
@pytest.mark.parametrize("start, step", [(0, 1), (-2, -1), (3, -4), (-5, -4), (0, 7)])
def test_steps(start, step, told):
    """With and without being told of the first step; if it is, it may advance as it is loaded."""
    dut = Stepper(start, step, told=told)
    rng = random.Random(step)
    both = 0

    async def bench(ctx):
        nonlocal both
        for _ in range(20):
            for _ in range(rng.randint(1, 3)):
                first = rng.getrandbits(9)
                ctx.set(dut.load, 1)
                ctx.set(dut.first, first)
                advance = told and rng.random() < .5
                ctx.set(dut.advance, advance)
                both += advance
                await ctx.tick()
                assert ctx.get(dut.number) == start % 1024
            ctx.set(dut.load, 0)
            expected, adds, begins = start, first, True
            for _ in range(rng.randint(1, 40)):
                ctx.set(dut.first, rng.getrandbits(9))
                advance = rng.random() < .7
                ctx.set(dut.advance, advance)
                ctx.set(dut.begin, begins and advance)
                await ctx.tick()
                if advance:
                    expected, adds, begins = expected + adds, step, False
                assert ctx.get(dut.number) == expected % 1024
            ctx.set(dut.advance, 0)
            ctx.set(dut.begin, 0)

    simulate(dut, bench)
    assert (both > 5) == told
