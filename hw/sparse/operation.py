"""What an entry reader hands to the arithmetic unit."""

from amaranth import *
from amaranth.lib import data

__all__ = ["operation_layout"]


def operation_layout(*, index_width, skip_width, activation_width):
    """One multiplication: ``sum[row] += codebook[index] * activation``.

    The row is `skip` rows below the one after the last operation's, or below the first row if the
    operation `starts` a column.
    """
    return data.StructLayout({
        "starts": 1,
        "skip": skip_width,
        "index": index_width,
        "activation": signed(activation_width),
    })
