"""The latencies that the cycle model of the dense core states are those of the hardware."""

from types import SimpleNamespace

import pytest

from golden.formats import Operation
from golden.systolic.cycles import decoder_steps
from golden.systolic.timing import DenseTiming
from hw.config import DenseConfig
from hw.systolic.activation_unit import ActivationUnit
from hw.systolic.core import DenseCore
from hw.systolic.decoder import Decoder
from hw.systolic.interlock import Interlock
from hw.systolic.matrix_unit import MatrixUnit
from hw.systolic.microcode import Microcode
from hw.systolic.vector_unit import VectorUnit

CONFIGS = [
    DenseConfig(), DenseConfig(rows=2, columns=2, lanes=1, function_tables=0),
    DenseConfig(rows=16, columns=12, lanes=8), DenseConfig(rows=5, columns=70, lanes=2),
    DenseConfig(rows=3, columns=33, lanes=4, activation_width=16, operand_tables=0),
    DenseConfig(rows=256, columns=256, lanes=256)]


@pytest.mark.parametrize("config", CONFIGS)
def test_latencies(config):
    timing = DenseTiming(config.geometry)
    buffer = DenseCore(config).buffer
    matrix = MatrixUnit(config, read_latency=buffer.read_latency)
    unit = ActivationUnit(config, accumulator_latency=matrix.sums_latency,
                          unified_latency=buffer.read_latency, write_latency=buffer.write_latency)
    for part, names in (
            (buffer, ("read_latency", "write_latency")),
            (matrix, ("feed_cycles", "first_cycles", "accumulate_cycles", "written_cycles")),
            (unit, ("read_cycles", "activate_cycles", "vector_cycles"))):
        for name in names:
            assert getattr(timing, name) == getattr(part, name), name
    assert timing.accumulator_latency == matrix.sums_latency
    assert timing.vector_latency == VectorUnit.latency
    assert timing.step_latency == Decoder.latency
    assert timing.compare_cycles == Interlock.compare_cycles


@pytest.mark.parametrize("unified_depth", [1 << 14, 1 << 17])
def test_steps_of_the_decoder(unified_depth):
    geometry = DenseConfig(unified_depth=unified_depth).geometry
    microcode = Microcode(geometry)
    table, size = microcode.table(), 1 << microcode.step_width
    assert len(microcode.programs) == 8
    for operation in Operation:
        for bit in range(2):
            first = (2 * operation + bit) * size
            rows = table[first:first + size]
            steps = decoder_steps(operation, SimpleNamespace(pool=bit, unary=bit), geometry)
            assert [row.get("done", 0) for row in rows].index(1) + 1 == steps
            last = [row.get("last", 0) for row in rows].index(1) + 1
            assert steps <= last <= steps + 2
            asked = [row.get("proceed", 0) for row in rows].index(1) - 2
            assert asked == max(0, steps - DenseTiming.fetch_steps)
