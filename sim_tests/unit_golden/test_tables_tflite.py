"""Tables and multipliers of the dense core against TensorFlow Lite's reference kernels."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from golden.fixed import requantise
from golden.systolic.functions import interpolated_sigmoid, interpolated_tanh, sigmoid_table
from golden.systolic.tables import (
    add_constants,
    average_multiplier,
    function_table,
    multiply_constants,
)
from sim_tests.bench.litert import (
    TYPES,
    make,
    one_operator_model,
    reference_interpreter,
    run,
    tensor,
)

OPERATORS = schema.BuiltinOperator
INT8 = np.arange(-128, 128)


def unary(operator, version, type_, values, input_, output):
    """What a kernel of one input makes of values; `input_` and `output` are scale, zero point."""
    shape = (1, len(values))
    model = one_operator_model(operator, version, [
        tensor("x", shape, type_, scale=input_[0], zero_point=input_[1]),
        tensor("y", shape, type_, scale=output[0], zero_point=output[1])], [0])
    return run(reference_interpreter(model_content=model), values, 1)


@pytest.mark.parametrize("operator, function", [
    (OPERATORS.LOGISTIC, interpolated_sigmoid), (OPERATORS.TANH, interpolated_tanh)])
def test_functions_of_16_bits(operator, function):
    """Every input there is."""
    q = np.arange(-32768, 32768)
    found = unary(operator, 3, TYPES.INT16, q, (2.0**-12, 0), (2.0**-15, 0))
    np.testing.assert_array_equal(function(q, sigmoid_table()), found)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("operator, function, output", [
    (OPERATORS.LOGISTIC, sigmoid, (1 / 256, -128)), (OPERATORS.TANH, np.tanh, (1 / 128, 0))])
@pytest.mark.parametrize("scale, zero_point", [
    (0.05, 3), (0.1, -128), (1 / 16, 0), (0.0173, 127), (3.7, 5)])
def test_functions_of_8_bits(operator, function, output, scale, zero_point):
    found = unary(operator, 2, TYPES.INT8, INT8, (scale, zero_point), output)
    table = function_table(function, input_scale=scale, input_zero_point=zero_point,
                           output_scale=output[0], output_zero_point=output[1])
    np.testing.assert_array_equal(table, found)


@pytest.mark.parametrize("operator, version, options, constants", [
    (OPERATORS.ADD, 2, "AddOptions", add_constants),
    (OPERATORS.MUL, 2, "MulOptions", multiply_constants)])
def test_vectors_of_8_bits(operator, version, options, constants):
    """All pairs of operands, for scales that differ by up to a hundred times."""
    rng = np.random.default_rng(4)
    a, b = (values.ravel() for values in np.meshgrid(INT8, INT8))
    saturated = 0
    for _ in range(12):
        scales = np.float32(np.exp(rng.uniform(-4, 0, 3)))
        zero_points = rng.integers(-128, 128, 3)
        tensors = [tensor(name, (1, len(a)), TYPES.INT8, buffer=name == "b", scale=scale,
                          zero_point=zero_point)
                   for name, scale, zero_point in zip("aby", scales, zero_points, strict=True)]
        model = one_operator_model(
            operator, version, tensors, [0, 1], [b.astype(np.int8).tobytes()],
            builtinOptionsType=getattr(schema.BuiltinOptions, options),
            builtinOptions=make(getattr(schema, f"{options}T")))
        found = run(reference_interpreter(model_content=model), a, 2)

        (table_a, table_b), chain = constants(
            *zip(scales[:2], zero_points[:2], strict=True), scales[2])
        x, y = table_a[a + 128], table_b[b + 128]
        sums, saturations = requantise(x + y if operator == OPERATORS.ADD else x * y, *chain)
        assert saturations == 0
        np.testing.assert_array_equal(np.clip(sums + zero_points[2], -128, 127), found)
        saturated += np.count_nonzero(np.abs(found) >= 127)
    assert saturated > 1000


@pytest.mark.parametrize("height, width", [(1, 1), (2, 2), (3, 2), (3, 3), (5, 1), (25, 5), (8, 8)])
def test_average_pooling(height, width):
    """Random windows, and those whose mean is a tie."""
    rng = np.random.default_rng(height)
    count, channels = height * width, 512
    windows = rng.integers(-128, 128, (count, channels))
    windows[:, ::2] = rng.integers(-3, 3, (count, channels // 2))
    model = one_operator_model(
        OPERATORS.AVERAGE_POOL_2D, 2, [
            tensor("x", (1, height, width, channels), TYPES.INT8, scale=0.1, zero_point=7),
            tensor("y", (1, 1, 1, channels), TYPES.INT8, scale=0.1, zero_point=7)], [0],
        builtinOptionsType=schema.BuiltinOptions.Pool2DOptions,
        builtinOptions=make(schema.Pool2DOptionsT, padding=schema.Padding.VALID, strideH=1,
                            strideW=1, filterHeight=height, filterWidth=width))
    found = run(reference_interpreter(model_content=model), windows, 1)
    sums = windows.sum(axis=0)
    np.testing.assert_array_equal(requantise(sums, *average_multiplier(count))[0], found)
    ties = np.count_nonzero(np.abs(sums) % count * 2 == count)
    assert ties > 2 or count % 2


@pytest.mark.parametrize("width", [8, 16])
def test_means_are_exact(width):
    """Every sum near a tie or the ends, for every count."""
    top = 1 << width - 1
    for count in [*range(1, 182), 1024, *([2000, 2896] if width == 8 else [])]:
        near = np.arange(-top, top, max(1, top // 200))[:, None] * count + count // 2
        sums = np.clip(near + np.arange(-2, 3), -top * count, (top - 1) * count)
        mean = np.sign(sums) * ((2 * np.abs(sums) + count) // (2 * count))
        np.testing.assert_array_equal(
            requantise(sums, *average_multiplier(count, width=width))[0], mean)


def test_means_that_are_refused():
    for count, width in ((0, 8), (182, 16), (2897, 8), (1 << 25, 8)):
        with pytest.raises(ValueError, match=f"mean of {count} "):
            average_multiplier(count, width=width)
    assert average_multiplier(1 << 24)[2] == 24
