# amaranth: UnusedElaboratable=no

"""The door to RAM: what reads see, and that a broken promise is noticed."""

import random

import pytest
from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.memory import Collision, block_ram, register_file, rom
from sim_tests.bench.simulate import simulate

DEPTH = 8


class Ram(wiring.Component):
    """Ports of a RAM, brought out."""

    write_addr: In(range(DEPTH))
    write_data: In(16)
    write_en: In(1)
    read_addr: In(range(DEPTH))
    read_en: In(1)
    read_data: Out(16)

    def __init__(self, collision):
        self.collision = collision
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        if self.collision is None:
            write, (read,) = register_file(m, "rows", shape=16, depth=DEPTH, init=[7])
        else:
            write, read = block_ram(m, "rows", shape=16, depth=DEPTH, init=[7],
                                    collision=self.collision)
            m.d.comb += read.en.eq(self.read_en)
        m.d.comb += [
            write.addr.eq(self.write_addr), write.data.eq(self.write_data),
            write.en.eq(self.write_en),
            read.addr.eq(self.read_addr), self.read_data.eq(read.data),
        ]
        return m


def drive(dut, accesses, check):
    """Apply (write_en, write_addr, write_data, read_en, read_addr), one a cycle.

    `check(access, model, read_data before the clock edge, and after it)` is called for each, with
    `model` the rows before the access.
    """
    model = [7] + [0] * (DEPTH - 1)

    async def bench(ctx):
        for write_en, write_addr, write_data, read_en, read_addr in accesses:
            ctx.set(dut.write_en, write_en)
            ctx.set(dut.write_addr, write_addr)
            ctx.set(dut.write_data, write_data)
            ctx.set(dut.read_en, read_en)
            ctx.set(dut.read_addr, read_addr)
            before = ctx.get(dut.read_data)
            await ctx.tick()
            check((write_en, write_addr, write_data, read_en, read_addr), list(model), before,
                  ctx.get(dut.read_data))
            if write_en:
                model[write_addr] = write_data

    simulate(dut, bench)


def accesses(*, collisions, count=300):
    rng = random.Random(1)
    for _ in range(count):
        access = (rng.randint(0, 1), rng.randrange(DEPTH), rng.getrandbits(16),
                  rng.randint(0, 1), rng.randrange(DEPTH))
        if collisions or not (access[0] and access[3] and access[1] == access[4]):
            yield access


@pytest.mark.parametrize("collision", [Collision.NEVER, Collision.NEW])
def test_reads_see_what_the_policy_says(collision):
    collided = held = 0

    def check(access, model, before, after):
        nonlocal collided, held
        write_en, write_addr, write_data, read_en, read_addr = access
        if not read_en:
            assert after == before, "data is held while `en` is 0"
            held += 1
        elif write_en and write_addr == read_addr:
            assert after == write_data
            collided += 1
        else:
            assert after == model[read_addr]

    drive(Ram(collision), accesses(collisions=collision is Collision.NEW), check)
    assert held > 50 and (collided > 5) == (collision is Collision.NEW)


def test_a_collision_that_never_happens_fails_when_it_does():
    with pytest.raises(AssertionError, match="rows is read where it is written"):
        drive(Ram(Collision.NEVER), [(1, 3, 5, 1, 3)] * 2, lambda *_: None)
    # Neither a read nor a write alone is a collision.
    drive(Ram(Collision.NEVER), [(0, 3, 5, 1, 3), (1, 3, 5, 0, 3), (1, 3, 5, 1, 4)] * 2,
          lambda *_: None)


def test_a_collision_that_nobody_looks_at_is_no_failure():
    looked = 0

    def check(access, model, before, after):
        nonlocal looked
        write_en, write_addr, _, read_en, read_addr = access
        if read_en and not (write_en and write_addr == read_addr):
            assert after == model[read_addr]
            looked += 1

    drive(Ram(Collision.IGNORED), accesses(collisions=True), check)
    assert looked > 50


def test_register_file_reads_in_the_same_cycle():
    seen = 0

    def check(access, model, before, after):
        nonlocal seen
        write_en, write_addr, write_data, _, read_addr = access
        assert before == model[read_addr], "the write shows from the next cycle on"
        if write_en and write_addr == read_addr:
            assert after == write_data
            seen += 1

    drive(Ram(None), accesses(collisions=True), check)
    assert seen > 5


def test_rom():
    class Table(wiring.Component):
        index: In(2)
        value: Out(8)

        def elaborate(self, platform):
            m = Module()
            read = rom(m, "table", shape=8, init=[3, 1, 4, 1])
            m.d.comb += [read.addr.eq(self.index), self.value.eq(read.data)]
            return m

    dut = Table()

    async def bench(ctx):
        for index, value in enumerate([3, 1, 4, 1]):
            ctx.set(dut.index, index)
            await ctx.tick()
            assert ctx.get(dut.value) == value

    simulate(dut, bench)


def test_parameters_are_checked():
    with pytest.raises(TypeError, match="'rows' must state its collision policy"):
        block_ram(Module(), "rows", shape=8, depth=4, collision="never")
    with pytest.raises(ValueError, match="'rows' needs at least one row, not 0"):
        block_ram(Module(), "rows", shape=8, depth=0, collision=Collision.NEVER)
