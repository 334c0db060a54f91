"""The numbers that fix what a program of the dense core means."""

import math
from dataclasses import dataclass

__all__ = ["DenseGeometry"]


@dataclass(frozen=True, kw_only=True)
class DenseGeometry:
    """Sizes and number formats of a dense core: everything that a program depends on.

    Parameters
    ----------
    rows, columns : int
        The array: 2 to 256 inputs of a tile, 2 to 256 outputs.
    lanes : int
        Outputs that the activation unit computes at once: a power of two, at most `columns`.
        Parameters are aligned to it.
    activation_width, weight_width : int
        Bits of a signed activation and weight, 2 to 16.
    unified_depth : int
        Elements of the unified buffer, a power of two.
    accumulator_depth : int
        Rows of accumulators.
    weight_depth : int
        Rows of tiles in the weight memory.
    parameter_depth : int
        Channels in the parameter memory, a multiple of `lanes`.
    program_depth : int
        Instructions.
    function_tables : int
        Tables of activation functions, up to 7. For activations of 16 bits they are two, sigmoid
        and tanh as TensorFlow Lite defines them; for 9 to 15 bits there are none.
    operand_tables : int
        Sets of tables of operands of vector instructions, for activations up to 8 bits, up to 16.
    """

    rows: int = 8
    columns: int = 8
    lanes: int = 2
    activation_width: int = 8
    weight_width: int = 8
    unified_depth: int = 16384
    accumulator_depth: int = 512
    weight_depth: int = 2048
    parameter_depth: int = 512
    program_depth: int = 512
    function_tables: int = 2
    operand_tables: int = 2

    def __post_init__(self):
        for name, low, high in (
                ("rows", 2, 256), ("columns", 2, 256), ("activation_width", 2, 16),
                ("weight_width", 2, 16), ("accumulator_depth", 2, 1 << 16),
                ("weight_depth", self.rows, 1 << 24), ("parameter_depth", self.lanes, 1 << 16),
                ("program_depth", 2, 1 << 16), ("function_tables", 0, 7),
                ("operand_tables", 0, 16), ("unified_depth", 64, 1 << 24)):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name} must be from {low} to {high}, not {value}")
        for name in ("lanes", "unified_depth"):
            value = getattr(self, name)
            if value < 1 or value.bit_count() != 1:
                raise ValueError(f"{name} must be a power of two, not {value}")
        if self.lanes > self.columns:
            raise ValueError(f"lanes={self.lanes} must be at most columns={self.columns}")
        if self.parameter_depth % self.lanes:
            raise ValueError(f"parameter_depth={self.parameter_depth} must be a multiple of "
                             f"lanes={self.lanes}")
        tables = 2 if self.activation_width == 16 else 0
        if self.activation_width > 8 and self.function_tables != tables:
            raise ValueError(f"activation_width={self.activation_width} has {tables} "
                             f"function_tables, not {self.function_tables}")
        if self.activation_width > 8 and self.operand_tables:
            raise ValueError(f"activation_width={self.activation_width} has no operand_tables: "
                             f"set them to 0, not {self.operand_tables}")
        if self.unified_depth < 2 * self.banks:
            raise ValueError(f"unified_depth={self.unified_depth} must be at least twice the "
                             f"{self.banks} banks")

    @property
    def banks(self):
        """Banks of the unified buffer: elements that it reads or writes at once."""
        return max(4, 1 << (max(self.rows, self.lanes) - 1).bit_length())

    @property
    def word_elements(self):
        """Elements in a 32-bit word of the host: each takes whole bytes."""
        return 4 if self.activation_width <= 8 else 2

    @property
    def weight_words(self):
        """Words of 32 bits that a row of a tile is for the host."""
        return -(-self.columns * self.weight_width // 32)

    @property
    def centred_width(self):
        """Bits of a result before its zero point is added."""
        return min(16, self.activation_width + 1)

    @property
    def partial_width(self):
        """Bits of a sum of one tile: no sum of `rows` products needs more."""
        return self.activation_width + self.weight_width + (self.rows - 1).bit_length()

    @property
    def function_words(self):
        """Words of the memory of functions: tables by input, or that of sigmoid."""
        if self.activation_width <= 8:
            return self.function_tables << self.activation_width
        return 256 if self.function_tables else 0

    @property
    def operand_words(self):
        """Words of the memory of operands."""
        return math.prod(self.operand_shape)

    @property
    def operand_shape(self):
        """Shape of the memory of operands: sets, tables of a set, values of a table."""
        return self.operand_tables, 2, 1 << self.activation_width
