"""Writes random instructions of the dense core that are legal and get in each other's way."""

import numpy as np

from golden.formats import Operation, Register
from golden.systolic.instructions import configure, encode
from golden.systolic.legality import Checker

__all__ = ["ProgramAuthor"]


class ProgramAuthor:
    """Writes instructions; those that would be illegal are dropped."""

    def __init__(self, rng, geometry, size):
        self.rng, self.geometry, self.size = rng, geometry, size
        self.checker, self.words = Checker(geometry), []
        self.host_words = self.signals = 0
        # A few places that all instructions like, so that they get in each other's way.
        self.places = rng.integers(geometry.unified_depth - 16, size=4)
        self.rows = rng.integers(geometry.accumulator_depth, size=2)

    def add(self, words):
        fault, operation, _ = self.checker.check(words)
        if not fault:
            self.words.append(words)
        return not fault

    def some(self, low, high):
        """A number from `low` to `high`, the ends and small ones more often."""
        high = max(low, high)
        top = [high, min(high, low + 3), low][self.rng.choice(3, p=[.5, .4, .1])]
        return int(self.rng.integers(low, top + 1))

    def place(self, length):
        at = self.rng.choice(self.places) + self.rng.integers(-8, 9)
        return int(np.clip(at, 0, max(0, self.geometry.unified_depth - length)))

    def row(self, length):
        at = self.rng.choice(self.rows) + self.rng.integers(-3, 4)
        return int(np.clip(at, 0, max(0, self.geometry.accumulator_depth - length)))

    def channel(self, length):
        lanes = self.geometry.lanes
        top = (self.geometry.parameter_depth - length) // lanes
        return int(self.rng.integers(max(0, top) + 1)) * lanes

    def columns(self):
        return self.geometry.columns - 1 if self.rng.random() < .5 else int(
            self.rng.integers(self.geometry.columns))

    def source(self, lines, length, taps=0):
        half = 1 << self.geometry.activation_width - 1
        stride = int(self.rng.choice([length, length + 3, 1, 0, self.geometry.banks]))
        self.add(configure(Register.SOURCE, line_length=length, line_stride=stride, lines=lines,
                           pad=int(self.rng.integers(-half, half)), taps=taps))
        return self.place((lines - 1) * stride + length)

    def destination(self):
        g = self.geometry
        half, wide = 1 << g.activation_width - 1, 1 << g.centred_width - 1
        low, high = sorted(self.rng.integers(-wide, wide, 2).tolist())
        if self.rng.random() < .5:
            low, high = -wide, wide - 1
        elif self.rng.random() < .2:
            low, high = high, low
        self.add(configure(
            Register.DESTINATION, zero_point=int(self.rng.integers(-half, half)), low=low,
            high=high, stride=int(self.rng.choice([g.columns, g.columns + 5, 1, 0, g.lanes])),
            parameters=self.channel(g.lanes)))

    def tiles(self):
        """Tiles for a product, read before it, with it, or earlier still."""
        if self.rng.random() < .7 or not self.checker.tiles:
            self.read_weights()
        return self.some(1, min(sum(self.checker.tiles), self.size))

    def read_weights(self):
        g = self.geometry
        tiles = self.some(1, min(self.size, g.weight_depth // g.rows))
        top = g.weight_depth - tiles * g.rows
        return self.add(encode(Operation.READ_WEIGHTS, tiles=tiles,
                               address=int(self.rng.integers(top + 1))))

    def matrix_multiply(self):
        g, tiles = self.geometry, self.tiles()
        lines = self.some(1, min(4 * self.size, g.accumulator_depth))
        length = self.some(1, min(g.unified_depth // lines, 3 * g.rows, tiles * g.rows + 5))
        self.add(encode(
            Operation.MATRIX_MULTIPLY, accumulate=int(self.rng.random() < .3), lines=lines,
            last_column=self.columns(), source=self.source(lines, length), tiles=tiles,
            accumulator=self.row(lines), x=int(self.rng.choice([0, 0, -1, 2, -g.rows, length]))))

    def convolve(self):
        g, rng, tiles = self.geometry, self.rng, self.tiles()
        height, width, depth = (self.some(1, n) for n in (self.size, self.size, g.rows + 2))
        source = self.source(height, width * depth, taps=self.some(1, 4))
        lines, pixels = self.some(1, height + 1), self.some(1, width + 1)
        pixels = max(1, min(pixels, g.accumulator_depth // lines))
        # Steps of 2**16 - 1 come back to where they were, four of them being -4 modulo 2**18.
        far = rng.random(2) < .15
        y_step, dilation = (0xFFFF if wrap else step for wrap, step in
                            zip(far, (self.some(1, 2), self.some(0, 3)), strict=True))
        self.add(configure(
            Register.WINDOW, pixels=pixels, x_step=int(rng.choice([depth, 2 * depth, 1])),
            y_step=y_step, dilation=dilation, run=self.some(1, 3 * depth),
            tap_step=int(rng.choice([depth, 2 * depth, 1, 0xFFFF]))))
        self.add(encode(
            Operation.CONVOLVE, accumulate=int(rng.random() < .3), last_column=self.columns(),
            lines=lines, source=source, accumulator=self.row(lines * pixels), tiles=tiles,
            y=int(rng.integers(2, 7) if far.any() else rng.integers(-2, 2)),
            x=int(rng.choice([0, -depth, -1, 1]))))

    def activate(self):
        columns = self.columns()
        common = {
            "function": int(self.rng.integers(self.geometry.function_tables + 1)),
            "last_column": columns, "parameters": self.channel(columns + 1),
            "destination": self.place(self.size * (self.geometry.columns + 5))}
        if self.rng.random() < .5:
            self.destination()
        if self.rng.random() < .3:
            width, rows, pixels = (self.some(1, n) for n in (self.size + 3, 3, self.size))
            self.add(configure(
                Register.POOL, line_pixels=width, pixels=pixels, height=self.some(1, 3),
                width=self.some(1, 3), y_step=self.some(0, 3), x_step=self.some(0, 3)))
            self.add(encode(Operation.ACTIVATE, rows=rows, pool=1,
                            accumulator=self.row(4 * width), **common))
        else:
            rows = self.some(1, min(4 * self.size, self.geometry.accumulator_depth))
            self.add(encode(Operation.ACTIVATE, rows=rows, accumulator=self.row(rows), **common))

    def vector(self):
        g, rng = self.geometry, self.rng
        if g.activation_width > 8 and rng.random() < .5:
            self.add(configure(Register.OPERANDS, shift_a=int(rng.integers(16)),
                               shift_b=int(rng.integers(16))))
        if rng.random() < .3:
            self.destination()
        length = self.some(1, min(8 * self.size, g.unified_depth))
        a, b, destination = (self.place(length) for _ in range(3))
        unary = int(rng.random() < .2)
        if unary:           # and b is anything
            b = int(rng.integers(1 << 32))
        self.add(encode(
            rng.choice([Operation.VECTOR_ADD, Operation.VECTOR_MULTIPLY]), length=length, a=a, b=b,
            function=int(rng.integers(g.function_tables + 1)), unary=unary,
            tables=int(rng.integers(max(1, g.operand_tables))),
            destination=int(rng.choice([a, destination if unary else b, destination]))))

    def host(self):
        length = self.some(1, 8 * self.size)
        if self.rng.random() < .5:
            if self.add(encode(Operation.READ_HOST_MEMORY, length=length,
                               destination=self.place(length))):
                self.host_words += -(-length // self.geometry.word_elements)
        else:
            self.add(encode(Operation.WRITE_HOST_MEMORY, length=length, source=self.place(length),
                            tag=int(self.rng.integers(256))))
