"""Activation functions of 16-bit activations, as TensorFlow Lite's reference kernels define them.

Facts: tensorflow/lite/kernels/internal/reference/integer_ops/logistic.h and tanh.h with an input
scale of 2**-12 and outputs in units of 2**-15: a table of the sigmoid in steps of 1/24, with
interpolation in between.
"""

import numpy as np

__all__ = ["SIGMOID_INPUT_SCALE", "SIGMOID_STEPS", "interpolated_sigmoid", "interpolated_tanh",
           "sigmoid_table"]

#: Real value of one unit of the input of both functions.
SIGMOID_INPUT_SCALE = 2.0**-12
#: Entries of the sigmoid's table for an argument of 1.
SIGMOID_STEPS = 24


def sigmoid_table():
    """Table that both functions interpolate: the sigmoid at i / 24, in units of 2**-16.

    A chord lies below the curve, by 1/8 of the second derivative in the middle of a step. The
    entries lie above it by half of that, so that interpolation errs to both sides; with this, and
    the last entry the largest number, every value of the kernels comes out.

    Returns
    -------
    ndarray of int64, shape (256,)
        From 32768 to 65535.
    """
    sigmoid = 1 / (1 + np.exp(-np.arange(256) / SIGMOID_STEPS))
    second_derivative = sigmoid * (1 - sigmoid) * (1 - 2 * sigmoid) / SIGMOID_STEPS**2
    table = np.rint(65536 * (sigmoid - second_derivative / 16)).astype(np.int64)
    table[-1] = 65535
    return table


def _interpolate(magnitudes, table, fraction_bits):
    """Table at ``magnitudes / 2**fraction_bits``, in units of ``2**-fraction_bits``.

    From entry 255 on, which has none behind it, the callers have a limit of their own.
    """
    index = np.minimum(magnitudes >> fraction_bits, 254)
    fraction = magnitudes & (1 << fraction_bits) - 1
    return (table[index] << fraction_bits) + fraction * (table[index + 1] - table[index])


def interpolated_sigmoid(q, table):
    """Sigmoid of 16-bit numbers.

    Parameters
    ----------
    q : ndarray of int64, any shape
        In units of 2**-12.
    table : ndarray of int64, shape (256,)
        `sigmoid_table`, or whatever 16-bit numbers the core holds in its place.

    Returns
    -------
    ndarray of int64, same shape
        In units of 2**-15, modulo 2**16 as signed numbers.
    """
    x = 3 * np.asarray(q, dtype=np.int64)
    magnitude = np.abs(x)
    y = np.where(magnitude >> 9 >= 255, 0x7FFF << 10, _interpolate(magnitude, table, 9))
    y = np.where(x >= 0, y + (1 << 9), (1 << 25) - y + (1 << 9) - 1)
    return _signed16(y >> 10)


def interpolated_tanh(q, table):
    """Hyperbolic tangent of 16-bit numbers, as ``2 * sigmoid(2 q) - 1``.

    Parameters
    ----------
    q, table
        See `interpolated_sigmoid`.

    Returns
    -------
    ndarray of int64, same shape as `q`
        In units of 2**-15, modulo 2**16 as signed numbers.
    """
    x = 3 * np.asarray(q, dtype=np.int64)
    magnitude = np.abs(x)
    y = np.where(magnitude >> 8 >= 255, 0xFFFF << 8, _interpolate(magnitude, table, 8))
    y = np.where(x >= 0, y - (1 << 23) + (1 << 7), -y + (1 << 23) + (1 << 7) - 1)
    return _signed16(y >> 8)


def _signed16(y):
    return (y + (1 << 15)) % (1 << 16) - (1 << 15)
