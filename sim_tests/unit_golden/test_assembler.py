"""Instructions as words and as text."""

import numpy as np
import pytest

from golden.formats import INSTRUCTION_WIDTH, INSTRUCTIONS, REGISTERS, Operation, Register
from golden.systolic.assembler import AssemblerError, assemble, disassemble
from golden.systolic.geometry import DenseGeometry
from golden.systolic.instructions import configure, decode, encode, program
from sim_tests.bench.random_programs import garbage_program, legal_run


def test_every_instruction_fills_its_word():
    assert len(INSTRUCTIONS) == len(Operation)
    for form in INSTRUCTIONS.values():
        assert form.width == INSTRUCTION_WIDTH and form.fields[0].name == "operation"
    for form in REGISTERS.values():
        assert form.width == 96


def test_a_word_by_hand():
    """MatrixMultiply: 5 bits of operation, 1, 2, 8, then 16 lines, 32 source, 16, 16, 16, 16."""
    words = encode(Operation.MATRIX_MULTIPLY, accumulate=1, last_column=7, lines=16, source=0x1234,
                   accumulator=3, tiles=2, x=-1)
    assert [hex(word) for word in words] == ["0x100727", "0x1234", "0x20003", "0xffff"]
    operation, fields = decode(words)
    assert operation == Operation.MATRIX_MULTIPLY
    assert (fields["accumulate"], fields["lines"], fields["x"], fields["y"]) == (1, 16, -1, 0)


def test_a_program_by_hand():
    text = """
        # 16 vectors of 64 elements
        Set_Configuration SOURCE line_length=64, line_stride=64 pad=-128
        read_weights tiles=0x8
        MatrixMultiply lines=16, tiles = 8, last_column=7   # the last tile

        Halt
    """
    words = assemble(text)
    np.testing.assert_array_equal(words, program([
        configure(Register.SOURCE, line_length=64, line_stride=64, pad=-128),
        encode(Operation.READ_WEIGHTS, tiles=8),
        encode(Operation.MATRIX_MULTIPLY, lines=16, tiles=8, last_column=7),
        encode(Operation.HALT)]))
    assert disassemble(words).splitlines() == [
        "Set_Configuration SOURCE line_stride=64, pad=-128, line_length=64",
        "Read_Weights tiles=8", "MatrixMultiply last_column=7, lines=16, tiles=8", "Halt"]


def test_text_round_trip():
    """Of legal instructions, and of random words of which some are no instruction."""
    rng = np.random.default_rng(3)
    geometry = DenseGeometry()
    kinds, words_of_text = set(), 0
    for _ in range(6):
        for words in (legal_run(rng, geometry).memories.program,
                      garbage_program(rng, geometry, 400)):
            text = disassemble(words)
            np.testing.assert_array_equal(assemble(text), words)
            kinds |= {line.split()[0] for line in text.splitlines()}
            words_of_text += text.count("Word")
    assert len(kinds) == len(Operation) + 1
    assert words_of_text > 100


@pytest.mark.parametrize("line, problem", [
    ("Jump 3", "no instruction 'Jump'"),
    ("Read_Weights tile=3", "no field 'tile'"),
    ("Read_Weights tiles=70000", "tiles=70000 does not fit"),
    ("Read_Weights tiles=three", "'three' is no number"),
    ("Read_Weights tiles=1, tiles=2", "twice"),
    ("Read_Weights 16", "expected fields"),
    ("Set_Configuration SPEED value=1", "no register 'SPEED'"),
    ("Set_Configuration POOL heigth=1", "no field 'heigth'"),
    ("Word 1, 2, 3", "four numbers"),
    ("Word 1, 2, 3, 0x100000000", "four numbers"),
])
def test_errors_name_the_line(line, problem):
    with pytest.raises(AssemblerError, match=problem) as error:
        assemble(f"Nop\n\n{line}\nHalt")
    assert error.value.line == 3 and str(error.value).startswith("line 3: ")
