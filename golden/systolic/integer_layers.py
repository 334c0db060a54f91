"""From float weights to the integers of a dense layer."""

import numpy as np

from ..fixed import quantise_multiplier
from ..quantisation import quantise
from .layers import Ending

__all__ = ["integer_product", "whole_range"]


def whole_range(zero_point, width, *, relu=False):
    """Bounds of a result relative to its zero point: all that its width holds, or from 0.0 on.

    Returns
    -------
    dict of str to int
        `low` and `high` of an `Ending`.

    Examples
    --------
    >>> whole_range(-128, 8), whole_range(3, 8, relu=True)
    ({'low': 0, 'high': 255}, {'low': 0, 'high': 124})
    """
    half = 1 << width - 1
    low = -half - zero_point
    return {"low": max(0, low) if relu else low, "high": half - 1 - zero_point}


def integer_product(weights, bias, *, input_scale, input_zero_point=0, output_scale,
                    output_zero_point=0, relu=False, function=None, width=8, weight_width=8):
    """Quantise a layer that multiplies, with a scale of its own for the weights of each output.

    Parameters
    ----------
    weights : ndarray of float, shape (outputs, ...)
    bias : ndarray of float, shape (outputs,)
    input_scale, output_scale : float
        Real value of one unit of an activation.
    input_zero_point, output_zero_point : int
    relu : bool
        Whether negative results become 0.0.
    function : optional
        As in `Ending`.
    width, weight_width : int
        Bits of an activation and a weight.

    Returns
    -------
    dict
        `weights`, `bias`, `input_zero_point` and `ending` of a layer.
    """
    weights = np.asarray(weights, dtype=np.float64)
    largest = np.abs(weights).reshape(len(weights), -1).max(axis=1)
    scales = np.where(largest > 0, largest, 1.0) / ((1 << weight_width - 1) - 1)
    stored, _ = quantise(weights, scales.reshape(-1, *[1] * (weights.ndim - 1)))
    limit = (1 << 31) - 1
    multiplier, left, right = np.array(
        [quantise_multiplier(scale * input_scale / output_scale) for scale in scales]).T
    return {
        "weights": stored,
        "bias": quantise(bias, scales * input_scale, low=-limit, high=limit)[0],
        "input_zero_point": input_zero_point,
        "ending": Ending(
            multiplier=multiplier, left_shift=left, right_shift=right, zero_point=output_zero_point,
            function=function, scale=output_scale,
            **whole_range(output_zero_point, width, relu=relu)),
    }
