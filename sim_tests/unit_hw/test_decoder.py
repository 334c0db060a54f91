# amaranth: UnusedElaboratable=no

"""Decoder against the golden model's rules, on legal, nearly legal and random instructions."""

import random
from collections import Counter as Tally

import numpy as np
import pytest

from golden.formats import REGISTERS, Fault, Operation, Register
from golden.systolic.geometry import DenseGeometry
from golden.systolic.legality import Checker
from hw.systolic.decoder import Decoder
from sim_tests.bench.random_faults import faulty
from sim_tests.bench.random_programs import (
    PROGRAM_FAULTS,
    garbage_program,
    illegal_run,
    legal_run,
)
from sim_tests.bench.simulate import simulate

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
    yield from (garbage[index:index + 1] for index in range(len(garbage)))


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=["preset", "odd", "wide"])
def test_faults_and_products(geometry):
    dut = Decoder(geometry)
    seen = Tally()
    rng = random.Random(1)

    def expected(operation, f, registers):
        """Products that the units get."""
        source, window, pool, destination = (
            registers[register] for register in
            (Register.SOURCE, Register.WINDOW, Register.POOL, Register.DESTINATION))
        if operation == Operation.MATRIX_MULTIPLY:
            return {"rows": f.lines, "first_line": f.source, "line_step": source.line_stride,
                    "region_end": f.source + (f.lines - 1) * source.line_stride
                    + source.line_length, "rows_end": f.accumulator + f.lines}
        if operation == Operation.CONVOLVE:
            rows = f.lines * window.pixels
            return {"rows": rows, "first_line": f.source + f.y * source.line_stride,
                    "line_step": window.y_step * source.line_stride,
                    "kernel_step": window.dilation * source.line_stride,
                    "region_end": f.source + (source.lines - 1) * source.line_stride
                    + source.line_length, "rows_end": f.accumulator + rows}
        if operation == Operation.ACTIVATE:
            rows = f.rows * (pool.pixels if f.pool else 1)
            last = f.rows - 1
            steps = {}
            if f.pool:
                last = (((f.rows - 1) * pool.y_step + pool.height - 1) * pool.line_pixels
                        + (pool.pixels - 1) * pool.x_step + pool.width - 1)
                steps = {"line_step": pool.y_step * pool.line_pixels}
            return {"rows": rows, "rows_end": f.accumulator + last + 1, "region_end":
                    f.destination + (rows - 1) * destination.stride + f.last_column + 1, **steps}
        if operation in (Operation.VECTOR_ADD, Operation.VECTOR_MULTIPLY,
                         Operation.READ_HOST_MEMORY):
            return {"region_end": f.destination + f.length}
        if operation == Operation.WRITE_HOST_MEMORY:
            return {"region_end": f.source + f.length}
        return {}

    async def bench(ctx):
        for program in programs(geometry):
            checker = Checker(geometry)
            for words in program:
                registers = dict(checker.registers)
                fault, operation, f = checker.check(words)
                word = sum(int(part) << 32 * index for index, part in enumerate(words))
                # Between instructions the word may be anything.
                await ctx.tick()
                for _ in range(3):
                    ctx.set(dut.word, rng.getrandbits(128))
                    await ctx.tick()
                ctx.set(dut.start, 1)
                ctx.set(dut.operation, word & 31)
                await ctx.tick()
                ctx.set(dut.start, 0)
                ctx.set(dut.operation, rng.getrandbits(5))
                ctx.set(dut.word, word)
                for register, value in registers.items():
                    ctx.set(getattr(dut.registers, register.name.lower()),
                            {field.name: getattr(value, field.name)
                             for field in REGISTERS[register].fields})
                for _ in range(20):
                    await ctx.tick()
                    if ctx.get(dut.done):
                        break
                assert ctx.get(dut.done), "no end"
                products = {name: ctx.get(getattr(dut, name)) for name in (
                    "region_end", "rows_end", "rows", "first_line", "line_step", "kernel_step")}
                await ctx.tick()
                mine = ctx.get(dut.fault)
                late = fault in (Fault.NO_WEIGHTS, Fault.TOO_MANY_WEIGHTS)
                assert mine == (Fault.NONE if late else fault), (operation, f)
                seen[fault, operation if operation in set(Operation) else None] += 1
                if not fault:
                    for name, value in expected(operation, f, registers).items():
                        width = len(getattr(dut, name))
                        assert products[name] == value % (1 << width), (operation, f, name)
                if fault:
                    break

    simulate(dut, bench, max_cycles=200_000)
    faults = {fault for fault, _ in seen}
    assert set(Fault) - {Fault.TIMEOUT} <= faults
    assert {operation for fault, operation in seen if not fault} == set(Operation)
    assert sum(seen.values()) > 300
