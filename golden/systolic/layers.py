"""Layers of dense networks, each with its plain definition."""

import math
from dataclasses import dataclass

import numpy as np

from ..fixed import saturate
from .parts import Ending, Kernel

__all__ = ["Add", "AveragePool", "Concat", "Conv2D", "DepthwiseConv2D", "Ending", "FullyConnected",
           "Kernel", "Lookup", "MaxPool", "Multiply", "Reshape"]


@dataclass(frozen=True, eq=False, kw_only=True)
class _Layer:
    name: str
    inputs: tuple

    def __post_init__(self):
        object.__setattr__(self, "inputs", tuple(self.inputs))


@dataclass(frozen=True, eq=False, kw_only=True)
class _Product(_Layer):
    """Sums of weights times activations.

    Parameters
    ----------
    weights : ndarray of int
    bias : ndarray of int, shape (outputs,)
    input_zero_point : int
    ending : Ending
    """

    weights: np.ndarray
    bias: np.ndarray
    input_zero_point: int = 0
    ending: Ending = Ending()


@dataclass(frozen=True, eq=False, kw_only=True)
class FullyConnected(_Product):
    """``ending(weights @ (input - zero_point) + bias)``; weights of shape (outputs, inputs).

    A picture as input is taken flat, channel after channel of pixel after pixel of its lines.
    """

    def output_shape(self, shape):
        if math.prod(shape) != self.weights.shape[1]:
            raise ValueError(f"weights for {self.weights.shape[1]} inputs do not go with shape "
                             f"{shape}")
        return (len(self.weights),)

    def compute(self, x, *, width):
        x = (x.reshape(len(x), -1) - self.input_zero_point).astype(np.float64)
        # Exact in float64: less than 2**20 products of at most 33 bits.
        sums = (x @ self.weights.T.astype(np.float64)).astype(np.int64)
        return self.ending.apply(sums, width, self.bias)


@dataclass(frozen=True, eq=False, kw_only=True)
class Conv2D(_Product):
    """Convolution; weights of shape (outputs, ky, kx, inputs), in line with `kernel`."""

    kernel: Kernel

    def output_shape(self, shape):
        if self.weights.shape[1:] != (*self.kernel.size, shape[-1]):
            raise ValueError(f"weights of shape {self.weights.shape} do not go with a kernel of "
                             f"{self.kernel.size} on shape {shape}")
        return (*self.kernel.output_size(shape), len(self.weights))

    def compute(self, x, *, width):
        windows = self.kernel.windows((x - self.input_zero_point).astype(np.float64))
        sums = np.tensordot(windows, self.weights.astype(np.float64), ((4, 5, 3), (1, 2, 3)))
        return self.ending.apply(sums.astype(np.int64), width, self.bias)


@dataclass(frozen=True, eq=False, kw_only=True)
class DepthwiseConv2D(_Product):
    """Convolution of each channel with its own kernel; weights of shape (ky, kx, channels)."""

    kernel: Kernel

    def output_shape(self, shape):
        if self.weights.shape != (*self.kernel.size, shape[-1]):
            raise ValueError(f"weights of shape {self.weights.shape} do not go with a kernel of "
                             f"{self.kernel.size} on shape {shape}")
        return (*self.kernel.output_size(shape), shape[-1])

    def compute(self, x, *, width):
        sums = np.einsum("byxcij,ijc->byxc", self.kernel.windows(x - self.input_zero_point),
                         self.weights.astype(np.int64))
        return self.ending.apply(sums, width, self.bias)


@dataclass(frozen=True, eq=False, kw_only=True)
class MaxPool(_Layer):
    """Largest of each window; scale and zero point stay. No padding."""

    kernel: Kernel

    def output_shape(self, shape):
        if self.kernel.padding != ((0, 0), (0, 0)) or self.kernel.dilation != (1, 1):
            raise ValueError("pooling takes neither padding nor dilation; pad the layer before it")
        return (*self.kernel.output_size(shape), shape[-1])

    def compute(self, x, *, width):
        return self.kernel.windows(x).max(axis=(4, 5)), 0


@dataclass(frozen=True, eq=False, kw_only=True)
class AveragePool(MaxPool):
    """Mean of each window of stored numbers, ties away from zero, then `ending`'s clamp.

    Parameters
    ----------
    ending : Ending
        With the multiplier of `golden.systolic.tables.average_multiplier` and a zero point of 0.
    """

    ending: Ending

    def compute(self, x, *, width):
        return self.ending.apply(self.kernel.windows(x).sum(axis=(4, 5)), width)


@dataclass(frozen=True, eq=False, kw_only=True)
class Add(_Layer):
    """``ending(a + b + bias)``, element by element, of two tensors of a shape.

    Parameters
    ----------
    operands : ndarray of int, shape (2, 2**width), or tuple of (int, int)
        What stored numbers count for in each operand: a table by stored number less the smallest
        one up to 8 bits, else left shifts. See `golden.systolic.tables`.
    ending : Ending
        Of one multiplier.
    bias : int
    """

    operands: object
    ending: Ending
    bias: int = 0

    def output_shape(self, a, b):
        if a != b:
            raise ValueError(f"shapes {a} and {b} differ")
        return a

    def values(self, tensors, width):
        """What the operands count for."""
        if width > 8:
            return [x << shift for x, shift in zip(tensors, self.operands, strict=False)]
        return [np.asarray(table)[x + (1 << width - 1)]
                for x, table in zip(tensors, self.operands, strict=False)]

    def compute(self, a, b, *, width):
        a, b = self.values((a, b), width)
        return self.ending.apply(a + b, width, self.bias)


@dataclass(frozen=True, eq=False, kw_only=True)
class Multiply(Add):
    """``ending(a * b + bias)``; the operands are numbers of 16 bits."""

    def compute(self, a, b, *, width):
        a, b = self.values((a, b), width)
        for operand in (a, b):
            if saturate(operand, 16)[1]:
                raise ValueError(f"Layer {self.name!r}: an operand leaves 16 bits")
        return self.ending.apply(a * b, width, self.bias)


@dataclass(frozen=True, eq=False, kw_only=True)
class Lookup(_Layer):
    """``ending(input)``: a function on its own; of `ending` only the function is used."""

    ending: Ending

    def output_shape(self, shape):
        return shape

    def compute(self, x, *, width):
        half = 1 << width - 1
        alone = Ending(low=-half, high=half - 1, function=self.ending.function)
        return alone.apply(x, width)


@dataclass(frozen=True, eq=False, kw_only=True)
class Reshape(_Layer):
    """The same numbers in the same order, in another shape."""

    shape: tuple

    def output_shape(self, shape):
        if math.prod(shape) != math.prod(self.shape):
            raise ValueError(f"shape {shape} has another size than {self.shape}")
        return tuple(self.shape)

    def compute(self, x, *, width):
        return x.reshape(len(x), *self.shape), 0


@dataclass(frozen=True, eq=False, kw_only=True)
class Concat(_Layer):
    """Vectors one behind the other; no vector is part of two of them."""

    def output_shape(self, *shapes):
        if any(len(shape) != 1 for shape in shapes):
            raise ValueError(f"it takes vectors, not shapes {shapes}")
        return (sum(shape[0] for shape in shapes),)

    def compute(self, *tensors, width):
        return np.concatenate(tensors, axis=1), 0
