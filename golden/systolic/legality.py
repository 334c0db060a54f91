"""Which programs a dense core carries out, and where it stops those that it does not."""

from collections import deque
from types import SimpleNamespace

from ..formats import REGISTERS, WEIGHT_FIFO_TILES, Fault, Operation, Register
from .instructions import decode, register_fields

__all__ = ["Checker", "first_fault"]

_MATRIX = (Operation.MATRIX_MULTIPLY, Operation.CONVOLVE)
_VECTOR = (Operation.VECTOR_ADD, Operation.VECTOR_MULTIPLY)
_HOST = (Operation.READ_HOST_MEMORY, Operation.WRITE_HOST_MEMORY)


class Checker:
    """What the dispatcher knows of the instructions behind it, and whether the next one is legal.

    Nothing but the program decides: neither data nor timing.

    Parameters
    ----------
    geometry : DenseGeometry

    Attributes
    ----------
    registers : dict of Register to SimpleNamespace
        Value of each field of each configuration register, from 0.
    tiles : deque of int
        Tiles that each Read_Weights still has to give, those that have none left excluded.
    """

    def __init__(self, geometry):
        self.geometry = geometry
        self.registers = {register: SimpleNamespace(**form.unpack(0))
                          for register, form in REGISTERS.items()}
        self.tiles = deque()

    def check(self, words):
        """Check the next instruction, and remember it if it is legal.

        Parameters
        ----------
        words : array_like of uint32, shape (4,)

        Returns
        -------
        fault : Fault
            Of those that apply, that of the lowest number.
        operation : Operation or int
        fields : SimpleNamespace
            Its fields; of a Set_Configuration also those of the register.
        """
        operation, fields = decode(words)
        f = SimpleNamespace(**fields)
        if self._reserved(operation, fields):
            return Fault.BAD_OPERATION, operation, f
        for fault, wrong in ((Fault.BAD_LENGTH, self._lengths), (Fault.BAD_ADDRESS, self._regions),
                             (Fault.BAD_ACCUMULATOR, self._accumulators),
                             (Fault.BAD_WEIGHTS, self._weights),
                             (Fault.BAD_PARAMETERS, self._parameters)):
            if wrong(operation, f):
                return fault, operation, f
        return self._remember(operation, f), operation, f

    def _reserved(self, operation, fields):
        """No such operation or register, or a bit that should be zero."""
        if operation == Operation.SET_CONFIGURATION:
            _, value = register_fields(fields)
            if value is None:
                return True
            fields = fields | value
        return operation not in set(Operation) or any(
            value for name, value in fields.items() if name.startswith(("reserved", "unused")))

    def _lengths(self, operation, f):
        """A length of zero, more columns than there are, or more results than are counted."""
        source, window, pool = (self.registers[register] for register in
                                (Register.SOURCE, Register.WINDOW, Register.POOL))
        lengths = []
        if operation in _HOST or operation in _VECTOR:
            lengths = [f.length]
        elif operation == Operation.READ_WEIGHTS:
            lengths = [f.tiles]
        elif operation in _MATRIX:
            lengths = [f.lines, f.tiles, source.line_length]
            if operation == Operation.MATRIX_MULTIPLY and f.tiles * self.geometry.rows > 1 << 16:
                return True
            if operation == Operation.CONVOLVE:
                lengths += [window.pixels, window.run, source.taps, source.lines]
        elif operation == Operation.ACTIVATE:
            lengths = [f.rows]
            if f.pool:
                lengths += [pool.line_pixels, pool.pixels, pool.height, pool.width]
                if self.results(f) >= 1 << 16:
                    return True
        return 0 in lengths or (
            hasattr(f, "last_column") and f.last_column >= self.geometry.columns)

    def _regions(self, operation, f):
        """Elements beyond the unified buffer, or a vector that runs into its own operand."""
        depth = self.geometry.unified_depth
        if operation in _MATRIX:
            source = self.registers[Register.SOURCE]
            lines = f.lines if operation == Operation.MATRIX_MULTIPLY else source.lines
            return f.source + (lines - 1) * source.line_stride + source.line_length > depth
        if operation == Operation.ACTIVATE:
            last = (self.results(f) - 1) * self.registers[Register.DESTINATION].stride
            return f.destination + last + f.last_column + 1 > depth
        if operation in _VECTOR:
            operands = [f.a] if f.unary else [f.a, f.b]
            return (any(at + f.length > depth for at in [*operands, f.destination])
                    or any(at < f.destination < at + f.length for at in operands))
        if operation in _HOST:
            at = f.destination if operation == Operation.READ_HOST_MEMORY else f.source
            return at + f.length > depth
        return False

    def _accumulators(self, operation, f):
        """Rows beyond the accumulators."""
        if operation in _MATRIX:
            rows = f.lines
            if operation == Operation.CONVOLVE:
                rows *= self.registers[Register.WINDOW].pixels
            return f.accumulator + rows > self.geometry.accumulator_depth
        if operation == Operation.ACTIVATE:
            last = f.rows - 1
            if f.pool:
                pool = self.registers[Register.POOL]
                last = (((f.rows - 1) * pool.y_step + pool.height - 1) * pool.line_pixels
                        + (pool.pixels - 1) * pool.x_step + pool.width - 1)
            return f.accumulator + last >= self.geometry.accumulator_depth
        return False

    def _weights(self, operation, f):
        """Tiles beyond the weight memory."""
        return operation == Operation.READ_WEIGHTS and (
            f.address + f.tiles * self.geometry.rows > self.geometry.weight_depth)

    def _parameters(self, operation, f):
        """Channels beyond the parameters, or not aligned, or a table that there is not."""
        geometry = self.geometry
        if operation in _VECTOR:
            # Wider activations are shifted instead, and have no choice of tables.
            tables = geometry.operand_tables if geometry.activation_width <= 8 else 1
            return f.tables >= tables or f.function > geometry.function_tables
        if operation == Operation.ACTIVATE:
            return (f.function > geometry.function_tables
                    or self._channels(f.parameters, f.last_column + 1))
        if operation == Operation.SET_CONFIGURATION and f.register == Register.DESTINATION:
            _, value = register_fields(vars(f))
            return self._channels(value["parameters"], geometry.lanes)
        return False

    def _channels(self, first, count):
        geometry = self.geometry
        return first % geometry.lanes > 0 or first + count > geometry.parameter_depth

    def _remember(self, operation, f):
        """What the next instructions need to know of this one; or that its tiles are wrong."""
        if operation == Operation.SET_CONFIGURATION:
            register, value = register_fields(vars(f))
            self.registers[register] = SimpleNamespace(**value)
        elif operation == Operation.READ_WEIGHTS:
            if len(self.tiles) == WEIGHT_FIFO_TILES:
                return Fault.TOO_MANY_WEIGHTS
            self.tiles.append(f.tiles)
        elif operation in _MATRIX:
            if f.tiles > sum(self.tiles):
                return Fault.NO_WEIGHTS
            left = f.tiles
            while left:
                taken = min(left, self.tiles[0])
                left -= taken
                self.tiles[0] -= taken
                if not self.tiles[0]:
                    self.tiles.popleft()
        return Fault.NONE

    def results(self, f):
        """Rows of results that an Activate writes."""
        return f.rows * (self.registers[Register.POOL].pixels if f.pool else 1)


def first_fault(program, geometry, first=0, count=None):
    """Where a run of a program is stopped, apart from a host that does not answer.

    Parameters
    ----------
    program : ndarray of uint32, shape (n, 4)
    geometry : DenseGeometry
    first : int
        Instruction at which the run starts.
    count : int, optional
        Instructions to carry out at most; by default all that follow.

    Returns
    -------
    index : int
        Of the faulty instruction; else of the one behind the last that is carried out.
    fault : Fault
        NONE if there is no fault before a Halt or the end.
    """
    checker = Checker(geometry)
    end = len(program) if count is None else first + count
    for index in range(first, end):
        fault, operation, _ = checker.check(program[index])
        if fault:
            return index, fault
        if operation == Operation.HALT:
            return index + 1, Fault.NONE
    return end, Fault.NONE
