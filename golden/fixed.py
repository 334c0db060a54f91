"""Fixed-point arithmetic: rounding, saturation and requantisation.

A stored number q stands for the real number ``scale * (q - zero_point)``. The sum of a layer is an
int32 in units of ``weight_scale * input_scale``; `requantise` takes it to units of
``output_scale`` in integer arithmetic only, bit for bit as the reference kernels of TensorFlow
Lite do (`MultiplyByQuantizedMultiplier` with double rounding), and a plain rounding shift, which is
EIE's fixed point, is its special case ``multiplier = 2**31``.

Nothing saturates silently: what can saturate returns how often it did.
"""

import math

import numpy as np

__all__ = [
    "INT32_MAX", "INT32_MIN", "MULTIPLIER_ONE", "quantise_multiplier", "requantise", "saturate",
]

INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1

#: The multiplier that is exactly 1.0.
MULTIPLIER_ONE = 1 << 31

#: Largest shift of a requantisation, either way.
_MAX_SHIFT = 31


def _require_range(name, values, low, high):
    """Return `values` as int64, or raise if they are no integers from `low` to `high`."""
    array = np.asarray(values)
    if array.size and array.dtype.kind not in "iu":
        raise TypeError(f"{name} must be integers, not {array.dtype}")
    if array.size and (array.min() < low or array.max() > high):
        wrong = array[(array < low) | (array > high)].flat[0]
        raise ValueError(f"{name} must be from {low} to {high}, not {wrong}")
    return array.astype(np.int64)


def saturate(x, width):
    """Clamp integers to a two's complement width.

    Parameters
    ----------
    x : array_like of int, any shape
        Integers in the range of int64.
    width : int
        Bits, sign included, from 1 to 64.

    Returns
    -------
    y : ndarray of int64, same shape
    count : int
        How many elements changed.

    Examples
    --------
    >>> saturate([-129, -128, 127, 128], 8)
    (array([-128, -128,  127,  127]), 2)
    """
    if not 1 <= width <= 64:
        raise ValueError(f"width must be from 1 to 64, not {width}")
    x = _require_range("x", x, -(1 << 63), (1 << 63) - 1)
    y = np.clip(x, -(1 << width - 1), (1 << width - 1) - 1)
    return y, int(np.count_nonzero(x != y))


def requantise(x, multiplier, left_shift=0, right_shift=0):
    """Multiply integers by ``multiplier * 2**(left_shift - right_shift - 31)`` and round.

    With s = 1 for negative x, else 0, and after x has been shifted left and saturated to int32::

        m1 = (|x| * multiplier + 2**30 - s) >> 31            # half away from 0, but -0.5 to 0
        m2 = (m1 + (1 << right_shift >> 1)) >> right_shift   # half away from 0
        y  = -m2 if s else m2

    The first line is gemmlowp's `SaturatingRoundingDoublingHighMul` (which rounds a negative
    half upwards), the second its `RoundingDivideByPOT`; both together are TensorFlow Lite's
    `MultiplyByQuantizedMultiplier` (tensorflow/lite/kernels/internal/common.cc, double rounding).
    TensorFlow Lite leaves an overflow of the left shift undefined; here it saturates and counts.

    Parameters
    ----------
    x : array_like of int, any shape
        Sums, in the range of int32.
    multiplier : int or array_like of int, broadcast against `x`
        From 0 to 2**31; 2**31 is exactly 1.0, a plain rounding shift.
    left_shift, right_shift : int or array_like of int, broadcast against `x`
        Bits, from 0 to 31.

    Returns
    -------
    y : ndarray of int64, broadcast shape
        In the range of int32.
    saturations : int
        Elements that the left shift took out of the range of int32.

    Raises
    ------
    TypeError, ValueError
        If an argument is no integer, or out of its range.

    Examples
    --------
    Ties of a plain shift go away from zero:

    >>> requantise([5, 6, 7, -5, -6, -7], MULTIPLIER_ONE, 0, 2)
    (array([ 1,  2,  2, -1, -2, -2]), 0)

    Those of the multiplication go up:

    >>> requantise([1, -1, 3, -3], 1 << 30)
    (array([ 1,  0,  2, -1]), 0)
    """
    x = _require_range("x", x, INT32_MIN, INT32_MAX)
    multiplier = _require_range("multiplier", multiplier, 0, MULTIPLIER_ONE)
    left_shift = _require_range("left_shift", left_shift, 0, _MAX_SHIFT)
    right_shift = _require_range("right_shift", right_shift, 0, _MAX_SHIFT)
    # |x| <= 2**31, so neither the shift nor the product leaves 2**62: int64 suffices throughout.
    x, multiplier, left_shift, right_shift = np.broadcast_arrays(
        x, multiplier, left_shift, right_shift)
    shifted, saturations = saturate(x << left_shift, 32)
    negative = shifted < 0
    magnitude = (np.abs(shifted) * multiplier + ((1 << 30) - negative)) >> 31
    magnitude = (magnitude + (np.int64(1) << right_shift >> 1)) >> right_shift
    return np.where(negative, -magnitude, magnitude), saturations


def quantise_multiplier(real):
    """Split a real factor into the integers that `requantise` takes.

    As TensorFlow Lite's `QuantizeMultiplier` (tensorflow/lite/kernels/internal/
    quantization_util.cc): 31 significant bits, ties away from zero; a factor below 2**-32 is 0.

    Parameters
    ----------
    real : float
        Factor, finite and not negative, below 2**31.

    Returns
    -------
    multiplier : int
        0, or from 2**30 to 2**31 - 1.
    left_shift, right_shift : int
        Bits, from 0 to 31; at least one of them is 0.

    Raises
    ------
    ValueError
        If `real` is negative, not finite or too large.

    Examples
    --------
    >>> quantise_multiplier(0.75), quantise_multiplier(3)
    ((1610612736, 0, 0), (1610612736, 2, 0))
    >>> quantise_multiplier(0.1)
    (1717986918, 0, 3)
    """
    real = float(real)
    if not (math.isfinite(real) and real >= 0):
        raise ValueError(f"A factor must be finite and not negative, not {real}")
    fraction, exponent = math.frexp(real)
    # Exact: a float has 53 significant bits, so 22 of them remain behind the point.
    multiplier = math.floor(fraction * (1 << 31) + 0.5)
    if multiplier == 1 << 31:
        multiplier, exponent = 1 << 30, exponent + 1
    if exponent > _MAX_SHIFT:
        raise ValueError(f"A factor must be below 2**{_MAX_SHIFT}, not {real}")
    if multiplier == 0 or exponent < -_MAX_SHIFT:
        return 0, 0, 0
    return multiplier, max(exponent, 0), max(-exponent, 0)
