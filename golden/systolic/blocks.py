"""Products as they fit the array and the accumulators, and what becomes of their sums."""

from ..formats import Operation, Register
from .schedule import Step, pieces
from .too_small import TooSmall

__all__ = ["Blocks"]


class Blocks:
    """Cuts products into blocks of columns and parts of rows, over accumulators used in turns.

    Parameters
    ----------
    geometry : DenseGeometry
    storage : golden.systolic.storage.Storage
    least_rows : int
        Rows of the shortest part that a block is cut into.
    """

    def __init__(self, geometry, storage, least_rows):
        self.geometry, self.storage, self.least_rows = geometry, storage, least_rows
        self.accumulator = 0

    def steps(self, name, ending, tiles, bias, size, regions, pool=None, pixels=1):
        """Products and their activation, block of columns by block of columns.

        Parameters
        ----------
        name : str
            Layer, for errors.
        ending : Ending
        tiles : ndarray of int64, shape (blocks, tiles of one, rows, columns)
        bias : ndarray of int64, shape (channels,)
        size : int
            Channels of a block.
        regions : list of tuple
            Number of lines, results in a line, where the results go, how far apart they are, and a
            function that gives the product of some lines: of the first of them, their number and
            the block it makes an operation, its fields and registers.
        pool : MaxPool, optional
            What happens to the results before they are written; lines and results are then its.
        pixels : int
            Accumulators of a line.

        Returns
        -------
        list of Step
        """
        geometry, steps = self.geometry, []
        address, count = self.storage.weights(name, tiles), tiles.shape[1]
        channels, blocks = len(bias), len(tiles)
        parameters = self.storage.parameters(name, ending, bias, size)
        function = self.storage.function(name, ending)
        registers = {Register.DESTINATION: self.destination(name, ending, stride=regions[0][3])}
        if pool:
            (height, width), (y_step, x_step) = pool.kernel.size, pool.kernel.stride
            registers[Register.POOL] = {
                "line_pixels": pixels, "pixels": regions[0][1], "height": height, "width": width,
                "y_step": y_step, "x_step": x_step}

        def room(some):
            """Accumulator rows of some lines of results."""
            return pixels * ((some - 1) * y_step + height if pool else some)

        last = len(regions) - 1, blocks - 1
        for number, (lines, results, target, stride, product) in enumerate(regions):
            most = self._most_lines(name, lines, room)
            for chunk in range(0, lines, most):
                some = min(most, lines - chunk)
                for block in range(blocks):
                    columns = min(size, channels - block * size)
                    drain = -(-columns // geometry.lanes)
                    # Only where nothing else is multiplied or drained meanwhile.
                    alone = ((number, block) == last and chunk + some == lines if count > drain
                             else (number, block, chunk) == (0, 0, 0))
                    least = -(-self.least_rows // pixels) if alone else some
                    first = chunk
                    for cut in pieces(some, count, drain, least):
                        operation, fields, needed = product(first, cut, block)
                        accumulator = self._accumulator(room(cut))
                        steps.append(Step(operation, {
                            **fields, "tiles": count, "accumulator": accumulator,
                            "last_column": columns - 1}, needed,
                            (address + block * count * geometry.rows, count)))
                        steps.append(Step(Operation.ACTIVATE, {
                            "rows": cut * (1 if pool else pixels), "pool": int(bool(pool)),
                            "accumulator": accumulator, "last_column": columns - 1,
                            "destination": target + first * results * stride + block * size,
                            "parameters": parameters[block], "function": function}, registers))
                        first += cut
        return steps

    def _most_lines(self, name, lines, room):
        """Lines of which two lots fit the accumulators, so that one is drained meanwhile."""
        depth = self.geometry.accumulator_depth
        some = lines
        while some > 1 and room(some) > depth // 2:
            some -= 1
        if room(some) > depth:
            raise TooSmall(f"Layer {name!r}: its shortest part takes {room(some)} accumulators, of "
                           f"accumulator_depth={depth}", "accumulator_depth", 2 * room(some))
        return some

    def _accumulator(self, rows):
        """Rows of accumulators, those that were used longest ago."""
        if self.accumulator + rows > self.geometry.accumulator_depth:
            self.accumulator = 0
        first, self.accumulator = self.accumulator, self.accumulator + rows
        return first

    def destination(self, name, ending, **stride):
        """Configuration of the results of an ending, as fields of `Register.DESTINATION`."""
        width = self.geometry.activation_width
        half, wide = 1 << width - 1, 1 << self.geometry.centred_width - 1
        low, high = ending.low + ending.zero_point, ending.high + ending.zero_point
        if not (-half <= low <= high < half and -wide <= ending.low <= ending.high < wide):
            raise ValueError(f"Layer {name!r}: results from {low} to {high} (zero point "
                             f"{ending.zero_point}) do not fit {width} bits")
        return {"zero_point": ending.zero_point, "low": ending.low, "high": ending.high, **stride}
