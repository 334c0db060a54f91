"""golden.fixed against TensorFlow Lite's own reference kernels, bit for bit.

The kernel asked is CONV_2D. FULLY_CONNECTED would be the natural one, but LiteRT's reference for it
has left integer arithmetic: in 2.3.0 it computes ``round(sum * scale)`` in double precision (see
https://github.com/google-ai-edge/LiteRT/issues/8567, open), while every other kernel kept
MultiplyByQuantizedMultiplier. A 1 x 1 convolution of one pixel is the same layer. The last test
holds both statements to account.
"""

import os
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from golden.fixed import INT32_MAX, INT32_MIN, quantise_multiplier, requantise
from golden.quantisation import quantise
from sim_tests.bench.litert import (
    TYPES,
    make,
    one_operator_model,
    reference_interpreter,
    run,
    tensor,
)


def convolution(weights, bias, *, input_scale, weight_scales, output_scale, input_zero_point=0,
                output_zero_point=0):
    """Interpreter of a 1 x 1 convolution of one pixel: int8 weights (rows, columns), int32 bias."""
    rows, columns = weights.shape
    model = one_operator_model(
        schema.BuiltinOperator.CONV_2D, 3, [
            tensor("input", (1, 1, 1, columns), TYPES.INT8, scale=input_scale,
                   zero_point=input_zero_point),
            tensor("weights", (rows, 1, 1, columns), TYPES.INT8, buffer=1, scale=weight_scales),
            tensor("bias", (rows,), TYPES.INT32, buffer=2,
                   scale=np.float32(input_scale) * np.float32(weight_scales)),
            tensor("output", (1, 1, 1, rows), TYPES.INT8, scale=output_scale,
                   zero_point=output_zero_point),
        ], [0, 1, 2], [weights.astype(np.int8).tobytes(), bias.astype("<i4").tobytes()],
        builtinOptionsType=schema.BuiltinOptions.Conv2DOptions,
        builtinOptions=make(schema.Conv2DOptionsT, strideH=1, strideW=1, dilationHFactor=1,
                            dilationWFactor=1))
    return reference_interpreter(model_content=model)


def multipliers(factors):
    """`quantise_multiplier` of many factors, as three arrays."""
    return np.array([quantise_multiplier(factor) for factor in factors]).T


@pytest.mark.parametrize("factors", ["random", "power of two", "above one"])
def test_requantise(factors):
    """Sums at, around and between ties; a factor of its own for each, from 2**-24 to 2**10."""
    rng = np.random.default_rng(2)
    compared = ties = 0
    for _ in range(12):
        size, output_scale, input_scale = 4096, np.float32(0.5), np.float32(0.25)
        exponents = rng.uniform(-24, 0, size)
        if factors == "power of two":           # which makes exact ties
            exponents = rng.integers(-24, 0, size)
        elif factors == "above one":
            exponents = rng.uniform(0, 10, size)
        scales = np.float32(np.exp2(exponents) * output_scale / input_scale)
        real = float(input_scale) * scales.astype(np.float64) / float(output_scale)
        # Outputs spread over twice the range of int8, a half of them at a tie or one beside it.
        outputs = rng.uniform(-256, 256, size)
        outputs[::2] = np.floor(outputs[::2]) + 0.5
        sums = np.rint(outputs / real) + rng.integers(-1, 2, size)
        if factors != "above one":              # there TensorFlow Lite would wrap
            sums[:64] = rng.choice([INT32_MAX, INT32_MIN, INT32_MAX - 1, INT32_MIN + 1], 64)
        sums = np.clip(sums, INT32_MIN, INT32_MAX).astype(np.int64)
        zero_point = int(rng.integers(-128, 128))
        found = run(convolution(
            np.zeros((size, 1)), sums, input_scale=input_scale, weight_scales=scales,
            output_scale=output_scale, output_zero_point=zero_point), [0], 3)
        y, saturations = requantise(sums, *multipliers(real))
        assert saturations == 0
        np.testing.assert_array_equal(found, np.clip(y + zero_point, -128, 127))
        compared += size
        ties += int(np.count_nonzero(np.abs(np.modf(sums * real)[0]) == 0.5))
    assert compared == 12 * 4096
    assert ties > 5000 or factors != "power of two"


def test_quantise():
    """AffineQuantize of float32 numbers, ties included."""
    rng = np.random.default_rng(5)
    for scale, zero_point in ((0.0371, -7), (0.5, 0), (3.0, 100)):
        interpreter = reference_interpreter(model_content=one_operator_model(
            schema.BuiltinOperator.QUANTIZE, 1, [
                tensor("real", (1, 4096), TYPES.FLOAT32),
                tensor("q", (1, 4096), TYPES.INT8, scale=scale, zero_point=zero_point)], [0]))
        real = (scale * rng.uniform(-300, 300, 4096)).astype(np.float32)
        real[::2] = np.float32(scale) * (np.floor(rng.uniform(-130, 130, 2048)) + 0.5)
        q, saturations = quantise(real, scale, zero_point, low=-128, high=127)
        assert saturations > 0
        np.testing.assert_array_equal(run(interpreter, real, 1), q)


def test_every_layer_of_the_anomaly_detector():
    """MLPerf Tiny's AD model, each layer as the convolution that it is."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    path = Path(os.environ.get("WEFT_DATA", beside)) / "mlperf_tiny" / "ad01_int8.tflite"
    if not path.exists():
        pytest.skip(f"MLPerf Tiny's model is not at {path}; set WEFT_DATA to where the data is")
    model = reference_interpreter(model_path=str(path), experimental_preserve_all_tensors=True)
    details = {detail["index"]: detail for detail in model.get_tensor_details()}
    layers = [op for op in model._get_ops_details() if op["op_name"] == "FULLY_CONNECTED"]
    assert len(layers) == 10
    rng = np.random.default_rng(4)
    compared = float_differs = 0
    for _ in range(4):
        detail = model.get_input_details()[0]
        run(model, rng.integers(-128, 128, detail["shape"]), detail["index"])
        for op in layers:
            a, weights, bias = (model.get_tensor(i).astype(np.int64) for i in op["inputs"])
            (scale_a, zero_a), (scale_w, _) = (
                details[i]["quantization"] for i in op["inputs"][:2])
            scale_y, zero_y = details[op["outputs"][0]]["quantization"]
            found = run(convolution(
                weights, bias, input_scale=scale_a, weight_scales=scale_w, output_scale=scale_y,
                input_zero_point=zero_a, output_zero_point=zero_y), a, 3)

            sums = weights @ (a.ravel() - zero_a) + bias
            factor = float(scale_a) * float(scale_w) / float(scale_y)
            y, _ = requantise(sums, *quantise_multiplier(factor))
            np.testing.assert_array_equal(found, np.clip(y + zero_y, -128, 127))
            compared += found.size

            # FULLY_CONNECTED itself: in floats, at most one apart. Its ReLU clamps at the zero
            # point; the last layer has none.
            low = -128 if op is layers[-1] else zero_y
            in_float = np.copysign(np.floor(np.abs(sums * factor) + 0.5), sums)
            fully_connected = model.get_tensor(op["outputs"][0]).ravel()
            np.testing.assert_array_equal(
                fully_connected, np.clip(in_float + zero_y, low, 127))
            difference = np.clip(y + zero_y, low, 127) - fully_connected
            assert np.abs(difference).max() <= 1
            float_differs += int(np.count_nonzero(difference))
    assert compared == 4 * sum(details[op["outputs"][0]]["shape"][-1] for op in layers)
    assert 0 < float_differs < compared / 50
