# amaranth: UnusedElaboratable=no

"""Decoder against the golden model's rules, on legal, nearly legal and random instructions."""

import random
from collections import Counter as Tally
from types import SimpleNamespace

import numpy as np
import pytest
from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.formats import Fault, Operation, Register
from golden.systolic.cycles import decoder_steps
from golden.systolic.geometry import DenseGeometry
from golden.systolic.instructions import encode
from golden.systolic.legality import Checker
from hw.systolic.decoder import Decoder
from hw.systolic.instruction_fetch import InstructionFetch
from sim_tests.bench.random_faults import faulty
from sim_tests.bench.random_programs import (
    PROGRAM_FAULTS,
    garbage_program,
    illegal_run,
    legal_run,
)
from sim_tests.bench.simulate import simulate

DEPTH = 64
GEOMETRIES = [
    DenseGeometry(),
    DenseGeometry(rows=3, columns=5, lanes=4, accumulator_depth=37, weight_depth=50,
                  parameter_depth=20, unified_depth=128, function_tables=0, operand_tables=1),
    DenseGeometry(rows=16, columns=12, lanes=1, activation_width=16, accumulator_depth=1 << 15,
                  weight_depth=1 << 16, operand_tables=0, unified_depth=1 << 20),
]


def programs(geometry):
    rng = np.random.default_rng(3)
    for _ in range(6):
        yield legal_run(rng, geometry).memories.program
    for fault in PROGRAM_FAULTS:
        yield from (illegal_run(rng, geometry, fault).memories.program for _ in range(3))
        yield from faulty(rng, geometry, fault)
    garbage = garbage_program(rng, geometry, 200)
    for index in range(len(garbage) - 2):
        # Those behind one that is wrong are on their way, and are forgotten.
        yield garbage[index:index + 3]
        yield np.array([encode(Operation.NOP)])


class Fetched(wiring.Component):
    """A decoder with what feeds it."""

    def __init__(self, geometry):
        self.decoder = Decoder(geometry)
        self.fetch = InstructionFetch(program_depth=DEPTH)
        super().__init__({
            **{name: member for name, member in self.fetch.signature.members.items()
               if name not in ("arrival", "begin", "fill", "proceed")},
            "clear": In(1), "done": Out(1)})

    def elaborate(self, platform):
        m = Module()
        fetch, decoder = self.fetch, self.decoder
        m.submodules.fetch = ResetInserter(self.clear)(fetch)
        m.submodules.decoder = ResetInserter(self.clear)(decoder)
        for name in ("load", "load_address", "load_part", "load_data", "start", "first", "count"):
            m.d.comb += getattr(fetch, name).eq(getattr(self, name))
        m.d.comb += [
            self.instructions.valid.eq(fetch.instructions.valid),
            self.instructions.payload.eq(fetch.instructions.payload),
            fetch.instructions.ready.eq(self.instructions.ready),
            decoder.arrival.eq(fetch.arrival),
            decoder.begin.eq(fetch.begin),
            decoder.fill.eq(fetch.fill),
            decoder.start.eq(self.instructions.valid & self.instructions.ready),
            fetch.proceed.eq(decoder.proceed),
            self.done.eq(decoder.done),
        ]
        return m


async def load(ctx, dut, program):
    """Forget the program before, and start this one."""
    ctx.set(dut.clear, 1)
    await ctx.tick()
    ctx.set(dut.clear, 0)
    ctx.set(dut.load, 1)
    for address, words in enumerate(program):
        for part, word in enumerate(words):
            ctx.set(dut.load_address, address)
            ctx.set(dut.load_part, part)
            ctx.set(dut.load_data, int(word))
            await ctx.tick()
    ctx.set(dut.load, 0)
    ctx.set(dut.count, len(program))
    ctx.set(dut.start, 1)
    await ctx.tick()
    ctx.set(dut.start, 0)


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=["preset", "odd", "wide"])
def test_faults_and_products(geometry):
    dut = Fetched(geometry)
    seen = Tally()
    rng = random.Random(1)

    def expected(operation, f, registers):
        """Products that the units get."""
        source, window, pool, destination = (
            registers[register] for register in
            (Register.SOURCE, Register.WINDOW, Register.POOL, Register.DESTINATION))
        if operation == Operation.MATRIX_MULTIPLY:
            return {"rows": f.lines, "first_line": f.source, "line_step": source.line_stride,
                    "region": (f.source, f.source + (f.lines - 1) * source.line_stride
                               + source.line_length),
                    "touched_rows": (f.accumulator, f.accumulator + f.lines)}
        if operation == Operation.CONVOLVE:
            rows = f.lines * window.pixels
            return {"rows": rows, "first_line": f.source + f.y * source.line_stride,
                    "line_step": window.y_step * source.line_stride,
                    "kernel_step": window.dilation * source.line_stride,
                    "region": (f.source, f.source + (source.lines - 1) * source.line_stride
                               + source.line_length),
                    "touched_rows": (f.accumulator, f.accumulator + rows)}
        if operation == Operation.ACTIVATE:
            rows = f.rows * (pool.pixels if f.pool else 1)
            last = f.rows - 1
            steps = {}
            if f.pool:
                last = (((f.rows - 1) * pool.y_step + pool.height - 1) * pool.line_pixels
                        + (pool.pixels - 1) * pool.x_step + pool.width - 1)
                steps = {"line_step": pool.y_step * pool.line_pixels}
            return {"rows": rows, "touched_rows": (f.accumulator, f.accumulator + last + 1),
                    "region": (f.destination, f.destination + (rows - 1) * destination.stride
                               + f.last_column + 1), **steps}
        if operation in (Operation.VECTOR_ADD, Operation.VECTOR_MULTIPLY,
                         Operation.READ_HOST_MEMORY):
            return {"region": (f.destination, f.destination + f.length)}
        if operation == Operation.WRITE_HOST_MEMORY:
            return {"region": (f.source, f.source + f.length)}
        return {}

    async def bench(ctx):
        for program in programs(geometry):
            program = program[:DEPTH]
            for _ in range(rng.randrange(16)):
                await ctx.tick()
            checker = Checker(geometry)
            await load(ctx, dut, program)
            for number, words in enumerate(program):
                registers = dict(checker.registers)
                fault, operation, f = checker.check(words)
                for cycle in range(14):
                    if ctx.get(dut.instructions.valid):
                        break
                    assert cycle < 13, "nothing is offered"
                    await ctx.tick()
                for _ in range(rng.choice([0, 0, 0, 1, 2, 7])):
                    await ctx.tick()
                assert ctx.get(dut.instructions.payload.number) == number
                ctx.set(dut.instructions.ready, 1)
                await ctx.tick()
                ctx.set(dut.instructions.ready, 0)
                # Operations that do not exist take what another one does, of which none has bit 4.
                known = Operation(operation & 15) if operation & 15 in set(Operation) else None
                bit = int(words[0]) >> 8 & 1
                steps = decoder_steps(known, SimpleNamespace(pool=bit, unary=bit), geometry)
                touched = {}
                for _ in range(Decoder.latency + steps - 2):
                    assert not ctx.get(dut.done)
                    region = ctx.get(dut.decoder.region)
                    for end in ("first", "end"):
                        if region[f"{end}_valid"]:
                            touched[region[f"{end}_is_rows"], end] = region[end]
                    await ctx.tick()
                assert ctx.get(dut.done)
                products = {name: tuple(touched.get((rows, end)) for end in ("first", "end"))
                            for rows, name in enumerate(("region", "touched_rows"))}
                await ctx.tick()
                assert not ctx.get(dut.done)
                mine = ctx.get(dut.decoder.fault)
                assert ctx.get(dut.decoder.faulty) == (mine != Fault.NONE)
                await ctx.tick()
                products |= {name: ctx.get(getattr(dut.decoder, name)) for name in (
                    "rows", "first_line", "line_step", "kernel_step")}
                late = fault in (Fault.NO_WEIGHTS, Fault.TOO_MANY_WEIGHTS)
                assert mine == (Fault.NONE if late else fault), (operation, f)
                seen[fault, operation if operation in set(Operation) else None] += 1
                if not fault:
                    for name, value in expected(operation, f, registers).items():
                        if name not in ("region", "touched_rows"):
                            value %= 1 << len(getattr(dut.decoder, name))
                        assert products[name] == value, (operation, f, name)
                if fault:
                    break
                for _ in range(rng.choice([0, 0, 1, 20])):
                    await ctx.tick()

    simulate(dut, bench, max_cycles=200_000)
    faults = {fault for fault, _ in seen}
    assert set(Fault) - {Fault.TIMEOUT} <= faults
    assert {operation for fault, operation in seen if not fault} == set(Operation)
    assert sum(seen.values()) > 300


def test_a_reset_forgets_every_verdict():
    """Whenever it comes while a wrong instruction is looked at."""
    geometry = GEOMETRIES[0]
    dut = Fetched(geometry)
    wrong = encode(Operation.READ_HOST_MEMORY, destination=geometry.unified_depth - 1, length=2)
    found = []

    async def decode(ctx, program, cycles):
        """Take the first instruction, and let so many cycles pass; is it wrong?"""
        await load(ctx, dut, [program])
        await ctx.tick().until(dut.instructions.valid)
        ctx.set(dut.instructions.ready, 1)
        await ctx.tick()
        ctx.set(dut.instructions.ready, 0)
        for _ in range(cycles):
            await ctx.tick()
        return ctx.get(dut.decoder.faulty)

    async def bench(ctx):
        for cycles in range(24):
            found.append(await decode(ctx, wrong, cycles))
            assert not await decode(ctx, encode(Operation.NOP), 24)

    simulate(dut, bench, max_cycles=5000)
    assert found == sorted(found) and 4 < sum(found) < 20
