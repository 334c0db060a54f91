"""Programs of the dense core for low-rank layers: several matrix products, nothing by the host.

The activations between two steps are in another order than the one in which they come out. That
is a matter of where they are put: a product is computed for as many columns at a time as lie side
by side afterwards, and activated for as many rows at a time as are evenly spaced.
"""

import numpy as np

from ..formats import Operation, Register
from .instructions import configure, encode, program
from .memories import DenseMemories

__all__ = ["steps_memories"]


def steps_memories(steps, inputs, geometry):
    """Memories of a dense core that runs the steps of one layer on one input.

    Parameters
    ----------
    steps : sequence of golden.compression.integer_steps.IntegerStep
        Whose biases are the same at all positions.
    inputs : array_like of int, shape (inputs,)
        Of 8 bits.
    geometry : DenseGeometry

    Returns
    -------
    memories : DenseMemories
        With the inputs in the unified buffer, in the order of the first step.
    outputs : slice
        Where the outputs will be.

    Raises
    ------
    ValueError
        If a bias differs between positions, or the layer does not fit the core.
    """
    inputs = np.asarray(inputs)
    words, weights, parameters, unified = [], [], [], np.zeros(geometry.unified_depth, np.int64)
    unified[:steps[0].gather.size] = inputs[steps[0].gather].ravel()
    source = 0
    for number, step in enumerate(steps):
        size = step.gather.shape[0] * step.matrix.shape[0]
        order = steps[number + 1].gather.ravel() if number + 1 < len(steps) else np.arange(size)
        places = np.empty(size, np.int64)
        places[order] = np.arange(size)
        destination = source + step.gather.size
        _compile(step, places.reshape(len(step.gather), -1), source, destination, geometry, words,
                 weights, parameters)
        source = destination
    words.append(encode(Operation.HALT))
    if source + size > geometry.unified_depth:
        raise ValueError(f"The layer takes {source + size} elements of the unified buffer, not "
                         f"{geometry.unified_depth}")
    memories = DenseMemories(
        geometry, program=program(words), unified=unified,
        weights=_padded("weight_depth", weights, geometry.weight_depth),
        parameters=_padded("parameter_depth", parameters, geometry.parameter_depth))
    return memories, slice(source, source + size)


def _padded(name, parts, depth):
    """All parts, one below the other, and zeros."""
    rows = sum(map(len, parts))
    if rows > depth:
        raise ValueError(f"The layer needs {name}={rows}, not {depth}")
    return np.concatenate([*parts, np.zeros((depth - rows, parts[0].shape[1]), np.int64)])


def _compile(step, places, source, destination, geometry, words, weights, parameters):
    """Append the instructions, tiles and channels of one step."""
    positions, columns = step.gather.shape
    if positions > geometry.accumulator_depth:
        raise ValueError(f"{positions} positions need as many accumulators, not "
                         f"{geometry.accumulator_depth}")
    if (step.bias != step.bias[0]).any():
        raise ValueError("The biases of a step differ between positions")
    tiles = -(-columns // geometry.rows)
    words.append(configure(Register.SOURCE, line_length=columns, line_stride=columns))
    stride = None
    for first, end in _column_runs(places, geometry.columns):
        tile = np.zeros((tiles * geometry.rows, geometry.columns), np.int64)
        tile[:columns, :end - first] = step.matrix[first:end].T
        words.append(encode(Operation.READ_WEIGHTS, tiles=tiles, address=sum(map(len, weights))))
        weights.append(tile)
        words.append(encode(
            Operation.MATRIX_MULTIPLY, lines=positions, source=source, tiles=tiles,
            last_column=end - first - 1))
        channel = np.zeros((-(-(end - first) // geometry.lanes) * geometry.lanes, 4), np.int64)
        channel[:end - first, 0] = step.bias[0, first:end]
        channel[:, 1:] = step.multiplier, step.left_shift, step.right_shift
        channels = sum(map(len, parameters))
        parameters.append(channel)
        for row, stop, spacing in _row_runs(places[:, first]):
            if spacing != stride:
                words.append(configure(Register.DESTINATION, stride=spacing,
                                       low=step.low, high=step.high))
                stride = spacing
            words.append(encode(
                Operation.ACTIVATE, last_column=end - first - 1, rows=stop - row,
                destination=destination + int(places[row, first]), accumulator=row,
                parameters=channels))


def _column_runs(places, longest):
    """Ranges of columns that lie side by side in every row."""
    beside = (np.diff(places, axis=1) == 1).all(axis=0)
    first = 0
    for column in range(1, places.shape[1] + 1):
        if column == places.shape[1] or not beside[column - 1] or column - first == longest:
            yield first, column
            first = column


def _row_runs(places):
    """Ranges of rows that are evenly spaced, forwards, and their spacing."""
    first = 0
    while first < len(places):
        stop, spacing = first + 1, 0
        if stop < len(places) and places[stop] > places[first]:
            spacing = int(places[stop] - places[first])
            while stop < len(places) and places[stop] - places[stop - 1] == spacing:
                stop += 1
        yield first, stop, spacing
        first = stop
