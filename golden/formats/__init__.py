"""Bit-level formats of the words that cross the hardware boundary.

This package is the one place where a field's name, width and position are written down. The golden
model packs words with it, the host driver builds commands with it, and `hw.layouts` derives
Amaranth layouts from it; none of them repeats it. It is declarative on purpose: no algorithm that
hardware also performs may live here, because a bug shared by model and design is a bug that
co-simulation cannot see.

Words are made of fields in `words`; `host` is what both cores share, `sparse` and `dense` what each
has of its own.
"""

from .dense import (
    DENSE_IDENTITY,
    INSTRUCTION_WIDTH,
    INSTRUCTIONS,
    PARAMETER,
    POSITION_WIDTH,
    REGISTERS,
    WEIGHT_FIFO_TILES,
    DenseCounter,
    DenseMemory,
    Fault,
    Operation,
    Register,
)
from .host import (
    COMMAND,
    COMMAND_MAGIC,
    FAULT,
    HEADER_WORDS,
    MAX_WRITE_WORDS,
    PROTOCOL_VERSION,
    RESPONSE,
    RESPONSE_MAGIC,
    Opcode,
    Status,
)
from .sparse import IDENTITY, LAYER, Counter, Memory, entry_format
from .words import Field, WordFormat

__all__ = [
    "COMMAND", "COMMAND_MAGIC", "DENSE_IDENTITY", "FAULT", "HEADER_WORDS", "IDENTITY",
    "INSTRUCTIONS", "INSTRUCTION_WIDTH", "LAYER", "MAX_WRITE_WORDS", "PARAMETER", "POSITION_WIDTH",
    "PROTOCOL_VERSION", "REGISTERS", "RESPONSE", "RESPONSE_MAGIC", "WEIGHT_FIFO_TILES", "Counter",
    "DenseCounter", "DenseMemory", "Fault", "Field", "Memory", "Opcode", "Operation", "Register",
    "Status", "WordFormat", "entry_format",
]
