# amaranth: UnusedElaboratable=no

"""Memories of the dispatcher, each alone."""

import random

import pytest
from amaranth import *
from amaranth.lib import wiring

from golden.formats import REGISTERS, Operation, Register
from hw.systolic.microcode import CONSTANT_AREA, CONSTANTS
from hw.systolic.operand_memory import OperandMemory
from hw.systolic.region_memory import RegionMemory
from sim_tests.bench.simulate import simulate

ROWS = 5


class Cleared(wiring.Component):
    """A memory of operands that can be reset."""

    def __init__(self, width):
        self.memory = OperandMemory(width=width, rows=ROWS)
        super().__init__({**self.memory.signature.members, "clear": wiring.In(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.memory = ResetInserter(self.clear)(self.memory)
        for name, member in self.memory.signature.members.items():
            mine, its = getattr(self, name), getattr(self.memory, name)
            m.d.comb += its.eq(mine) if member.flow == wiring.In else mine.eq(its)
        return m


def as_signed(value, width):
    value %= 1 << width
    return value - (value >> width - 1 << width)


@pytest.mark.parametrize("width", [18, 27, 36])
def test_operands(width):
    """Instructions and registers in any order, read with pauses; a reset clears what it says."""
    dut = Cleared(width)
    rng = random.Random(width)
    words = {}
    read = 0

    async def write(ctx, kind, parts):
        """Parts of an instruction, two cycles each."""
        ctx.set(dut.arrival.kind, kind)
        ctx.set(dut.arrival.early_valid, 1)
        for look in range(8):
            ctx.set(dut.arrival.early_look, look)
            ctx.set(dut.arrival.early_part,
                    parts[look // 2] if look % 2 == 0 else rng.getrandbits(32))
            await ctx.tick()
        ctx.set(dut.arrival.early_valid, 0)
        ctx.set(dut.arrival.kind, rng.getrandbits(9))
        operation, number = kind & 31, kind >> 5 & 7
        area = 1 + number if operation == Operation.SET_CONFIGURATION else 0
        for part, value in enumerate(parts):
            has_sign = part == 3 and operation in (Operation.MATRIX_MULTIPLY, Operation.CONVOLVE)
            words[area * 4 + part] = (as_signed(value >> 16, 16) if has_sign else value >> 16,
                                      value & 0xFFFF, value % (1 << width))
        await ctx.tick()

    async def check(ctx):
        nonlocal read
        for address, expected in words.items():
            for operand in CONSTANTS:
                ctx.set(getattr(dut, f"{operand}_address"), address)
            for _ in range(2):
                if rng.random() < .3:
                    ctx.set(dut.advance, 0)
                    await ctx.tick()
                ctx.set(dut.advance, 1)
                await ctx.tick()
            ctx.set(dut.advance, 0)
            await ctx.tick()
            assert (ctx.get(dut.a), ctx.get(dut.b), ctx.get(dut.c)) == expected, address
            read += 1

    async def bench(ctx):
        await ctx.tick()
        for index in range(max(map(len, CONSTANTS.values()))):
            values = [(ROWS if constant == "rows" else constant) for constant in (
                constants[min(index, len(constants) - 1)] for constants in CONSTANTS.values())]
            if index < min(map(len, CONSTANTS.values())):
                words[CONSTANT_AREA * 4 + index] = (*values[:2], values[2] % (1 << width))
        kinds = [operation | rng.randrange(16) << 5 for operation in range(32) for _ in range(2)]
        kinds += [Operation.SET_CONFIGURATION | number << 5 for number in range(8)] * 2
        rng.shuffle(kinds)
        for kind in kinds:
            await write(ctx, kind, [rng.getrandbits(32) for _ in range(4)])
            if rng.random() < .2:
                await check(ctx)
        ctx.set(dut.clear, 1)
        await ctx.tick()
        ctx.set(dut.clear, 0)
        await ctx.tick()
        names = [field.name for field in REGISTERS[Register.DESTINATION].fields]
        assert names[:2] == ["parameters", "stride"]
        words[(1 + Register.DESTINATION) * 4 + 1] = 0, 0, 0
        await check(ctx)

    simulate(dut, bench, max_cycles=20_000)
    assert read > 200


def test_regions():
    """Of elements and rows, at the same addresses."""
    dut = RegionMemory(width=6, depth=4)
    rng = random.Random(1)
    met = {False: 0, True: 0}

    async def bench(ctx):
        regions = {}
        for address in range(4):
            ctx.set(dut.own, address)
            for is_rows in range(2):
                first = rng.randrange(40)
                regions[address, is_rows] = first, first + rng.randint(1, 20)
                for name, value in zip(("first", "end"), regions[address, is_rows], strict=True):
                    ctx.set(dut.region[name], value)
                    ctx.set(dut.region[f"{name}_valid"], 1)
                    ctx.set(dut.region[f"{name}_is_rows"], is_rows)
                    await ctx.tick()
                    ctx.set(dut.region[f"{name}_valid"], 0)
        asked = []
        for cycle in range(200):
            own, other, rows = rng.randrange(4), rng.randrange(4), rng.randrange(2)
            ctx.set(dut.own, own)
            ctx.set(dut.other, other)
            ctx.set(dut.compare_rows, rows)
            asked.append((regions[own, rows], regions[other, rows]))
            if cycle >= 3:
                one, two = asked[-4]
                overlap = one[0] < two[1] and two[0] < one[1]
                assert ctx.get(dut.overlap) == overlap
                met[overlap] += 1
            await ctx.tick()

    simulate(dut, bench)
    assert min(met.values()) > 20
