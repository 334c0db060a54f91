"""The cycle model of the dense core, without the core."""

import dataclasses
import time

import numpy as np
import pytest

from golden.formats import DenseCounter, Operation, Register
from golden.systolic.cycles import dense_cycles
from golden.systolic.geometry import DenseGeometry
from golden.systolic.instructions import configure, encode, program
from golden.systolic.matmul import matmul_geometry, matmul_program

GEOMETRY = DenseGeometry()
KINDS = (DenseCounter.ACTIVE, DenseCounter.WEIGHT_STALL, DenseCounter.WEIGHT_SHIFT,
         DenseCounter.NON_MATRIX)


def product(m, k, n, **parameters):
    geometry = DenseGeometry(**parameters)
    geometry = dataclasses.replace(geometry, **matmul_geometry(m, k, n, geometry))
    weights = np.zeros((k, n), dtype=np.int64)
    return matmul_program(m, k, n, geometry, weights=weights).memories.program, geometry


def test_nothing_but_an_end():
    counters = dense_cycles(program([encode(Operation.HALT)]), GEOMETRY)
    assert counters[DenseCounter.CYCLES] == counters[DenseCounter.NON_MATRIX] == 22
    assert counters[DenseCounter.MATRIX_CYCLES] == 0


def test_large_product_is_fast_and_slow_weights_cost_what_they_take():
    """A layer of 2,048 on TPU v1's array; its weight memory takes 1,349 cycles a tile."""
    words, geometry = product(200, 2048, 2048, rows=256, columns=256, lanes=256,
                              program_depth=4096)
    start = time.process_time()
    own = dense_cycles(words, geometry)
    assert time.process_time() - start < .5
    slow = dense_cycles(words, geometry, weight_cycles=1349)
    assert own[DenseCounter.ACTIVE] == slow[DenseCounter.ACTIVE] == 200 * 64
    assert 64 * 256 < own[DenseCounter.MATRIX_CYCLES] < 64 * 256 + 2000
    assert 64 * 1349 < slow[DenseCounter.MATRIX_CYCLES] < 64 * 1349 + 2000
    for counters in (own, slow):
        assert sum(counters[kind] for kind in KINDS) == counters[DenseCounter.CYCLES]
    # Tiles are late all the time, but for the four that nothing keeps from being read ahead.
    assert slow[DenseCounter.WEIGHT_STALL] > 55 * (1349 - 256 - 200)


@pytest.mark.parametrize("instruction", [
    encode(Operation.READ_HOST_MEMORY, length=4), encode(Operation.WRITE_HOST_MEMORY, length=4),
    encode(Operation.SYNCHRONIZE, signal=1)])
def test_host_is_refused(instruction):
    with pytest.raises(ValueError, match=r"Instruction 1, [A-Z_]+, waits for the host"):
        dense_cycles(program([encode(Operation.NOP), instruction]), GEOMETRY)


def test_other_refusals():
    multiply = [configure(Register.SOURCE, line_length=8, line_stride=8),
                encode(Operation.MATRIX_MULTIPLY, lines=1, tiles=1)]
    with pytest.raises(ValueError, match="Instruction 1 is illegal: NO_WEIGHTS"):
        dense_cycles(program(multiply), GEOMETRY)
    with pytest.raises(ValueError, match="at least the 8 rows of a tile, not 7"):
        dense_cycles(program(multiply), GEOMETRY, weight_cycles=7)
    with pytest.raises(ValueError, match="no instruction from 2 up to 2"):
        dense_cycles(program(multiply), GEOMETRY, first=2)
