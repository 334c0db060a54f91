"""Which programs are carried out, and where the others are stopped."""

import numpy as np
import pytest

from golden.formats import Fault
from golden.systolic.assembler import assemble
from golden.systolic.execute import execute
from golden.systolic.geometry import DenseGeometry
from golden.systolic.legality import first_fault
from sim_tests.bench.random_programs import (
    PROGRAM_FAULTS,
    garbage_program,
    illegal_run,
    legal_run,
    random_memories,
)

#: 8 x 8, 16384 elements, 512 rows of accumulators, 2048 rows of tiles, 512 channels, 2 + 2 tables.
GEOMETRY = DenseGeometry()

PRELUDE = """
    Set_Configuration SOURCE line_length=16, line_stride=16, lines=4, taps=1
    Set_Configuration WINDOW pixels=4, run=8
    Set_Configuration DESTINATION stride=8, high=127
    Set_Configuration POOL line_pixels=4, pixels=2, height=2, width=2, y_step=2, x_step=2
"""

CASES = [
    # operation, register and reserved bits
    ("Word 31, 0, 0, 0", Fault.BAD_OPERATION),
    ("Word 0x20, 0, 0, 0", Fault.BAD_OPERATION),
    ("Word 2, 0, 0, 0", Fault.NONE),
    ("Word 0xa2, 0, 0, 0", Fault.BAD_OPERATION),
    ("Word 2, 0, 0, 0x80000000", Fault.BAD_OPERATION),
    ("Activate rows=1, parameters=1, accumulator=600", Fault.BAD_ACCUMULATOR),
    # the last that fits, and the first that does not
    ("Read_Host_Memory length=0", Fault.BAD_LENGTH),
    ("Read_Host_Memory length=16384", Fault.NONE),
    ("Read_Host_Memory length=16384, destination=1", Fault.BAD_ADDRESS),
    ("Write_Host_Memory source=16383, length=1", Fault.NONE),
    ("Write_Host_Memory source=0xffffffff, length=1", Fault.BAD_ADDRESS),
    ("Read_Weights tiles=256", Fault.NONE),
    ("Read_Weights tiles=256, address=1", Fault.BAD_WEIGHTS),
    ("Read_Weights address=1", Fault.BAD_LENGTH),
    ("Read_Weights tiles=1\nMatrixMultiply lines=512, tiles=1", Fault.NONE),
    ("Read_Weights tiles=1\nMatrixMultiply lines=512, tiles=1, source=8192", Fault.NONE),
    ("Read_Weights tiles=1\nMatrixMultiply lines=512, tiles=1, source=8193", Fault.BAD_ADDRESS),
    ("Read_Weights tiles=1\nMatrixMultiply lines=2, tiles=1, accumulator=511",
     Fault.BAD_ACCUMULATOR),
    ("Read_Weights tiles=1\nMatrixMultiply lines=1, tiles=1, last_column=8", Fault.BAD_LENGTH),
    ("Read_Weights tiles=1\nMatrixMultiply lines=1, tiles=2", Fault.NO_WEIGHTS),
    ("MatrixMultiply lines=1, tiles=8192", Fault.NO_WEIGHTS),
    ("MatrixMultiply lines=1, tiles=8193", Fault.BAD_LENGTH),
    ("Read_Weights tiles=1\nConvolve lines=128, tiles=1, source=16320", Fault.NONE),
    ("Read_Weights tiles=1\nConvolve lines=128, tiles=1, source=16321", Fault.BAD_ADDRESS),
    ("Read_Weights tiles=1\nConvolve lines=129, tiles=1", Fault.BAD_ACCUMULATOR),
    ("Set_Configuration WINDOW run=1\nRead_Weights tiles=1\nConvolve lines=1, tiles=1",
     Fault.BAD_LENGTH),
    ("Activate rows=512, last_column=7", Fault.NONE),
    ("Activate rows=512, last_column=7, destination=12289", Fault.BAD_ADDRESS),
    ("Activate rows=512, last_column=7, destination=12288", Fault.NONE),
    ("Activate rows=1, last_column=7, parameters=504", Fault.NONE),
    ("Activate rows=1, last_column=7, parameters=506", Fault.BAD_PARAMETERS),
    ("Activate rows=1, last_column=7, parameters=1", Fault.BAD_PARAMETERS),
    ("Activate rows=1, function=2", Fault.NONE),
    ("Activate rows=1, function=3", Fault.BAD_PARAMETERS),
    # windows of 2 x 2 of lines of 4: the last row is (1 * 2 + 1) * 4 + 1 * 2 + 1 = 15 rows on
    ("Activate rows=2, pool=1, accumulator=496", Fault.NONE),
    ("Activate rows=2, pool=1, accumulator=497", Fault.BAD_ACCUMULATOR),
    ("Set_Configuration POOL pixels=1, height=1, line_pixels=1\nActivate rows=1, pool=1",
     Fault.BAD_LENGTH),
    ("Set_Configuration POOL pixels=1, height=1, width=1\nActivate rows=1, pool=1",
     Fault.BAD_LENGTH),
    ("Set_Configuration POOL pixels=4096, height=1, width=1, line_pixels=1\n"
     "Set_Configuration DESTINATION\nActivate rows=15, pool=1", Fault.NONE),
    ("Set_Configuration POOL pixels=4096, height=1, width=1, line_pixels=1\n"
     "Set_Configuration DESTINATION\nActivate rows=16, pool=1", Fault.BAD_LENGTH),
    ("Vector_Add length=4, a=16380, b=0, destination=8", Fault.NONE),
    ("Vector_Add length=4, a=16381, b=0, destination=8", Fault.BAD_ADDRESS),
    ("Vector_Add length=4, a=0, b=16381, destination=8", Fault.BAD_ADDRESS),
    ("Vector_Add length=4, a=0, b=16381, destination=8, unary=1", Fault.NONE),
    ("Vector_Add length=4, tables=2, destination=4", Fault.BAD_PARAMETERS),
    ("Vector_Add length=4, destination=4", Fault.NONE),
    ("Set_Configuration DESTINATION parameters=510", Fault.NONE),
    ("Set_Configuration DESTINATION parameters=511", Fault.BAD_PARAMETERS),
    ("Set_Configuration DESTINATION parameters=512", Fault.BAD_PARAMETERS),
    # in place, or downwards, but not into what is still to be read
    ("Vector_Multiply length=4, a=8, b=4, destination=4", Fault.NONE),
    ("Vector_Multiply length=4, a=8, b=4, destination=8", Fault.NONE),
    ("Vector_Multiply length=4, a=8, b=4, destination=7", Fault.BAD_ADDRESS),
    ("Vector_Multiply length=4, a=8, b=5, destination=8", Fault.BAD_ADDRESS),
    # weights: four Read_Weights wait, however many tiles they have
    ("Read_Weights tiles=1\n" * 4, Fault.NONE),
    ("Read_Weights tiles=1\n" * 5, Fault.TOO_MANY_WEIGHTS),
    ("Read_Weights tiles=2\n" * 4 + "MatrixMultiply lines=1, tiles=1\nRead_Weights tiles=1",
     Fault.TOO_MANY_WEIGHTS),
    ("Read_Weights tiles=2\n" * 4 + "MatrixMultiply lines=1, tiles=2\nRead_Weights tiles=1",
     Fault.NONE),
    ("Read_Weights tiles=2\n" * 4 + "MatrixMultiply lines=1, tiles=9", Fault.NO_WEIGHTS),
]


@pytest.mark.parametrize("text, fault", CASES)
def test_the_limits(text, fault):
    words = assemble(PRELUDE + text)
    assert first_fault(words, GEOMETRY) == (len(words) - bool(fault), fault)


def test_every_fault_is_among_the_limits():
    assert {fault for _, fault in CASES} == {Fault.NONE, *PROGRAM_FAULTS}


def test_registers_start_at_zero():
    """Nothing of a run before is left, and what follows a Halt is not looked at."""
    assert first_fault(assemble("Read_Weights tiles=1\nMatrixMultiply lines=1, tiles=1"),
                       GEOMETRY) == (1, Fault.BAD_LENGTH)
    assert first_fault(assemble("Nop\nHalt\nRead_Weights"), GEOMETRY) == (2, Fault.NONE)
    assert first_fault(assemble("Nop\nHalt\nRead_Weights"), GEOMETRY, first=2) == (
        2, Fault.BAD_LENGTH)
    assert first_fault(assemble("Nop\nNop\nRead_Weights"), GEOMETRY, first=1, count=1) == (
        2, Fault.NONE)


def test_wide_activations_need_no_operand_tables():
    wide = DenseGeometry(activation_width=16, operand_tables=0)
    assert first_fault(assemble("Vector_Add length=1"), wide)[1] == Fault.NONE
    assert first_fault(assemble("Vector_Add length=1, tables=1"), wide)[1] == Fault.BAD_PARAMETERS
    none = DenseGeometry(function_tables=0, operand_tables=0)
    assert first_fault(assemble("Vector_Add length=1"), none)[1] == Fault.BAD_PARAMETERS


@pytest.mark.parametrize("fault", PROGRAM_FAULTS)
def test_execution_stops_where_the_checks_do(fault):
    rng = np.random.default_rng(int(fault))
    for _ in range(6):
        run = illegal_run(rng, GEOMETRY, fault)
        result = execute(run.memories, host_input=run.host_input)
        assert (result.index, result.fault) == first_fault(run.memories.program, GEOMETRY)
        assert result.fault == fault and result.instructions == result.index
        # Nothing of the faulty instruction has happened.
        before = execute(run.memories, host_input=run.host_input, count=result.index)
        assert before.fault == Fault.NONE
        np.testing.assert_array_equal(before.unified, result.unified)
        np.testing.assert_array_equal(before.accumulators, result.accumulators)


def test_legal_programs_are():
    rng = np.random.default_rng(1)
    for _ in range(20):
        run = legal_run(rng, GEOMETRY, length=40, signals=True)
        words = run.memories.program
        assert first_fault(words, GEOMETRY) == (len(words), Fault.NONE)


def test_any_words_end_somehow():
    rng = np.random.default_rng(2)
    words = garbage_program(rng, GEOMETRY, 400)
    memories, met = random_memories(rng, GEOMETRY, words), set()
    for first in range(len(words)):
        result = execute(memories, first=first, host_input=np.zeros(1 << 16, np.uint32))
        assert (result.index, result.fault) == first_fault(words, GEOMETRY, first)
        met.add(result.fault)
    assert len(met) > 4
