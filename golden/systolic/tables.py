"""Constants that make the dense core compute what TensorFlow Lite's reference kernels do.

Facts: tensorflow/lite/kernels/internal/reference/integer_ops/{add,mul,pooling}.h, add.cc and mul.cc
(how their multipliers are made), and the table lookups of activations.cc.
"""

import math

import numpy as np

from ..fixed import MULTIPLIER_ONE, quantise_multiplier, requantise
from ..quantisation import quantise

__all__ = ["add_constants", "average_multiplier", "function_table", "multiply_constants"]

#: Bits by which ADD shifts its operands left before they are scaled.
_ADD_SHIFT = 20


def stored_numbers(width):
    """All activations of a width, from the smallest: what tables are indexed by."""
    return np.arange(-1 << width - 1, 1 << width - 1)


def function_table(function, *, input_scale, input_zero_point, output_scale, output_zero_point,
                   width=8):
    """Table of an activation function, rounded as TensorFlow Lite's tables are.

    Parameters
    ----------
    function : callable
        From and to ndarray of float32.
    input_scale, output_scale : float
        Real value of one unit.
    input_zero_point, output_zero_point : int
    width : int
        Bits of an activation.

    Returns
    -------
    ndarray of int64, shape (2**width,)
        By stored input less the smallest one.
    """
    real = np.float32(input_scale) * (stored_numbers(width) - input_zero_point).astype(np.float32)
    with np.errstate(over="ignore"):        # such as exp in a sigmoid far from 0
        values = np.asarray(function(real), dtype=np.float32)
    # Rescaled by the inverse, in float32.
    inverse = np.float32(1) / np.float32(output_scale)
    return quantise(values * inverse, 1.0, output_zero_point, low=-1 << width - 1,
                    high=(1 << width - 1) - 1)[0]


def add_constants(a, b, output_scale, *, width=8):
    """Operands and multiplier of an addition, bit for bit as TensorFlow Lite's int8 ADD.

    Parameters
    ----------
    a, b : tuple of (float, int)
        Scale and zero point of the operands.
    output_scale : float
    width : int
        Bits of an activation, at most 8.

    Returns
    -------
    operands : ndarray of int64, shape (2, 2**width)
        Of each operand, by stored number less the smallest one.
    (multiplier, left_shift, right_shift) : tuple of int
        Of their sum.
    """
    largest = 2 * max(float(np.float32(a[0])), float(np.float32(b[0])))
    operands = [
        requantise((stored_numbers(width) - zero_point) << _ADD_SHIFT,
                   *quantise_multiplier(float(np.float32(scale)) / largest))[0]
        for scale, zero_point in (a, b)]
    factor = largest / ((1 << _ADD_SHIFT) * float(np.float32(output_scale)))
    return np.array(operands), quantise_multiplier(factor)


def multiply_constants(a, b, output_scale, *, width=8):
    """Operands and multiplier of a product, bit for bit as TensorFlow Lite's int8 MUL.

    Parameters
    ----------
    a, b, output_scale, width
        See `add_constants`.

    Returns
    -------
    operands : ndarray of int64, shape (2, 2**width)
    (multiplier, left_shift, right_shift) : tuple of int
    """
    operands = [stored_numbers(width) - zero_point for _, zero_point in (a, b)]
    # As the kernel has it: the product of the scales in float32 is not what it divides.
    factor = float(np.float32(a[0])) * float(np.float32(b[0])) / float(np.float32(output_scale))
    return np.array(operands), quantise_multiplier(factor)


def average_multiplier(count, *, width=8):
    """Multiplier that divides a sum by a count, ties away from zero, as AVERAGE_POOL_2D does.

    Exact: a quotient that is no tie is a 2 `count`-th away from one at least, further than the
    multiplier, which is less than a unit too large, can err while ``count**2 <= 2**(31 - width)``;
    at a tie of a count that is no power of two the product is an integer above it.

    Parameters
    ----------
    count : int
        Activations whose mean is taken.
    width : int
        Their bits.

    Returns
    -------
    (multiplier, left_shift, right_shift) : tuple of int

    Raises
    ------
    ValueError
        If `count` is so large that the mean may be off.

    Examples
    --------
    >>> average_multiplier(4), average_multiplier(3)
    ((2147483648, 0, 2), (715827883, 0, 0))
    """
    if count >= 1 and count.bit_count() == 1 and count.bit_length() + width <= 33:
        return MULTIPLIER_ONE, 0, count.bit_length() - 1
    if count < 1 or count**2 > 1 << 31 - width:
        raise ValueError(f"The mean of {count} activations of {width} bits can't be taken exactly; "
                         f"take up to {math.isqrt(1 << 31 - width)}, or a power of two")
    return -(-MULTIPLIER_ONE // count), 0, 0
