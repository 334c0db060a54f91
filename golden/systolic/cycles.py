"""Cycle model of the dense core: every counter that depends on time, to the cycle.

Nothing is simulated cycle by cycle. What an instruction waits for was handed out before it, so one
walk over the program in its order gives when each is handed out and done; a multiplication costs a
few maxima a tile (`.tile_cycles`), an Activate one maximum over the rows that it reads
(`.activation_cycles`). Data does not matter.
"""

import numpy as np

from ..formats import DenseCounter, Fault, Operation, Register
from .activation_cycles import ActivationCycles
from .legality import Checker
from .tile_cycles import TileCycles
from .timing import DenseTiming

__all__ = ["TIME_COUNTERS", "cycles_before_weights", "decoder_steps", "dense_cycles"]

#: Counters that `dense_cycles` predicts. `golden.systolic.execute` gives the others, but for
#: INPUT_STALL and DROPPED, which are the host's.
TIME_COUNTERS = (
    DenseCounter.CYCLES, DenseCounter.ACTIVE, DenseCounter.WEIGHT_STALL, DenseCounter.WEIGHT_SHIFT,
    DenseCounter.NON_MATRIX, DenseCounter.RAW_STALL, DenseCounter.MATRIX_CYCLES)

#: Instructions that are compared with those before them.
_COMPARED = Operation.MATRIX_MULTIPLY, Operation.CONVOLVE, Operation.ACTIVATE
#: Multiplications, and instructions of the activation unit, that can be under way.
_UNDER_WAY = 2


def dense_cycles(program, geometry, *, first=0, count=None, weight_cycles=None):
    """Predict the counters of a run.

    Parameters
    ----------
    program : ndarray of uint32, shape (n, 4)
    geometry : DenseGeometry
        Of a core without `serial_output`.
    first : int
        Instruction at which the run starts.
    count : int, optional
        Instructions to carry out at most; by default all that follow.
    weight_cycles : int, optional
        Cycles that the weight memory takes for a tile, no less than the array has rows. That is
        the default, and what the core's own memory takes.

    Returns
    -------
    dict of DenseCounter to int
        Of `TIME_COUNTERS`, not modulo 2**32.

    Raises
    ------
    ValueError
        If an instruction is illegal or waits for the host, or there is none, or the weight memory
        is faster than the array.
    """
    rows = geometry.rows
    if weight_cycles is None:
        weight_cycles = rows
    if weight_cycles < rows:
        raise ValueError(f"weight_cycles must be at least the {rows} rows of a tile, not "
                         f"{weight_cycles}")
    end = len(program) if count is None else min(len(program), first + count)
    if not 0 <= first < end:
        raise ValueError(f"There is no instruction from {first} up to {end}")
    return _Run(geometry, weight_cycles).run(program, first, end)


def decoder_steps(operation, fields, geometry):
    """Steps that the decoder takes for an instruction, but for results that may come later.

    Parameters
    ----------
    operation : Operation
    fields : SimpleNamespace
    geometry : DenseGeometry

    Returns
    -------
    int
    """
    if operation in (Operation.MATRIX_MULTIPLY, Operation.CONVOLVE):
        return 4
    if operation == Operation.ACTIVATE:
        return 12 if fields.pool else 7
    if operation in (Operation.VECTOR_ADD, Operation.VECTOR_MULTIPLY):
        # Addresses that no factor can hold take more of them.
        binary, unary = (11, 7) if geometry.unified_depth <= 1 << 16 else (17, 10)
        return unary if fields.unary else binary
    if operation in (Operation.READ_HOST_MEMORY, Operation.WRITE_HOST_MEMORY):
        return 5
    return 3


def cycles_before_weights(program, geometry):
    """Cycles of a run before that of its first Read_Weights, from which MATRIX_CYCLES counts.

    Parameters
    ----------
    program : ndarray of uint32, shape (n, 4)
        With a Read_Weights.
    geometry : DenseGeometry

    Returns
    -------
    int
        Of the cycles of the counter CYCLES.
    """
    run = _Run(geometry, geometry.rows)
    run.run(program, 0, len(program))
    if run.first_read is None:
        raise ValueError("The program reads no weights")
    return run.first_read


def _overlap(one, other):
    return one[0] < other[1] and other[0] < one[1]


class _Run:
    """The dispatcher: cycles count from the one in which the run is asked for."""

    def __init__(self, geometry, weight_cycles):
        self.timing = DenseTiming(geometry)
        self.checker = Checker(geometry)
        self.tiles = TileCycles(self.timing, weight_cycles)
        self.unit = ActivationCycles(self.timing)
        # The latest of each unit, with what they touch: (times, region read), and (times, region
        # written, rows read, is it a vector instruction).
        self.multiplications, self.activations = [], []
        self.raw_stall = 0
        self.first_read = None

    def run(self, program, first, end):
        timing = self.timing
        hand_out = {
            Operation.READ_WEIGHTS: self._read_weights,
            Operation.MATRIX_MULTIPLY: self._multiply,
            Operation.CONVOLVE: self._multiply,
            Operation.ACTIVATE: self._activate,
            Operation.VECTOR_ADD: self._vector,
            Operation.VECTOR_MULTIPLY: self._vector,
            Operation.SYNCHRONIZE: self._synchronize,
        }
        issued, offered = 0, timing.offer_cycles
        for index in range(first, end):
            fault, operation, fields = self.checker.check(program[index])
            if fault != Fault.NONE:
                raise ValueError(f"Instruction {index} is illegal: {fault.name}")
            if operation in (Operation.READ_HOST_MEMORY, Operation.WRITE_HOST_MEMORY) or (
                    operation == Operation.SYNCHRONIZE and fields.signal):
                raise ValueError(f"Instruction {index}, {operation.name}, waits for the host, "
                                 f"whose time is not known")
            # Taken a cycle after the one before, if it has been fetched, and decoded.
            taken = max(issued + 1, offered)
            steps = decoder_steps(operation, fields, timing.geometry)
            decoded = taken + timing.step_latency + steps + 1
            if operation in _COMPARED and self._held(decoded - 2):
                decoded += timing.compare_cycles
            offered = taken + timing.offer_cycles + max(0, steps - timing.fetch_steps)
            self.operation = operation
            issued = hand_out[operation](decoded, fields) if operation in hand_out else decoded
            if operation == Operation.HALT:
                break
        cycles = max(issued + 2, self._idle()) + 1
        tiles = self.tiles
        matrix_cycles = 0
        if self.multiplications:
            matrix_cycles = self._last_fed() + timing.written_cycles - self.first_read + 1
        return dict(zip(TIME_COUNTERS, (
            cycles, tiles.active, tiles.stall, tiles.shift,
            cycles - tiles.active - tiles.stall - tiles.shift, self.raw_stall, matrix_cycles),
            strict=True))

    def _last_fed(self):
        times, _ = self.multiplications[-1]
        return times.last

    def _held(self, cycle):
        """Does the interlock hold regions in a cycle?"""
        return (any(times.last + 1 >= cycle for times, _ in self.multiplications)
                or any(times.done >= cycle for times, *_ in self.activations))

    def _idle(self):
        """Cycle from which all units are known to be idle."""
        idle = 0
        if self.multiplications:
            idle = self._last_fed() + self.timing.written_cycles + 2
        if self.activations:
            idle = max(idle, self.activations[-1][0].done + 2)
        return idle

    def _synchronize(self, decoded, _):
        return max(decoded, self._idle() + self.timing.ready_cycles)

    def _read_weights(self, decoded, f):
        issued = max(decoded, self.tiles.read_ready() + self.timing.ready_cycles)
        self.tiles.read(issued, f.tiles)
        if self.first_read is None:
            self.first_read = issued
        return issued

    def _multiply(self, decoded, f):
        source = self.checker.registers[Register.SOURCE]
        lines, rows = f.lines, f.lines
        if self.operation == Operation.CONVOLVE:
            lines = source.lines
            rows *= self.checker.registers[Register.WINDOW].pixels
        region = f.source, f.source + (lines - 1) * source.line_stride + source.line_length
        written = f.accumulator, f.accumulator + rows

        hold = self.timing.hold_cycles
        unwritten = max((times.done + hold for times, results, _, _ in self.activations
                         if _overlap(results, region)), default=0)
        self.raw_stall += max(0, unwritten - decoded)
        issued = max(decoded, unwritten)
        for times, _, sums, vector in self.activations:
            if not vector and _overlap(sums, written):
                issued = max(issued, times.read + hold)
            if vector:
                issued = max(issued, times.done + hold)
        if len(self.multiplications) == _UNDER_WAY:
            # Its end is seen in the cycle after its last row.
            issued = max(issued, self.multiplications[0][0].last + 2 + self.timing.ready_cycles)

        times = self.tiles.multiply(issued, f.accumulator, rows, f.tiles,
                                    accumulates=bool(f.accumulate))
        self.multiplications = [*self.multiplications, (times, region)][-_UNDER_WAY:]
        return issued

    def _activation_ready(self):
        """Cycle from which the activation unit gets another: the one before has been begun."""
        return (self.activations[-1][0].start + 1 + self.timing.ready_cycles
                if self.activations else 0)

    def _activate(self, decoded, f):
        rows = np.arange(f.rows)[:, None] + f.accumulator
        if f.pool:
            pool = self.checker.registers[Register.POOL]
            line = np.arange(f.rows)[:, None, None, None] * pool.y_step + np.arange(
                pool.height)[:, None]
            pixel = np.arange(pool.pixels)[:, None, None] * pool.x_step + np.arange(pool.width)
            rows = (line * pool.line_pixels + pixel).reshape(f.rows * pool.pixels, -1)
            rows += f.accumulator
        stride = self.checker.registers[Register.DESTINATION].stride
        results = f.destination, f.destination + (len(rows) - 1) * stride + f.last_column + 1

        hold = self.timing.hold_cycles
        issued = max(decoded, self._activation_ready(), *(
            times.last + 1 + hold for times, region in self.multiplications
            if _overlap(region, results)))
        times = self.unit.activate(issued, rows, f.last_column + 1,
                                   [times for times, _ in self.multiplications])
        self._remember(times, results, (f.accumulator, int(rows[-1, -1]) + 1), False)
        return issued

    def _vector(self, decoded, f):
        """Vectors wait for all before them."""
        hold = self.timing.hold_cycles
        unwritten = self.activations[-1][0].done + hold if self.activations else 0
        self.raw_stall += max(0, unwritten - decoded)
        issued = max(decoded, unwritten)
        if self.multiplications:
            issued = max(issued, self._last_fed() + 1 + hold)
        times = self.unit.vector(issued, f.length, 1 if f.unary else 2)
        self._remember(times, (f.destination, f.destination + f.length), None, True)
        return issued

    def _remember(self, *activation):
        self.activations = [*self.activations, activation][-_UNDER_WAY:]
