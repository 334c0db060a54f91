"""Compressed networks, as every part of the project passes them around."""

from dataclasses import dataclass, field

import numpy as np

__all__ = ["SparseLayer", "SparseNetwork"]


@dataclass(frozen=True, eq=False)
class SparseLayer:
    """One fully connected layer with shared weights: ``out = clamp(requantise(W a + bias))``.

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

    @property
    def rows(self):
        """Number of outputs."""
        return self.codes.shape[0]

    @property
    def columns(self):
        """Number of inputs."""
        return self.codes.shape[1]

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
