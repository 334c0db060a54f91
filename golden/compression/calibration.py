"""Choice of scales and zero points from statistics: how real numbers become ones of a few bits.

Three schemes: integers around zero ("symmetric", as TensorFlow Lite's weights), integers with a
zero point ("asymmetric", as its activations: Jacob et al., CVPR'18), and fixed point, where the
scale is a power of two, the place of the radix point ("fixed"). The range comes from the statistics
by one of three methods: "max" takes it all; "percentile" leaves out the rarest; "mse" takes what
gives the least mean squared error, by search (as Sung et al., 2015, for fixed point). A scale may
be of the tensor or of each channel; a channel that is all zero gets the scale 1, not 0/0.
"""

from dataclasses import dataclass

import numpy as np

from ..quantisation import asymmetric_scale, dequantise, quantise, symmetric_scale

__all__ = ["METHODS", "SCHEMES", "Quantisation", "calibrate"]

SCHEMES = ("symmetric", "asymmetric", "fixed")
METHODS = ("max", "percentile", "mse")

#: Shares of the full range that the search for the least error tries, and how many places of the
#: radix point, from the one that holds all on.
_SHARES, _PLACES = np.geomspace(1, 1 / 64, 65), 7
#: Values that it looks at: of more, quantiles.
_SAMPLES = 1 << 15


@dataclass(frozen=True, eq=False)
class Quantisation:
    """How a tensor is stored: ``real = scale * (q - zero_point)``.

    Parameters
    ----------
    width : int
        Bits, sign included.
    scale : ndarray of float64, shape () or that which broadcasts against the tensor
    zero_point : ndarray of int64, same shape
    low, high : int
        Range of the stored numbers.
    """

    width: int
    scale: np.ndarray
    zero_point: np.ndarray
    low: int
    high: int

    @property
    def fraction_bits(self):
        """Bits behind the radix point, of a scale that is a power of two; may be negative."""
        return -np.log2(self.scale).astype(np.int64)

    def store(self, real):
        """Stored numbers, int64, of `real`; those out of range are clamped."""
        return quantise(real, self.scale, self.zero_point, low=self.low, high=self.high)[0]

    def round_trip(self, real):
        """What is left of `real` once it is stored, in its own type of float."""
        real = np.asarray(real)
        back = dequantise(self.store(real), self.scale, self.zero_point)
        return back.astype(real.dtype if real.dtype.kind == "f" else np.float64)

    def squared_error(self, real):
        """Mean squared error of `round_trip`."""
        return float(np.mean(np.square(self.round_trip(np.asarray(real, np.float64)) - real)))


def calibrate(values, width, *, scheme="symmetric", method="max", axis=None, percentile=99.9):
    """Choose how a tensor is stored.

    Parameters
    ----------
    values : array_like of float, any shape
        The tensor itself (weights), or samples of it (activations). Finite.
    width : int
        Bits, sign included, 2 to 16.
    scheme : "symmetric", "asymmetric" or "fixed"
        Symmetric numbers go from ``-(2**(width - 1) - 1)``, so that their negatives exist too; the
        others from ``-2**(width - 1)``.
    method : "max", "percentile" or "mse"
    axis : int, optional
        Axis of the channels, each of which gets its own scale; None is one for all.
    percentile : float
        50 to 100: by the method of that name, the range ends there, at both ends for
        asymmetric numbers, else of the magnitudes.

    Returns
    -------
    Quantisation

    Raises
    ------
    ValueError
        If a value is not finite, or another argument is out of its range.

    Examples
    --------
    The largest magnitude is 127 steps; with a radix point, steps are powers of two:

    >>> float(calibrate([-2.54, 1.0], 8).scale)
    0.02
    >>> int(calibrate([-2.54, 1.0], 8, scheme="fixed").fraction_bits)
    5
    """
    values = np.asarray(values, np.float64)
    if not values.size or not np.isfinite(values).all():
        raise ValueError("Values to calibrate with must be finite, and at least one")
    if not 2 <= width <= 16:
        raise ValueError(f"width must be from 2 to 16, not {width}")
    if scheme not in SCHEMES or method not in METHODS:
        raise ValueError(f"scheme must be one of {SCHEMES} and method one of {METHODS}, not "
                         f"{scheme!r} and {method!r}")
    if not 50 <= percentile <= 100:
        raise ValueError(f"percentile must be from 50 to 100, not {percentile}")
    shape = [1] * values.ndim
    if axis is not None:
        shape[axis] = values.shape[axis]
        values = np.moveaxis(values, axis, 0)
    channels = values.reshape(1 if axis is None else len(values), -1)
    lowest, highest = channels.min(axis=1), channels.max(axis=1)
    if method == "percentile" and scheme == "asymmetric":
        lowest, highest = np.percentile(channels, [100 - percentile, percentile], axis=1)
    elif method == "percentile":
        highest = np.percentile(np.abs(channels), percentile, axis=1)
        lowest = -highest
    if method == "mse":
        lowest, highest = _search(channels, width, scheme, lowest, highest)
    scale, zero_point, low, high = _build(width, scheme, lowest, highest)
    if axis is None:
        return Quantisation(width, scale[0], zero_point[0], low, high)
    return Quantisation(width, scale.reshape(shape), zero_point.reshape(shape), low, high)


def _build(width, scheme, lowest, highest):
    """Scales and zero points, of shape (channels,), that just hold a range each; low and high."""
    top = (1 << width - 1) - 1
    zeros = np.zeros(len(lowest), np.int64)
    if scheme == "symmetric":
        limits = np.maximum(-lowest, highest)
        return np.array([symmetric_scale(limit, width) for limit in limits]), zeros, -top, top
    if scheme == "fixed":
        return 2.0**-_radix(lowest, highest, width), zeros, -top - 1, top
    pairs = [asymmetric_scale(*ends, width) for ends in zip(lowest, highest, strict=True)]
    scales, zero_points = (np.array(column) for column in zip(*pairs, strict=True))
    return scales, zero_points, -top - 1, top


def _search(channels, width, scheme, lowest, highest):
    """Ranges of least squared error, each end of the full ones moved in."""
    if channels.shape[1] > _SAMPLES:
        places = np.linspace(0, channels.shape[1] - 1, _SAMPLES).astype(np.int64)
        channels = np.sort(channels, axis=1)[:, places]

    def best(shares, low_too, high_too):
        errors = [_errors(channels, *_build(
            width, scheme, lowest * share if low_too else lowest,
            highest * share if high_too else highest)) for share in shares]
        share = shares[np.argmin(errors, axis=0)]
        return lowest * share if low_too else lowest, highest * share if high_too else highest

    if scheme == "asymmetric":
        # One end after the other: they hardly depend on each other.
        for _ in range(2):
            lowest, highest = best(_SHARES, False, True)
            lowest, highest = best(_SHARES, True, False)
        return lowest, highest
    return best(_SHARES if scheme == "symmetric" else 2.0**-np.arange(_PLACES), True, True)


def _errors(channels, scale, zero_point, low, high):
    """Squared errors, of shape (channels,), but for how ties are rounded."""
    scale, zero_point = scale[:, None], zero_point[:, None]
    stored = np.rint(channels / scale)
    np.clip(stored, low - zero_point, high - zero_point, out=stored)
    stored *= scale
    stored -= channels
    return np.einsum("cn,cn->c", stored, stored)


def _radix(lowest, highest, width):
    """Most bits behind the radix point with which ranges fit; for zeros, ``width - 1``."""
    top = (1 << width - 1) - 1
    needed = np.maximum(highest / top, -lowest / (top + 1))
    places = np.floor(-np.log2(np.where(needed > 0, needed, 1)))
    return np.where(needed > 0, places, width - 1)
