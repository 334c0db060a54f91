"""Steps of low-rank layers in integers, as cores for small integers compute them."""

from dataclasses import dataclass

import numpy as np

from ..fixed import quantise_multiplier, requantise, saturate
from ..quantisation import quantise, symmetric_scale
from .calibration import calibrate

__all__ = ["IntegerStep", "integer_steps", "run_integer_steps"]


@dataclass(frozen=True, eq=False)
class IntegerStep:
    """``outputs = clamp(requantise(inputs.ravel()[gather] @ matrix.T + bias))``.

    Parameters
    ----------
    gather : ndarray of int64, shape (positions, columns)
        Which activation of the step before is at each place.
    matrix : ndarray of int8, shape (rows, columns)
    bias : ndarray of int32, shape (positions, rows)
    multiplier, left_shift, right_shift : int
        See `golden.fixed.requantise`.
    low, high : int
        Clamp; zero points are 0.
    output_scale : float
        Real value of one unit of the outputs.
    """

    gather: np.ndarray
    matrix: np.ndarray
    bias: np.ndarray
    multiplier: int
    left_shift: int
    right_shift: int
    low: int
    high: int
    output_scale: float


def integer_steps(steps, inputs, *, input_scale, bias=None, relu=False):
    """Quantise the steps of one layer to 8 bits, symmetric, a scale for each matrix and output.

    Parameters
    ----------
    steps : sequence of golden.compression.dense_steps.DenseStep
        Of real numbers.
    inputs : array_like of float, shape (images, inputs)
        By which the scales of the outputs are chosen.
    input_scale : float
        Real value of one unit of an input.
    bias : array_like of float, shape (outputs,), optional
        Added by the last step.
    relu : bool
        Whether the last step ends in a ReLU.

    Returns
    -------
    list of IntegerStep
    """
    activations, made = np.asarray(inputs, np.float64), []
    for number, step in enumerate(steps, 1):
        last = number == len(steps)
        weights = calibrate(step.matrix, 8)
        shape = (len(step.gather), len(step.matrix))
        real_bias = (np.zeros(shape) if bias is None or not last
                     else np.asarray(bias, np.float64).reshape(shape))
        activations = activations[:, step.gather] @ step.matrix.T + real_bias
        output_scale = symmetric_scale(np.abs(activations).max(), 8)
        product_scale = float(weights.scale) * input_scale
        stored, _ = quantise(real_bias, product_scale, low=-(1 << 31), high=(1 << 31) - 1)
        multiplier, left, right = quantise_multiplier(product_scale / output_scale)
        made.append(IntegerStep(
            step.gather, weights.store(step.matrix).astype(np.int8), stored.astype(np.int32),
            multiplier, left, right, 0 if relu and last else -128, 127, output_scale))
        activations = activations.reshape(len(activations), -1)
        input_scale = output_scale
    return made


def run_integer_steps(steps, inputs):
    """Carry the steps out, bit for bit.

    Parameters
    ----------
    steps : sequence of IntegerStep
    inputs : array_like of int, shape (images, inputs)
        Of 8 bits.

    Returns
    -------
    ndarray of int64, shape (images, outputs)

    Raises
    ------
    ValueError
        If a sum leaves 32 bits.
    """
    activations = np.asarray(inputs, np.int64)
    for step in steps:
        sums = activations[:, step.gather] @ step.matrix.T.astype(np.int64) + step.bias
        sums, saturated = saturate(sums, 32)
        outputs, shifted = requantise(sums, step.multiplier, step.left_shift, step.right_shift)
        if saturated + shifted:
            raise ValueError(f"{saturated + shifted} sums leave 32 bits")
        activations = np.clip(outputs, step.low, step.high).reshape(len(outputs), -1)
    return activations
