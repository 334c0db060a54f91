"""Programs of networks of which only the shapes are known: what a cycle model needs, and no more.

No weight is made and no memory filled, so that a network of a hundred million weights is laid out
in no time; but every address, region and order of instructions is such that a core which is given
weights and parameters at those places computes the network.
"""

from collections import Counter
from typing import NamedTuple

from ..formats import Operation, Register
from .schedule import Step, schedule

__all__ = ["Outline", "Rows", "even_cuts"]

#: Bounds of results: all numbers of 8 bits.
_BOUNDS = {"low": -128, "high": 127}
_LONGEST_VECTOR = 0xFFFF


class Rows(NamedTuple):
    """Vectors, one behind the other in the unified buffer.

    Parameters
    ----------
    address : int
    count : int
        How many: the batch.
    size : int
        Elements of one.
    """

    address: int
    count: int
    size: int

    @property
    def elements(self):
        """Elements of all of them."""
        return self.count * self.size


def even_cuts(length, most):
    """Cut a length into as few parts of at most `most` as there can be, nearly equal ones.

    Returns
    -------
    list of (int, int)
        Where each begins, and its length.

    Examples
    --------
    >>> even_cuts(19, 13), even_cuts(5, 5)
    ([(0, 10), (10, 9)], [(0, 5)])
    """
    parts = -(-length // most)
    ends = [-(-length * part // parts) for part in range(parts + 1)]
    return [(start, end - start) for start, end in zip(ends, ends[1:], strict=False)]


class Outline:
    """Layers put one behind the other, with places for what they read and write.

    A layer of a name that was there before uses its weights and parameters again. Rows go through
    the accumulators in lots of at most half of them, so that one lot is drained while the next
    one is multiplied; no block is cut further, since each cut would fetch its weights again.

    Parameters
    ----------
    geometry : DenseGeometry
        With activations of 8 bits; functions 1 and 2 are sigmoid and tanh.

    Attributes
    ----------
    steps : list of golden.systolic.schedule.Step
    layers : dict of str to str
        Kind by name: "FC", "conv", "vector" or "pool".
    weights : dict of str to (int, int)
        By layer: the first row of the weight memory, and how many weights there are; those that
        fill up tiles are not counted.
    parameters : dict of str to int
        By layer: its first channel; every block of columns begins at a multiple of the lanes.
    macs : int
        Multiplications by the weights that are counted, of all that was put so far.
    most_elements : int
        Elements of the unified buffer that were in use.
    """

    def __init__(self, geometry):
        self.geometry = geometry
        self.steps, self.layers, self.weights, self.parameters = [], {}, {}, {}
        self.macs = self.most_elements = 0
        self._weight_rows = self._channels = self._accumulator = 0
        self._used = []     # (start, end) of tensors, in order

    def rows(self, count, size):
        """Find a place for vectors."""
        return Rows(self.take(count * size), count, size)

    def take(self, size):
        """Address of the first gap of so many elements in the unified buffer."""
        start = 0
        for low, high in self._used:
            if start + size <= low:
                break
            start = high
        if start + size > self.geometry.unified_depth:
            raise ValueError(f"{size} elements do not fit the unified buffer: they would end at "
                             f"{start + size} of {self.geometry.unified_depth}")
        self._used = sorted([*self._used, (start, start + size)])
        self.most_elements = max(self.most_elements, self._used[-1][1])
        return start

    def free(self, *tensors):
        """Give their places to others."""
        gone = {tensor.address for tensor in tensors}
        self._used = [span for span in self._used if span[0] not in gone]

    def fully_connected(self, name, sources, outputs, *, function=0):
        """Multiply vectors by a matrix.

        Parameters
        ----------
        name : str
        sources : sequence of Rows
            What a vector is made of, part by part.
        outputs : int
        function : int
            Table behind it.

        Returns
        -------
        Rows
        """
        g, batch = self.geometry, sources[0].count
        results = self.rows(batch, outputs)
        tiles = [-(-source.size // g.rows) for source in sources]
        size = sum(source.size for source in sources)
        address, channels = self.layer("FC", name, size * outputs, outputs, sum(tiles))
        self.macs += batch * size * outputs
        for first, lines in even_cuts(batch, g.accumulator_depth // 2):
            for block in range(0, outputs, g.columns):
                last = min(g.columns, outputs - block) - 1
                accumulator = self.accumulators(lines)
                row = address + block // g.columns * sum(tiles) * g.rows
                for number, (source, count) in enumerate(zip(sources, tiles, strict=True)):
                    self.multiply(Operation.MATRIX_MULTIPLY, (row, count), {
                        "lines": lines, "source": source.address + first * source.size,
                        "accumulator": accumulator, "last_column": last,
                        "accumulate": int(number > 0)}, {Register.SOURCE: {
                            "line_length": source.size, "line_stride": source.size}})
                    row += count * g.rows
                self.activate(lines, accumulator, last, channels + block, outputs,
                              results.address + first * outputs + block, function=function)
        return results

    def vector(self, name, operation, a, b=None, *, function=0):
        """Add or multiply vectors element by element; with one operand, apply a function.

        Returns
        -------
        Rows
        """
        results = self.rows(a.count, a.size)
        _, channels = self.layer("vector", name, 0, self.geometry.lanes, 0)
        for first, length in even_cuts(a.elements, _LONGEST_VECTOR):
            self.steps.append(Step(operation, {
                "function": function, "unary": int(b is None), "length": length,
                "a": a.address + first, "b": (a if b is None else b).address + first,
                "destination": results.address + first},
                {Register.DESTINATION: {**_BOUNDS, "parameters": channels}}))
        return results

    def layer(self, kind, name, weights, outputs, tiles):
        """Give a layer its weights and parameters, unless it has them.

        Parameters
        ----------
        kind, name : str
        weights : int
        outputs : int
        tiles : int
            Of one block of columns.

        Returns
        -------
        row, channel : int
        """
        g = self.geometry
        blocks = -(-outputs // g.columns)
        if self.layers.setdefault(name, kind) != kind:
            raise ValueError(f"Layer {name!r} is a {self.layers[name]}, no {kind}")
        if name not in self.parameters:
            self.weights[name] = self._weight_rows, weights
            self._weight_rows += blocks * tiles * g.rows
            self.parameters[name] = self._channels
            self._channels += -(-outputs // g.lanes) * g.lanes
        return self.weights[name][0], self.parameters[name]

    def accumulators(self, rows):
        """Rows of accumulators, those that were used longest ago."""
        if self._accumulator + rows > self.geometry.accumulator_depth:
            self._accumulator = 0
        first, self._accumulator = self._accumulator, self._accumulator + rows
        return first

    def multiply(self, operation, weights, fields, registers):
        """Put a multiplication by (first row, number) of tiles."""
        self.steps.append(Step(operation, {**fields, "tiles": weights[1]}, registers, weights))

    def activate(self, rows, accumulator, last_column, channel, stride, destination, *, function=0,
                 pool=None):
        """Put an Activate; `pool` holds the fields of `Register.POOL`."""
        registers = {Register.DESTINATION: {**_BOUNDS, "stride": stride}}
        if pool:
            registers[Register.POOL] = pool
        self.steps.append(Step(Operation.ACTIVATE, {
            "rows": rows, "accumulator": accumulator, "last_column": last_column,
            "parameters": channel, "destination": destination, "function": function,
            "pool": int(bool(pool))}, registers))

    @property
    def kinds(self):
        """How many layers of each kind there are."""
        return Counter(self.layers.values())

    @property
    def weight_count(self):
        """Weights of all layers."""
        return sum(count for _, count in self.weights.values())

    def program(self):
        """The program, with a Halt at its end.

        Returns
        -------
        ndarray of uint32, shape (n, 4)

        Raises
        ------
        ValueError
            If a memory of the core is too small for it.
        """
        words = schedule(self.steps, rows=self.geometry.rows)
        for name, need in (("program_depth", len(words)), ("weight_depth", self._weight_rows),
                           ("parameter_depth", self._channels)):
            if need > getattr(self.geometry, name):
                raise ValueError(f"The network needs {name}={need}, not "
                                 f"{getattr(self.geometry, name)}")
        return words
