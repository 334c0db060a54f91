"""Fields of the container file that both its reader and its writer go by."""

import math
import struct

__all__ = [
    "CODED_FIELDS", "HEADER", "INT16", "INT32", "LAYER_FIELDS", "MAGIC", "MAX_SIZE", "MAX_WEIGHTS",
    "STREAM_FIELDS", "VERSION", "VERSION_CODED", "WINDOW_FIELDS", "ContainerError",
    "number_problem", "text_problem",
]

MAGIC = b"WEFT"
#: Version of a file without Huffman codes and convolutions, and of one with them.
VERSION, VERSION_CODED = 1, 2
#: Bytes of the largest file that is read.
MAX_SIZE = 1 << 28
#: Weights, pruned ones included, of the largest network that is read; the fully connected layers of
#: VGG-16 have 124 million. Reading takes two bytes of memory for each, and two more for each entry.
MAX_WEIGHTS = 1 << 27

INT32 = (-(1 << 31), (1 << 31) - 1)
INT16 = (-(1 << 15), (1 << 15) - 1)

#: Magic, version, layers, size.
HEADER = struct.Struct("<4sHHI")

#: The fixed part of a layer: field, type, smallest and largest value (for floats: positive).
LAYER_FIELDS = (
    ("rows", "I", 1, MAX_WEIGHTS),
    ("columns", "I", 1, MAX_WEIGHTS),
    ("multiplier", "I", 0, 1 << 31),
    ("left_shift", "B", 0, 31),
    ("right_shift", "B", 0, 31),
    ("low", "h", *INT16),
    ("high", "h", *INT16),
    ("index_width", "B", 1, 8),
    ("run_width", "B", 0, 8),            # 0 only with Huffman codes
    ("input_zero_point", "i", *INT32),
    ("output_zero_point", "i", *INT32),
    ("weight_scale", "d", None, None),
    ("input_scale", "d", None, None),
    ("output_scale", "d", None, None),
    ("entries", "I", 0, 8 * MAX_SIZE),
)

#: What follows in version 2, and what follows there in a layer that has Huffman codes.
CODED_FIELDS = (
    ("coding", "B", 0, 1),
    ("bias_width", "B", 1, 32),
    ("window", "B", 0, 1),
)
#: What then follows of a convolution, see `golden.network.Window`.
WINDOW_FIELDS = (
    *((name, "H", 1, 0xFFFF) for name in ("channels", "height", "width")),
    *((name, "B", 1, 0xFF) for name in ("kernel_height", "kernel_width", "stride")),
    ("padding", "B", 0, 0xFF),
    ("pool", "B", 1, 0xFF),
)
STREAM_FIELDS = (
    ("run_bytes", "I", 0, MAX_SIZE),
    ("index_bytes", "I", 0, MAX_SIZE),
)


class ContainerError(ValueError):
    """A file is not a network.

    Attributes
    ----------
    field : str
        What is wrong, for instance ``layers[1].codebook``.
    offset : int
        Byte of the file at which it stands.
    """

    def __init__(self, field, offset, problem):
        super().__init__(f"{field} at byte {offset}: {problem}")
        self.field = field
        self.offset = offset


def number_problem(name, value, low, high):
    """Say what is wrong with a field of `LAYER_FIELDS`, or return None."""
    if low is None:
        if not (math.isfinite(value) and value > 0):
            return f"{name} must be positive and finite, not {value}"
    elif not low <= value <= high:
        return f"{name} must be from {low} to {high}, not {value}"
    return None


def text_problem(text, *, lines=False):
    """Say what is wrong with a text, or return None. Only values may have several lines."""
    if lines:
        text = text.replace("\n", "").replace("\t", "")
    elif not text:
        return "must not be empty"
    return None if text.isprintable() else "has characters that are not printable"
