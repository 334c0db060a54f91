# amaranth: UnusedElaboratable=no

"""Counters and a timer against Python integers; helpers of datapaths against its operators."""

import random

import pytest
from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.common.counters import Counters, tree_sum
from hw.common.pipeline import add_carry, delay, shift_left, shift_right
from hw.systolic.matrix_timer import MatrixTimer
from sim_tests.bench.simulate import simulate

WIDTHS = {"one": 1, "few": 3, "many": 20, "all": 32}


def test_counters_count_clear_and_wrap():
    names = list(WIDTHS)
    dut = Counters(names=names, widths=WIDTHS, kept={"many"})
    rng = random.Random(1)
    wrapped = 0

    async def bench(ctx):
        nonlocal wrapped
        counts, shown = dict.fromkeys(names, 0), 0
        for number in range(400):
            amounts = {name: rng.choice([0, (1 << width) - 1, rng.getrandbits(width)])
                       for name, width in WIDTHS.items()}
            clear = number in (100, 101, 250)
            select = rng.randrange(len(names))
            for name, amount in amounts.items():
                ctx.set(getattr(dut, name), amount)
            ctx.set(dut.clear, clear)
            ctx.set(dut.select, select)
            assert ctx.get(dut.value) == shown
            shown = counts[names[select]]
            for name in names:
                total = 0 if clear and name != "many" else counts[name] + amounts[name]
                wrapped += total >= 1 << 32
                counts[name] = total % (1 << 32)
            await ctx.tick()

    simulate(dut, bench)
    assert wrapped > 20


def test_matrix_cycles_end_with_the_last_row():
    """From the first Read_Weights to the last row, in each run; rows before do not count."""
    dut = MatrixTimer()
    runs = [(4, {1, 2, 9, 10, 30}), (0, {7}), (5, {3}), (2, set())]

    async def bench(ctx):
        for first, rows in runs:
            ctx.set(dut.clear, 1)
            await ctx.tick()
            ctx.set(dut.clear, 0)
            total = 0
            for cycle in range(40):
                ctx.set(dut.reads_weights, cycle - 1 in (first, first + 3, 20))
                ctx.set(dut.row_written, cycle in rows)
                total += ctx.get(dut.cycles)
                await ctx.tick()
            last = max([row for row in rows if row > first], default=first - 1)
            assert total == last - first + 1

    simulate(dut, bench)


def test_one_counter_is_enough():
    dut = Counters(names=["only"], widths={"only": 2})

    async def bench(ctx):
        ctx.set(dut.only, 3)
        await ctx.tick()
        assert ctx.get(dut.value) == 0, "the amount is in the counter, not yet shown"
        ctx.set(dut.only, 0)
        await ctx.tick()
        assert ctx.get(dut.value) == 3

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
