"""Commands for the dense core that tests send again and again."""

import numpy as np

from golden.formats import DenseMemory
from golden.systolic.image import host_words
from hw.host.driver import Program

__all__ = ["written"]


def written(instructions, geometry):
    """Commands that write instructions to the program memory, from its start: a `Program`."""
    words = host_words(DenseMemory.PROGRAM, np.array(instructions), geometry)
    return Program().write(DenseMemory.PROGRAM, 0, 0, words.reshape(-1), word_parts=4)
