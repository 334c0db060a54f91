"""Layers of dense networks against TensorFlow Lite's reference kernels, and the core with them."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from golden.fixed import quantise_multiplier
from golden.systolic.compile import compile_network
from golden.systolic.execute import execute
from golden.systolic.geometry import DenseGeometry
from golden.systolic.integer_layers import whole_range
from golden.systolic.layers import Conv2D, DepthwiseConv2D, Ending, Kernel
from golden.systolic.network import DenseNetwork
from sim_tests.bench.litert import (
    TYPES,
    make,
    one_operator_model,
    reference_interpreter,
    run,
    tensor,
)


def same_padding(length, size, stride, dilation):
    """What TensorFlow adds before and behind, so that ``ceil(length / stride)`` places remain."""
    missing = max(0, (-(-length // stride) - 1) * stride + (size - 1) * dilation + 1 - length)
    return missing // 2, missing - missing // 2


@pytest.mark.parametrize("depthwise", [False, True], ids=["full", "depthwise"])
@pytest.mark.parametrize("shape, size, stride, dilation", [
    ((9, 7, 5), (3, 3), (1, 1), (1, 1)), ((8, 8, 3), (3, 3), (2, 2), (1, 1)),
    ((10, 4, 8), (10, 4), (1, 1), (1, 1)), ((7, 9, 12), (1, 1), (2, 2), (1, 1)),
    ((9, 9, 2), (3, 2), (1, 1), (2, 3)), ((25, 5, 1), (10, 4), (2, 2), (1, 1))])
def test_convolutions(shape, size, stride, dilation, depthwise):
    """A scale of its own for each channel, zero points, padding, ReLU6; layer and program."""
    rng = np.random.default_rng(shape[0])
    outputs = shape[2] if depthwise else 11
    input_scale, output_scale = np.float32(0.037), np.float32(6 / 255)
    zero, zero_out = int(rng.integers(-128, 128)), -128
    inputs = np.prod(size) * (1 if depthwise else shape[2])
    scales = np.float32(rng.uniform(0.2, 1, outputs) / (60 * np.sqrt(inputs)))
    filter_shape = (*size, outputs) if depthwise else (outputs, *size, shape[2])
    weights, bias = rng.integers(-127, 128, filter_shape), rng.integers(-900, 900, outputs)
    padding = tuple(same_padding(*axis)
                    for axis in zip(shape, size, stride, dilation, strict=False))
    kernel = Kernel(size=size, stride=stride, dilation=dilation, padding=padding)

    kind = "DepthwiseConv2DOptions" if depthwise else "Conv2DOptions"
    tensors = [
        tensor("x", (1, *shape), TYPES.INT8, scale=input_scale, zero_point=zero),
        tensor("w", (1, *filter_shape) if depthwise else filter_shape, TYPES.INT8, buffer=1,
               scale=scales),
        tensor("b", (outputs,), TYPES.INT32, buffer=2, scale=input_scale * scales),
        tensor("y", (1, *kernel.output_size(shape), outputs), TYPES.INT8, scale=output_scale,
               zero_point=zero_out)]
    if depthwise:
        tensors[1].quantization.quantizedDimension = 3
    model = one_operator_model(
        schema.BuiltinOperator.DEPTHWISE_CONV_2D if depthwise else schema.BuiltinOperator.CONV_2D,
        3, tensors, [0, 1, 2], [weights.astype(np.int8).tobytes(), bias.astype("<i4").tobytes()],
        builtinOptionsType=getattr(schema.BuiltinOptions, kind),
        builtinOptions=make(
            getattr(schema, f"{kind}T"), padding=schema.Padding.SAME, strideH=stride[0],
            strideW=stride[1], dilationHFactor=dilation[0], dilationWFactor=dilation[1],
            fusedActivationFunction=schema.ActivationFunctionType.RELU6,
            **({"depthMultiplier": 1} if depthwise else {})))
    x = rng.integers(-128, 128, (1, *shape))
    found = run(reference_interpreter(model_content=model), x, 3)

    factors = float(input_scale) * scales.astype(np.float64) / float(output_scale)
    multiplier, left, right = np.array([quantise_multiplier(factor) for factor in factors]).T
    layer = (DepthwiseConv2D if depthwise else Conv2D)(
        name="y", inputs=("x",), weights=weights, bias=bias, input_zero_point=zero, kernel=kernel,
        ending=Ending(multiplier=multiplier, left_shift=left, right_shift=right,
                      zero_point=zero_out, **whole_range(zero_out, 8, relu=True)))
    network = DenseNetwork(inputs={"x": shape}, layers=(layer,))
    expected = network.run({"x": x})[0]["y"]
    np.testing.assert_array_equal(expected.ravel(), found)
    assert len(np.unique(found)) > 10

    compiled = compile_network(network, DenseGeometry(weight_depth=1 << 13))
    result = execute(compiled.load({"x": x}))
    np.testing.assert_array_equal(compiled.read(result.unified, "y").ravel(), found)
