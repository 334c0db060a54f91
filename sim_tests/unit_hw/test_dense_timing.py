"""The latencies that the cycle model of the dense core states are those of the hardware."""

import pytest

from golden.systolic.cycles import DECODER_STEPS
from golden.systolic.timing import DenseTiming
from hw.config import DenseConfig
from hw.systolic.activation_unit import ActivationUnit
from hw.systolic.core import DenseCore
from hw.systolic.decoder import Decoder
from hw.systolic.matrix_unit import MatrixUnit
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


def test_steps_of_the_decoder():
    steps = Decoder(DenseConfig().geometry)._steps()
    assert {operation: len(rows) for operation, rows in steps.items()
            if len(rows) > 1} == DECODER_STEPS
