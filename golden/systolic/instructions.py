"""Instructions of the dense core as words, and back."""

from typing import NamedTuple

import numpy as np

from ..formats import INSTRUCTION_WIDTH, INSTRUCTIONS, REGISTERS, Operation, Register

__all__ = ["INSTRUCTION_WORDS", "Instruction", "configure", "decode", "encode", "program"]

#: 32-bit words of an instruction, the least significant first.
INSTRUCTION_WORDS = INSTRUCTION_WIDTH // 32

#: Where every instruction has its operation.
_OPERATION_BITS = INSTRUCTIONS[Operation.NOP].fields[0].width


class Instruction(NamedTuple):
    """An instruction, taken apart.

    Parameters
    ----------
    operation : Operation or int
        An integer if there is no such operation.
    fields : dict of str to int
        Every field but the operation, those that must be zero included; of an unknown operation,
        all the rest of the word as ``reserved``.
    """

    operation: int
    fields: dict


def encode(operation, **fields):
    """Encode one instruction.

    Parameters
    ----------
    operation : Operation
    **fields : int
        Those of `golden.formats.INSTRUCTIONS`; what is left out is 0.

    Returns
    -------
    ndarray of uint32, shape (4,)
        Least significant word first.

    Raises
    ------
    TypeError, ValueError
        If the instruction has no such field, or a value does not fit it.

    Examples
    --------
    >>> [hex(word) for word in encode(Operation.READ_WEIGHTS, tiles=3, address=16)]
    ['0x30006', '0x10', '0x0', '0x0']
    """
    form = INSTRUCTIONS[operation]
    known = {field.name for field in form.fields[1:]}
    if not fields.keys() <= known:
        raise TypeError(f"{operation.name} has no field {min(fields.keys() - known)!r}, only "
                        f"{[field.name for field in form.fields[1:]]}")
    words = form.pack_words(**(dict.fromkeys(known, 0) | fields | {"operation": operation}))
    return np.array(words, dtype=np.uint32)


def configure(register, **fields):
    """Encode a Set_Configuration.

    Parameters
    ----------
    register : Register
    **fields : int
        Those of `golden.formats.REGISTERS`; what is left out is 0.

    Returns
    -------
    ndarray of uint32, shape (4,)

    Raises
    ------
    TypeError, ValueError
        If the register has no such field, or a value does not fit it.
    """
    form = REGISTERS[register]
    known = [field.name for field in form.fields]
    if not fields.keys() <= set(known):
        raise TypeError(f"{register.name} has no field {min(fields.keys() - set(known))!r}, only "
                        f"{known}")
    value = form.pack(**(dict.fromkeys(known, 0) | fields))
    return encode(Operation.SET_CONFIGURATION, register=register, value=value)


def decode(words):
    """Take one instruction apart, the inverse of `encode`.

    Parameters
    ----------
    words : array_like of uint32, shape (4,)

    Returns
    -------
    Instruction
        Whatever the words: unknown operations and bits that must be zero come as they are.
    """
    word = sum(int(part) << 32 * index for index, part in enumerate(words))
    operation = word & (1 << _OPERATION_BITS) - 1
    if operation not in set(Operation):
        return Instruction(operation, {"reserved": word >> _OPERATION_BITS})
    fields = INSTRUCTIONS[Operation(operation)].unpack(word)
    del fields["operation"]
    return Instruction(Operation(operation), fields)


def program(instructions):
    """Stack encoded instructions to a program.

    Parameters
    ----------
    instructions : iterable of ndarray of uint32, shape (4,)

    Returns
    -------
    ndarray of uint32, shape (n, 4)
    """
    return np.array(list(instructions), dtype=np.uint32).reshape(-1, INSTRUCTION_WORDS)


def register_fields(fields):
    """Register and its fields, of the fields of a Set_Configuration; (int, None) if unknown."""
    register = fields["register"]
    if register not in set(Register):
        return register, None
    return Register(register), REGISTERS[Register(register)].unpack(fields["value"])
