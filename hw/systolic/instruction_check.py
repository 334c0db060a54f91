"""What is wrong with an instruction in itself."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for, exact_log2

from golden.formats import INSTRUCTION_WIDTH, INSTRUCTIONS, REGISTERS, Fault, Operation, Register

from ..common.pipeline import register
from ..layouts import struct_layout

__all__ = ["InstructionCheck", "registers_layout"]


def registers_layout():
    """Layout of all registers that Set_Configuration writes, by their names in lower case."""
    return data.StructLayout({register.name.lower(): struct_layout(REGISTERS[register])
                              for register in Register})


class InstructionCheck(wiring.Component):
    """The faults of an instruction that show without a sum: fields, and registers that it uses.

    Timing: three cycles.

    Parameters
    ----------
    geometry : DenseGeometry

    Members
    -------
    word : In(128)
    registers : In(registers_layout())
    flags : Out(Fault.BAD_PARAMETERS + 1)
        One bit for each `golden.formats.Fault`, set if it applies.
    """

    def __init__(self, geometry):
        self.geometry = geometry
        super().__init__({
            "word": In(INSTRUCTION_WIDTH),
            "registers": In(registers_layout()),
            "flags": Out(Fault.BAD_PARAMETERS + 1),
        })

    def _view(self, operation):
        return struct_layout(INSTRUCTIONS[operation])(self.word)

    def _lengths(self, operation):
        """Values that must not be 0."""
        view = self._view(operation)
        source, window, pool = self.registers.source, self.registers.window, self.registers.pool
        match operation:
            case Operation.READ_WEIGHTS:
                return [view.tiles]
            case Operation.MATRIX_MULTIPLY:
                return [view.lines, view.tiles, source.line_length]
            case Operation.CONVOLVE:
                return [view.lines, view.tiles, source.line_length, source.lines, source.taps,
                        window.pixels, window.run]
            case Operation.ACTIVATE:
                pooled = [pool.pixels, pool.line_pixels, pool.height, pool.width]
                return [view.rows, *(Mux(view.pool, value, 1) for value in pooled)]
            case Operation.VECTOR_ADD | Operation.VECTOR_MULTIPLY:
                return [view.length]
            case Operation.READ_HOST_MEMORY | Operation.WRITE_HOST_MEMORY:
                return [view.length]
        return []

    def _oddities(self, operation):
        """Further conditions, as pairs (1-bit value, fault)."""
        geometry = self.geometry
        fmt = INSTRUCTIONS[operation]
        view = self._view(operation)
        oddities = [(view[field.name].any(), Fault.BAD_OPERATION)
                    for field in fmt.fields if field.name in ("unused", "reserved")]
        names = {field.name for field in fmt.fields}
        if operation == Operation.SET_CONFIGURATION:
            oddities.append((view.register >= len(Register), Fault.BAD_OPERATION))
            for number, value in REGISTERS.items():
                if any(field.name == "reserved" for field in value.fields):
                    oddities.append(((view.register == number)
                                     & struct_layout(value)(view.value).reserved.any(),
                                     Fault.BAD_OPERATION))
        # What no sum of the decoder sees.
        for name, depth, fault in (
                ("source", geometry.unified_depth, Fault.BAD_ADDRESS),
                ("destination", geometry.unified_depth, Fault.BAD_ADDRESS),
                ("a", geometry.unified_depth, Fault.BAD_ADDRESS),
                ("b", geometry.unified_depth, Fault.BAD_ADDRESS),
                ("address", geometry.weight_depth, Fault.BAD_WEIGHTS),
                ("accumulator", geometry.accumulator_depth, Fault.BAD_ACCUMULATOR),
                ("parameters", geometry.parameter_depth, Fault.BAD_PARAMETERS)):
            if name in names:
                beyond = view[name][min(bits_for(depth), 24):].any()
                oddities.append((beyond & ~view.unary if name == "b" else beyond, fault))
        if operation in (Operation.READ_HOST_MEMORY, Operation.WRITE_HOST_MEMORY):
            oddities.append((view.length[bits_for(geometry.unified_depth):].any(),
                             Fault.BAD_ADDRESS))
        if "last_column" in names:
            oddities.append((view.last_column >= geometry.columns, Fault.BAD_LENGTH))
        if "function" in names:
            oddities.append((view.function > geometry.function_tables, Fault.BAD_PARAMETERS))
        if "parameters" in names:
            oddities.append(((view.parameters & geometry.lanes - 1).any(), Fault.BAD_PARAMETERS))
        if "tables" in names:
            limit = geometry.operand_tables if geometry.activation_width <= 8 else 1
            oddities.append((view.tables >= limit, Fault.BAD_PARAMETERS))
        return oddities

    def elaborate(self, platform):
        m = Module()

        # A register for each condition of each operation; synthesis shares those that are alike.
        flags = Signal.like(self.flags)
        m.d.sync += flags.eq(0)
        with m.Switch(register(m, self.word[:5], "operation")):
            for operation in Operation:
                empty = [value == 0 for value in self._lengths(operation)]
                conditions = [
                    (register(m, value, f"{operation.name.lower()}_{number}"), fault)
                    for number, (value, fault) in enumerate((
                        *((value, Fault.BAD_LENGTH) for value in empty),
                        *self._oddities(operation)))]
                with m.Case(operation):
                    for fault in {fault for _, fault in conditions}:
                        m.d.sync += flags[fault].eq(
                            Cat(value for value, which in conditions if which == fault).any())
            with m.Default():
                m.d.sync += flags[Fault.BAD_OPERATION].eq(1)

        # Does the result of a vector instruction start strictly inside one of its operands? One
        # that wraps around the end of the buffer is beyond it, which is the same fault.
        vector = self._view(Operation.VECTOR_ADD)
        address_width = exact_log2(self.geometry.unified_depth)
        inside = []
        for operand, used in ((vector.a, 1), (vector.b, ~vector.unary)):
            ahead = register(m, (vector.destination - operand)[:address_width], "ahead")
            inside.append(register(m, used & (ahead != 0) & (ahead < vector.length), "inside"))
        is_vector = register(m, (self.word[:5] == Operation.VECTOR_ADD)
                             | (self.word[:5] == Operation.VECTOR_MULTIPLY), "is_vector")
        moving = register(m, is_vector & (inside[0] | inside[1]), "moving_in")
        m.d.comb += self.flags.eq(flags | moving << Fault.BAD_ADDRESS)

        return m
