"""Weights, parameters and tables of a network, laid out in the memories of a dense core."""

import numpy as np

from .functions import sigmoid_table
from .memories import DenseMemories
from .too_small import TooSmall

__all__ = ["Storage"]


class Storage:
    """Memories that fill up; what is there already is used again.

    Parameters
    ----------
    geometry : DenseGeometry
    """

    def __init__(self, geometry):
        self.geometry = geometry
        self.memories = DenseMemories(geometry)
        self.weight_rows = self.channels = 0
        self.tables, self.operand_sets, self._known = [], [], {}

    def weights(self, name, tiles):
        """Keep tiles; the row of the weight memory at which they start.

        Parameters
        ----------
        name : str
            Layer, for errors.
        tiles : ndarray of int64, shape (..., rows, columns)
        """
        g = self.geometry
        half = 1 << g.weight_width - 1
        if tiles.min() < -half or tiles.max() >= half:
            raise ValueError(f"Layer {name!r}: weights from {tiles.min()} to {tiles.max()} do not "
                             f"fit weight_width={g.weight_width}")
        rows = tiles.reshape(-1, g.columns)
        key = "weights", rows.tobytes()
        if key not in self._known:
            self._known[key] = self.weight_rows
            end = self.weight_rows + len(rows)
            if end > g.weight_depth:
                raise TooSmall(f"Layer {name!r}: its weights end at row {end} of weight_depth="
                               f"{g.weight_depth}", "weight_depth", -(-end // 64) * 64)
            self.memories.weights[self.weight_rows:end] = rows
            self.weight_rows = end
        return self._known[key]

    def parameters(self, name, ending, bias, size):
        """Keep the parameters of channels; the first one of each block of `size` channels."""
        columns = np.stack(np.broadcast_arrays(
            bias, ending.multiplier, ending.left_shift, ending.right_shift), axis=1)
        return [self._channels(name, columns[first:first + size].astype(np.int64))
                for first in range(0, len(columns), size)]

    def common(self, name, ending, bias):
        """Keep the parameters of a vector instruction: the same for each lane; the first one."""
        row = [bias, ending.multiplier, ending.left_shift, ending.right_shift]
        if any(np.size(value) != 1 for value in row):
            raise ValueError(f"Layer {name!r}: it has one multiplier and bias, not one a channel")
        row = np.array([int(value) for value in row])
        return self._channels(name, np.tile(row, (self.geometry.lanes, 1)))

    def _channels(self, name, rows):
        g = self.geometry
        key = "parameters", rows.tobytes()
        if key not in self._known:
            end = self.channels + len(rows)
            if end > g.parameter_depth:
                raise TooSmall(f"Layer {name!r}: its parameters end at channel {end} of "
                               f"parameter_depth={g.parameter_depth}", "parameter_depth",
                               1 << (end - 1).bit_length())
            self._known[key] = self.channels
            self.memories.parameters[self.channels:end] = rows
            self.channels = -(-end // g.lanes) * g.lanes
        return self._known[key]

    def function(self, name, ending):
        """Keep the function behind an ending; its number, 0 if there is none.

        That it is one of `activation_width` bits, `DenseNetwork` has made sure.
        """
        g = self.geometry
        if ending.function is None:
            return 0
        if isinstance(ending.function, str):
            self.memories.functions[:] = sigmoid_table()
            return {"sigmoid": 1, "tanh": 2}[ending.function]
        number = self._table(name, self.tables, np.asarray(ending.function, dtype=np.int64),
                             "function_tables", g.function_tables)
        self.memories.functions.reshape(g.function_tables, -1)[number] = ending.function
        return number + 1

    def operands(self, name, operands):
        """Keep tables of operands; their number."""
        operands = np.asarray(operands, dtype=np.int64)
        g = self.geometry
        if operands.shape != (2, 1 << g.activation_width):
            raise ValueError(f"Layer {name!r}: operand tables of shape {operands.shape} do not go "
                             f"with {g.activation_width} bits")
        number = self._table(name, self.operand_sets, operands, "operand_tables", g.operand_tables)
        self.memories.operands[number] = operands
        return number

    def _table(self, name, tables, values, what, most):
        for number, table in enumerate(tables):
            if np.array_equal(table, values):
                return number
        if len(tables) == most:
            raise TooSmall(f"Layer {name!r}: it needs one more of the {what}, which are {most}",
                           what, most + 1)
        tables.append(values)
        return len(tables) - 1
