"""What is wrong with a layer, whatever it is to be computed with."""

import numpy as np

from ..fixed import MULTIPLIER_ONE
from .layers import Add, AveragePool, Concat, DepthwiseConv2D, Lookup

__all__ = ["check_layer"]


def check_layer(layer, width):
    """Look for numbers that no core and no definition takes.

    Parameters
    ----------
    layer : one of `golden.systolic.layers`
    width : int
        Bits of an activation.

    Raises
    ------
    ValueError
        With what is wrong, but without the layer's name.
    """
    takes = 2 if isinstance(layer, Add) else 1
    if len(layer.inputs) != takes and not (isinstance(layer, Concat) and layer.inputs):
        raise ValueError(f"it takes {takes} input{'s' * (takes > 1)}, not {len(layer.inputs)}")
    outputs = None
    if hasattr(layer, "weights"):
        _require_integers("weights", layer.weights)
        outputs = layer.weights.shape[-1 if isinstance(layer, DepthwiseConv2D) else 0]
        _require_integers("bias", layer.bias)
        if layer.bias.shape != (outputs,):
            raise ValueError(f"bias is of shape {layer.bias.shape}, not ({outputs},)")
    if hasattr(layer, "kernel"):
        kernel = layer.kernel
        for name in ("size", "stride", "dilation"):
            if len(getattr(kernel, name)) != 2 or min(getattr(kernel, name)) < 1:
                raise ValueError(f"{name} is two numbers from 1 on, not {getattr(kernel, name)}")
        if np.shape(kernel.padding) != (2, 2) or np.min(kernel.padding) < 0:
            raise ValueError(f"padding is two pairs of numbers from 0 on, not {kernel.padding}")
    if hasattr(layer, "ending"):
        if not isinstance(layer, Lookup):
            _check_ending(layer.ending, outputs)
        _check_function(layer.ending.function, width)
    if isinstance(layer, AveragePool) and layer.ending.zero_point:
        raise ValueError("its ending has a zero point; the mean of stored numbers needs none")


def _require_integers(name, array):
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "iu" or not array.size:
        what = f"{array.dtype} of shape {array.shape}" if isinstance(array, np.ndarray) else (
            type(array).__name__)
        raise ValueError(f"{name} are an array of integers, not {what}")


def _check_ending(ending, outputs):
    for name, most in (("multiplier", MULTIPLIER_ONE), ("left_shift", 31), ("right_shift", 31)):
        value = np.asarray(getattr(ending, name))
        if value.dtype.kind not in "iu" or value.shape not in ((), (1,), (outputs,)):
            raise ValueError(f"{name} is an integer" + (
                f", or one for each of {outputs} outputs" if outputs else "")
                + f", not {value.dtype} of shape {value.shape}")
        if not 0 <= value.min() <= value.max() <= most:
            raise ValueError(f"{name} is from 0 to {most}, not from {value.min()} to {value.max()}")


def _check_function(function, width):
    if function is None:
        return
    if isinstance(function, str):
        if function not in ("sigmoid", "tanh"):
            raise ValueError(f"function is sigmoid, tanh or a table, not {function!r}")
        if width != 16:
            raise ValueError(f"{function!r} is a function of 16 bits, not of {width}; give it as "
                             f"a table")
        return
    values, half = np.asarray(function), 1 << width - 1
    if width > 8 or values.dtype.kind not in "iu" or values.shape != (2 * half,):
        raise ValueError(f"a table of {values.size} values is no function of {width} bits")
    if not -half <= values.min() <= values.max() < half:
        raise ValueError(f"its function is from {values.min()} to {values.max()}, not within "
                         f"{width} bits")
