# amaranth: UnusedElaboratable=no

"""Host unit and packet arbiter, with ports that are seldom free and a host that is slow."""

import random

import pytest

from golden.formats import RESPONSE, RESPONSE_MAGIC, Opcode, Status
from hw.config import DenseConfig
from hw.host.packet_arbiter import PacketArbiter
from hw.systolic.host_unit import HostUnit
from sim_tests.bench.simulate import simulate


@pytest.mark.parametrize("width, busy, slow", [(8, 0, 0), (8, .6, .5), (16, .4, .3), (5, .3, .7)])
def test_elements_come_and_go(width, busy, slow):
    config = DenseConfig(activation_width=width, host_depth=16, unified_depth=256,
                         function_tables=2 if width in (8, 16, 5) else 0,
                         operand_tables=0 if width > 8 else 2)
    latency, write_latency = 7, 2
    dut = HostUnit(config, read_latency=latency, write_latency=write_latency)
    lanes, bits = config.word_elements, 32 // config.word_elements
    rng = random.Random(width)
    buffer = [rng.randrange(-1 << width - 1, 1 << width - 1) for _ in range(256)]
    expected = list(buffer)
    jobs, words, packets, masks = [], [], [], []
    for number in range(12):
        length = rng.choice([1, lanes, lanes + 1, rng.randint(1, 60)])
        at = rng.randrange(256 - length)
        if number % 2:
            values = [rng.randrange(-1 << width - 1, 1 << width - 1) for _ in range(length)]
            expected[at:at + length] = values
            for start in range(0, length, lanes):
                words.append(sum((value & (1 << bits) - 1) << bits * lane
                                 for lane, value in enumerate(values[start:start + lanes])))
            jobs.append((True, at, length, 0))
        else:
            jobs.append((False, at, length, number))
            packets.append((number, expected[at:at + length]))
            masks += [(1 << min(lanes, left)) - 1 for left in range(length, 0, -lanes)]
    stalls = drops = 0

    async def bench(ctx):
        nonlocal stalls, drops
        pending, sent, cycle, coming = list(jobs), list(words), 0, {}
        got, read_masks, written, turn, quiet = [], [], -9, False, 0
        while cycle < 5000 and (pending or len(got) < sum(
                2 + -(-length // lanes) for to_core, _, length, _ in jobs if not to_core)
                or not ctx.get(dut.idle)):
            may_read, may_write = rng.random() >= busy, rng.random() >= busy
            ctx.set(dut.read_free, may_read)
            ctx.set(dut.write_free, may_write)
            takes = rng.random() >= slow
            ctx.set(dut.packets.ready, takes)
            turn = bool(ctx.get(dut.sends)) and (turn or rng.random() < .3)
            ctx.set(dut.turn, turn)
            sends = bool(sent) and rng.random() >= slow and not ctx.get(dut.almost_full)
            ctx.set(dut.input_valid, sends)
            ctx.set(dut.input_word, sent[0] if sends else rng.getrandbits(32))
            offers = bool(pending) and bool(ctx.get(dut.idle)) and rng.random() < .5
            stream = (dut.reads if pending[0][0] else dut.writes) if offers else None
            ctx.set(dut.reads.valid, offers and pending[0][0])
            ctx.set(dut.writes.valid, offers and not pending[0][0])
            for each in (dut.reads, dut.writes):
                ctx.set(each.payload, {"address": rng.randrange(256), "length": 9, "tag": 9})
            if offers:
                _, at, length, tag = pending[0]
                ctx.set(stream.payload, {"address": at, "length": length, "tag": tag})
            for lane, value in enumerate(coming.pop(cycle, [0] * lanes)):
                ctx.set(dut.read_data[lane], value)
            await ctx.delay(1e-8)
            if ctx.get(dut.read_enable):
                assert may_read
                read_masks.append(ctx.get(dut.read_mask))
                at = ctx.get(dut.read_address)
                coming[cycle + latency] = [buffer[(at + lane) % 256] for lane in range(lanes)]
            for lane in range(lanes):
                if ctx.get(dut.write_enable) >> lane & 1:
                    assert may_write
                    written = cycle
                    buffer[ctx.get(dut.write_address) + lane] = ctx.get(dut.write_data[lane])
            assert not ctx.get(dut.idle) or cycle - written >= write_latency
            quiet = quiet + 1 if ctx.get(dut.idle) and not offers else 0
            assert quiet < 2 or not ctx.get(dut.read_address) | ctx.get(dut.write_address)
            stalls += ctx.get(dut.input_stalled)
            drops += ctx.get(dut.dropped)
            if not turn:
                assert not ctx.get(dut.packets.valid) and not ctx.get(dut.packets.payload)
                assert ctx.get(dut.waits) or not ctx.get(dut.sends)
            if ctx.get(dut.packets.valid) and takes:
                got.append(ctx.get(dut.packets.payload))
            await ctx.tick()
            if offers:
                pending.pop(0)
            if sends:
                sent.pop(0)
            cycle += 1
        assert not sent and not pending and cycle < 5000
        assert read_masks == masks
        for tag, values in packets:
            header, count = RESPONSE.unpack(got[0]), got[1]
            assert header == {"status": Status.OK, "opcode": Opcode.HOST_DATA, "memory": 0,
                              "tag": tag, "magic": RESPONSE_MAGIC}
            assert count == -(-len(values) // lanes)
            numbers = [got[2 + index // lanes] >> bits * (index % lanes) & (1 << bits) - 1
                       for index in range(len(values))]
            assert numbers == [value & (1 << bits) - 1 for value in values]
            got = got[2 + count:]

    simulate(dut, bench, max_cycles=10_000)
    assert buffer == expected
    assert drops == 0
    assert stalls > 0 or slow < .6


def test_a_word_that_finds_no_room_is_dropped_and_told():
    dut = HostUnit(DenseConfig(host_depth=16), read_latency=7, write_latency=2)

    async def bench(ctx):
        dropped = 0
        full_at = None
        ctx.set(dut.input_valid, 1)
        for cycle in range(30):
            await ctx.delay(1e-8)
            dropped += ctx.get(dut.dropped)
            if full_at is None and ctx.get(dut.almost_full):
                full_at = cycle
            await ctx.tick()
        # One word has moved on to each of two registers.
        assert dropped == 30 - 18
        assert full_at is not None and full_at < 12

    simulate(dut, bench, max_cycles=100)


def test_no_more_is_read_than_can_wait():
    """While the host takes nothing; then all words come, in order."""
    dut = HostUnit(DenseConfig(), read_latency=7, write_latency=2)
    words = 40
    read, got = [], []

    async def bench(ctx):
        ctx.set(dut.read_free, 1)
        ctx.set(dut.turn, 1)
        ctx.set(dut.writes.valid, 1)
        ctx.set(dut.writes.payload, {"address": 0, "length": 4 * words, "tag": 0})
        for cycle in range(200):
            ctx.set(dut.packets.ready, cycle >= 60)
            if len(read) > 6 and read[-7] is not None:
                for lane in range(4):
                    ctx.set(dut.read_data[lane], read[-7] + lane & 127)
            await ctx.delay(1e-8)
            read.append(ctx.get(dut.read_address) if ctx.get(dut.read_enable) else None)
            if ctx.get(dut.packets.valid) and cycle >= 60:
                got.append(ctx.get(dut.packets.payload))
            if cycle == 59:
                assert len(read) - read.count(None) == 16
            await ctx.tick()
            ctx.set(dut.writes.valid, 0)

    simulate(dut, bench)
    assert [at for at in read if at is not None] == list(range(0, 4 * words, 4))
    assert [word & 127 for word in got[2:]] == [4 * word & 127 for word in range(words)]


@pytest.mark.parametrize("slow", [0, .6])
def test_a_packet_that_has_begun_is_filled_up(slow):
    """Cleared at any time: the host gets whole packets, and later ones are right."""
    dut = HostUnit(DenseConfig(), read_latency=7, write_latency=2)
    rng = random.Random(3)
    words, whole, cut, none = 20, 0, 0, 0

    async def bench(ctx):
        nonlocal whole, cut, none
        for clear_at in range(90):
            got, read, starts = [], [], {0: 5, clear_at + 3: 6}
            for cycle in range(220):
                ready = rng.random() >= slow
                ctx.set(dut.packets.ready, ready)
                ctx.set(dut.turn, cycle > 8 and ctx.get(dut.sends))
                ctx.set(dut.read_free, rng.random() >= slow / 2)
                ctx.set(dut.clear, cycle == clear_at)
                # Who has started it offers the second operation until it is taken.
                if cycle in starts:
                    tag, taken = starts[cycle], False
                # What is offered as it is cleared is forgotten too.
                ctx.set(dut.writes.valid, not taken)
                ctx.set(dut.writes.payload, {"address": 0, "length": 4 * words, "tag": tag})
                at = read[-7] if len(read) > 6 else None
                for lane in range(4):
                    ctx.set(dut.read_data[lane], 0 if at is None else at // 4 + 1)
                await ctx.delay(1e-8)
                read.append(ctx.get(dut.read_address) if ctx.get(dut.read_enable) else None)
                taken |= bool(ctx.get(dut.writes.ready)) or cycle == clear_at
                if ctx.get(dut.packets.valid) and ready:
                    got.append(ctx.get(dut.packets.payload))
                await ctx.tick()
            packets = []
            while got:
                header, count = RESPONSE.unpack(got[0]), got[1]
                assert header["magic"] == RESPONSE_MAGIC and header["opcode"] == Opcode.HOST_DATA
                assert count == words
                packets.append((header["tag"], [word & 255 for word in got[2:2 + count]]))
                assert len(packets[-1][1]) == count
                got = got[2 + count:]
            right = list(range(1, words + 1))
            assert packets.pop() == (6, right)
            if packets:
                (tag, values), = packets
                there = len([value for value in values if value])
                assert (tag, values) == (5, right[:there] + [0] * (words - there))
                whole += there == words
                cut += there < words
            none += not packets

    simulate(dut, bench, max_cycles=100_000)
    assert none > 8 and cut > 20 and whole > 20 * (slow == 0)


@pytest.mark.parametrize("stall", [0, .5])
def test_packets_stay_whole_and_senders_take_turns(stall):
    dut = PacketArbiter()
    rng = random.Random(1)
    queues = [[], []]
    for number in range(40):
        length = rng.choice([0, 0, 1, 2, 7])
        queues[number % 2].append([number, length, *range(100 * number, 100 * number + length)])
    expected = [list(queue) for queue in queues]

    async def bench(ctx):
        packets, got, gap = [[], []], [], 0
        sides = ((dut.first, dut.first_sends, dut.first_turn),
                 (dut.second, dut.second_sends, dut.second_turn))
        for _ in range(1500):
            offers = []
            for number, (side, sends, turn) in enumerate(sides):
                if packets[number] is None:
                    packets[number] = []
                elif not packets[number] and queues[number] and rng.random() >= stall:
                    packets[number] = list(queues[number].pop(0))
                offer = bool(packets[number] and ctx.get(turn)) and rng.random() >= stall
                offers.append(offer)
                ctx.set(sends, bool(packets[number]))
                ctx.set(side.valid, offer)
                ctx.set(side.payload, packets[number][0] if offer else 0)
            takes = rng.random() >= stall
            ctx.set(dut.packets.ready, takes)
            await ctx.delay(1e-8)
            assert ctx.get(dut.packets.valid) == any(offers)
            # Never two at a time; and nobody waits while no one has something to send.
            turns = [bool(ctx.get(turn)) for _, _, turn in sides]
            assert not all(turns)
            waits = any(packets) and not any(
                turn and bool(packet) for turn, packet in zip(turns, packets, strict=True))
            gap = gap + 1 if waits else 0
            assert gap <= 1
            if any(offers) and takes:
                got.append(ctx.get(dut.packets.payload))
            for number, (side, _, _) in enumerate(sides):
                if offers[number] and ctx.get(side.ready):
                    packets[number] = packets[number][1:] or None
            await ctx.tick()
        order = []
        while got:
            packet, got = got[:2 + got[1]], got[2 + got[1]:]
            side = packet[0] % 2
            assert packet == expected[side].pop(0)
            order.append(side)
        assert len(order) == 40
        if not stall:
            assert order == [0, 1] * 20 or order == [1, 0] * 20

    simulate(dut, bench, max_cycles=10_000)
