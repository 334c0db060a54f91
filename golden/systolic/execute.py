"""What a program of the dense core does, instruction after instruction, bit for bit.

Instructions are carried out one after the other, each as a whole. Hardware overlaps them; its
interlocks make the result the same.
"""

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from ..fixed import requantise, saturate
from ..formats import POSITION_WIDTH, Fault, Operation, Register
from .functions import interpolated_sigmoid, interpolated_tanh
from .image import unpack_elements
from .legality import Checker

__all__ = ["Execution", "execute"]


@dataclass(eq=False)
class Execution:
    """The state of a core after a run, and what happened.

    Parameters
    ----------
    unified : ndarray of int64, shape (unified_depth,)
    accumulators : ndarray of int64, shape (accumulator_depth, columns)
    packets : list of (int, ndarray of int64)
        Tag and elements of every Write_Host_Memory.
    index : int
        Of the instruction that stopped the run; else of the one behind the last.
    fault : Fault
    input_words : int
        Words taken from the host's input.
    instructions, tiles, useful_macs, saturations : int
        As in `golden.formats.DenseCounter`, but not modulo 2**32.
    """

    unified: np.ndarray
    accumulators: np.ndarray
    packets: list = field(default_factory=list)
    index: int = 0
    fault: Fault = Fault.NONE
    input_words: int = 0
    instructions: int = 0
    tiles: int = 0
    useful_macs: int = 0
    saturations: int = 0


def execute(memories, *, first=0, count=None, accumulators=None, host_input=()):
    """Run a program.

    Parameters
    ----------
    memories : DenseMemories
        Not changed.
    first : int
        Instruction at which the run starts.
    count : int, optional
        Instructions to carry out at most; by default all that follow.
    accumulators : ndarray of int, shape (accumulator_depth, columns), optional
        What a run before left in them; by default 0.
    host_input : array_like of uint32, shape (n,)
        Words for Read_Host_Memory. Each of these instructions begins with a new word.

    Returns
    -------
    Execution

    Raises
    ------
    ValueError
        If the program takes more words than `host_input` has; a core would wait for them.
    """
    return _Run(memories, accumulators, np.asarray(host_input, np.uint32)).run(first, count)


class _Run:
    def __init__(self, memories, accumulators, host_input):
        self.memories, self.geometry = memories, memories.geometry
        g = self.geometry
        if accumulators is None:
            accumulators = np.zeros((g.accumulator_depth, g.columns))
        self.state = Execution(memories.unified.copy(), np.array(accumulators, dtype=np.int64))
        self.host_input = host_input
        self.checker = Checker(g)
        self.tiles_read = deque()     # rows of the weight memory where tiles to come start
        # A sum of a tile, `rows` products, is exact in a float that holds all integers up to it.
        bound = g.rows << g.activation_width + g.weight_width - 2
        self.float = np.float32 if bound <= 1 << 24 else np.float64

    def run(self, first, count):
        state, program = self.state, self.memories.program
        actions = {
            Operation.READ_HOST_MEMORY: self._read_host_memory,
            Operation.WRITE_HOST_MEMORY: self._write_host_memory,
            Operation.READ_WEIGHTS: self._read_weights,
            Operation.MATRIX_MULTIPLY: self._matrix_multiply,
            Operation.CONVOLVE: self._convolve,
            Operation.ACTIVATE: self._activate,
            Operation.VECTOR_ADD: self._vector,
            Operation.VECTOR_MULTIPLY: self._vector,
        }
        state.index = first
        end = len(program) if count is None else min(len(program), first + count)
        while state.index < end:
            state.fault, operation, fields = self.checker.check(program[state.index])
            if state.fault:
                break
            if operation in actions:
                self.operation = operation
                actions[operation](fields)
            state.index += 1
            state.instructions += 1
            if operation == Operation.HALT:
                break
        return state

    def _register(self, register):
        return self.checker.registers[register]

    def _signed(self, values, width):
        half = 1 << width - 1
        return (values + half) % (1 << width) - half

    def _read_host_memory(self, f):
        words = -(-f.length // self.geometry.word_elements)
        taken = self.host_input[self.state.input_words:][:words]
        if len(taken) < words:
            raise ValueError(f"Instruction {self.state.index} takes {words} words of the host's "
                             f"input, of which {len(taken)} are left")
        self.state.input_words += words
        self.state.unified[f.destination:f.destination + f.length] = unpack_elements(
            taken, self.geometry, f.length)

    def _write_host_memory(self, f):
        self.state.packets.append((f.tag, self.state.unified[f.source:f.source + f.length].copy()))

    def _read_weights(self, f):
        self.tiles_read.extend(f.address + n * self.geometry.rows for n in range(f.tiles))

    def _matrix_multiply(self, f):
        """One line of the source for each row of the product."""
        source = self._register(Register.SOURCE)
        lines = np.arange(f.lines)[:, None]
        self._multiply(f, source, 1 << 16, 1 << 16, (
            (lines, np.full((1, 1), f.x + tile * self.geometry.rows), 0)
            for tile in range(f.tiles)))

    def _convolve(self, f):
        """Windows of the source; tiles in the order line of the kernel, tap, chunk of a run."""
        source, window = self._register(Register.SOURCE), self._register(Register.WINDOW)
        lines = f.y + np.arange(f.lines)[:, None] * window.y_step
        pixels = f.x + np.arange(window.pixels)[None, :] * window.x_step
        chunks = -(-window.run // self.geometry.rows)

        def positions():
            for tile in range(f.tiles):
                rest, chunk = divmod(tile, chunks)
                line, tap = divmod(rest, source.taps)
                first = chunk * self.geometry.rows
                yield (lines + line * window.dilation,
                       pixels + tap * window.tap_step + first, first)

        self._multiply(f, source, source.lines, window.run, positions())

    def _multiply(self, f, source, line_limit, run, positions):
        """Add up tiles: for each, lines, elements of them, and how far into its run it starts."""
        state, rows = self.state, self.geometry.rows
        lane = np.arange(rows)
        pad = self._signed(source.pad, self.geometry.activation_width)
        weights = self.memories.weights
        for number, (y, x, first) in enumerate(positions):
            y = self._signed(y, POSITION_WIDTH)[..., None]
            x = self._signed(x, POSITION_WIDTH)[..., None] + lane
            exists = ((y >= 0) & (y < line_limit) & (x >= 0) & (x < source.line_length)
                      & (lane + first < run))
            place = np.where(exists, f.source + y * source.line_stride + x, 0)
            inputs = np.where(exists, state.unified[place], pad).reshape(-1, rows)
            at = self.tiles_read.popleft()
            product = (inputs.astype(self.float)
                       @ weights[at:at + rows].astype(self.float)).astype(np.int64)
            span = slice(f.accumulator, f.accumulator + len(product))
            if number or f.accumulate:
                product += state.accumulators[span]
            state.accumulators[span], saturations = saturate(product, 32)
            state.saturations += saturations
            state.useful_macs += int(np.count_nonzero(exists)) * (f.last_column + 1)
            state.tiles += 1

    def _activate(self, f):
        """Accumulators, or the largest of each window of them, to the unified buffer."""
        columns, rows = f.last_column + 1, np.arange(f.rows)[:, None]
        if f.pool:
            pool = self._register(Register.POOL)
            line = np.arange(f.rows)[:, None, None, None] * pool.y_step + np.arange(
                pool.height)[:, None]
            pixel = np.arange(pool.pixels)[:, None, None] * pool.x_step + np.arange(pool.width)
            rows = (line * pool.line_pixels + pixel).reshape(f.rows * pool.pixels, -1)
        sums = self.state.accumulators[f.accumulator + rows, :columns].max(axis=1)
        results = self._finish(sums, slice(f.parameters, f.parameters + columns), f.function)
        # Where rows overlap, the later one stays: they are written in order.
        stride = self._register(Register.DESTINATION).stride
        for number, row in enumerate(results):
            at = f.destination + number * stride
            self.state.unified[at:at + columns] = row

    def _vector(self, f):
        """Two vectors of the unified buffer, added or multiplied."""
        shifts = self._register(Register.OPERANDS)
        operands = []
        for number, (at, shift) in enumerate(((f.a, shifts.shift_a), (f.b, shifts.shift_b))):
            q = self.state.unified[at:at + f.length]
            if number and f.unary:
                operands.append(np.zeros(f.length, dtype=np.int64))
            elif self.geometry.activation_width <= 8:
                half = 1 << self.geometry.activation_width - 1
                operands.append(self.memories.operands[f.tables, number, q + half])
            else:
                operands.append(q << shift)
        a, b = operands
        if self.operation == Operation.VECTOR_ADD:
            sums = a + b
        else:
            sums = self._signed(a, 16) * self._signed(b, 16)
        # Element i is computed by lane i % lanes, with the channel of that lane.
        first = self._register(Register.DESTINATION).parameters
        channels = first + np.arange(f.length) % self.geometry.lanes
        self.state.unified[f.destination:f.destination + f.length] = self._finish(
            sums, channels, f.function)

    def _finish(self, sums, channels, function):
        """Bias, requantisation, clamp, zero point and function: from sums to activations."""
        width = self.geometry.activation_width
        bias, multiplier, left, right = self.memories.parameters[channels].T
        ends = self._register(Register.DESTINATION)
        low, high = (self._signed(bound, self.geometry.centred_width)
                     for bound in (ends.low, ends.high))
        total, saturations = saturate(sums + bias, 32)
        scaled, shifted = requantise(total, multiplier, left, right)
        self.state.saturations += saturations + shifted
        clamped = np.where(scaled > high, high, np.where(scaled < low, low, scaled))
        q = self._signed(clamped + ends.zero_point, width)
        if not function:
            return q
        tables = self.memories.functions
        if width <= 8:
            return tables[(function - 1 << width) + q + (1 << width - 1)]
        return (interpolated_sigmoid if function == 1 else interpolated_tanh)(q, tables)
