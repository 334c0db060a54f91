"""Real numbers as stored ones: a stored q stands for ``scale * (q - zero_point)``."""

import math

import numpy as np

__all__ = ["asymmetric_scale", "dequantise", "quantise", "symmetric_scale"]


def quantise(real, scale, zero_point=0, *, low=-32768, high=32767):
    """Nearest stored numbers, ``round(real / scale) + zero_point``, clamped.

    Ties go away from zero before the zero point is added, as TensorFlow Lite's `AffineQuantize`
    does; the division of float32 numbers is in float32, also as there.

    Parameters
    ----------
    real : array_like of float, any shape
        Real numbers; infinities saturate.
    scale : float or array_like of float
        Real value of one unit, positive.
    zero_point : int or array_like of int
        Stored number of 0.0.
    low, high : int
        Range of the result.

    Returns
    -------
    q : ndarray of int64, same shape
    saturations : int
        How many elements were clamped.

    Raises
    ------
    ValueError
        If `real` holds a NaN or `scale` is not positive and finite.

    Examples
    --------
    >>> quantise([0.0, 0.25, -0.25, 9.0], 0.5, 10, low=0, high=20)
    (array([10, 11,  9, 20]), 1)
    """
    if low > high:
        raise ValueError(f"low={low} must not be above high={high}")
    real = np.asarray(real)
    if real.dtype != np.float32:
        real = real.astype(np.float64)
    scale = _require_scale(scale, real.dtype)
    if np.isnan(real).any():
        raise ValueError("A NaN can't be quantised")
    # The quotient may overflow to infinity, which then saturates like any number too large.
    with np.errstate(over="ignore"):
        ratio = np.abs(real / scale).astype(np.float64)
    # Not floor(ratio + 0.5), which rounds the largest float below 0.5 up to 1.
    whole = np.floor(ratio)
    rounded = np.copysign(whole + (ratio - np.where(np.isinf(ratio), 0, whole) >= 0.5), real)
    q = rounded + zero_point
    clamped = np.clip(q, low, high)
    return clamped.astype(np.int64), int(np.count_nonzero(q != clamped))


def dequantise(q, scale, zero_point=0):
    """Real numbers of stored ones, ``scale * (q - zero_point)``, in float64.

    Parameters
    ----------
    q : array_like of int, any shape
    scale : float or array_like of float
        Real value of one unit, positive.
    zero_point : int or array_like of int

    Returns
    -------
    ndarray of float64, same shape

    Examples
    --------
    >>> dequantise([10, 12], 0.5, 10)
    array([0., 1.])
    """
    return _require_scale(scale) * (np.asarray(q, np.int64) - zero_point)


def symmetric_scale(limit, width):
    """Scale with which ``-limit .. limit`` just fits `width` bits around zero point 0.

    Parameters
    ----------
    limit : float
        Largest magnitude, not negative. 0 gives 1.0, so that an all-zero tensor has a scale.
    width : int
        Bits, sign included, from 2 to 32.

    Returns
    -------
    float

    Examples
    --------
    >>> symmetric_scale(254, 8)
    2.0
    """
    if not (math.isfinite(limit) and limit >= 0):
        raise ValueError(f"limit must be finite and not negative, not {limit}")
    if not 2 <= width <= 32:
        raise ValueError(f"width must be from 2 to 32, not {width}")
    # A limit so small that the quotient underflows is as good as an all-zero tensor.
    return float(limit) / ((1 << width - 1) - 1) or 1.0


def asymmetric_scale(low, high, width):
    """Scale and zero point with which ``low .. high`` just fits `width` bits, 0.0 exactly.

    Parameters
    ----------
    low, high : float
        Smallest and largest number; the range is widened to hold 0.0.
    width : int
        Bits, sign included, from 2 to 32.

    Returns
    -------
    scale : float
    zero_point : int
        In the range of `width` bits, signed.

    Examples
    --------
    >>> asymmetric_scale(0, 127.5, 8)
    (0.5, -128)
    """
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise ValueError(f"low and high must be finite and in order, not {low} and {high}")
    if not 2 <= width <= 32:
        raise ValueError(f"width must be from 2 to 32, not {width}")
    low, high = min(float(low), 0.0), max(float(high), 0.0)
    lowest, steps = -(1 << width - 1), (1 << width) - 1
    # Divided before they are subtracted, so that no finite range overflows.
    scale = high / steps - low / steps or 1.0
    zero_point, _ = quantise(-low, scale, lowest, low=lowest, high=lowest + steps)
    return scale, int(zero_point)


def _require_scale(scale, dtype=np.float64):
    """Return `scale` as an array, or raise if one is not positive and finite."""
    scale = np.asarray(scale, dtype)
    if not (np.isfinite(scale).all() and (scale > 0).all()):
        raise ValueError(f"A scale must be positive and finite in {scale.dtype}, not {scale}")
    return scale
