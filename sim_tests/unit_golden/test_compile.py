"""Compiled programs against the plain definition of the layers."""

import dataclasses

import numpy as np
import pytest

from golden.formats import Operation
from golden.systolic.compile import compile_network
from golden.systolic.execute import execute
from golden.systolic.geometry import DenseGeometry
from golden.systolic.image import pack_elements
from golden.systolic.instructions import decode
from golden.systolic.layers import (
    Add,
    Conv2D,
    Ending,
    FullyConnected,
    Kernel,
    MaxPool,
    Reshape,
)
from golden.systolic.matmul import matmul_geometry, matmul_program
from golden.systolic.network import DenseNetwork
from golden.systolic.schedule import pieces
from sim_tests.bench.random_dense import random_dense_inputs, random_dense_network

LARGE = {"weight_depth": 1 << 15, "parameter_depth": 4096, "program_depth": 8192}

GEOMETRIES = [
    DenseGeometry(operand_tables=3, **LARGE),
    DenseGeometry(rows=4, columns=6, lanes=4, operand_tables=3, accumulator_depth=64, **LARGE),
    DenseGeometry(rows=2, columns=3, lanes=1, operand_tables=3, accumulator_depth=40,
                  **LARGE | {"weight_depth": 1 << 17}),
    DenseGeometry(rows=16, columns=5, lanes=2, activation_width=6, weight_width=5,
                  operand_tables=3, **LARGE),
    DenseGeometry(rows=8, columns=8, lanes=4, activation_width=16, operand_tables=0, **LARGE),
    DenseGeometry(rows=5, columns=16, lanes=8, activation_width=12, weight_width=10,
                  operand_tables=0, function_tables=0, **LARGE),
]


@pytest.mark.parametrize("geometry", GEOMETRIES,
                         ids=lambda g: f"{g.rows}x{g.columns}x{g.activation_width}")
def test_random_networks(geometry):
    """Every tensor that is ever in the unified buffer, with one input and with several."""
    rng = np.random.default_rng(geometry.rows)
    kinds, compared, pooled, shared = set(), 0, 0, 0
    for number in range(40):
        batch = int(rng.choice([1, 1, 2, 3]))
        network = random_dense_network(rng, geometry)
        inputs = random_dense_inputs(rng, network, batch)
        expected, saturations = network.run(inputs)
        keep = number % 2 == 0
        compiled = compile_network(network, geometry, batch=batch, keep=keep,
                                   least_rows=int(rng.choice([1, 5, 16])))
        result = execute(compiled.load(inputs))
        assert not result.fault
        names = [name for name in network.shapes if name in compiled.places]
        for name in names if keep else network.outputs:
            np.testing.assert_array_equal(
                compiled.read(result.unified, name), expected[name], name)
            compared += 1
        absent = [name for name in network.shapes if name not in compiled.places]
        assert result.saturations == saturations or absent
        pooled += len(absent)
        kinds |= {type(layer).__name__ for layer in network.layers}
        used = len({place.address for place in compiled.places.values()})
        shared += not keep and used < len(compiled.places)
    assert compared > 100 and pooled > 1 and shared > 5
    assert len(kinds) >= 10 - (geometry.function_tables == 0)


@pytest.mark.parametrize("m, k, n", [(1, 1, 1), (64, 64, 64), (7, 100, 3), (130, 9, 17)])
@pytest.mark.parametrize("rows, columns", [(8, 8), (16, 4), (2, 3)])
def test_products_of_matrices(m, k, n, rows, columns):
    rng = np.random.default_rng(m)
    geometry = DenseGeometry(rows=rows, columns=columns)
    geometry = dataclasses.replace(geometry, **matmul_geometry(m, k, n, geometry))
    weights = rng.integers(-128, 128, (k, n))
    compiled = matmul_program(m, k, n, geometry, weights=weights, right_shift=9)
    a = rng.integers(-128, 128, (m, k))
    result = execute(compiled.load({"a": a}))
    sums = a @ weights
    rounded = np.sign(sums) * (np.abs(sums) + 256 >> 9)
    np.testing.assert_array_equal(compiled.read(result.unified, "c"), np.clip(rounded, -128, 127))
    # Every weight of a column is useful, in as many pieces as the rows are cut into.
    assert result.useful_macs == m * k * n
    assert not result.fault and result.saturations == 0


def test_few_instructions():
    """One Read_Weights for all blocks but for the pieces that read their tiles again."""
    compiled = matmul_program(64, 64, 64, DenseGeometry())
    operations = [decode(words).operation for words in compiled.memories.program]
    assert operations.count(Operation.SET_CONFIGURATION) == 2
    assert operations.count(Operation.READ_WEIGHTS) == 3
    assert operations.count(Operation.MATRIX_MULTIPLY) == 7 + 3
    # Nothing but the configuration of the source stands before the first weights.
    assert operations[1] == Operation.READ_WEIGHTS


def test_cuts_of_a_block():
    assert pieces(64, 8, 4, 16) == [16, 32, 16]
    assert pieces(256, 32, 4, 16) == [112, 128, 16]
    assert pieces(64, 1, 4, 16) == [16, 48]
    assert pieces(15, 8, 4, 16) == [15]
    for rows in range(1, 300, 7):
        for fill, drain in ((1, 1), (3, 7), (9, 2)):
            cut = pieces(rows, fill, drain, 8)
            assert sum(cut) == rows and min(cut) >= min(rows, 8)


def small_network(**changes):
    """Two convolutions, the second pooled, an addition around it, and a layer of all."""
    rng = np.random.default_rng(7)
    same = Kernel(size=(3, 3), padding=((1, 1), (1, 1)))
    ending = Ending(right_shift=9)
    layers = (
        Conv2D(name="conv", inputs=("x",), weights=rng.integers(-128, 128, (4, 3, 3, 4)),
               bias=np.arange(4), kernel=same, ending=ending),
        Add(name="sum", inputs=("x", "conv"), ending=Ending(right_shift=1),
            operands=np.stack([np.arange(-128, 128)] * 2)),
        Conv2D(name="wide", inputs=("sum",), weights=rng.integers(-128, 128, (9, 3, 3, 4)),
               bias=np.arange(9), kernel=same, ending=ending),
        MaxPool(name="pool", inputs=("wide",), kernel=Kernel(size=(2, 2), stride=(2, 2))),
        Reshape(name="flat", inputs=("pool",), shape=(144,)),
        FullyConnected(name="fc", inputs=("flat",), weights=rng.integers(-128, 128, (10, 144)),
                       bias=np.arange(10), ending=ending))
    return DenseNetwork(**{"inputs": {"x": (8, 8, 4)}, "layers": layers} | changes)


def test_inputs_and_outputs_may_be_streamed():
    network = small_network(outputs=("sum", "fc"))
    geometry = DenseGeometry()
    inputs = random_dense_inputs(np.random.default_rng(1), network, 2)
    compiled = compile_network(network, geometry, batch=2, stream=True)
    result = execute(compiled.memories, host_input=pack_elements(inputs["x"], geometry))
    assert not result.fault
    expected, _ = network.run(inputs)
    assert [tag for tag, _ in result.packets] == [0, 1]
    for name, (_, elements) in zip(network.outputs, result.packets, strict=True):
        np.testing.assert_array_equal(elements, expected[name].ravel())


@pytest.mark.parametrize("change, problem", [
    ({"unified_depth": 512}, r"'sum': .* unified_depth=512; set unified_depth=1024"),
    ({"weight_depth": 100}, r"'wide': its weights end at row 144 of weight_depth=100; set "
                            r"weight_depth=192"),
    ({"parameter_depth": 16}, r"'fc': its parameters end at channel 18 of parameter_depth=16; "
                              r"set parameter_depth=32"),
    ({"program_depth": 16}, r"program has \d\d instructions of program_depth=16; set"),
    ({"accumulator_depth": 15}, r"'wide': .* 16 accumulators, of accumulator_depth=15; set "
                                r"accumulator_depth=32"),
    ({"operand_tables": 0}, r"'sum': .*operand_tables, which are 0; set operand_tables=1"),
    ({"weight_width": 7}, r"'conv': weights from -12\d to 12\d do not fit weight_width=7"),
    ({"activation_width": 7}, r"8 bits, the core activation_width=7"),
])
def test_what_does_not_fit_is_named(change, problem):
    compile_network(small_network(), DenseGeometry())
    with pytest.raises(ValueError, match=problem):
        compile_network(small_network(), DenseGeometry(**change))


def test_sums_that_might_saturate_are_refused():
    layer = FullyConnected(name="long", inputs=("x",), weights=np.full((1, 600), 127),
                           bias=np.zeros(1, int), ending=Ending(low=-32768, high=32767))
    network = DenseNetwork(inputs={"x": (600,)}, layers=(layer,), width=16)
    geometry = DenseGeometry(activation_width=16, operand_tables=0)
    with pytest.raises(ValueError, match="'long': its sums may reach .* narrower weights"):
        compile_network(network, geometry)


def test_networks_are_checked():
    fc = FullyConnected(name="fc", inputs=("x",), weights=np.ones((2, 3), int),
                        bias=np.zeros(2, int))
    for layers, problem in (
            ((dataclasses.replace(fc, inputs=("y",)),), "'fc' takes 'y', which is neither"),
            ((fc, fc), "two tensors of the name 'fc'|do not go"),
            ((dataclasses.replace(fc, weights=np.ones((2, 4), int)),),
             "'fc': weights for 4 inputs")):
        with pytest.raises(ValueError, match=problem):
            DenseNetwork(inputs={"x": (3,)}, layers=layers)
    network = DenseNetwork(inputs={"x": (3,)}, layers=(fc,))
    for inputs, problem in (({"y": np.zeros((1, 3), int)}, "takes"),
                            ({"x": np.zeros((1, 2), int)}, "of shape"),
                            ({"x": np.full((1, 3), 128)}, "within 8 bits")):
        with pytest.raises(ValueError, match=problem):
            network.run(inputs)
