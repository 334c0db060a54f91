"""Formats of the sparse core: entries, layer descriptors, what its host sees."""

from enum import IntEnum

from .words import Field, WordFormat

__all__ = ["entry_format", "LAYER", "Memory", "Counter", "IDENTITY"]


def entry_format(*, index_width, run_width):
    """One entry of a compressed column (EIE, section III-B): codebook index and zeros before it.

    `index` 0 is the codebook's 0.0. As published, (index 0, run 2**run_width - 1) pads a gap that
    is too long for one run. In the escape format, (index 0, run r) skips (r + 1) * 2**run_width
    rows and the next entry, whatever its index, is a plain one.
    """
    return WordFormat((Field("index", index_width), Field("run", run_width)))


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
    QUEUE_FULL = 3      #: cycles in which a broadcast waited for a queue, summed over groups
    BUSY = 4            #: PE-cycles that issued a multiplication
    WASTED = 5          #: of those, the ones by codebook entry 0 (padding)
    ESCAPES = 6         #: escape entries consumed without a cycle of their own
    SATURATIONS = 7     #: sums that left the accumulator's range and were saturated


#: What a core says of itself, one 32-bit word each.
IDENTITY = ("version", "pes", "groups", "lanes", "index_width", "run_width", "word_entries",
            "escape", "entry_words", "pointer_depth", "accumulator_depth", "activation_depth",
            "bias_depth", "codebook_depth", "layer_count", "sum_width")

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
