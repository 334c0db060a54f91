"""Low-rank layers on the dense core as emitted Verilog: several products in place of one."""

import numpy as np
import pytest

from golden.compression.integer_steps import integer_steps, run_integer_steps
from golden.formats import DenseCounter
from golden.systolic.steps import steps_memories
from scripts.bench.rtl import build_core
from scripts.dense_run import check_run
from scripts.settings import configuration
from sim_tests.unit_golden.test_dense_low_rank import MODES, layer

pytestmark = pytest.mark.cosim

IMAGES = 3


@pytest.mark.parametrize("kind", ["svd", *MODES])
def test_steps_are_exact(kind):
    settings = configuration("dense", core="dense")
    simulator = build_core(settings)
    rng = np.random.default_rng(len(kind))
    weights, steps = layer(kind, rng)
    inputs = rng.integers(-128, 128, (IMAGES, weights.shape[1]))
    made = integer_steps(steps, inputs / 64, input_scale=1 / 64)
    assert len(made) > 1
    for image, wanted in zip(inputs, run_integer_steps(made, inputs), strict=True):
        memories, place = steps_memories(made, image, settings.config.geometry)
        outcome = check_run(simulator, memories)
        np.testing.assert_array_equal(outcome.unified[place], wanted)
        assert outcome.counters[DenseCounter.USEFUL_MACS] == sum(step.macs for step in steps)
        assert outcome.counters[DenseCounter.SATURATIONS] == 0
