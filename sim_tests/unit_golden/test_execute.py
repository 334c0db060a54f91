"""The instruction-level model of the dense core against hand-worked cases and plain Python."""

import numpy as np
import pytest

from golden.fixed import MULTIPLIER_ONE
from golden.formats import Fault
from golden.systolic.assembler import assemble
from golden.systolic.execute import execute
from golden.systolic.geometry import DenseGeometry
from golden.systolic.memories import DenseMemories
from sim_tests.bench.plain_dense import PlainDense
from sim_tests.bench.random_programs import legal_run

SMALL = {"unified_depth": 256, "accumulator_depth": 40, "weight_depth": 256, "parameter_depth": 64}

GEOMETRIES = [
    DenseGeometry(rows=2, columns=2, lanes=1, **SMALL),
    DenseGeometry(rows=4, columns=3, lanes=2, **SMALL),
    DenseGeometry(rows=3, columns=8, lanes=4, activation_width=5, weight_width=4, **SMALL),
    DenseGeometry(rows=8, columns=4, lanes=4, activation_width=16, weight_width=16,
                  operand_tables=0, **SMALL),
    DenseGeometry(rows=5, columns=5, lanes=2, activation_width=12, weight_width=8,
                  function_tables=0, operand_tables=0, **SMALL),
    DenseGeometry(rows=7, columns=2, lanes=2, activation_width=2, weight_width=2, **SMALL),
]


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=lambda g: f"{g.rows}x{g.columns}")
def test_random_programs(geometry):
    """Everything that the core holds at the end is as plain Python has it."""
    rng = np.random.default_rng(geometry.rows)
    tiles = packets = saturations = useful = 0
    for _ in range(25):
        run = legal_run(rng, geometry, length=50)
        found = execute(run.memories, host_input=run.host_input)
        plain = PlainDense(run.memories, run.host_input).run()
        np.testing.assert_array_equal(found.unified, plain.unified)
        np.testing.assert_array_equal(found.accumulators, plain.accumulators)
        assert found.saturations == plain.saturations
        assert found.useful_macs == plain.useful_macs
        assert len(found.packets) == len(plain.packets)
        for (tag, elements), expected in zip(found.packets, plain.packets, strict=True):
            assert (tag, elements.tolist()) == expected
        assert not plain.host_input and found.input_words == len(run.host_input)
        assert found.fault == Fault.NONE and found.instructions == len(run.memories.program)
        tiles, packets = tiles + found.tiles, packets + len(found.packets)
        saturations, useful = saturations + found.saturations, useful + found.useful_macs
    assert tiles > 200 and packets > 5 and saturations > 10 and useful > 1000


def run_text(text, geometry=None, host_input=(), accumulators=None, **memories):
    """Assemble a program and run it with memories of which only the beginnings are given."""
    geometry = geometry or DenseGeometry(rows=2, columns=2, lanes=2, **SMALL)
    full = DenseMemories(geometry, program=assemble(text))
    for name, values in memories.items():
        memory, values = getattr(full, name), np.asarray(values)
        memory[tuple(slice(n) for n in values.shape)] = values
    return execute(full, host_input=host_input, accumulators=accumulators)


def test_a_product_by_hand():
    """[[1, 2, 3], [4, 5, 6]] times [[1, 0], [0, 1], [10, -10]]: two tiles, the last half full."""
    result = run_text("""
        Set_Configuration SOURCE line_length=3, line_stride=3, pad=99
        Set_Configuration DESTINATION stride=2, low=-40, high=127, zero_point=5
        Read_Weights tiles=2
        MatrixMultiply lines=2, tiles=2, last_column=1, accumulator=7
        Activate rows=2, last_column=1, accumulator=7, destination=10
        Write_Host_Memory tag=3, source=10, length=4
        Halt
        """, unified=[1, 2, 3, 4, 5, 6], weights=[[1, 0], [0, 1], [10, -10], [0, 0]])
    assert result.accumulators[7:9].tolist() == [[31, -28], [64, -55]]
    assert [(tag, q.tolist()) for tag, q in result.packets] == [(3, [36, -23, 69, -35])]
    # A row of the array of which the input does not exist is no useful work.
    assert (result.useful_macs, result.tiles, result.instructions) == (12, 2, 7)


def test_padding_is_multiplied():
    """Elements that do not exist read as `pad`, and weights may count on it."""
    result = run_text("""
        Set_Configuration SOURCE line_length=1, line_stride=1, pad=-3
        Read_Weights tiles=1
        MatrixMultiply lines=2, tiles=1, x=-1
        """, unified=[7, 8], weights=[[10, 1], [1, 10]])
    assert result.accumulators[:2].tolist() == [[-30 + 7, -3 + 70], [-30 + 8, -3 + 80]]
    assert result.useful_macs == 2


def test_a_convolution_by_hand():
    """A 3 x 3 picture, kernel 2 x 2 of ones, padding of one line above and one pixel left."""
    result = run_text("""
        Set_Configuration SOURCE line_length=3, line_stride=4, lines=3, taps=1
        Set_Configuration WINDOW pixels=3, x_step=1, y_step=1, dilation=1, run=2
        Read_Weights tiles=2
        Convolve lines=3, tiles=2, x=-1, y=-1
        """, unified=[1, 2, 3, 0, 4, 5, 6, 0, 7, 8, 9], weights=np.ones((4, 2)))
    assert result.accumulators[:9, 0].tolist() == [1, 3, 5, 5, 12, 16, 11, 24, 28]


def test_pooling_takes_the_largest_of_a_window():
    sums = np.zeros((40, 2))
    sums[4:12, 0] = [1, 5, 2, 0, -3, 4, 8, 9]
    sums[4:12, 1] = -np.arange(1, 9)
    result = run_text("""
        Set_Configuration DESTINATION stride=2, low=-128, high=127
        Set_Configuration POOL line_pixels=4, pixels=2, height=2, width=2, x_step=2, y_step=2
        Activate rows=1, pool=1, last_column=1, accumulator=4
        """, accumulators=sums)
    assert result.unified[:4].tolist() == [5, -1, 9, -3]


def test_sums_saturate_one_tile_after_the_other():
    """2**31 - 1 is left by the third tile, and the fourth comes down from there."""
    geometry = DenseGeometry(rows=2, columns=2, lanes=2, activation_width=16, weight_width=16,
                             operand_tables=0, **SMALL)
    result = run_text("""
        Set_Configuration SOURCE line_length=8, line_stride=8
        Read_Weights tiles=4
        MatrixMultiply lines=1, tiles=4
        """, geometry, unified=[-32768] * 8,
        weights=[[-32768, 1]] * 2 + [[-1, 1]] * 2 + [[-32768, 0]] * 2 + [[1, 0]] * 2)
    # The first tile alone is 2**31: one too many.
    assert result.accumulators[0].tolist() == [(1 << 31) - 1 - 65536, -2 * 65536]
    assert result.saturations == 3


def test_rows_of_results_that_overlap_are_written_in_order():
    result = run_text("""
        Set_Configuration DESTINATION stride=1, low=-128, high=127
        Activate rows=3, last_column=1
        """, accumulators=np.arange(80).reshape(40, 2))
    assert result.unified[:5].tolist() == [0, 2, 4, 5, 0]


def test_clamp_zero_point_and_function():
    """Bounds are of the centred result; the function sees what is stored."""
    functions = np.arange(-128, 128)[::-1]
    result = run_text("""
        Set_Configuration DESTINATION stride=1, low=-100, high=100, zero_point=-20
        Activate rows=4, function=1
        """, accumulators=np.repeat([[300], [-300], [100], [0]], 10, axis=0)[::10].repeat(
            2, 1)[np.arange(40) % 4],
        parameters=[[1, MULTIPLIER_ONE, 0, 1]], functions=functions)
    # (300 + 1) / 2 = 151 -> 100 - 20 = 80 -> -81; -149.5 -> -100 -> -120 (119); 51 -> 31; 1 -> -19
    assert result.unified[:4].tolist() == [-81, 119, -32, 18]


def test_vectors():
    """Tables give the operands; lane 1 has a channel of its own."""
    operands = np.zeros((2, 2, 256), int)
    operands[1, 0], operands[1, 1] = np.arange(256) - 128, 3 * (np.arange(256) - 128)
    common = "length=3, a=0, b=4, destination=0, tables=1"
    for operation, expected in (("Vector_Add", [13, 117, 19]), ("Vector_Multiply", [12, 127, 18])):
        result = run_text(f"""
            Set_Configuration DESTINATION parameters=2, low=-128, high=127
            {operation} {common}
            """, unified=[1, 2, 1, 0, 4, 5, 6],
            operands=operands, parameters=[[0, 0, 0, 0]] * 2 + [
                [0, MULTIPLIER_ONE, 0, 0], [100, MULTIPLIER_ONE, 0, 0]])
        assert result.unified[:3].tolist() == expected


def test_wide_operands_are_shifted():
    geometry = DenseGeometry(rows=2, columns=2, lanes=2, activation_width=16, operand_tables=0,
                             **SMALL)
    setup = "Set_Configuration DESTINATION low=-32768, high=32767\n"
    shifts = "Set_Configuration OPERANDS shift_a=1, shift_b=15\n"
    result = run_text(setup + shifts + "Vector_Add length=1, b=1, destination=2", geometry,
                      unified=[100, -1])
    assert result.unified[2] == 200 - 32768
    # 16-bit factors: 0x4000 << 1 is negative.
    setup = setup.replace("low", "parameters=2, low")
    result = run_text(setup + shifts + "Vector_Multiply length=1, b=1, destination=2", geometry,
                      unified=[0x4000, -1],
                      parameters=[[0, MULTIPLIER_ONE, 0, 0]] * 2 + [[0, MULTIPLIER_ONE, 0, 16]] * 2)
    assert result.unified[2] == 0x4000


def test_host_streams():
    """Four bytes a word, each instruction beginning with a new one; too few words end the run."""
    text = """
        Read_Host_Memory destination=1, length=5
        Read_Host_Memory destination=0, length=1
        Write_Host_Memory tag=200, source=0, length=6
        """
    result = run_text(text, host_input=[0xFF80017F, 0x55555502, 0x00000003])
    assert [(tag, q.tolist()) for tag, q in result.packets] == [(200, [3, 127, 1, -128, -1, 2])]
    assert result.input_words == 3
    with pytest.raises(ValueError, match="Instruction 1 takes 1 words .* 0 are left"):
        run_text(text, host_input=[0, 0])


def test_memories_are_checked():
    geometry = GEOMETRIES[0]
    for name, value, problem in (
            ("weights", np.full((256, 2), 128), "from -128 to 127"),
            ("unified", np.zeros(255), "of shape"),
            ("parameters", np.full((64, 4), 1 << 32), "from -2147483648"),
            ("program", np.zeros((513, 4)), "program_depth is 512"),
            ("program", np.zeros((5, 3)), "rows of four words")):
        with pytest.raises(ValueError, match=problem):
            DenseMemories(geometry, **{name: value})
