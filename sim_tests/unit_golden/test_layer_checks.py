"""Layers and networks that no core could run are refused when they are made, by name."""

import numpy as np
import pytest

from golden.systolic.archive import write_dense_network
from golden.systolic.layers import (
    Add,
    AveragePool,
    Concat,
    Conv2D,
    DepthwiseConv2D,
    Ending,
    FullyConnected,
    Kernel,
    Lookup,
    MaxPool,
)
from golden.systolic.network import DenseNetwork


def fully(**changes):
    return FullyConnected(**{"name": "l", "inputs": ("x",), "weights": np.ones((2, 4), int),
                             "bias": np.zeros(2, int)} | changes)


def ending(**changes):
    return fully(ending=Ending(**changes))


def picture(class_=Conv2D, shape=(2, 1, 1, 4), **kernel):
    return class_(name="l", inputs=("x",), weights=np.ones(shape, int), bias=np.zeros(2, int),
                  kernel=Kernel(**kernel))


TABLES = np.stack([np.arange(-128, 128)] * 2)
#: By what is wrong: the layer, and what is said.
WRONG = {
    "two inputs": (fully(inputs=("x", "x")), "it takes 1 input, not 2"),
    "one operand": (Add(name="l", inputs=("x",), operands=TABLES, ending=Ending()),
                    "it takes 2 inputs, not 1"),
    "no vector": (Concat(name="l", inputs=()), "it takes 1 input, not 0"),
    "float weights": (fully(weights=np.ones((2, 4))), "weights are an array of integers"),
    "no array": (fully(bias=0), "bias are an array of integers, not int"),
    "no weights": (fully(weights=np.ones((2, 0), int)), "weights are an array of integers"),
    "bias": (fully(bias=np.zeros(3, int)), r"bias is of shape \(3,\), not \(2,\)"),
    "bias of a channel": (picture(DepthwiseConv2D, (1, 1, 4)), r"bias is .* not \(4,\)"),
    "stride": (picture(stride=(0, 1)), "stride is two numbers from 1 on"),
    "dilation": (picture(dilation=(1,)), "dilation is two numbers from 1 on"),
    "padding": (picture(padding=((-1, 0), (0, 0))), "padding is two pairs of numbers from 0 on"),
    "pool": (MaxPool(name="l", inputs=("x",), kernel=Kernel(size=(0, 1))), "size is two numbers"),
    "mean": (AveragePool(name="l", inputs=("x",), kernel=Kernel(), ending=Ending(zero_point=3)),
             "its ending has a zero point"),
    "multiplier": (ending(multiplier=-5), "multiplier is from 0 to .*, not from -5 to -5"),
    "float multiplier": (ending(multiplier=.5), "multiplier is an integer, or one for each of 2"),
    "multipliers": (ending(multiplier=np.ones(3, int)), "multiplier is .* one for each of 2"),
    "left": (ending(left_shift=32), "left_shift is from 0 to 31, not from 32 to 32"),
    "right": (ending(right_shift=np.array([1, 77])), "right_shift is .* not from 1 to 77"),
    "function": (ending(function="relu"), "function is sigmoid, tanh or a table, not 'relu'"),
    "width": (ending(function="tanh"), "'tanh' is a function of 16 bits, not of 8"),
    "table": (ending(function=np.arange(10)), "a table of 10 values is no function of 8 bits"),
    "values": (Lookup(name="l", inputs=("x",), ending=Ending(function=np.arange(256) * 3)),
               "its function is from 0 to 765, not within 8 bits"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_layer_is_refused(what):
    layer, message = WRONG[what]
    shape = (4,) if isinstance(layer, (FullyConnected, Add, Concat)) else (2, 2, 4)
    with pytest.raises(ValueError, match=f"^Layer 'l': {message}"):
        DenseNetwork(inputs={"x": shape}, layers=(layer,))


@pytest.mark.parametrize("fields, message", [
    ({"inputs": {"x": 4}}, "Input 'x' has a shape such as"),
    ({"inputs": {"x": (4, 0)}}, "Input 'x' has a shape such as"),
    ({"scales": {"y": (1.0, 0)}}, "a scale of 'y', which is no input"),
    ({"scales": {"x": 1.0}}, "Input 'x' has a positive scale and a zero point, not 1.0"),
    ({"scales": {"x": (0.0, 0)}}, "Input 'x' has a positive scale"),
    ({"layers": (fully(name=7),)}, "A name is text that can be printed, not 7"),
    ({"layers": (fully(name="a\0b"),)}, "A name is text that can be printed"),
    ({"layers": (fully(name="a\ud800"),)}, "A name is text that can be printed"),
    ({"layers": (fully(name=""),)}, "A name is text that can be printed"),
])
def test_a_network_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        DenseNetwork(**{"inputs": {"x": (4,)}, "layers": (fully(),)} | fields)


def test_an_archive_holds_integers(tmp_path):
    network = DenseNetwork(inputs={"x": (4,)}, layers=(fully(),))
    object.__setattr__(network.layers[0], "weights", np.full((2, 4), .5))
    with pytest.raises(ValueError, match="Arrays of a dense network are integers, not float64"):
        write_dense_network(network, tmp_path / "net.npz")
