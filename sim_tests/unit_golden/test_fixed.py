"""golden.fixed against hand values and against plain integers and fractions."""

import doctest
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golden import fixed, quantisation
from golden.fixed import (
    INT32_MAX,
    INT32_MIN,
    MULTIPLIER_ONE,
    quantise_multiplier,
    requantise,
    saturate,
)
from golden.quantisation import asymmetric_scale, dequantise, quantise, symmetric_scale

int32s = st.one_of(st.integers(INT32_MIN, INT32_MAX), st.integers(-40, 40))
multipliers = st.one_of(
    st.integers(0, MULTIPLIER_ONE), st.integers(0, 31).map(lambda bit: 1 << bit))
shifts = st.integers(0, 31)


def test_examples():
    assert doctest.testmod(fixed).failed == 0
    assert doctest.testmod(quantisation).failed == 0


# --- gemmlowp, fixedpoint/fixedpoint.h, transcribed line by line with C's division and shift

def c_divide(a, b):
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def saturating_rounding_doubling_high_mul(a, b):
    if a == b == INT32_MIN:
        return INT32_MAX
    ab = a * b
    nudge = 1 << 30 if ab >= 0 else 1 - (1 << 30)
    return c_divide(ab + nudge, 1 << 31)


def rounding_divide_by_pot(x, exponent):
    mask = (1 << exponent) - 1
    remainder = x & mask
    threshold = (mask >> 1) + (1 if x < 0 else 0)
    return (x >> exponent) + (1 if remainder > threshold else 0)


def reference_requantise(x, multiplier, left_shift, right_shift):
    shifted = min(max(x << left_shift, INT32_MIN), INT32_MAX)
    if multiplier == MULTIPLIER_ONE:    # not an int32, so not gemmlowp's: exactly 1.0
        high = shifted
    else:
        high = saturating_rounding_doubling_high_mul(shifted, multiplier)
    return rounding_divide_by_pot(high, right_shift), int(shifted != x << left_shift)


@settings(max_examples=2000, deadline=None)
@given(int32s, multipliers, shifts, shifts)
def test_requantise_is_gemmlowp(x, multiplier, left_shift, right_shift):
    y, saturations = requantise(x, multiplier, left_shift, right_shift)
    assert (int(y), saturations) == reference_requantise(x, multiplier, left_shift, right_shift)


def test_requantise_around_every_tie():
    """One below, at and one above a tie, both signs, all shifts, an array of each argument."""
    cases = []
    for right_shift in range(32):
        for multiplier in (1 << 30, (1 << 30) + 1, 3 << 29, (1 << 31) - 1, 1 << 31, 1, 0):
            factor = Fraction(multiplier, 1 << 31 + right_shift)
            for half in (Fraction(1, 2), Fraction(3, 2), Fraction(5, 2), Fraction(255, 2)):
                at = int(half / factor) if factor else 1
                cases += [(sign * x, multiplier, left_shift, right_shift)
                          for x in (at - 1, at, at + 1) for left_shift in (0, 1)
                          for sign in (1, -1)]
    cases = [case for case in cases if INT32_MIN <= case[0] <= INT32_MAX]
    assert len(cases) > 6000
    expected = [reference_requantise(*case) for case in cases]
    y, saturations = requantise(*np.array(cases).T)
    np.testing.assert_array_equal(y, [value for value, _ in expected])
    assert saturations == sum(count for _, count in expected) > 0


@pytest.mark.parametrize(("x", "multiplier", "left_shift", "right_shift", "y", "saturations"), [
    (INT32_MIN, MULTIPLIER_ONE, 0, 0, INT32_MIN, 0),
    (INT32_MIN, MULTIPLIER_ONE, 0, 31, -1, 0),
    (INT32_MIN, MULTIPLIER_ONE, 1, 0, INT32_MIN, 1),
    (INT32_MAX, MULTIPLIER_ONE, 31, 0, INT32_MAX, 1),
    (INT32_MAX, MULTIPLIER_ONE, 0, 31, 1, 0),           # 2**31 - 1 is more than half of 2**31
    (INT32_MAX, (1 << 31) - 1, 0, 0, (1 << 31) - 2, 0),
    (INT32_MIN, (1 << 31) - 1, 0, 0, 1 - (1 << 31), 0),
    (1 << 30, MULTIPLIER_ONE, 0, 31, 1, 0),             # the tie at the largest shift
    (-(1 << 30), MULTIPLIER_ONE, 0, 31, -1, 0),
    ((1 << 30) - 1, MULTIPLIER_ONE, 0, 31, 0, 0),
    (0, MULTIPLIER_ONE, 31, 31, 0, 0),
    (-1, 1 << 30, 0, 0, 0, 0),                          # -0.5 goes up in the multiplication ...
    (-1, MULTIPLIER_ONE, 0, 1, -1, 0),                  # ... and away from zero in the shift
    (3, 1 << 30, 0, 2, 1, 0),                           # 0.375: 1.5 -> 2 -> 1, double rounding
    (5, 0, 3, 4, 0, 0),
])
def test_requantise_by_hand(x, multiplier, left_shift, right_shift, y, saturations):
    values, count = requantise([x], multiplier, left_shift, right_shift)
    assert values.dtype == np.int64
    assert (values.tolist(), count) == ([y], saturations)


def test_requantise_takes_a_multiplier_a_row():
    x = np.array([[100, -100], [100, -100]])
    y, _ = requantise(x, np.array([[1 << 30], [1 << 29]]), 0, np.array([[0], [1]]))
    assert y.tolist() == [[50, -50], [13, -13]]


@pytest.mark.parametrize(("arguments", "error", "message"), [
    ((1 << 31, 1, 0, 0), ValueError, "x must be .* not 2147483648"),
    (([0, -(1 << 31) - 1], 1, 0, 0), ValueError, "x must be"),
    ((1.0, 1, 0, 0), TypeError, "x must be integers"),
    ((1, -1, 0, 0), ValueError, "multiplier must be from 0 to 2147483648, not -1"),
    ((1, (1 << 31) + 1, 0, 0), ValueError, "multiplier"),
    ((1, 1, 32, 0), ValueError, "left_shift must be from 0 to 31, not 32"),
    ((1, 1, 0, -1), ValueError, "right_shift"),
])
def test_requantise_refuses(arguments, error, message):
    with pytest.raises(error, match=message):
        requantise(*arguments)


def test_saturate():
    assert saturate([[1 << 40, -(1 << 40)], [7, -8]], 32)[0].tolist() == [
        [INT32_MAX, INT32_MIN], [7, -8]]
    assert saturate(np.array([np.iinfo(np.int64).min]), 64)[1] == 0
    assert saturate([-1, 0, 1], 1)[0].tolist() == [-1, 0, 0]
    assert saturate(np.array([], np.int16), 8)[1] == 0
    for width in (0, 65):
        with pytest.raises(ValueError, match=f"width must be from 1 to 64, not {width}"):
            saturate([1], width)
    with pytest.raises(TypeError):
        saturate([1.5], 8)


# --- multipliers and scales

@given(st.floats(0, 2.0**30, exclude_min=True))
def test_multiplier_is_the_nearest(real):
    multiplier, left_shift, right_shift = quantise_multiplier(real)
    value = Fraction(multiplier) * Fraction(2) ** (left_shift - right_shift - 31)
    if multiplier:
        assert 1 << 30 <= multiplier < 1 << 31
        assert left_shift == 0 or right_shift == 0
        assert abs(value / Fraction(real) - 1) <= Fraction(1, 1 << 31)
    else:
        assert real < 2.0**-32


@pytest.mark.parametrize(("real", "expected"), [
    (0.0, (0, 0, 0)),
    (1.0, (1 << 30, 1, 0)),
    (0.5, (1 << 30, 0, 0)),
    (1 - 2.0**-31, ((1 << 31) - 1, 0, 0)),
    (1 - 2.0**-32, (1 << 30, 1, 0)),                # the tie rounds up to 2**31, hence to 1.0
    (1 - 1.5 * 2.0**-32, ((1 << 31) - 1, 0, 0)),    # a tie, as an odd number of 2**-33
    (0.5 + 2.0**-32, ((1 << 30) + 1, 0, 0)),        # another
    (2.0**-32, (1 << 30, 0, 31)),
    (2.0**-32 - 2.0**-70, (1 << 30, 0, 31)),        # rounds up into range
    (2.0**-33, (0, 0, 0)),
    (5e-324, (0, 0, 0)),
    (2.0**30, (1 << 30, 31, 0)),
])
def test_multiplier_by_hand(real, expected):
    assert quantise_multiplier(real) == expected


@pytest.mark.parametrize("real", [-1.0, math.nan, math.inf, 2.0**31])
def test_multiplier_refuses(real):
    with pytest.raises(ValueError, match="A factor must be"):
        quantise_multiplier(real)


def test_quantise_rounds_half_away_and_counts():
    q, count = quantise([0.5, 1.5, -0.5, -1.5, 0.49999999999999994], 1.0)
    assert (q.tolist(), count) == ([1, 2, -1, -2, 0], 0)
    q, count = quantise([math.inf, -math.inf, 1e300, 127, 128], 1.0, low=-128, high=127)
    assert (q.tolist(), count) == ([127, -128, 127, 127, 127], 4)
    q, count = quantise(np.array([1e38], np.float32), 1e-38)
    assert (q.tolist(), count) == ([32767], 1)
    for arguments, message in (((math.nan, 1.0), "NaN"), ((1.0, 0.0), "scale"),
                               ((1.0, math.inf), "scale"), ((np.float32(1), 1e-60), "float32")):
        with pytest.raises(ValueError, match=message):
            quantise(*arguments)
    with pytest.raises(ValueError, match="low=1 must not be above high=0"):
        quantise([1.0], 1.0, low=1, high=0)


@given(st.integers(-128, 127), st.integers(-128, 127), st.floats(1e-6, 1e6))
def test_quantise_inverts_dequantise(q, zero_point, scale):
    back, count = quantise(dequantise(q, scale, zero_point), scale, zero_point, low=-128, high=127)
    assert (int(back), count) == (q, 0)


@given(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9), st.sampled_from([4, 8, 16]))
def test_asymmetric_scale_covers_the_range(a, b, width):
    low, high = min(a, b), max(a, b)
    scale, zero_point = asymmetric_scale(low, high, width)
    lowest, highest = -(1 << width - 1), (1 << width - 1) - 1
    assert lowest <= zero_point <= highest
    assert dequantise(zero_point, scale, zero_point) == 0
    assert dequantise(lowest, scale, zero_point) <= low + scale * 0.501
    assert dequantise(highest, scale, zero_point) >= high - scale * 0.501


def test_scales_by_hand():
    assert symmetric_scale(0, 8) == 1.0
    assert symmetric_scale(5e-324, 16) == 1.0
    assert asymmetric_scale(0, 0, 8) == (1.0, -128)
    assert asymmetric_scale(-1, 1, 8) == (2 / 255, 0)       # -128 + (127.5 rounded to 128)
    assert asymmetric_scale(2, 4, 8) == (4 / 255, -128)     # widened to hold 0.0
    for wrong in ((math.nan, 8), (-1, 8), (1, 1), (1, 33)):
        with pytest.raises(ValueError, match="must be"):
            symmetric_scale(*wrong)
    for wrong in ((1, 0, 8), (0, math.inf, 8), (0, 1, 1)):
        with pytest.raises(ValueError, match="must be"):
            asymmetric_scale(*wrong)
