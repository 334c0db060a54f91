# amaranth: UnusedElaboratable=no

"""The serial line, against a line driven and sampled in real time by the bench."""

import random

import pytest

from hw.host.uart import UartLink, UartReceiver, UartTransmitter
from sim_tests.bench.simulate import simulate
from sim_tests.bench.streams import get_all, put_all

PERIOD = 1e-6       # of the clock of `simulate`


async def drive(ctx, line, data, bit_seconds, *, gap_bits=0):
    """Send bytes at a rate that need be no whole number of cycles."""
    for byte in data:
        for level in [0, *(byte >> bit & 1 for bit in range(8)), 1]:
            ctx.set(line, level)
            await ctx.delay(bit_seconds)
        await ctx.delay(gap_bits * bit_seconds)


async def receive(ctx, line, count, divisor, *, gaps=True):
    """Receive bytes cycle by cycle; every bit must last `divisor` cycles exactly."""
    data, levels = [], []
    async for _, _, level in ctx.tick().sample(line):
        if levels or not level:
            levels.append(level)
        else:
            assert gaps or not data, "a gap between two bytes"
        if len(levels) == 10 * divisor:
            bits = levels[::divisor]
            assert levels == [bit for bit in bits for _ in range(divisor)]
            assert bits[0] == 0 and bits[9] == 1, "start and stop bit"
            data.append(sum(bit << index for index, bit in enumerate(bits[1:9])))
            levels = []
            if len(data) == count:
                return data


def random_bytes(seed, count):
    rng = random.Random(seed)
    return [0x00, 0xFF, 0x55, 0xAA, 0x01, 0x80, *(rng.randrange(256) for _ in range(count - 6))]


@pytest.mark.parametrize("mismatch", [-0.02, 0, 0.02])
@pytest.mark.parametrize("divisor", [4, 5, 12, 25])
def test_bytes_are_received_at_rates_a_little_off(divisor, mismatch):
    dut = UartReceiver(divisor=divisor)
    data = random_bytes(divisor, 40)
    faults = []

    async def put(ctx):
        await ctx.delay(0.37 * PERIOD)
        await drive(ctx, dut.rx, data, divisor * PERIOD * (1 + mismatch))

    async def get(ctx):
        assert await get_all(ctx, dut.bytes, len(data)) == data

    async def watch(ctx):
        async for _, _, broken, overrun in ctx.tick().sample(dut.broken, dut.overrun):
            faults.append(broken or overrun)

    simulate(dut, put, get, processes=[watch], max_cycles=20_000)
    assert len(faults) > 300 and not any(faults)


def test_a_rate_far_off_is_noticed():
    """Shows that the bench's rate matters: 12 % off, bytes are wrong or broken."""
    dut = UartReceiver(divisor=12)
    data = random_bytes(1, 40)
    seen, broken_count = [], 0

    async def put(ctx):
        await drive(ctx, dut.rx, data, 12 * PERIOD * 1.12)

    async def watch(ctx):
        nonlocal broken_count
        ctx.set(dut.bytes.ready, 1)
        async for _, _, valid, byte, broken in ctx.tick().sample(
                dut.bytes.valid, dut.bytes.payload, dut.broken):
            seen.extend([byte] if valid else [])
            broken_count += broken

    simulate(dut, put, processes=[watch], max_cycles=20_000)
    assert seen != data and broken_count > 0


def test_glitch_break_and_overrun():
    dut = UartReceiver(divisor=10)
    bit = 10 * PERIOD
    events = []

    async def put(ctx):
        ctx.set(dut.rx, 0)                      # a glitch: shorter than half a bit
        await ctx.delay(3 * PERIOD)
        ctx.set(dut.rx, 1)
        await ctx.delay(20 * bit)
        await drive(ctx, dut.rx, [0x11], bit, gap_bits=3)
        ctx.set(dut.rx, 0)                      # a break
        await ctx.delay(35 * bit)
        ctx.set(dut.rx, 1)
        await ctx.delay(2 * bit)
        await drive(ctx, dut.rx, [0x22], bit, gap_bits=3)
        ctx.set(dut.bytes.ready, 0)
        await drive(ctx, dut.rx, [0x33, 0x44, 0x55], bit, gap_bits=3)
        ctx.set(dut.bytes.ready, 1)
        await ctx.delay(5 * bit)

    async def watch(ctx):
        ctx.set(dut.bytes.ready, 1)
        async for _, _, valid, ready, byte, broken, overrun in ctx.tick().sample(
                dut.bytes.valid, dut.bytes.ready, dut.bytes.payload, dut.broken, dut.overrun):
            events.extend([byte] if valid and ready else [])
            events.extend(["broken"] * broken + ["overrun"] * overrun)

    simulate(dut, put, processes=[watch], max_cycles=20_000)
    assert events == [0x11, "broken", 0x22, "overrun", "overrun", 0x55]


@pytest.mark.parametrize("divisor", [4, 13])
def test_bytes_are_sent(divisor):
    dut = UartTransmitter(divisor=divisor)
    data = random_bytes(divisor, 20)
    lasted = []

    async def put(ctx):
        assert ctx.get(dut.tx) == 1, "the line idles high from the start"
        await ctx.delay(50 * PERIOD)
        cycles = 0
        for byte in data:
            ctx.set(dut.bytes.payload, byte)
            ctx.set(dut.bytes.valid, 1)
            while True:
                _, _, ready = await ctx.tick().sample(dut.bytes.ready)
                cycles += 1
                if ready:
                    break
            lasted.append(cycles)
            cycles = 0
        ctx.set(dut.bytes.valid, 0)
        await ctx.delay(30 * divisor * PERIOD)
        assert ctx.get(dut.tx) == 1

    async def get(ctx):
        assert await receive(ctx, dut.tx, len(data), divisor) == data

    simulate(dut, put, get, max_cycles=20_000)
    assert lasted[1:] == [10 * divisor] * (len(data) - 1), "without a gap"


@pytest.mark.parametrize("mismatch", [-0.02, 0.02])
def test_words_cross_the_link_both_ways(mismatch):
    divisor = 8
    dut = UartLink(divisor=divisor)
    rng = random.Random(4)
    commands = [rng.getrandbits(32) for _ in range(12)]
    responses = [rng.getrandbits(32) for _ in range(12)]

    async def put_line(ctx):
        data = b"".join(word.to_bytes(4, "little") for word in commands)
        bit = divisor * PERIOD * (1 + mismatch)
        await drive(ctx, dut.rx, data[:20], bit)
        await drive(ctx, dut.rx, b"\x57\x13", bit)      # a word cut short, ended by a break
        ctx.set(dut.rx, 0)
        await ctx.delay(15 * bit)
        ctx.set(dut.rx, 1)
        await ctx.delay(bit)
        await drive(ctx, dut.rx, data[20:], bit)

    async def get_commands(ctx):
        assert await get_all(ctx, dut.commands, len(commands)) == commands

    async def put_responses(ctx):
        await put_all(ctx, dut.responses, responses)

    async def get_line(ctx):
        data = bytes(await receive(ctx, dut.tx, 4 * len(responses), divisor, gaps=False))
        assert data == b"".join(word.to_bytes(4, "little") for word in responses)

    simulate(dut, put_line, get_commands, put_responses, get_line, max_cycles=30_000)


@pytest.mark.parametrize("divisor", [4, 7])
def test_words_are_sent_after_any_time(divisor):
    """The last byte of a word is on the line, has just ended, or ended long ago, at the next."""
    dut = UartLink(divisor=divisor)
    rng = random.Random(divisor)
    idle = [0, *(bits * divisor + more for bits in (30, 39, 40) for more in range(-3, 4)),
            *range(1, 7), *(rng.randrange(60 * divisor) for _ in range(10))]
    rng.shuffle(idle)
    words = [rng.getrandbits(32) for _ in idle]

    async def put(ctx):
        for word, cycles in zip(words, idle, strict=True):
            await put_all(ctx, dut.responses, [word])
            ctx.set(dut.responses.payload, rng.getrandbits(32))
            await ctx.tick().repeat(cycles + 1)

    async def get(ctx):
        data = bytes(await receive(ctx, dut.tx, 4 * len(words), divisor))
        assert data == b"".join(word.to_bytes(4, "little") for word in words)
        for _ in range(20 * divisor):
            await ctx.tick()
            assert ctx.get(dut.tx) == 1

    simulate(dut, put, get, max_cycles=20_000)


def test_a_word_lost_is_told():
    dut = UartLink(divisor=4)
    overruns = 0

    async def put(ctx):
        await drive(ctx, dut.rx, range(12), 4 * PERIOD)
        await ctx.delay(20 * PERIOD)
        assert ctx.get(dut.commands.payload) == 0x0B0A0908

    async def watch(ctx):
        nonlocal overruns
        async for _, _, overrun in ctx.tick().sample(dut.overrun):
            overruns += overrun

    simulate(dut, put, processes=[watch])
    assert overruns == 2


def test_parameters_are_checked():
    for component in (UartReceiver, UartTransmitter, UartLink):
        with pytest.raises(ValueError, match="at least 4 cycles a bit, not 3"):
            component(divisor=3)
