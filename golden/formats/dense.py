"""Formats of the dense core: instructions, registers, parameters, what its host sees.

The instructions carry the names of TPU v1's (Jouppi et al., ISCA'17, section 2). Each is 128 bits.
Addresses of the unified buffer count elements, those of the weight memory rows of tiles, those of
the accumulators rows, those of the parameters channels.
"""

from enum import IntEnum

from .words import Field, WordFormat

__all__ = [
    "DENSE_IDENTITY", "INSTRUCTIONS", "INSTRUCTION_WIDTH", "PARAMETER", "POSITION_WIDTH",
    "REGISTERS", "WEIGHT_FIFO_TILES", "DenseCounter", "DenseMemory", "Fault", "Operation",
    "Register",
]

#: Bits of an instruction.
INSTRUCTION_WIDTH = 128
#: Tiles that the weight FIFO holds, and Read_Weights that may be under way.
WEIGHT_FIFO_TILES = 4
#: Bits of a signed line number or position in a line, modulo which Convolve computes them.
POSITION_WIDTH = 18


class Operation(IntEnum):
    """Instructions of the dense core."""

    NOP = 0
    HALT = 1                #: end the run
    SET_CONFIGURATION = 2   #: write a `Register`
    SYNCHRONIZE = 3         #: wait until all before it is done, and for a signal if asked
    READ_HOST_MEMORY = 4    #: host -> unified buffer
    WRITE_HOST_MEMORY = 5   #: unified buffer -> host
    READ_WEIGHTS = 6        #: weight memory -> weight FIFO
    MATRIX_MULTIPLY = 7     #: unified buffer times tiles -> accumulators
    CONVOLVE = 8            #: the same, of windows of a picture
    ACTIVATE = 9            #: accumulators -> unified buffer
    VECTOR_ADD = 10         #: unified buffer + unified buffer -> unified buffer
    VECTOR_MULTIPLY = 11    #: unified buffer * unified buffer -> unified buffer


class Register(IntEnum):
    """Registers that Set_Configuration writes; 0 after the start of a run."""

    SOURCE = 0
    WINDOW = 1
    DESTINATION = 2
    POOL = 3
    OPERANDS = 4


class Fault(IntEnum):
    """Why a program was stopped."""

    NONE = 0
    BAD_OPERATION = 1       #: no such instruction or register, or a reserved bit is set
    BAD_LENGTH = 2          #: a length, count or size of zero, or beyond what the core has
    BAD_ADDRESS = 3         #: beyond the unified buffer
    BAD_ACCUMULATOR = 4     #: beyond the accumulators
    BAD_WEIGHTS = 5         #: beyond the weight memory
    BAD_PARAMETERS = 6      #: beyond the parameters, not a multiple of the lanes, or no such table
    NO_WEIGHTS = 7          #: more tiles multiplied than read
    TOO_MANY_WEIGHTS = 8    #: a fifth Read_Weights that no multiplication has begun to use up
    TIMEOUT = 9             #: the host did not send or take what an instruction waited for


def _instruction(*fields):
    width = sum(field.width for field in fields)
    return WordFormat((Field("operation", 5), *fields,
                       *([Field("reserved", INSTRUCTION_WIDTH - 5 - width)]
                         if width + 5 < INSTRUCTION_WIDTH else [])))


# What the decoder computes with lies in halves of 32-bit words, in the upper half what it
# multiplies by what lies in a lower half.
_MATRIX = _instruction(
    Field("accumulate", 1),             # add the first tile to what the accumulators hold
    Field("unused", 2),                 # 0
    Field("last_column", 8),            # columns of the tiles that are used, less one
    Field("lines", 16),                 # rows of the product; lines of outputs for Convolve
    Field("source", 32),                # element 0 of line 0
    Field("accumulator", 16),           # first row
    Field("tiles", 16),                 # one after the other, added up
    Field("x", 16, signed=True),        # element of the line that meets the first row of a tile
    Field("y", 16, signed=True),        # Convolve: line under the first tap of the first output
)
_VECTOR = _instruction(
    Field("function", 3),               # 0: none, n: table n - 1
    Field("unary", 1),                  # the second operand is 0 and is not read
    Field("tables", 7),                 # set of operand tables, for activations up to 8 bits
    Field("length", 16),                # elements
    Field("a", 32),
    Field("b", 32),
    Field("destination", 32),
)

#: Format of each instruction. What is called unused or reserved must be 0.
INSTRUCTIONS = {
    Operation.NOP: _instruction(),
    Operation.HALT: _instruction(),
    Operation.SET_CONFIGURATION: _instruction(
        Field("register", 8), Field("unused", 19), Field("value", 96)),
    Operation.SYNCHRONIZE: _instruction(Field("signal", 1)),
    Operation.READ_HOST_MEMORY: _instruction(
        Field("unused", 27), Field("destination", 32), Field("length", 32)),
    Operation.WRITE_HOST_MEMORY: _instruction(
        Field("unused", 19), Field("tag", 8), Field("source", 32), Field("length", 32)),
    Operation.READ_WEIGHTS: _instruction(
        Field("unused", 11), Field("tiles", 16), Field("address", 32)),
    Operation.MATRIX_MULTIPLY: _MATRIX,
    Operation.CONVOLVE: _MATRIX,
    Operation.ACTIVATE: _instruction(
        Field("function", 3),
        Field("pool", 1),               # the largest of each window of `Register.POOL`
        Field("unused", 7),
        Field("rows", 16),              # accumulator rows; lines of outputs if pooled
        Field("destination", 32),
        Field("accumulator", 16),
        Field("parameters", 16),        # channel of the first column, a multiple of the lanes
        Field("last_column", 8),        # columns, less one
    ),
    Operation.VECTOR_ADD: _VECTOR,
    Operation.VECTOR_MULTIPLY: _VECTOR,
}

#: Format of each register's value. What is called unused or reserved must be 0.
REGISTERS = {
    # Where lines of activations lie. An element beyond a line, above or below reads as `pad`.
    Register.SOURCE: WordFormat((
        Field("line_stride", 16),           # elements from one line to the next
        Field("pad", 16, signed=True),
        Field("line_length", 16),           # elements of a line that exist
        Field("lines", 16),                 # that exist, for Convolve
        Field("taps", 16),                  # Convolve: runs of elements in a line of the kernel
        Field("reserved", 16))),
    # How Convolve goes over them. The tiles of a kernel are in the order line, tap, chunk: a run
    # is met in chunks of as many elements as the array has rows.
    Register.WINDOW: WordFormat((
        Field("pixels", 16),                # outputs in a line
        Field("x_step", 16),                # elements from one output to the next
        Field("run", 16),                   # elements of a tap
        Field("y_step", 16),                # lines from one line of outputs to the next
        Field("tap_step", 16),              # elements from one tap to the next
        Field("dilation", 16))),            # lines from one line of the kernel to the next
    # Where results go, and how they end. Bounds are relative to the zero point.
    Register.DESTINATION: WordFormat((
        Field("parameters", 16),            # of a vector: first of `lanes` channels, all alike
        Field("stride", 16),                # elements from one row to the next
        Field("zero_point", 16, signed=True),
        Field("low", 16, signed=True),
        Field("high", 16, signed=True),
        Field("reserved", 16))),
    # Windows of accumulator rows of which Activate takes the largest sum of each column.
    Register.POOL: WordFormat((
        Field("pixels", 16),                # outputs in a line
        Field("line_pixels", 16),           # accumulator rows of a line
        Field("y_step", 8),
        Field("unused_1", 8),
        Field("width", 8),
        Field("unused_2", 8),
        Field("height", 8),
        Field("unused_3", 8),
        Field("x_step", 8),
        Field("reserved", 8))),
    # Left shifts of the operands of vector instructions, for activations wider than 8 bits.
    Register.OPERANDS: WordFormat((
        Field("shift_a", 4), Field("shift_b", 4), Field("reserved", 88))),
}

#: What the output stage does to one channel, see golden.fixed.requantise.
PARAMETER = WordFormat((
    Field("bias", 32, signed=True),
    Field("multiplier", 32),
    Field("left_shift", 5),
    Field("right_shift", 5),
    Field("reserved", 22),
))


class DenseMemory(IntEnum):
    """Memories of the dense core that the host sees. An address counts memory words."""

    PROGRAM = 0         #: instructions
    PARAMETERS = 1      #: one `PARAMETER` a channel
    FUNCTIONS = 2       #: one value per word; up to 8 bits by input + 2**(width - 1), else sigmoid
    OPERANDS = 3        #: one int32 per word, by (set, operand, input + 2**(width - 1))
    WEIGHTS = 4         #: rows of tiles: a weight for each column of the array, first in low bits
    UNIFIED = 5         #: the unified buffer, as many elements as fit a 32-bit word of bytes
    COUNTERS = 6        #: read only, in the order of `DenseCounter`
    IDENTITY = 7        #: read only, in the order of `DENSE_IDENTITY`
    HOST_INPUT = 8      #: write only: what Read_Host_Memory reads, packed like the unified buffer


class DenseCounter(IntEnum):
    """Performance counters, 32 bits each, cleared when a run starts; they wrap.

    The first is the sum of the four that follow it (Jouppi et al., ISCA'17, table 3).
    """

    CYCLES = 0          #: of the run
    ACTIVE = 1          #: a row of activations enters the array
    WEIGHT_STALL = 2    #: a multiplication waits for a tile to come out of the weight memory
    WEIGHT_SHIFT = 3    #: a multiplication waits for a tile to be shifted into the array
    NON_MATRIX = 4      #: anything else
    RAW_STALL = 5       #: an instruction waits for what an earlier one has yet to write
    INPUT_STALL = 6     #: Read_Host_Memory waits for the host
    USEFUL_MACS = 7     #: elements that are no padding, times the columns used
    MATRIX_CYCLES = 8   #: from the first Read_Weights to the last accumulator write
    INSTRUCTIONS = 9    #: carried out
    TILES = 10          #: multiplied by
    SATURATIONS = 11    #: sums that left 32 bits and were saturated
    DROPPED = 12        #: words from the host that found no room, since the core was started


#: What a dense core says of itself, one 32-bit word each; `version` has 1 in its upper half.
DENSE_IDENTITY = ("version", "rows", "columns", "lanes", "activation_width", "weight_width",
                  "unified_depth", "accumulator_depth", "weight_depth", "parameter_depth",
                  "program_depth", "function_tables", "operand_tables", "host_depth")
