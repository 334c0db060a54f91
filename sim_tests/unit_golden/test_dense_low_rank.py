"""Low-rank layers as programs of the dense core, against the same steps in NumPy and in floats."""

import numpy as np
import pytest

from golden.compression.dense_steps import run_steps, svd_steps, tt_steps
from golden.compression.integer_steps import integer_steps, run_integer_steps
from golden.compression.low_rank import svd_factors
from golden.compression.tensor_train import tt_matrix
from golden.formats import Fault
from golden.systolic.execute import execute
from golden.systolic.geometry import DenseGeometry
from golden.systolic.steps import steps_memories
from sim_tests.bench.plain_dense import PlainDense

#: Modes of rows and columns of the tensor trains.
MODES = {"two": ((4, 6), (5, 8)), "three": ((2, 3, 4), (5, 2, 4)), "fc6-like": ((4,) * 3, (4,) * 3)}


def layer(kind, rng, rank=3):
    """Steps of a layer that has nearly low rank."""
    if kind == "svd":
        weights = rng.normal(size=(24, rank)) @ rng.normal(size=(rank, 40))
        return weights, svd_steps(svd_factors(weights, rank))
    rows, columns = MODES[kind]
    shape = int(np.prod(rows)), int(np.prod(columns))
    weights = rng.normal(size=shape)
    cores = tt_matrix(weights, rows, columns, rank=rank)
    steps = tt_steps(cores)
    return run_steps(steps, np.eye(shape[1])).T, steps


@pytest.mark.parametrize("kind", ["svd", *MODES])
@pytest.mark.parametrize("relu", [False, True])
def test_steps_run_on_the_dense_core(kind, relu):
    rng = np.random.default_rng(len(kind))
    weights, steps = layer(kind, rng)
    inputs = rng.integers(-128, 128, (20, weights.shape[1]))
    last = steps[-1]
    # A tensor train's last step has a channel for many outputs.
    bias = None if len(last.gather) > 1 else rng.normal(size=len(weights))
    made = integer_steps(steps, inputs / 64, input_scale=1 / 64, bias=bias, relu=relu)
    outputs = run_integer_steps(made, inputs)

    real = inputs / 64 @ weights.T + (0 if bias is None else bias)
    real = np.maximum(real, 0) if relu else real
    error = np.abs(outputs * made[-1].output_scale - real)
    assert error.mean() < 0.03 * np.abs(real).max()

    for geometry in (DenseGeometry(), DenseGeometry(rows=4, columns=2, lanes=1),
                     DenseGeometry(rows=64, columns=64, weight_depth=4096)):
        for image, wanted in zip(inputs[:3], outputs, strict=False):
            memories, place = steps_memories(made, image, geometry)
            run = execute(memories)
            assert run.fault == Fault.NONE and run.saturations == 0
            np.testing.assert_array_equal(run.unified[place], wanted)
    assert run.useful_macs == sum(step.macs for step in steps)
    assert PlainDense(memories, ()).run().unified[place] == wanted.tolist()


def test_a_tensor_train_takes_fewer_macs_and_weights():
    """8 x 8 x 8 by itself in rank 2: 512 x 512 weights become 512."""
    rng = np.random.default_rng(0)
    cores = tt_matrix(rng.normal(size=(512, 512)), (8, 8, 8), (8, 8, 8), rank=2)
    steps = tt_steps(cores)
    assert sum(core.size for core in cores) == 8 * 8 * (2 + 4 + 2) == 512
    assert sum(step.macs for step in steps) == 64 * 512 < 512 * 512 // 7
    inputs = rng.integers(-128, 128, (1, 512))
    made = integer_steps(steps, inputs / 64, input_scale=1 / 64)
    geometry = DenseGeometry(rows=16, columns=16, weight_depth=2048)
    memories, place = steps_memories(made, inputs[0], geometry)
    run = execute(memories)
    np.testing.assert_array_equal(run.unified[place], run_integer_steps(made, inputs)[0])
    assert run.useful_macs == 64 * 512


def test_what_does_not_fit_is_refused():
    rng = np.random.default_rng(1)
    _, steps = layer("two", rng)
    inputs = rng.integers(-128, 128, (2, 40))
    made = integer_steps(steps, inputs, input_scale=1.0)
    for change, message in (({"accumulator_depth": 4}, "as many accumulators"),
                            ({"weight_depth": 16}, "weight_depth"),
                            ({"parameter_depth": 4}, "parameter_depth"),
                            ({"unified_depth": 64}, "unified buffer")):
        with pytest.raises(ValueError, match=message):
            steps_memories(made, inputs[0], DenseGeometry(**change))
    biased = integer_steps(steps, inputs, input_scale=1.0, bias=np.arange(24.0) * 1000)
    with pytest.raises(ValueError, match="differ between positions"):
        steps_memories(biased, inputs[0], DenseGeometry())
