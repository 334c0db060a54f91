"""Bit-level formats of the words that cross the hardware boundary.

This module is the one place where a field's name, width and position are written down. The golden
model packs words with it, the host driver builds commands with it, and `hw.layouts` derives
Amaranth layouts from it; none of them repeats it. It is declarative on purpose: no algorithm that
hardware also performs may live here, because a bug shared by model and design is a bug that
co-simulation cannot see.
"""

from dataclasses import dataclass
from enum import IntEnum

__all__ = [
    "Field", "WordFormat", "entry_format", "COMMAND", "RESPONSE", "LAYER", "COMMAND_MAGIC",
    "RESPONSE_MAGIC", "HEADER_WORDS", "Opcode", "Status", "Memory", "Counter", "IDENTITY",
    "PROTOCOL_VERSION", "MAX_WRITE_WORDS",
]


@dataclass(frozen=True)
class Field:
    """One field of a word: `width` bits, two's complement if `signed`."""

    name: str
    width: int
    signed: bool = False

    def __post_init__(self):
        if self.width < 1:
            raise ValueError(f"Field {self.name!r} must be at least 1 bit wide, not {self.width}")

    @property
    def range(self):
        """Values that the field can hold."""
        if self.signed:
            return range(-(1 << self.width - 1), 1 << self.width - 1)
        return range(1 << self.width)


@dataclass(frozen=True)
class WordFormat:
    """A word made of consecutive fields, least significant first."""

    fields: tuple[Field, ...]

    @property
    def width(self):
        """Width of the word, in bits."""
        return sum(field.width for field in self.fields)

    def pack(self, **values):
        """Pack one value per field into an unsigned word.

        Raises
        ------
        TypeError
            If the names are not exactly those of the fields.
        ValueError
            If a value does not fit its field.
        """
        if values.keys() != {field.name for field in self.fields}:
            raise TypeError(f"Expected fields {[f.name for f in self.fields]}, not {list(values)}")
        word, offset = 0, 0
        for field in self.fields:
            value = int(values[field.name])
            if value not in field.range:
                raise ValueError(f"{field.name}={value} does not fit {field}")
            word |= (value & (1 << field.width) - 1) << offset
            offset += field.width
        return word

    def unpack(self, word):
        """Unpack an unsigned word into a dictionary of field values, the inverse of `pack`."""
        values = {}
        for field in self.fields:
            value = word & (1 << field.width) - 1
            if field.signed and value >> field.width - 1:
                value -= 1 << field.width
            values[field.name] = value
            word >>= field.width
        return values

    def words(self, width=32):
        """Number of `width`-bit words that hold one word of this format."""
        return -(-self.width // width)

    def pack_words(self, **values):
        """Pack like `pack`, as a list of 32-bit words, least significant first."""
        word = self.pack(**values)
        return [word >> 32 * index & 0xFFFFFFFF for index in range(self.words())]


def entry_format(*, index_width, run_width):
    """One entry of a compressed column (EIE, section III-B): codebook index and zeros before it.

    `index` 0 is the codebook's 0.0. As published, (index 0, run 2**run_width - 1) pads a gap that
    is too long for one run. In the escape format, (index 0, run r) skips (r + 1) * 2**run_width
    rows and the next entry, whatever its index, is a plain one.
    """
    return WordFormat((Field("index", index_width), Field("run", run_width)))


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


class Memory(IntEnum):
    """Memories of the sparse core that the host sees. An address counts memory words."""

    LAYERS = 0          #: layer descriptors, in 32-bit words
    BIASES = 1          #: one int32 per output position
    CODEBOOKS = 2       #: one weight per word, written to every processing element
    POINTERS = 3        #: one pointer per word; unit = processing element
    ENTRIES = 4         #: words of several entries; unit = processing element
    ACTIVATIONS = 5     #: one activation per word: source of the next layer, result of the last
    COUNTERS = 6        #: read only, in the order of `Counter`
    IDENTITY = 7        #: read only, in the order of `IDENTITY`


class Counter(IntEnum):
    """Performance counters, 32 bits each, cleared when a run starts; they sum over its layers."""

    CYCLES = 0          #: cycles of matrix times vector, pipeline fill and drain included
    TOTAL_CYCLES = 1    #: cycles from the acceptance of the run to its end
    COLUMNS = 2         #: non-zero activations broadcast
    QUEUE_FULL = 3      #: cycles in which a broadcast waited for a full queue, summed over groups
    BUSY = 4            #: PE-cycles that issued a multiplication
    WASTED = 5          #: of those, the ones by codebook entry 0 (padding)
    ESCAPES = 6         #: escape entries consumed without a cycle of their own
    SATURATIONS = 7     #: sums that left the accumulator's range and were saturated


#: What a core says of itself, one 32-bit word each.
IDENTITY = ("version", "pes", "groups", "lanes", "index_width", "run_width", "word_entries",
            "escape", "entry_words", "pointer_depth", "accumulator_depth", "activation_depth",
            "bias_depth", "codebook_depth", "layer_count", "sum_width")

#: First word of a command; `address` and `length` follow as words of their own.
COMMAND = WordFormat((
    Field("opcode", 4), Field("memory", 4), Field("unit", 16), Field("magic", 8)))

#: First word of a response; `length`, the number of words that follow it, is its second word.
RESPONSE = WordFormat((
    Field("status", 8), Field("opcode", 4), Field("memory", 4), Field("reserved", 8),
    Field("magic", 8)))

#: Descriptor of one layer of the sparse core, least significant word first.
LAYER = WordFormat((
    Field("columns", 16),               # input positions
    Field("rows", 16),                  # output positions
    Field("pointer_base", 16),          # first pointer, even
    Field("bias_base", 16),             # first bias, a multiple of the lanes
    Field("multiplier", 32),            # of the requantisation, see golden.fixed
    Field("left_shift", 5),
    Field("right_shift", 5),
    Field("groups_log2", 2),            # column groups
    Field("codebook", 4),               # which codebook
    Field("saturate", 1),               # reserved, 1
    Field("reserved", 15),
    Field("low", 16, signed=True),      # clamp, relative to the output's zero point
    Field("high", 16, signed=True),
    Field("padding", 96),               # to a power of two of words
))
