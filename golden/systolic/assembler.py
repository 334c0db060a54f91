"""Programs of the dense core as text.

One instruction a line, with the names of the paper's (Jouppi et al., ISCA'17, section 2), then its
fields in any order; what is left out is 0, and what stands behind a # is a comment::

    Set_Configuration SOURCE line_length=64, line_stride=64
    Read_Weights tiles=8, address=0x40
    MatrixMultiply lines=16, tiles=8, last_column=7     # 16 vectors of 64 elements
    Halt

``Word`` with four 32-bit numbers, the least significant first, stands for what is no instruction.
"""

import re

import numpy as np

from ..formats import Operation, Register
from .instructions import configure, decode, encode, program, register_fields

__all__ = ["AssemblerError", "assemble", "disassemble"]

#: How an operation is written.
_MNEMONICS = {
    Operation.NOP: "Nop",
    Operation.HALT: "Halt",
    Operation.SET_CONFIGURATION: "Set_Configuration",
    Operation.SYNCHRONIZE: "Synchronize",
    Operation.READ_HOST_MEMORY: "Read_Host_Memory",
    Operation.WRITE_HOST_MEMORY: "Write_Host_Memory",
    Operation.READ_WEIGHTS: "Read_Weights",
    Operation.MATRIX_MULTIPLY: "MatrixMultiply",
    Operation.CONVOLVE: "Convolve",
    Operation.ACTIVATE: "Activate",
    Operation.VECTOR_ADD: "Vector_Add",
    Operation.VECTOR_MULTIPLY: "Vector_Multiply",
}
_OPERATIONS = {text.lower(): operation for operation, text in _MNEMONICS.items()}
_FIELD = re.compile(r"(\w+)\s*=\s*(-?\w+)")


class AssemblerError(ValueError):
    """A line is no instruction.

    Attributes
    ----------
    line : int
        Its number, from 1.
    """

    def __init__(self, line, problem):
        super().__init__(f"line {line}: {problem}")
        self.line = line


def assemble(text):
    """Encode a program.

    Parameters
    ----------
    text : str

    Returns
    -------
    ndarray of uint32, shape (n, 4)

    Raises
    ------
    AssemblerError
        If a line is no instruction, with its number and what is wrong with it.

    Examples
    --------
    >>> assemble("Read_Weights tiles=3, address=0x10 # hidden behind the last product").tolist()
    [[196614, 16, 0, 0]]
    """
    instructions = []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.partition("#")[0].strip()
        if line:
            try:
                instructions.append(_assemble_line(line))
            except (TypeError, ValueError) as error:
                raise AssemblerError(number, error) from None
    return program(instructions)


def disassemble(words):
    """Write a program as text, such that `assemble` gives it back bit for bit.

    Parameters
    ----------
    words : array_like of uint32, shape (n, 4)

    Returns
    -------
    str
        A line an instruction, fields of 0 left out.
    """
    return "".join(_disassemble_one(row) + "\n" for row in words)


def _assemble_line(line):
    mnemonic, _, rest = line.partition(" ")
    if mnemonic.lower() == "word":
        parts = [_number(part) for part in rest.replace(",", " ").split()]
        if len(parts) != 4 or not all(0 <= part < 1 << 32 for part in parts):
            raise ValueError(f"Word takes four numbers of 32 bits, not {rest.strip()!r}")
        return np.array(parts, dtype=np.uint32)
    if mnemonic.lower() not in _OPERATIONS:
        raise ValueError(f"there is no instruction {mnemonic!r}; there are "
                         f"{', '.join(_MNEMONICS.values())}")
    operation = _OPERATIONS[mnemonic.lower()]
    if operation == Operation.SET_CONFIGURATION:
        name, _, rest = rest.strip().partition(" ")
        if name.upper() not in Register.__members__:
            raise ValueError(f"there is no register {name!r}; there are "
                             f"{', '.join(Register.__members__)}")
        return configure(Register[name.upper()], **_fields(rest))
    return encode(operation, **_fields(rest))


def _fields(text):
    left = _FIELD.sub("", text).replace(",", " ").strip()
    if left:
        raise ValueError(f"expected fields such as length=16, not {left!r}")
    fields = {}
    for name, value in _FIELD.findall(text):
        if name in fields:
            raise ValueError(f"field {name!r} is there twice")
        fields[name] = _number(value)
    return fields


def _number(text):
    try:
        return int(text, 0)
    except ValueError:
        raise ValueError(f"{text!r} is no number") from None


def _disassemble_one(words):
    operation, fields = decode(words)
    start, line = _MNEMONICS.get(operation), None
    if operation == Operation.SET_CONFIGURATION:
        register, fields = register_fields(fields)
        start = f"{start} {register.name}" if fields is not None else None
    if start is not None:
        line = f"{start} " + ", ".join(f"{name}={value}" for name, value in fields.items() if value)
        line = line.strip()
        # What the text can't say, such as a reserved bit behind a register, stays a word.
        if np.array_equal(_assemble_line(line), np.asarray(words, dtype=np.uint32)):
            return line
    return "Word " + ", ".join(f"{int(word):#x}" for word in words)
