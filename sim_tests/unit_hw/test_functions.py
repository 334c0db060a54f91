# amaranth: UnusedElaboratable=no

"""Activation functions by table and by interpolation, a lane each."""

import numpy as np
import pytest

from golden.systolic.functions import interpolated_sigmoid, interpolated_tanh, sigmoid_table
from hw.systolic.function_table import FunctionTable
from hw.systolic.sigmoid_interpolator import SigmoidInterpolator
from sim_tests.bench.simulate import simulate


def results(dut, table, function, inputs):
    """Load a table and put inputs through, one a cycle."""
    seen = []

    async def bench(ctx):
        ctx.set(dut.load, 1)
        for address, value in enumerate(table):
            ctx.set(dut.load_address, address)
            ctx.set(dut.load_data, int(value) & 0xFFFF)
            await ctx.tick()
        ctx.set(dut.load, 0)
        ctx.set(dut.selection, function)
        await ctx.tick().repeat(2)
        for value in [*inputs, *[0] * dut.latency]:
            ctx.set(dut.argument, int(value))
            _, _, result = await ctx.tick().sample(dut.result)
            seen.append(result)

    simulate(dut, bench)
    return seen[dut.latency:]


@pytest.mark.parametrize("width, tables", [(8, 3), (4, 1), (2, 7)])
def test_tables(width, tables):
    rng = np.random.default_rng(width)
    half = 1 << width - 1
    values = rng.integers(-half, half, (tables, 2 * half))
    inputs = rng.permutation(np.arange(-half, half))
    dut = FunctionTable(width=width, tables=tables)
    assert results(dut, values.ravel(), 0, inputs) == inputs.tolist()
    for number in range(tables):
        expected = values[number, inputs + half].tolist()
        assert results(dut, values.ravel(), number + 1, inputs) == expected


@pytest.mark.parametrize("table", ["sigmoid", "random"])
def test_interpolation(table):
    """TensorFlow Lite's kernels; and whatever else a table holds."""
    rng = np.random.default_rng(2)
    table = sigmoid_table() if table == "sigmoid" else rng.integers(0, 1 << 16, 256)
    inputs = np.concatenate([rng.integers(-32768, 32768, 500), np.arange(-5, 6),
                             [-32768, -32767, 32767, 21759, 21760, 21761, -21760, -21761]])
    dut = SigmoidInterpolator()
    for function, kernel in ((1, interpolated_sigmoid), (2, interpolated_tanh)):
        assert results(dut, table, function, inputs) == kernel(inputs, table).tolist()
    assert results(dut, table, 0, inputs) == inputs.tolist()


def test_known_values():
    """0 is half way for the sigmoid and 0 for tanh; both end at 1."""
    dut = SigmoidInterpolator()
    assert results(dut, sigmoid_table(), 1, [0, 32767, -32768]) == [16384, 32757, 11]
    assert results(dut, sigmoid_table(), 2, [0, 32767, -32768]) == [0, 32767, -32767]


def test_parameters_are_checked():
    with pytest.raises(ValueError, match="from 2 to 8 bits, not 9"):
        FunctionTable(width=9, tables=1)
    with pytest.raises(ValueError, match="a table at least, not 0"):
        FunctionTable(width=8, tables=0)
