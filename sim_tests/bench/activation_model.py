"""What surrounds an activation unit, in the Amaranth simulator, and what it should compute."""

import numpy as np

from golden.fixed import requantise, saturate
from golden.formats import DenseMemory
from golden.systolic.functions import interpolated_sigmoid, interpolated_tanh

__all__ = ["ActivationModel"]


def _signed(values, width):
    half = 1 << width - 1
    return (np.asarray(values, np.int64) + half) % (1 << width) - half


class ActivationModel:
    """Memories of a dense core around its activation unit.

    Parameters
    ----------
    config : hw.config.DenseConfig
    rng : numpy.random.Generator
        Fills the memories.
    """

    def __init__(self, config, rng):
        self.config = config
        width, half = config.activation_width, 1 << config.activation_width - 1
        shape = (config.accumulator_depth, config.columns)
        self.accumulators = (rng.integers(-1 << 31, 1 << 31, shape)
                             >> rng.integers(0, 31, shape))
        self.unified = rng.integers(-half, half, config.unified_depth)
        channels = config.parameter_depth
        self.parameters = np.stack([
            rng.integers(-1 << 31, 1 << 31, channels) >> rng.integers(0, 31, channels),
            rng.choice([rng.integers(1 << 30, 1 << 31, channels), np.full(channels, 1 << 31),
                        rng.integers(0, 1 << 31, channels)]),
            rng.choice([0, 0, 1, 7, 31], channels), rng.integers(0, 26, channels)], axis=1)
        self.functions = (rng.integers(0, 1 << 16, 256) if width == 16 else
                          rng.integers(-half, half, config.function_tables << width))
        self.operands = rng.integers(-1 << 31, 1 << 31, (config.operand_tables, 2, 1 << width)) \
            >> rng.integers(0, 24, (config.operand_tables, 2, 1 << width))

    def loads(self):
        """Yield (memory, address, part, data) of everything that the host loads."""
        for channel, (bias, multiplier, left, right) in enumerate(self.parameters.tolist()):
            for part, word in enumerate((bias, multiplier, left | right << 5)):
                yield DenseMemory.PARAMETERS, channel, part, word & 0xFFFFFFFF
        for memory, values in ((DenseMemory.FUNCTIONS, self.functions),
                               (DenseMemory.OPERANDS, self.operands)):
            for address, value in enumerate(values.ravel().tolist()):
                yield memory, address, 0, value & 0xFFFFFFFF

    def rows(self, op):
        """Accumulator rows of an Activate, of shape (outputs, rows of the window)."""
        line = np.arange(op["lines"])[:, None, None, None] * op["line_step"] + np.arange(
            op["height"])[:, None] * op["line_rows"]
        pixel = np.arange(op["pixels"])[:, None, None] * op["x_step"] + np.arange(op["width"])
        return (op["accumulator"] + line + pixel).reshape(op["lines"] * op["pixels"], -1)

    def carry_out(self, op):
        """Do what an instruction says; return its saturations."""
        if op["vector"]:
            channels = op["parameters"] + np.arange(op["length"]) % self.config.lanes
            result, saturations = self._finish(op, self._vector(op), channels)
            self.unified[op["destination"]:op["destination"] + op["length"]] = result
            return saturations
        sums = self.accumulators[self.rows(op), :op["columns"]].max(axis=1)
        results, saturations = self._finish(
            op, sums, slice(op["parameters"], op["parameters"] + op["columns"]))
        for number, row in enumerate(results):
            at = op["destination"] + number * op["stride"]
            self.unified[at:at + op["columns"]] = row
        return saturations

    def _vector(self, op):
        width = self.config.activation_width
        operands = []
        for number, name in enumerate("ab"):
            q = self.unified[op[name]:op[name] + op["length"]]
            if number and op["unary"]:
                operands.append(np.zeros(op["length"], np.int64))
            elif width <= 8:
                operands.append(self.operands[op["tables"], number, q + (1 << width - 1)])
            else:
                operands.append(q << op[f"shift_{name}"])
        a, b = operands
        return _signed(a, 16) * _signed(b, 16) if op["multiply"] else a + b

    def _finish(self, op, sums, channels):
        width = self.config.activation_width
        bias, multiplier, left, right = self.parameters[channels].T
        total, clipped = saturate(sums + bias, 32)
        scaled, shifted = requantise(total, multiplier, left, right)
        clamped = np.where(scaled > op["high"], op["high"],
                           np.where(scaled < op["low"], op["low"], scaled))
        q = _signed(clamped + op["zero_point"], width)
        if op["function"] and width == 16:
            q = (interpolated_sigmoid, interpolated_tanh)[op["function"] - 1](q, self.functions)
        elif op["function"]:
            q = self.functions[(op["function"] - 1 << width) + q + (1 << width - 1)]
        return q, clipped + shifted

    def random_operation(self, rng, *, vector=None, pooled=None):
        """A legal instruction, as a dictionary of `hw.systolic.operations`."""
        config = self.config
        width = config.activation_width
        vectors = width > 8 or config.operand_tables > 0
        half, centred = 1 << width - 1, 1 << config.centred_width - 1
        low, high = sorted(rng.integers(-centred, centred, 2).tolist())
        op = {name: 0 for name in (
            "multiply", "unary", "tables", "accumulator", "line_rows", "line_step", "x_step", "a",
            "b", "shift_a", "shift_b", "ticket", "written_base", "written_rows")}
        op |= {"vector": int(vectors and rng.random() < 0.4 if vector is None else vector),
               "function": int(rng.integers(0, config.function_tables + 1)),
               "columns": int(rng.integers(1, config.columns + 1)), "lines": 1, "pixels": 1,
               "height": 1, "width": 1, "stride": 0, "length": 1,
               "zero_point": int(rng.integers(-half, half)), "low": low, "high": high}
        channels = config.lanes if op["vector"] else op["columns"]
        op["parameters"] = config.lanes * int(rng.integers(
            0, (config.parameter_depth - channels) // config.lanes + 1))
        if op["vector"]:
            length = op["length"] = int(rng.integers(1, 5 * config.lanes + 1))
            op["a"], op["b"] = rng.integers(0, config.unified_depth - length + 1, 2).tolist()
            op["multiply"], op["unary"] = rng.integers(0, 2, 2).tolist()
            op["tables"] = int(rng.integers(0, max(1, config.operand_tables)))
            op["shift_a"], op["shift_b"] = rng.integers(0, 16, 2).tolist()
            later = [at for at in range(config.unified_depth - length + 1)
                     if not any(source < at < source + length for source in (op["a"], op["b"]))]
            op["destination"] = int(rng.choice(later))
            return op
        if rng.random() < 0.5 if pooled is None else pooled:
            op["lines"], op["pixels"], op["height"], op["width"], y_step, op["x_step"] = (
                rng.integers(1, 4, 6).tolist())
            line = (op["pixels"] - 1) * op["x_step"] + op["width"]
            op["line_rows"] = line + int(rng.integers(0, 2))
            op["line_step"] = y_step * op["line_rows"]
        else:
            op["lines"], op["line_step"] = int(rng.integers(1, 9)), 1
        highest = int(self.rows(op).max())
        op["accumulator"] = int(rng.integers(0, config.accumulator_depth - highest))
        op["stride"] = op["columns"] + int(rng.integers(0, 4))
        region = (op["lines"] * op["pixels"] - 1) * op["stride"] + op["columns"]
        op["destination"] = int(rng.integers(0, config.unified_depth - region + 1))
        return op
