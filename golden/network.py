"""Compressed networks, as every part of the project passes them around."""

import math
from dataclasses import dataclass, field

import numpy as np

from .convolution import output_size

__all__ = ["SparseLayer", "SparseNetwork", "Window"]


@dataclass(frozen=True)
class Window:
    """Where a convolution finds its inputs, and how its outputs are pooled.

    The inputs of such a layer are an image, channel by channel and row by row; a patch of it makes
    one column vector, and every patch is multiplied by the same matrix. Its outputs are an image
    with a channel for each row of the matrix.

    Parameters
    ----------
    channels, height, width : int
        Of the input image.
    kernel_height, kernel_width : int
        Of a patch.
    stride : int
        Step from one patch to the next.
    padding : int
        Zeros around the image, on every side.
    pool : int
        Each output is the largest of `pool` x `pool` neighbours; 1 doesn't pool.

    Raises
    ------
    ValueError
        If a number is out of its range, or there is no place for the kernel or the pool.
    """

    channels: int
    height: int
    width: int
    kernel_height: int
    kernel_width: int
    stride: int = 1
    padding: int = 0
    pool: int = 1

    def __post_init__(self):
        for name, value in vars(self).items():
            if value < (name != "padding"):
                raise ValueError(f"{name} must not be {value}")
        if min(self.output_shape) < 1:
            raise ValueError(f"{self} has no output: the image is too small")

    @property
    def columns(self):
        """Numbers in a patch."""
        return self.channels * self.kernel_height * self.kernel_width

    @property
    def inputs(self):
        """Numbers in the input image."""
        return self.channels * self.height * self.width

    @property
    def patches(self):
        """Rows and columns of patches, which is the shape of the output before it is pooled."""
        return (output_size(self.height, self.kernel_height, self.stride, self.padding),
                output_size(self.width, self.kernel_width, self.stride, self.padding))

    @property
    def output_shape(self):
        """Height and width of the pooled output image."""
        return tuple(output_size(size, self.pool, self.pool) for size in self.patches)


@dataclass(frozen=True, eq=False)
class SparseLayer:
    """One layer with shared weights: ``out = clamp(requantise(W a + bias))``.

    It is fully connected, or, with a `window`, a convolution: then `a` is each patch of the input
    image in turn, and ``W`` has the columns ``(channel, row, column)`` of a kernel.

    A real number is ``scale * (q - zero_point)``. Layers compute with *centred* activations,
    ``q - zero_point``: zero means 0.0, whatever the zero point, so a zero can be skipped; the zero
    points themselves never enter the arithmetic, they only shift the bounds of the clamp.

    Parameters
    ----------
    name : str
    codes : ndarray of uint8, shape (rows, columns)
        Codebook index of every weight; 0 is a pruned one.
    codebook : ndarray of int16, shape (2**index_width,)
        Weights; ``codebook[0]`` is 0.
    bias : ndarray of int32, shape (rows,)
        In units of ``weight_scale * input_scale``.
    multiplier, left_shift, right_shift : int
        Requantisation, see `golden.fixed.requantise`.
    low, high : int
        Clamp of the centred output; ``low=0`` is a ReLU.
    weight_scale, input_scale, output_scale : float
        Real value of one unit.
    input_zero_point, output_zero_point : int
        Only needed to turn centred activations into stored ones.
    window : Window, optional
        Of a convolution, ``window.columns`` being the columns of `codes`. The sparse core has only
        fully connected layers.
    """

    name: str
    codes: np.ndarray
    codebook: np.ndarray
    bias: np.ndarray
    multiplier: int
    left_shift: int = 0
    right_shift: int = 0
    low: int = -32768
    high: int = 32767
    weight_scale: float = 1.0
    input_scale: float = 1.0
    output_scale: float = 1.0
    input_zero_point: int = 0
    output_zero_point: int = 0
    window: Window | None = None

    @property
    def rows(self):
        """Rows of the matrix: outputs, or those of one patch."""
        return self.codes.shape[0]

    @property
    def columns(self):
        """Columns of the matrix: inputs, or those of one patch."""
        return self.codes.shape[1]

    @property
    def inputs(self):
        """Number of inputs."""
        return self.window.inputs if self.window else self.columns

    @property
    def outputs(self):
        """Number of outputs."""
        return self.rows * (math.prod(self.window.output_shape) if self.window else 1)

    @property
    def index_width(self):
        """Width of a codebook index, in bits."""
        return (len(self.codebook) - 1).bit_length()

    @property
    def weights(self):
        """Weights as int16, shape (rows, columns)."""
        return self.codebook[self.codes]


@dataclass(frozen=True, eq=False)
class SparseNetwork:
    """Layers of which each takes the output of the one before.

    `metadata` maps short names to text (what the network is, how it was made, its accuracy).
    """

    layers: tuple[SparseLayer, ...]
    metadata: dict[str, str] = field(default_factory=dict)
