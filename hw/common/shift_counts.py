"""Counts whose successor is a shift: one look-up table for each counter, not one for each bit."""

from amaranth import *
from amaranth.utils import bits_for

__all__ = ["MAX_SHIFT_WIDTH", "count_down", "queue_rows", "round_trip", "shift_codes", "shifted"]

#: Bits whose sum is shifted in, by width: those of shift registers of maximal length (Xilinx
#: XAPP052).
_TAPS = {1: (0,), 2: (1, 0), 3: (2, 1), 4: (3, 2), 5: (4, 2), 6: (5, 4), 7: (6, 5),
         8: (7, 5, 4, 3), 9: (8, 4), 10: (9, 6), 11: (10, 8), 12: (11, 5, 3, 0),
         13: (12, 3, 2, 0), 14: (13, 4, 2, 0), 15: (14, 13), 16: (15, 14, 12, 3)}

#: Widest code.
MAX_SHIFT_WIDTH = max(_TAPS)


def shift_codes(width):
    """Codes of the numbers from 0 to 2**width - 1, each its predecessor shifted by a bit.

    They are the states of a linear feedback shift register, and 0, which comes last.

    Examples
    --------
    >>> shift_codes(2)
    [1, 3, 2, 0]
    """
    codes, mask = [1], (1 << width) - 1
    while (code := codes[-1]):
        fed = sum(code >> tap for tap in _TAPS[width]) + (not code & mask >> 1)
        codes.append(code << 1 & mask | fed & 1)
    return codes


def shifted(code):
    """Code of the number after that of `code`, a signal of up to `MAX_SHIFT_WIDTH` bits."""
    fed = ~code[:-1].any()
    for tap in _TAPS[len(code)]:
        fed = fed ^ code[tap]
    return Cat(fed, code)[:len(code)]


def count_down(code):
    """2**width - 1 less the number of `code`, so that it is 0 for code 0."""
    codes = shift_codes(len(code))
    tables = [sum((~number >> bit & 1) << each for number, each in enumerate(codes))
              for bit in range(len(code))]
    return Cat(Const(table, len(codes)).bit_select(code, 1) for table in tables)


def round_trip(m, name, *, length, advance):
    """Add a code that comes round again after `length` advances; it starts at that of 0.

    Parameters
    ----------
    m : Module
    name : str
    length : int
        At least 2.
    advance : Value

    Returns
    -------
    Signal
        Codes of 0 to `length` - 1, all below 2**n, if that is the least that is not less than
        `length`.
    """
    codes = shift_codes(bits_for(length - 1))
    code = Signal(bits_for(length - 1), name=name, init=codes[0])
    with m.If(advance):
        m.d.sync += code.eq(shifted(code))
        if length < len(codes):
            with m.If(code == codes[length - 1]):
                m.d.sync += code.eq(codes[0])
    return code


def queue_rows(m, *, depth, write, read):
    """Add the ends of a queue in a memory.

    Parameters
    ----------
    m : Module
    depth : int
        Rows; a power of two from 2 to ``1 << MAX_SHIFT_WIDTH``.
    write, read : Value
        A row is written, is read; not if the queue is full, or empty.

    Returns
    -------
    head, tail : Signal
        Codes of the rows to read and to write next.
    some, free : Value
        There is a row to read; to write.
    """
    head = round_trip(m, "head", length=depth, advance=read)
    tail = round_trip(m, "tail", length=depth, advance=write)
    # Where both meet the queue is empty or full, whichever came last.
    grew = Signal()
    with m.If(write ^ read):
        m.d.sync += grew.eq(write)
    return head, tail, (head != tail) | grew, (head != tail) | ~grew
