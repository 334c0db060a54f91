"""A convolution of a network of integers against TensorFlow Lite's reference kernel."""

from dataclasses import replace

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from golden.fixed import quantise_multiplier
from golden.networks.forward import measure_ranges
from golden.networks.graph import Conv, Graph
from golden.networks.integer import forward_integer
from golden.networks.quantised import quantise_int8
from sim_tests.bench.litert import (
    TYPES,
    make,
    one_operator_model,
    reference_interpreter,
    run,
    tensor,
)


@pytest.mark.parametrize(("kernel", "relu"), [(3, True), (3, False), (1, True)])
def test_a_convolution(kernel, relu):
    """Weights with a scale for each filter, one of them without weights; a border of zeros."""
    rng = np.random.default_rng(kernel)
    node = Conv("y", "data", 5, 7, kernel, padding=kernel // 2, relu=relu)
    graph = Graph("one", (5, 8, 9), (node,))
    weights = rng.normal(0, 0.2, node.weight_shape)
    weights[3] = 0
    real = {"y": (weights, rng.normal(size=7))}
    images = rng.uniform(-1, 3, (1, 5, 8, 9))
    network = quantise_int8(graph, real, measure_ranges(graph, real, images))

    # Its files have scales of 32 bits.
    source, target = network.scales["data"], network.scales["y"]
    conv = network.convolutions["y"]
    scales = [np.float64(np.float32(scale)) for scale in (
        source.scale, conv.weight_scale, target.scale)]
    factors = np.array([quantise_multiplier(factor)
                        for factor in (scales[0] * scales[1] / scales[2]).tolist()]).T
    conv = replace(conv, **dict(zip(("multiplier", "left_shift", "right_shift"), factors,
                                    strict=True)))
    network = replace(network, convolutions={"y": conv})

    model = one_operator_model(
        schema.BuiltinOperator.CONV_2D, 3, [
            tensor("x", (1, 8, 9, 5), TYPES.INT8, scale=scales[0], zero_point=source.zero_point),
            tensor("w", (7, kernel, kernel, 5), TYPES.INT8, buffer=1, scale=scales[1]),
            tensor("b", (7,), TYPES.INT32, buffer=2, scale=scales[0] * scales[1]),
            tensor("y", (1, 8, 9, 7), TYPES.INT8, scale=scales[2], zero_point=target.zero_point)],
        [0, 1, 2],
        [conv.weights.transpose(0, 2, 3, 1).tobytes(), conv.bias.astype("<i4").tobytes()],
        builtinOptionsType=schema.BuiltinOptions.Conv2DOptions,
        builtinOptions=make(
            schema.Conv2DOptionsT, padding=schema.Padding.SAME, strideH=1, strideW=1,
            dilationHFactor=1, dilationWFactor=1,
            fusedActivationFunction=schema.ActivationFunctionType.RELU if relu
            else schema.ActivationFunctionType.NONE))
    inputs = network.store(images)
    stored = (inputs + source.zero_point).transpose(0, 2, 3, 1)
    assert stored.min() >= -128 and stored.max() <= 127
    found = run(reference_interpreter(model_content=model), stored, 3).reshape(1, 8, 9, 7)
    outputs, _ = forward_integer(network, inputs)
    np.testing.assert_array_equal((outputs + target.zero_point).transpose(0, 2, 3, 1), found)
    assert len(np.unique(found)) > 50
