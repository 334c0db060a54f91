# amaranth: UnusedElaboratable=no

"""Broadcast, with banks and pointer memories made of Python, against the order of positions."""

import random
from collections import deque

import pytest

from hw.sparse.broadcast import Broadcast
from sim_tests.bench.simulate import simulate

DEPTH, POINTER_DEPTH = 16, 64


class Bank:
    """A bank as `ActivationBank` shows it; `steps` holds found columns and None for a zero word."""

    def __init__(self):
        self.steps, self.value, self.read, self.asked = deque(), 0, 0, 0

    def start(self, columns, rng, gaps):
        self.steps = deque()
        for item in columns:
            self.steps.extend([None] * (rng.randrange(3) if rng.random() < gaps else 0))
            self.steps.append(item)
        if not columns or rng.random() < gaps:
            self.steps.extend([None] * rng.randint(1, 2))

    @property
    def shows(self):
        index = self.steps[0][0] if self.steps and self.steps[0] else 0
        return {"found": bool(self.steps and self.steps[0]), "index": index,
                "exhausted": not self.steps, "value": self.value}

    def tick(self, take, advance):
        if advance:
            self.value, self.read = self.read, self.asked
        if self.steps and self.steps[0] is None:
            self.steps.popleft()
        elif take and self.steps:
            assert advance, "high whenever take is"
            self.asked = self.steps.popleft()[1]


class Class:
    """The processing elements of one class: a pipeline of four stages that `advance` moves."""

    def __init__(self):
        self.presented = deque([None] * 4)     # (even, odd, cycle) of a column, or None
        self.parity = deque([None] * 2)        # whether p_j is the odd one; two `advance` later
        self.got = []                          # (first pointer, activation, cycle presented, cycle)

    def tick(self, bus, cycle):
        if not bus.advance:
            return
        told, parity = self.presented.popleft(), self.parity.popleft()
        assert bus.arriving == (self.presented[0] is not None), "3 advances after its pointers"
        if told is not None:
            even, odd, since = told
            first, second = (2 * odd + 1, 2 * even) if parity else (2 * even, 2 * odd + 1)
            assert second == first + 1, "p_j and p_j+1"
            self.got.append((first, bus.activation, since, cycle))
        self.presented.append((bus.even_address, bus.odd_address, cycle) if bus.present else None)
        self.parity.append(bus.odd)


def expected_columns(vector, groups, mode, number, base):
    """(pointer, activation) that class `number` should see, in order."""
    count = 1 << mode
    return [(base + (position >> mode), vector[position])
            for bank in range(number % count, groups, count)
            for position in range(bank, len(vector), groups) if vector[position]]


async def run_layer(ctx, dut, vector, mode, base, *, rng, block=0., gaps=0., lose=()):
    """Broadcast one layer; return classes, [takes], [(columns, waiting)] a cycle."""
    groups = dut.groups
    banks, classes = [Bank() for _ in range(groups)], [Class() for _ in range(groups)]
    takes, counted = [], []
    for number, bank in enumerate(banks):
        bank.start([(index, value) for index, value in enumerate(vector[number::groups]) if value],
                   rng, gaps)
    ctx.set(dut.groups_log2, mode)
    ctx.set(dut.pointer_base, base)
    await ctx.tick()
    ctx.set(dut.start, 1)
    # In the cycle of `start` banks still show the end of the layer before: nothing.
    for number in range(groups):
        ctx.set(dut.banks[number], {**banks[number].shows, "found": 0, "exhausted": 1})
    await ctx.tick()
    ctx.set(dut.start, 0)
    blocked, cycle = 0, 0
    while True:
        for number, bank in enumerate(banks):
            ctx.set(dut.banks[number], bank.shows)
        # Elements block on what is broadcast to them, until they do not.
        offered = sum((own.presented[0] is not None) << number
                      for number, own in enumerate(classes))
        blocked = sum(1 << number for number in range(groups)
                      if offered >> number & 1 and rng.random() < block / groups)
        ctx.set(dut.blocked, blocked)
        buses = [ctx.get(dut.classes[number]) for number in range(groups)]
        taken, columns, waiting, idle, advances = (ctx.get(signal) for signal in (
            dut.takes, dut.columns, dut.waiting, dut.idle, dut.advances))
        takes.append(taken & sum(bank.shows["found"] << number
                                 for number, bank in enumerate(banks)))
        counted.append((columns, waiting))
        for number, bus in enumerate(buses):
            partners = sum(1 << other for other in range(groups)
                           if (other - number) % (1 << mode) == 0)
            free = blocked & partners == 0
            assert bus.advance == (free or not dut.lockstep), "in lock step, and only with those"
            classes[number].tick(bus, cycle)
        await ctx.tick()
        for number, bank in enumerate(banks):
            bank.tick(taken >> number & 1, advances >> number & 1)
        if idle:
            break
        cycle += 1
    assert not any(bank.steps for bank in banks), "idle, but banks are not exhausted"
    return classes, takes, counted


def random_vector(rng, length):
    share = rng.choice([0, .1, .5, 1])
    return [rng.choice([-2**15, 2**15 - 1, 1, -1]) if rng.random() < share else 0
            for _ in range(length)]


@pytest.mark.parametrize("block, gaps", [(0, 0), (0, .6), (.5, 0), (.4, .4)])
@pytest.mark.parametrize("lockstep", [True, False])
@pytest.mark.parametrize("groups", [1, 2, 4, 8])
def test_every_class_sees_its_columns(groups, lockstep, block, gaps):
    dut = Broadcast(groups=groups, depth=DEPTH, pointer_depth=POINTER_DEPTH, activation_width=16,
                    lockstep=lockstep)
    rng = random.Random(groups)
    seen = 0

    async def bench(ctx):
        nonlocal seen
        modes = [*range(groups.bit_length())] * (12 // groups.bit_length())
        rng.shuffle(modes)
        for mode in modes:
            most = min(DEPTH * groups, (POINTER_DEPTH - 4) << mode)
            vector = random_vector(rng, rng.choice([most, 1, rng.randint(1, most)]))
            base = 2 * rng.randrange((POINTER_DEPTH - (len(vector) >> mode) - 2) // 2)
            classes, _, counted = await run_layer(ctx, dut, vector, mode, base, rng=rng,
                                                  block=block, gaps=gaps)
            for number, own in enumerate(classes):
                assert [column[:2] for column in own.got] == expected_columns(
                    vector, groups, mode, number, base)
                seen += len(own.got)
            streams = (1 << (1 << mode)) - 1
            assert all((columns | waiting) & ~streams == 0 for columns, waiting in counted)
            assert sum(columns.bit_count() for columns, _ in counted) == sum(map(bool, vector))
            if not block:
                assert not any(waiting for _, waiting in counted)

    simulate(dut, bench, max_cycles=20_000)
    assert seen > 20 * groups


def test_timing_is_as_documented():
    """Two banks, one class group: a column a cycle, but for one cycle between the banks."""
    dut = Broadcast(groups=2, depth=DEPTH, pointer_depth=POINTER_DEPTH, activation_width=16,
                    lockstep=True)
    rng = random.Random(0)

    async def bench(ctx):
        for _ in range(2):
            vector = [1, 2, 3, 4, 5, 6]
            classes, takes, counted = await run_layer(ctx, dut, vector, 0, 0, rng=rng)
            assert takes[:8] == [1, 1, 1, 0, 2, 2, 2, 0]
            for own in classes:
                assert [activation for _, activation, _, _ in own.got] == [1, 3, 5, 2, 4, 6]
                assert [cycle for *_, cycle in own.got] == [7, 8, 9, 11, 12, 13]
                assert all(cycle - since == 4 for *_, since, cycle in own.got)
            assert [columns for columns, _ in counted] == [0] * 7 + [1] * 3 + [0] + [1] * 3 + [0]
            # With two groups both banks run at once.
            _, takes, counted = await run_layer(ctx, dut, vector, 1, 0, rng=rng)
            assert takes[:4] == [3, 3, 3, 0]
            assert [columns for columns, _ in counted] == [0] * 7 + [3] * 3 + [0]

    simulate(dut, bench)


def test_without_lock_step_nothing_is_taken_a_cycle_after_a_block():
    """What has been taken goes on: column n is broadcast 7 cycles after it was taken."""
    dut = Broadcast(groups=1, depth=DEPTH, pointer_depth=POINTER_DEPTH, activation_width=16,
                    lockstep=False)

    async def bench(ctx):
        bank = Bank()
        bank.start([(index, index + 1) for index in range(12)], random.Random(0), 0)
        await ctx.tick()
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        seen = []
        for cycle in range(25):
            ctx.set(dut.banks[0], bank.shows)
            ctx.set(dut.blocked, 3 <= cycle < 9)
            taken = ctx.get(dut.takes) & bank.shows["found"]
            seen.append((taken, ctx.get(dut.columns), ctx.get(dut.waiting)))
            advance = ctx.get(dut.advances)
            await ctx.tick()
            bank.tick(taken, advance)
        taken, columns, waiting = (list(values) for values in zip(*seen, strict=True))
        assert taken == [1] * 4 + [0] * 6 + [1] * 8 + [0] * 7
        assert columns == [0] * 7 + taken[:-7]
        assert waiting == [0] * 4 + [1] * 6 + [0] * 15

    simulate(dut, bench)


def test_a_wait_counts_once_for_all_that_share_it():
    dut = Broadcast(groups=4, depth=DEPTH, pointer_depth=POINTER_DEPTH, activation_width=16,
                    lockstep=True)

    async def bench(ctx):
        ctx.set(dut.blocked, 0b0111)
        for mode, waits in ((0, 0b1), (1, 0b11), (2, 0b111)):
            ctx.set(dut.groups_log2, mode)
            await ctx.tick()
            _, _, waiting = await ctx.tick().sample(dut.waiting)
            assert waiting == waits

    simulate(dut, bench)


def test_parameters_are_checked():
    with pytest.raises(ValueError, match="power of 2"):
        Broadcast(groups=3, depth=DEPTH, pointer_depth=POINTER_DEPTH, activation_width=16,
                    lockstep=True)
