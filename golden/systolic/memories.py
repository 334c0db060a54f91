"""Contents of the memories of a dense core, as numbers."""

from dataclasses import dataclass

import numpy as np

from ..fixed import MULTIPLIER_ONE
from .geometry import DenseGeometry

__all__ = ["DenseMemories", "PARAMETER_NAMES"]

#: Columns of `DenseMemories.parameters`.
PARAMETER_NAMES = ("bias", "multiplier", "left_shift", "right_shift")


@dataclass(eq=False)
class DenseMemories:
    """What the host writes before a run; each memory has its full depth and is zero by default.

    Parameters
    ----------
    geometry : DenseGeometry
    program : ndarray of uint32, shape (n, 4)
        At most `program_depth` instructions.
    parameters : ndarray of int64, shape (parameter_depth, 4)
        Bias, multiplier, left shift and right shift of each channel, see
        `golden.fixed.requantise`; by default the shifts and the bias are 0 and the multiplier 1.0.
    functions : ndarray of int64, shape (n,)
        Values of the tables of functions, see `golden.systolic.functions`.
    operands : ndarray of int64, shape (operand_tables, 2, 2**activation_width)
        Value of each operand by its stored number less the smallest one.
    weights : ndarray of int64, shape (weight_depth, columns)
        Rows of tiles.
    unified : ndarray of int64, shape (unified_depth,)
        Activations, stored numbers.

    Raises
    ------
    ValueError
        If a memory has another shape, or holds what does not fit its words.
    """

    geometry: DenseGeometry
    program: np.ndarray = None
    parameters: np.ndarray = None
    functions: np.ndarray = None
    operands: np.ndarray = None
    weights: np.ndarray = None
    unified: np.ndarray = None

    def __post_init__(self):
        g = self.geometry
        if self.program is None:
            self.program = np.zeros((0, 4), dtype=np.uint32)
        if self.program.ndim != 2 or self.program.shape[1] != 4:
            raise ValueError(f"program must be rows of four words, not {self.program.shape}")
        if len(self.program) > g.program_depth:
            raise ValueError(f"program has {len(self.program)} instructions, program_depth is "
                             f"{g.program_depth}")
        if self.parameters is None:
            self.parameters = np.zeros((g.parameter_depth, 4), dtype=np.int64)
            self.parameters[:, 1] = MULTIPLIER_ONE
        half_a, half_w = 1 << g.activation_width - 1, 1 << g.weight_width - 1
        narrow = g.activation_width <= 8
        function_range = (-half_a, half_a - 1) if narrow else (0, (1 << 16) - 1)
        for name, shape, (low, high) in (
                ("parameters", (g.parameter_depth, 4), (-(1 << 31), MULTIPLIER_ONE)),
                ("functions", (g.function_words,), function_range),
                ("operands", g.operand_shape, (-(1 << 31), (1 << 31) - 1)),
                ("weights", (g.weight_depth, g.columns), (-half_w, half_w - 1)),
                ("unified", (g.unified_depth,), (-half_a, half_a - 1))):
            value = getattr(self, name)
            value = np.zeros(shape, np.int64) if value is None else np.asarray(value, np.int64)
            if value.shape != shape:
                raise ValueError(f"{name} must be of shape {shape}, not {value.shape}")
            if value.size and not low <= value.min() <= value.max() <= high:
                raise ValueError(f"{name} must be from {low} to {high}, not from {value.min()} to "
                                 f"{value.max()}")
            setattr(self, name, value)
