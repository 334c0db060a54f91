# amaranth: UnusedElaboratable=no

"""Parts of the dispatcher, each alone."""

import random

import pytest

from golden.formats import Fault
from hw.systolic.host_watch import HostWatch
from hw.systolic.program_sequencer import ProgramSequencer
from hw.systolic.written_rows import WrittenRows
from sim_tests.bench.simulate import simulate


def test_tickets():
    """Rows of random multiplications, of two runs that go round the modulus."""
    depth, width = 1 << 16, 18
    dut = WrittenRows(depth=depth, width=width)
    rng = random.Random(1)
    wrapped = 0

    async def bench(ctx):
        nonlocal wrapped
        for _ in range(2):
            total, before, last = 0, 0, (0, 0)
            for _ in range(60):
                first, rows = rng.randrange(depth), rng.choice([1, depth, rng.randint(1, depth)])
                write = rng.random() < .7
                ctx.set(dut.first, first)
                ctx.set(dut.rows, rows)
                ctx.set(dut.write, write)
                await ctx.tick()
                if write:
                    total, before, last = total + rows, total, (first, rows)
                assert ctx.get(dut.ticket) == before % (1 << width)
                assert (ctx.get(dut.written_base), ctx.get(dut.written_rows)) == last
            wrapped += total >> width
            ctx.set(dut.write, 0)
            ctx.set(dut.clear, 1)
            await ctx.tick()
            ctx.set(dut.clear, 0)
            assert [ctx.get(value) for value in (
                dut.ticket, dut.written_base, dut.written_rows)] == [0, 0, 0]

    simulate(dut, bench)
    assert wrapped > 2


def test_signals_are_remembered():
    """As many as 255, given and taken in any order, also both in one cycle."""
    dut = HostWatch(watchdog_log2=4, number_width=3)
    rng = random.Random(2)
    met = {"full": 0, "empty": 0, "both": 0, "clear": 0}

    async def bench(ctx):
        count = 0
        for cycle in range(3000):
            often = .9 if cycle // 500 % 2 == 0 else .1
            signal = rng.random() < often
            take = count > 0 and rng.random() < 1 - often
            clear = cycle % 1400 == 1399
            for name, value in (("signal", signal), ("take", take), ("clear", clear)):
                ctx.set(getattr(dut, name), value)
            assert ctx.get(dut.signalled) == (count > 0)
            met["full"] += signal and count == 255
            met["empty"] += count == 0
            met["both"] += signal and take
            met["clear"] += clear and count > 0
            await ctx.tick()
            count = 0 if clear else count + (signal and count < 255) - take

    simulate(dut, bench)
    assert min(met.values()) > 0


@pytest.mark.parametrize("watchdog_log2", [1, 2, 3, 4, 7, 11])
def test_patience_ends(watchdog_log2):
    """After so many cycles of waiting in a row, and not one before; told a cycle later."""
    dut = HostWatch(watchdog_log2=watchdog_log2, number_width=5)
    limit = 1 << watchdog_log2

    async def bench(ctx):
        for waited in (limit - 1, limit, limit + 1, limit - 1):
            ctx.set(dut.waits, 1)
            for cycle in range(waited):
                assert ctx.get(dut.expired) == (cycle > limit)
                await ctx.tick()
            ctx.set(dut.waits, 0)
            assert ctx.get(dut.expired) == (waited > limit)
            await ctx.tick()
            assert ctx.get(dut.expired) == (waited >= limit)
            await ctx.tick()
            assert not ctx.get(dut.expired)
        for number, concerned, awaited in ((9, 1, 9), (17, 0, 9), (31, 1, 31), (0, 0, 31)):
            ctx.set(dut.number, number)
            ctx.set(dut.concerned, concerned)
            await ctx.tick()
            assert ctx.get(dut.awaited) == awaited

    simulate(dut, bench)


async def start(ctx, dut):
    """Start a program, up to where its first instruction can be taken."""
    assert not ctx.get(dut.running)
    ctx.set(dut.start, 1)
    await ctx.tick()
    ctx.set(dut.start, 0)
    assert ctx.get(dut.running) and ctx.get(dut.take)


def show(ctx, dut, fault):
    ctx.set(dut.wrong, fault)
    ctx.set(dut.is_wrong, fault != Fault.NONE)


async def take(ctx, dut, number, wrong=Fault.NONE):
    """Let it take an instruction and decode it in three cycles; the one after them counts."""
    await ctx.tick().repeat(2)
    assert ctx.get(dut.take)
    ctx.set(dut.available, 1)
    await ctx.tick()
    ctx.set(dut.available, 0)
    for cycle, fault in enumerate((Fault.BAD_LENGTH, Fault.NONE, Fault.BAD_WEIGHTS)):
        assert not ctx.get(dut.take)
        show(ctx, dut, fault)
        ctx.set(dut.decoded, cycle == 2)
        await ctx.tick()
        assert not ctx.get(dut.waiting)
    ctx.set(dut.decoded, 0)
    show(ctx, dut, wrong)
    assert not ctx.get(dut.refuses)
    await ctx.tick()
    show(ctx, dut, Fault.BAD_WEIGHTS)
    assert ctx.get(dut.waiting) == (wrong == Fault.NONE)
    assert ctx.get(dut.refuses) == (wrong != Fault.NONE)
    if wrong != Fault.NONE:
        await ctx.tick()
        assert not ctx.get(dut.refuses)
    ctx.set(dut.awaited, number)


async def issue(ctx, dut, *, last):
    """Let it wait for three cycles, and issue it."""
    await ctx.tick().repeat(3)
    assert ctx.get(dut.waiting)
    ctx.set(dut.issue, 1)
    ctx.set(dut.ends, last)
    await ctx.tick()
    ctx.set(dut.issue, 0)
    assert not ctx.get(dut.waiting)
    assert ctx.get(dut.take) == (not last)


async def drain(ctx, dut):
    """Complete what is under way, which takes three cycles."""
    for _ in range(3):
        assert ctx.get(dut.running) and not ctx.get(dut.clear)
        await ctx.tick()
    ctx.set(dut.drained, 1)
    await ctx.tick()
    ctx.set(dut.drained, 0)


async def end(ctx, dut):
    """See the last cycle of a program."""
    assert ctx.get(dut.clear) and ctx.get(dut.running)
    await ctx.tick()
    assert not ctx.get(dut.clear) and not ctx.get(dut.running) and not ctx.get(dut.take)


def fault_of(ctx, dut):
    word = ctx.get(dut.fault_word)
    return ctx.get(dut.fault), word.fault, word.instruction


def test_programs_end():
    """After their last instruction, at a fault, or when the host is too late, wherever that is."""
    dut = ProgramSequencer(number_width=4)
    gave_up = 0

    async def bench(ctx):
        nonlocal gave_up

        async def expire(fault=Fault.TIMEOUT, number=5):
            nonlocal gave_up
            ctx.set(dut.expired, 1)
            ctx.set(dut.awaited, number)
            assert ctx.get(dut.give_up)
            gave_up += 1
            await ctx.tick()
            ctx.set(dut.expired, 0)
            assert not ctx.get(dut.give_up)
            await end(ctx, dut)
            assert fault_of(ctx, dut) == (1, fault, number)

        for length in (1, 3):
            await start(ctx, dut)
            for number in range(length):
                await take(ctx, dut, number)
                await issue(ctx, dut, last=number == length - 1)
            await drain(ctx, dut)
            await end(ctx, dut)
            assert not ctx.get(dut.fault)

        await start(ctx, dut)
        await take(ctx, dut, 8)
        await issue(ctx, dut, last=False)
        await take(ctx, dut, 9, Fault.NO_WEIGHTS)
        await ctx.tick()
        assert fault_of(ctx, dut) == (1, Fault.NO_WEIGHTS, 9)
        await drain(ctx, dut)
        await end(ctx, dut)

        await start(ctx, dut)           # a fault is the host's to clear
        assert fault_of(ctx, dut) == (1, Fault.NO_WEIGHTS, 9)
        ctx.set(dut.fault_clear, 1)
        await ctx.tick()
        ctx.set(dut.fault_clear, 0)
        assert not ctx.get(dut.fault)
        await take(ctx, dut, 6)         # not issued
        await expire()

        await start(ctx, dut)
        await take(ctx, dut, 7)
        await issue(ctx, dut, last=True)
        await expire()                  # not drained

        for cycles in (0, 1, 5):        # nor when an instruction was wrong
            ctx.set(dut.fault_clear, 1)
            await ctx.tick()
            ctx.set(dut.fault_clear, 0)
            await start(ctx, dut)
            await take(ctx, dut, 4, Fault.BAD_ADDRESS)
            for _ in range(cycles):
                await ctx.tick()
            await expire(Fault.BAD_ADDRESS, 4)

    simulate(dut, bench)
    assert gave_up == 5
