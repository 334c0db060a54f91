"""Commands and responses of the host port, which both cores share."""

from enum import IntEnum

from .words import Field, WordFormat

__all__ = [
    "COMMAND", "RESPONSE", "COMMAND_MAGIC", "RESPONSE_MAGIC", "HEADER_WORDS", "Opcode", "Status",
    "FAULT", "PROTOCOL_VERSION", "MAX_WRITE_WORDS",
]

#: Bits 31..24 of the first word of a command, so that a stream out of step is noticed.
COMMAND_MAGIC = 0x57
#: Bits 31..24 of the first word of a response.
RESPONSE_MAGIC = 0x77
#: Words in the header of a command.
HEADER_WORDS = 3
#: Longest payload of a write, in 32-bit words; a longer one is refused without being awaited.
MAX_WRITE_WORDS = (1 << 24) - 1
#: Version of commands, responses and layer descriptors.
PROTOCOL_VERSION = 1


class Opcode(IntEnum):
    """What a command asks for."""

    WRITE = 1       #: write `length` words of payload to a memory, from `address` on
    READ = 2        #: answer `length` words of a memory, from `address` on
    RUN = 3         #: run `length` layers, from layer `address` on; answered when accepted
    SIGNAL = 4      #: dense core: let a Synchronize go on that waits for it; never waits itself
    RESET = 5       #: dense core: end whatever runs, forget what is under way; never waits itself
    HOST_DATA = 6   #: in responses only: what Write_Host_Memory sends, of its own accord


class Status(IntEnum):
    """What became of a command."""

    OK = 0
    BAD_HEADER = 1      #: no command starts with this word; only the word is consumed
    BAD_OPCODE = 2
    BAD_MEMORY = 3      #: unknown, or not readable, or not writable
    BAD_UNIT = 4        #: this memory has no such unit
    BAD_ADDRESS = 5     #: beyond the memory, or not aligned as the memory asks
    BAD_LENGTH = 6      #: zero, beyond the end of the memory, or not whole memory words
    BAD_LAYER = 7       #: the run before this command met a layer that does not fit the core
    BAD_INSTRUCTION = 8     #: the run before this command met one; a payload word says which


#: First word of a command; `address` and `length` follow as words of their own.
COMMAND = WordFormat((
    Field("opcode", 4), Field("memory", 4), Field("unit", 16), Field("magic", 8)))

#: First word of a response; `length`, the number of words that follow it, is its second word.
RESPONSE = WordFormat((
    Field("status", 8), Field("opcode", 4), Field("memory", 4), Field("tag", 8),
    Field("magic", 8)))

#: Payload of a response with BAD_INSTRUCTION.
FAULT = WordFormat((Field("instruction", 24), Field("fault", 8)))
