"""What several kinds of layers have: how their sums end, and where their windows lie."""

from dataclasses import dataclass

import numpy as np

from ..fixed import MULTIPLIER_ONE, requantise, saturate
from .functions import interpolated_sigmoid, interpolated_tanh, sigmoid_table

__all__ = ["Ending", "Kernel"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Ending:
    """From sums to activations: ``f(clamp(requantise(sum), low, high) + zero_point)``.

    Parameters
    ----------
    multiplier, left_shift, right_shift : int or ndarray of int, shape (channels,)
        See `golden.fixed.requantise`.
    low, high : int
        Bounds before the zero point is added: a ReLU of activations from ``-128`` has low = 0, if
        its zero point is -128 anyway, and a clamp to int8 is from -128 - zero_point to
        127 - zero_point.
    zero_point : int
    function : ndarray of int, shape (2**width,), or str, optional
        Table by stored number less the smallest one, or "sigmoid" or "tanh" of 16 bits.
    scale : float
        Real value of one unit of the result.
    """

    multiplier: object = MULTIPLIER_ONE
    left_shift: object = 0
    right_shift: object = 0
    low: int = -128
    high: int = 127
    zero_point: int = 0
    function: object = None
    scale: float = 1.0

    def apply(self, sums, width, bias=0):
        """Activations of sums, shape (..., channels), and how many sums left 32 bits."""
        total, saturations = saturate(np.asarray(sums) + bias, 32)
        scaled, shifted = requantise(total, self.multiplier, self.left_shift, self.right_shift)
        q = np.clip(scaled, self.low, self.high) + self.zero_point
        if isinstance(self.function, str):
            q = {"sigmoid": interpolated_sigmoid, "tanh": interpolated_tanh}[self.function](
                q, sigmoid_table())
        elif self.function is not None:
            q = np.asarray(self.function)[q + (1 << width - 1)]
        return q, saturations + shifted

    @property
    def monotone(self):
        """Whether a larger sum never makes a smaller activation."""
        return (self.function is None or isinstance(self.function, str)
                or bool((np.diff(self.function) >= 0).all()))


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """Where windows of a picture lie: all pairs are vertical, horizontal.

    Parameters
    ----------
    size, stride, dilation : tuple of (int, int)
    padding : tuple of ((int, int), (int, int))
        Lines above and below, pixels left and right; they count as 0.0.
    """

    size: tuple = (1, 1)
    stride: tuple = (1, 1)
    dilation: tuple = (1, 1)
    padding: tuple = ((0, 0), (0, 0))

    def output_size(self, shape):
        """Height and width of the result of a picture of shape (height, width, channels)."""
        if len(shape) != 3:
            raise ValueError(f"it takes pictures (height, width, channels), not shape {shape}")
        sizes = tuple(
            (length + sum(padding) - (size - 1) * dilation - 1) // stride + 1
            for length, size, stride, dilation, padding in zip(
                shape, self.size, self.stride, self.dilation, self.padding, strict=False))
        if min(sizes) < 1:
            raise ValueError(f"a picture of shape {shape} has no place for the kernel {self}")
        return sizes

    def windows(self, pictures, fill=0):
        """Windows of pictures (batch, height, width, channels), as (batch, y, x, channels, ky, kx).
        """
        padded = np.pad(pictures, ((0, 0), *self.padding, (0, 0)), constant_values=fill)
        reach = [(size - 1) * dilation + 1
                 for size, dilation in zip(self.size, self.dilation, strict=True)]
        view = np.lib.stride_tricks.sliding_window_view(padded, reach, axis=(1, 2))
        return view[:, ::self.stride[0], ::self.stride[1], :, ::self.dilation[0],
                    ::self.dilation[1]]
