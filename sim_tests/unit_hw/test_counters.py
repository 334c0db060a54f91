# amaranth: UnusedElaboratable=no

"""Counters against Python integers; helpers of datapaths against its operators."""

import random

import pytest
from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.common.counters import Counters, tree_sum
from hw.common.pipeline import add_carry, delay, shift_left, shift_right
from hw.common.shift_counts import MAX_SHIFT_WIDTH, count_down, round_trip, shift_codes
from sim_tests.bench.simulate import simulate

#: Rings of many and few places, with low parts that count in codes, in numbers, and of 32 bits.
MANY = {"one": 1, "few": 3, "many": 20, "other": 1, "spared": 2, "at_mark": 1, "third": 1,
        "wide_mark": 4, "fourth": 1}
MARKED = {"at_mark", "wide_mark"}
KEPT = {"spared", "fourth"}
SETS = {"many": MANY, "one": {"one": 1}, "wide": {"wide": 30}, "mark": {"at_mark": 1},
        "two": {"few": 3, "fourth": 1}}


def run_counters(widths, *, amount, clears=(), cycles=600, mark=0.2, largest=None, seed=0):
    """Add `amount(name, cycle)` in every cycle, and hold what is read to a model.

    A new counter is selected at random times; a value is looked at in each cycle that is promised.
    Returns how many of them were checked, by counter.
    """
    names = list(widths)
    dut = Counters(names=names, widths=widths, largest=largest, kept=KEPT & set(names),
                   marked=MARKED & set(names))
    rng = random.Random(seed)
    checked = dict.fromkeys(names, 0)

    async def bench(ctx):
        counts, marks = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
        history, select, since, shown = [], 0, 0, None
        for cycle in range(cycles):
            if rng.random() < 0.02 or cycle - since > 3 * dut.read_cycles:
                select, since = rng.randrange(len(names)), cycle
            clear = cycle in clears
            ctx.set(dut.clear, clear)
            ctx.set(dut.select, select)
            history.append([marks[name] if name in dut.marked else counts[name] for name in names])
            if cycle >= since + dut.read_cycles:
                assert shown in {then[select] for then in history[since:]}, (cycle, names[select])
                checked[names[select]] += 1
            for name in names:
                adds = amount(name, cycle)
                ctx.set(getattr(dut, name), adds)
                if name in dut.marked:
                    marked = rng.random() < mark
                    ctx.set(getattr(dut, f"{name}_mark"), marked)
                    marks[name] = counts[name] if marked else marks[name]
                counts[name] = (counts[name] + adds) % (1 << 32)
                if clear and name not in dut.kept:
                    counts[name] = marks[name] = 0
            shown = ctx.get(dut.value) if ctx.get(dut.shows) else shown
            await ctx.tick()

    simulate(dut, bench)
    return checked


@pytest.mark.parametrize("widths", SETS.values(), ids=SETS)
@pytest.mark.parametrize("seed", range(2))
def test_random_amounts(widths, seed):
    rng = random.Random(seed)

    def amount(name, cycle):
        most = (1 << widths[name]) - 1
        return rng.choice([0, most, rng.randint(0, most)])

    checked = run_counters(widths, amount=amount, seed=seed, cycles=3000,
                           clears={*rng.sample(range(3000), 20), 1000, 1001, 1500, 1502})
    assert min(checked.values()) > 30


@pytest.mark.parametrize("widths", SETS.values(), ids=SETS)
def test_nothing_is_lost_of_the_largest_amounts(widths):
    """The largest amount in every cycle, for many rounds, so that low parts wrap all the time."""
    checked = run_counters(widths, amount=lambda name, cycle: (1 << widths[name]) - 1,
                           cycles=2000, mark=1)
    assert min(checked.values()) > 30
    checked = run_counters(widths, amount=lambda name, cycle: (1 << widths[name]) - 1,
                           cycles=2000, mark=0.01)
    assert min(checked.values()) > 30


@pytest.mark.parametrize("places", [7, 8, 15, 16, 17])
def test_rings_as_long_as_a_low_part_can_bear(places):
    """One bit more is there as soon as the low part would just wrap."""
    widths = {f"n{number}": 1 for number in range(places)}
    checked = run_counters(widths, amount=lambda name, cycle: 1, cycles=2000)
    assert sum(checked.values()) > 500


def test_amounts_of_which_the_largest_is_known():
    widths, largest = {"some": 7, "one": 1, "none_before": 3}, {"some": 64}
    rng = random.Random(3)
    checked = run_counters(widths, largest=largest, cycles=2000, clears={77, 600},
                           amount=lambda name, cycle: rng.choice([0, largest.get(name, 1)]))
    assert min(checked.values()) > 30
    with pytest.raises(AssertionError, match="larger than it ever should be"):
        run_counters(widths, largest=largest, amount=lambda name, cycle: 65 * (name == "some"))


@pytest.mark.parametrize("clear", range(40, 60))
def test_cleared_in_any_cycle_of_a_round(clear):
    """What is shown when all is quiet again is exact, wherever the ring was."""
    names, quiet = list(MANY), 80
    dut = Counters(names=names, widths=MANY, kept=KEPT, marked=MARKED)

    async def bench(ctx):
        counts = dict.fromkeys(names, 0)
        for cycle in range(quiet):
            ctx.set(dut.clear, cycle == clear)
            for name in names:
                adds = (1 << MANY[name]) - 1
                ctx.set(getattr(dut, name), adds)
                counts[name] += adds
                if cycle == clear and name not in KEPT:
                    counts[name] = 0
            for name in MARKED:
                # Marks in the cycle of the clear, and in the last one.
                ctx.set(getattr(dut, f"{name}_mark"), cycle in (clear, quiet - 1))
            await ctx.tick()
        for name in names:
            ctx.set(getattr(dut, name), 0)
        for name in MARKED:
            ctx.set(getattr(dut, f"{name}_mark"), 0)
            counts[name] -= (1 << MANY[name]) - 1       # that of the mark's cycle is not in it
        last = None
        for number, name in enumerate(names):
            ctx.set(dut.select, number)
            for _ in range(dut.read_cycles):
                shown = ctx.get(dut.value) if ctx.get(dut.shows) else None
                await ctx.tick()
                last = shown if shown is not None else last
            assert last == counts[name], name

    simulate(dut, bench)


def test_words_wrap():
    """An amount of 28 bits passes 2**32 in a few rounds, where one of a single bit takes days."""
    checked = run_counters({"one": 1, "large": 28}, cycles=1500,
                           amount=lambda name, cycle: 1 if name == "one" else (1 << 28) - 5)
    assert min(checked.values()) > 30


def test_refuses():
    with pytest.raises(ValueError, match="both kept and marked"):
        Counters(names=["a"], widths={"a": 1}, kept={"a"}, marked={"a"})
    with pytest.raises(ValueError, match="can't count amounts"):
        Counters(names=["a", "b"], widths={"a": 32, "b": 1})


@pytest.mark.parametrize("width", range(1, MAX_SHIFT_WIDTH + 1))
def test_every_code_occurs_once(width):
    codes = shift_codes(width)
    assert sorted(codes) == list(range(1 << width)) and codes[-1] == 0
    assert all(after >> 1 == code & (1 << width - 1) - 1
               for code, after in zip(codes, codes[1:] + codes[:1], strict=True))


@pytest.mark.parametrize("length", [2, 3, 4, 5, 13, 16, 32, 33, 100, 256])
def test_codes_in_hardware(length):
    """A counter of them, also one that comes round early, and the way back to numbers."""
    class Codes(wiring.Component):
        advance: In(1)
        code: Out(8)
        down: Out(8)

        def elaborate(self, platform):
            m = Module()
            code = round_trip(m, "code", length=length, advance=self.advance)
            m.d.comb += [self.code.eq(code), self.down.eq(count_down(code))]
            return m

    dut = Codes()
    width = (length - 1).bit_length()
    codes = shift_codes(width)
    rng = random.Random(length)

    async def bench(ctx):
        number = 0
        for _ in range(3 * length):
            assert ctx.get(dut.code) == codes[number]
            assert ctx.get(dut.down) == (1 << width) - 1 - number
            advance = rng.random() < .8
            ctx.set(dut.advance, advance)
            number = (number + advance) % length
            await ctx.tick()

    simulate(dut, bench)


class Helpers(wiring.Component):
    """Every helper of `hw.common.pipeline`, and `tree_sum` of the bits of `a`."""

    a: In(8)
    b: In(8)
    carry: In(1)
    amount: In(4)
    ones: Out(8)
    sum: Out(9)
    left: Out(8)
    lost: Out(1)
    left_in_two: Out(8)
    right: Out(8)
    later: Out(8)

    def elaborate(self, platform):
        m = Module()
        left, lost = shift_left(self.a, self.amount, (0, 1, 2, 3))
        part, _ = shift_left(self.a, self.amount, (0, 3))
        m.d.comb += [
            self.ones.eq(tree_sum(self.a)),
            self.sum.eq(add_carry(self.a, self.b, self.carry)),
            self.left.eq(left),
            self.lost.eq(lost),
            self.left_in_two.eq(shift_left(part, self.amount, (1, 2))[0]),
            self.right.eq(shift_right(self.a, self.amount, (0, 1, 2, 3))),
            self.later.eq(delay(m, self.a, 3, "later")),
        ]
        return m


def test_helpers_of_datapaths():
    dut = Helpers()
    rng = random.Random(2)

    async def bench(ctx):
        before = [None] * 3
        for _ in range(600):
            a, b = rng.choice([0, 255, rng.getrandbits(8), 1 << rng.randrange(8)]), \
                rng.getrandbits(8)
            carry, amount = rng.getrandbits(1), rng.randrange(16)
            for signal, value in ((dut.a, a), (dut.b, b), (dut.carry, carry),
                                  (dut.amount, amount)):
                ctx.set(signal, value)
            assert ctx.get(dut.ones) == a.bit_count()
            assert ctx.get(dut.sum) == a + b + carry
            assert ctx.get(dut.left) == ctx.get(dut.left_in_two) == a << amount & 255
            assert ctx.get(dut.lost) == (a << amount > 255)
            assert ctx.get(dut.right) == a >> amount
            assert before[0] in (None, ctx.get(dut.later))
            before = [*before[1:], a]
            await ctx.tick()

    simulate(dut, bench)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 7, 8, 256])
def test_a_tree_sum_is_as_wide_as_it_must_be(count):
    """Widths grow by a bit a level of the tree, and nothing is lost."""
    total = tree_sum([Const(1, 1)] * count)
    assert len(total) <= count.bit_length() + 1

    class Sum(wiring.Component):
        total: Out(16)

        def elaborate(self, platform):
            m = Module()
            m.d.comb += self.total.eq(total)
            return m

    dut = Sum()

    async def bench(ctx):
        assert ctx.get(dut.total) == count

    from amaranth.sim import Simulator
    sim = Simulator(dut)
    sim.add_testbench(bench)
    sim.run()
