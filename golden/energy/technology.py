"""Energy and area of operations and memories in 45 nm at 0.9 V, and the laws between the points.

Points: Horowitz, "Computing's energy problem", ISSCC'14, as in EIE's table I (Han et al., ISCA'16).
Laws, none of which is more than an interpolation:

* integer operations between the published widths: a straight line in log-log scale (a multiplier
  grows with the width to the power of 1.98, its area with 1.82);
* energy of an SRAM access: with the root of the capacity, as bit and word lines do, and in
  proportion to the bits accessed, through EIE's 5 pJ for 32 bits of 32 KB. Horowitz's caches grow
  from 10 to 20 to 100 pJ from 8 to 32 KB to 1 MB, where the root gives 10, 20 and 113. A write
  costs what a read does;
* area of an SRAM: in proportion to its bits, as EIE's 128 KB and 32 KB memories do within 4 %;
  of registers: as EIE's queue, 758 um2 for 8 words of 28 bits.

Not in the model: clock tree, control, wires between units, leakage, what a DRAM needs when idle.
"""

import numpy as np

__all__ = ["DRAM_WORD_BITS", "access_energy", "add_area", "add_energy", "dram_energy",
           "memory_area", "multiply_area", "multiply_energy"]

#: pJ by width of an integer, and of floats.
_ADD_PJ = {8: 0.03, 16: 0.05, 32: 0.1}
_MULTIPLY_PJ = {8: 0.2, 32: 3.1}
_FLOAT_ADD_PJ = {16: 0.4, 32: 0.9}
_FLOAT_MULTIPLY_PJ = {16: 1.1, 32: 3.7}
#: um2 likewise.
_ADD_UM2 = {8: 36, 16: 67, 32: 137}
_MULTIPLY_UM2 = {8: 282, 32: 3495}
_FLOAT_ADD_UM2 = {16: 1360, 32: 4184}
_FLOAT_MULTIPLY_UM2 = {16: 1640, 32: 7700}

#: pJ of an access of so many bits to a memory of so many bytes.
_SRAM_PJ, _SRAM_BITS, _SRAM_BYTES = 5.0, 32, 32 * 1024
#: Bits of a DRAM word, and pJ of its read.
DRAM_WORD_BITS, _DRAM_PJ = 32, 640.0
#: um2 of a bit: 469,412 um2 for EIE's 128 KB; 758 um2 for a queue of 8 x 28 bits.
_SRAM_UM2, _REGISTER_UM2 = 469412 / (128 * 1024 * 8), 758 / (8 * 28)
#: Bytes up to which a memory is made of registers.
_REGISTER_BYTES = 512


def _interpolate(points, width):
    """On straight lines in log-log scale, continued beyond the last point."""
    if not width >= 1:
        raise ValueError(f"A width must be at least 1, not {width}")
    if width in points:
        return float(points[width])
    widths, values = np.log(list(points)), np.log(list(points.values()))
    place = int(np.clip(np.searchsorted(widths, np.log(width)), 1, len(widths) - 1))
    slope = (values[place] - values[place - 1]) / (widths[place] - widths[place - 1])
    return float(np.exp(values[place] + slope * (np.log(width) - widths[place])))


def _operation(integers, floats, width, floating):
    if not floating:
        return _interpolate(integers, width)
    if width not in floats:
        raise ValueError(f"Floats are of 16 or 32 bits, not {width}")
    return float(floats[width])


def add_energy(width, *, floating=False):
    """Energy of an addition, in pJ.

    Parameters
    ----------
    width : int
        Bits; of floats 16 or 32.
    floating : bool

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If there is no such width.

    Examples
    --------
    >>> [round(add_energy(width), 4) for width in (8, 16, 32)], add_energy(32, floating=True)
    ([0.03, 0.05, 0.1], 0.9)
    """
    return _operation(_ADD_PJ, _FLOAT_ADD_PJ, width, floating)


def multiply_energy(width, *, floating=False):
    """Energy of a multiplication, in pJ; as `add_energy`.

    Examples
    --------
    >>> [round(multiply_energy(width), 3) for width in (8, 16, 32)]
    [0.2, 0.787, 3.1]
    """
    return _operation(_MULTIPLY_PJ, _FLOAT_MULTIPLY_PJ, width, floating)


def add_area(width, *, floating=False):
    """Area of an adder, in um2; as `add_energy`.

    Examples
    --------
    >>> round(add_area(16)), round(add_area(32, floating=True))
    (67, 4184)
    """
    return _operation(_ADD_UM2, _FLOAT_ADD_UM2, width, floating)


def multiply_area(width, *, floating=False):
    """Area of a multiplier, in um2; as `add_energy`.

    Examples
    --------
    >>> round(multiply_area(16)), round(multiply_area(32, floating=True))
    (993, 7700)
    """
    return _operation(_MULTIPLY_UM2, _FLOAT_MULTIPLY_UM2, width, floating)


def access_energy(capacity, width):
    """Energy of a read or write of an on-chip memory, in pJ.

    Parameters
    ----------
    capacity : int
        Bytes of the memory (of one bank: what an access has to drive).
    width : int
        Bits that are accessed.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If either is not positive.

    Examples
    --------
    EIE's table I, and its word of eight entries out of 128 KB:

    >>> access_energy(32 * 1024, 32), access_energy(128 * 1024, 64)
    (5.0, 20.0)
    """
    if capacity <= 0 or width <= 0:
        raise ValueError(f"A memory has positive bytes and bits, not {capacity} and {width}")
    return _SRAM_PJ * width / _SRAM_BITS * (capacity / _SRAM_BYTES)**0.5


def dram_energy(bits):
    """Energy of reading so many consecutive bits from DRAM, in pJ; words are read whole.

    Examples
    --------
    >>> dram_energy(32), dram_energy(33), dram_energy(32) / access_energy(32 * 1024, 32)
    (640.0, 1280.0, 128.0)
    """
    return _DRAM_PJ * -(-bits // DRAM_WORD_BITS)


def memory_area(capacity):
    """Area of an on-chip memory of so many bytes, in um2; up to 512 bytes it is of registers.

    Examples
    --------
    >>> round(memory_area(128 * 1024)), round(memory_area(32))
    (469412, 866)
    """
    return capacity * 8 * (_REGISTER_UM2 if capacity <= _REGISTER_BYTES else _SRAM_UM2)
