# amaranth: UnusedElaboratable=no

"""Interlock against the table of its docstring, in plain Python; what feeds the dispatcher."""

import random
from collections import Counter as Tally
from dataclasses import dataclass, field

import pytest

from hw.systolic.instruction_fetch import InstructionFetch
from hw.systolic.interlock import Interlock
from sim_tests.bench.simulate import simulate

KINDS = ("multiplies", "activates", "vector", "from_host", "to_host")


@dataclass
class Units:
    """What has been issued and is not done: pairs (first, end) of what each still touches."""

    reads: list = field(default_factory=list)       # of multiplications
    results: list = field(default_factory=list)     # of the activation unit,
    sums: list = field(default_factory=list)        # which has read them where there is None
    vector: bool = False
    host: tuple | None = None
    sends: bool = False

    def verdict(self, kind, region, rows):
        """(blocked, awaits_write) of a candidate."""
        def meets(others, own):
            return any(other and own[0] < other[1] and other[0] < own[1] for other in others)

        arriving = self.host is not None and not self.sends
        unwritten = meets(self.results, region) or arriving and meets([self.host], region)
        match kind:
            case "multiplies":
                return unwritten or self.vector or meets(self.sums, rows), unwritten
            case "activates":
                return meets([*self.reads, self.host], region), False
            case "vector":
                return (bool(self.reads or self.results or self.host),
                        bool(self.results) or arriving)
            case "from_host":
                return (self.host is not None or self.vector
                        or meets([*self.results, *self.reads], region)), False
            case "to_host":
                late = meets(self.results, region)
                return self.host is not None or late, late

    def issue(self, kind, region, rows):
        if kind == "multiplies":
            self.reads.append(region)
        elif kind in ("activates", "vector"):
            self.results.append(region)
            self.sums.append(rows if kind == "activates" else None)
            self.vector = self.vector or kind == "vector"
        else:
            self.host, self.sends = region, kind == "to_host"

    def room(self, kind):
        """A unit has one operation under way, and another one may wait."""
        return len(self.reads if kind == "multiplies" else self.results) < 2

    def advance(self, rng):
        """Let something come to an end; return the strobe that tells of it."""
        choices = [name for name, possible in (
            ("fed", self.reads), ("accumulators_read", any(self.sums[:1])),
            ("activated", self.results), ("host_idle", self.host)) if possible]
        return self.finish(rng.choice(choices)) if choices else None

    def finish(self, strobe):
        """End what a strobe tells of; return it, or None if there is nothing to end."""
        match strobe:
            case "fed" if not self.reads:
                return None
            case "activated" if not self.results:
                return None
            case "fed":
                self.reads.pop(0)
            case "accumulators_read":
                self.sums[0] = None
            case "activated":
                self.results.pop(0)
                self.sums.pop(0)
                self.vector = False
            case "host_idle":
                self.host = None
        return strobe


@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_in_the_way(seed):
    depth = 64
    dut = Interlock(width=7)
    rng = random.Random(seed)
    met = Tally()

    def region():
        first = rng.randrange(depth)
        return first, min(depth, first + rng.choice([1, 4, 12]))

    async def strobe(ctx, name):
        ctx.set(getattr(dut, name), 1)
        await ctx.tick()
        ctx.set(getattr(dut, name), 0)

    async def present(ctx, kind, own, rows):
        """The candidate: its parts in any order, with anything between them."""
        for name in KINDS:
            ctx.set(dut.kind[name], name == kind)
        await ctx.tick().repeat(2)
        parts = [("first", False, own[0]), ("end", False, own[1]), ("first", True, rows[0]),
                 ("end", True, rows[1])]
        rng.shuffle(parts)
        for name, is_rows, value in parts:
            ctx.set(dut.region[name], value)
            ctx.set(dut.region[f"{name}_is_rows"], is_rows)
            ctx.set(dut.region[f"{name}_valid"], 1)
            await ctx.tick()
            ctx.set(dut.region[f"{name}_valid"], 0)
            ctx.set(dut.region[name], rng.randrange(128))

    async def bench(ctx):
        units = Units()
        for number in range(1400):
            kind, own, rows = rng.choice(KINDS), region(), region()
            await present(ctx, kind, own, rows)
            ctx.set(dut.decoded, 1)
            slow = kind != "vector" and any((units.reads, units.results, units.host))
            met[kind, "slow"] += slow
            # What ends while it is being compared does not count any more.
            at = rng.randrange(dut.compare_cycles) if rng.random() < .3 else None
            for cycle in range(dut.compare_cycles if slow else 0):
                assert not ctx.get(dut.compared)
                done = units.advance(rng) if cycle == at else None
                met["meanwhile"] += done is not None
                if done and done != "host_idle":
                    ctx.set(getattr(dut, done), 1)
                ctx.set(dut.host_idle, units.host is None)
                await ctx.tick()
                ctx.set(dut.decoded, 0)
                if done and done != "host_idle":
                    ctx.set(getattr(dut, done), 0)
            assert ctx.get(dut.compared)
            await ctx.tick()
            ctx.set(dut.decoded, 0)
            await ctx.tick()
            while True:
                blocked, awaits = units.verdict(kind, own, rows)
                assert ctx.get(dut.blocked) == blocked, (number, kind)
                assert ctx.get(dut.awaits_write) == awaits, (number, kind)
                met[kind, blocked] += 1
                met[kind, "awaits"] += awaits
                if not blocked and units.room(kind):
                    break
                name = units.advance(rng)
                if name == "host_idle":
                    ctx.set(dut.host_idle, 1)
                    await ctx.tick()
                else:
                    await strobe(ctx, name)
                await ctx.tick()
            if number % 100 == 99:
                await strobe(ctx, "clear")
                units = Units()
            else:
                if done := units.finish(rng.choice([None, "fed", "activated"])):    # at once
                    ctx.set(getattr(dut, done), 1)
                    met["at once"] += 1
                await strobe(ctx, "issue")
                units.issue(kind, own, rows)
                for name in ("fed", "activated"):
                    ctx.set(getattr(dut, name), 0)
                ctx.set(dut.host_idle, units.host is None)
                await ctx.tick()
                while rng.random() < .3 and (name := units.advance(rng)):
                    ctx.set(dut.host_idle, units.host is None)
                    if name != "host_idle":
                        await strobe(ctx, name)
            ctx.set(dut.host_idle, units.host is None)

    simulate(dut, bench, max_cycles=80_000)
    assert all(met[kind, blocked] > 5 for kind in KINDS for blocked in (False, True)), met
    assert met["at once"] > 20 and met["meanwhile"] > 20
    assert all(met[kind, "slow"] > 20 for kind in KINDS if kind != "vector")
    assert all(met[kind, "awaits"] > 5 for kind in ("multiplies", "vector", "to_host")), met


def test_instructions_come_in_order():
    """Parts of programs, taken at once and late, and one that is ended early."""
    depth = 16
    dut = InstructionFetch(program_depth=depth)
    rng = random.Random(3)
    program = [rng.getrandbits(128) for _ in range(depth)]
    taken = 0

    async def bench(ctx):
        nonlocal taken
        ctx.set(dut.load, 1)
        for address, part in ((address, part) for address in range(depth) for part in range(4)):
            ctx.set(dut.load_address, address)
            ctx.set(dut.load_part, part)
            ctx.set(dut.load_data, program[address] >> 32 * part & 0xFFFFFFFF)
            await ctx.tick()
        ctx.set(dut.load, 0)
        for first, count in ((0, depth), (5, 1), (depth - 1, 1), (3, 7), (0, 2)):
            ctx.set(dut.first, first)
            ctx.set(dut.count, count)
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            for number in range(first, first + count):
                words = [program[number] >> 32 * part & 0xFFFFFFFF for part in range(4)]
                arrived, early = [], []
                for cycle in range(1, 11):
                    assert not ctx.get(dut.instructions.valid)
                    arrival = ctx.get(dut.arrival)
                    assert ctx.get(dut.begin) == (cycle == 6) and ctx.get(dut.fill) == (cycle >= 7)
                    # In the first cycles there may be the end of the one before.
                    assert cycle < 3 or arrival.valid == (cycle >= 6)
                    assert cycle < 4 or arrival.kind == program[number] & 511
                    if cycle >= 6:
                        arrived.append((arrival.look, arrival.part))
                    if arrival.early_valid and arrival.early_look % 2 == 0:
                        early.append((arrival.early_look, arrival.early_part))
                    await ctx.tick()
                for _ in range(rng.choice([0, 0, 3])):
                    assert ctx.get(dut.instructions.valid)
                    await ctx.tick()
                assert ctx.get(dut.instructions.valid)
                payload = ctx.get(dut.instructions.payload)
                assert payload.number == number
                assert payload.last == (number == first + count - 1)
                ctx.set(dut.instructions.ready, 1)
                at_once = rng.random() < .5
                ctx.set(dut.proceed, at_once)
                await ctx.tick()
                ctx.set(dut.instructions.ready, 0)
                assert ctx.get(dut.instructions.payload.word) == program[number]
                assert early == list(zip(range(0, 8, 2), words, strict=True))
                looks = list(enumerate(word for word in words for _ in range(2)))
                assert arrived == looks[:5]
                if not at_once:
                    ctx.set(dut.proceed, 0)
                    await ctx.tick().repeat(3)
                    assert not ctx.get(dut.instructions.valid)
                    ctx.set(dut.proceed, 1)
                    await ctx.tick()
                # Too often does no harm.
                ctx.set(dut.proceed, 0)
                taken += 1
            await ctx.tick().repeat(8)
            assert not ctx.get(dut.instructions.valid)

    simulate(dut, bench)
    assert taken == 27
