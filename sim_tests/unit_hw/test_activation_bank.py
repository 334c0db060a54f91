# amaranth: UnusedElaboratable=no

"""Activation banks find exactly the non-zero activations, in order and on time."""

import random

import pytest

from hw.sparse.activation_bank import ActivationBank
from hw.sparse.leading_nonzero import LeadingNonzeroDetector
from sim_tests.bench.simulate import simulate


@pytest.mark.parametrize("width", [1, 2, 4, 8, 32, 64])
def test_detector(width):
    dut = LeadingNonzeroDetector(width=width)
    rng = random.Random(width)
    seen = 0

    async def bench(ctx):
        nonlocal seen
        for _ in range(200):
            flags = rng.getrandbits(width) & rng.getrandbits(width)
            ctx.set(dut.flags, flags)
            await ctx.delay(1e-9)
            assert ctx.get(dut.found) == (flags != 0)
            assert ctx.get(dut.more) == (flags.bit_count() > 1)
            if flags:
                assert ctx.get(dut.index) == (flags & -flags).bit_length() - 1
                assert ctx.get(dut.rest) == flags & flags - 1
                seen += 1

    from amaranth.sim import Simulator
    sim = Simulator(dut)
    sim.add_testbench(bench)
    sim.run()
    assert seen > 20


async def write_vector(ctx, dut, vector, *, page):
    """Write activations in ascending order, the last beat only as far as there are any."""
    ctx.set(dut.write_page, page)
    for start in range(0, len(vector), dut.beat):
        chunk = vector[start:start + dut.beat]
        ctx.set(dut.write, 1)
        ctx.set(dut.write_address, start // dut.beat)
        ctx.set(dut.mask, (1 << len(chunk)) - 1)
        ctx.set(dut.fresh, start % dut.map_width == 0)
        ctx.set(dut.write_data, chunk + [-1] * (dut.beat - len(chunk)))
        await ctx.tick()
    ctx.set(dut.write, 0)
    await ctx.tick()        # the last beat is written


@pytest.mark.parametrize("hold", [0, .5])
@pytest.mark.parametrize("depth, beat, map_width",
                         [(64, 1, 16), (64, 4, 16), (16, 4, 16), (16, 1, 16), (64, 4, 4),
                          (8, 1, 1)])
def test_scan(depth, beat, map_width, hold):
    dut = ActivationBank(depth=depth, beat=beat, width=16, map_width=map_width)
    rng = random.Random(depth + beat)
    taken = 0

    async def bench(ctx):
        nonlocal taken
        for number in range(10):
            page = number % 2
            share = rng.choice([0, .1, .5, 1])
            vector = [rng.randint(-5, 5) if rng.random() < share else 0
                      for _ in range(rng.choice([1, depth, rng.randint(1, depth)]))]
            await write_vector(ctx, dut, vector, page=page)
            ctx.set(dut.read_page, page)
            ctx.set(dut.write_page, 1 - page)
            ctx.set(dut.scan_words, -(-len(vector) // map_width))
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            found, coming = [], [None, None]        # what is to be shown after one `advance`, two
            while any(index is not None for index in coming) or not ctx.get(dut.exhausted):
                take, shown = rng.random() >= hold, ctx.get(dut.found)
                index = ctx.get(dut.index)
                advance = take or rng.random() >= hold
                ctx.set(dut.take, int(take))
                ctx.set(dut.advance, int(advance))
                await ctx.tick()
                ctx.set(dut.take, 0)
                if advance:
                    if (due := coming.pop(0)) is not None:
                        found.append((due, ctx.get(dut.value)))
                    coming.append(index if take and shown else None)
            assert found == [(index, value) for index, value in enumerate(vector) if value]
            taken += len(found)
            # The host reads any of them afterwards.
            for index in rng.sample(range(len(vector)), min(5, len(vector))):
                ctx.set(dut.advance, 1)
                ctx.set(dut.peek, 1)
                ctx.set(dut.peek_index, index)
                await ctx.tick()
                ctx.set(dut.peek, 0)
                await ctx.tick().repeat(2)
                assert ctx.get(dut.value) == vector[index]

    simulate(dut, bench)
    assert taken > 5


def test_timing_is_as_documented():
    dut = ActivationBank(depth=32, beat=1, width=8, map_width=8)

    async def bench(ctx):
        vector = [0] * 8 + [1, 0, 0, 0, 0, 0, 0, 2] + [3] + [0] * 15
        await write_vector(ctx, dut, vector, page=0)
        ctx.set(dut.write_page, 1)
        ctx.set(dut.scan_words, 4)
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        await ctx.tick()
        assert not ctx.get(dut.found), "the first map word is empty"
        await ctx.tick()
        assert ctx.get(dut.found), "an empty map word costs a cycle"
        ctx.set(dut.take, 1)
        for index in (8, 15, 16):
            assert (ctx.get(dut.found), ctx.get(dut.index)) == (1, index), "one a cycle"
            await ctx.tick()
        assert ctx.get(dut.exhausted), "one empty word follows, which was loaded with the last take"

    simulate(dut, bench)


def test_parameters_are_checked():
    with pytest.raises(ValueError, match="Map width 8 must be from the beat, 16, to the depth, 64"):
        ActivationBank(depth=64, beat=16, width=8, map_width=8)
    with pytest.raises(ValueError, match="power of two, not 3"):
        LeadingNonzeroDetector(width=3)
