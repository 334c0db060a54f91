"""Works out what an instruction touches, and whether it may."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.formats import INSTRUCTION_WIDTH, INSTRUCTIONS, Fault, Operation

from ..common.pipeline import delay, register
from ..layouts import struct_layout
from .instruction_check import InstructionCheck, registers_layout

__all__ = ["Decoder"]

#: Bits of a sum that is compared with a limit: a product of 17 by 17 bits and two addresses.
_SUM_WIDTH = 36


class Decoder(wiring.Component):
    """Checks an instruction and computes its products, with one multiplier.

    What an instruction needs is a list of steps, ``a * b + c + d`` each: ends of regions, to be
    compared with the size of a memory, and distances in memory. They go through a pipeline, a step
    a cycle; a step that takes the result of another comes 4 cycles after it. The fault is the
    first of `golden.formats.Fault` that applies, but for those that depend on earlier instructions.

    Timing: `done` is high `cycles` cycles after `start`, 4 after the last step of the instruction,
    and all outputs hold from then on, until the next `start`. `word` and `registers` must be stable
    from the cycle after `start` to the end of their use.

    Parameters
    ----------
    geometry : DenseGeometry

    Members
    -------
    start : In(1)
    word : In(128)
    registers : In(registers_layout())
    done : Out(1)
    fault : Out(Fault)
    region_end : Out
        First element of the unified buffer behind the one that is read or written (of a vector
        instruction: written).
    rows_end : Out
        First accumulator row behind those that are written or read.
    rows : Out(16)
        Rows that a multiplication writes; outputs that Activate makes.
    first_line, line_step, kernel_step : Out
        See `matrix_operation`; `line_step` also ``y_step * line_pixels`` of `activation_operation`.
    """

    #: Cycles from a step to its result.
    latency = 4

    def __init__(self, geometry):
        self.geometry = geometry
        super().__init__({
            "start": In(1),
            "word": In(INSTRUCTION_WIDTH),
            "registers": In(registers_layout()),
            "done": Out(1),
            "fault": Out(Fault),
            "region_end": Out(range(geometry.unified_depth + 1)),
            "rows_end": Out(range(geometry.accumulator_depth + 1)),
            "rows": Out(16),
            "first_line": Out(range(geometry.unified_depth)),
            "line_step": Out(range(max(geometry.unified_depth, geometry.accumulator_depth))),
            "kernel_step": Out(range(geometry.unified_depth)),
        })

    def _view(self, operation):
        return struct_layout(INSTRUCTIONS[operation])(self.word)

    def _steps(self, temporary):
        """Steps of each operation: (a, b, c, d, result, limit, fault), None for a cycle of rest.

        `result` is a name of `temporary` or of an output.
        """
        source, window = self.registers.source, self.registers.window
        pool, destination = self.registers.pool, self.registers.destination
        geometry = self.geometry
        unified = (geometry.unified_depth, Fault.BAD_ADDRESS)
        accumulators = (geometry.accumulator_depth, Fault.BAD_ACCUMULATOR)
        parameters = (geometry.parameter_depth, Fault.BAD_PARAMETERS)
        unchecked = (None, Fault.NONE)

        weights = self._view(Operation.READ_WEIGHTS)
        activate = self._view(Operation.ACTIVATE)
        columns = activate.last_column + 1
        vector = self._view(Operation.VECTOR_ADD)
        reads = self._view(Operation.READ_HOST_MEMORY)
        pooled = activate.pool

        stride = source.line_stride
        multiply = self._view(Operation.MATRIX_MULTIPLY)
        convolve = self._view(Operation.CONVOLVE)

        length = vector.length
        vectors = [
            (length, 1, vector.a, 0, "end", *unified),
            (length, 1, Mux(vector.unary, vector.a, vector.b), 0, "end", *unified),
            (length, 1, vector.destination, 0, "region_end", *unified),
            (geometry.lanes, 1, vector.parameters, 0, "end", *parameters),
        ]
        host = [(0, 0, reads.destination, reads.length, "region_end", *unified)]
        steps = {
            Operation.READ_WEIGHTS: [
                (weights.tiles, geometry.rows, weights.address, 0, "end", geometry.weight_depth,
                 Fault.BAD_WEIGHTS)],
            Operation.MATRIX_MULTIPLY: matrix(Operation.MATRIX_MULTIPLY),
            Operation.CONVOLVE: matrix(Operation.CONVOLVE),
            Operation.MATRIX_MULTIPLY: [
                (multiply.lines - 1, stride, multiply.source, source.line_length, "region_end",
                 *unified),
                (multiply.lines, 1, multiply.accumulator, 0, "rows_end", *accumulators),
                # The elements of a line that the tiles meet: more would not fit `run`.
                (multiply.tiles, geometry.rows, 0, 0, "end", 1 << 16, Fault.BAD_LENGTH),
            ],
            Operation.CONVOLVE: [
                (source.lines - 1, stride, convolve.source, source.line_length, "region_end",
                 *unified),
                (convolve.lines, window.pixels, convolve.accumulator, 0, "rows_end",
                 *accumulators),
                (convolve.lines, window.pixels, 0, 0, "rows", *unchecked),
                (convolve.y, stride, convolve.source, 0, "first_line", *unchecked),
                (window.y_step, stride, 0, 0, "line_step", *unchecked),
                (window.dilation, stride, 0, 0, "kernel_step", *unchecked),
            ],
            Operation.ACTIVATE: [
                (activate.rows, Mux(pooled, pool.pixels, 1), 0, 0, "rows",
                 (1 << 16) - 1, Fault.BAD_LENGTH),
                (activate.rows - 1, Mux(pooled, pool.y_step, 1), Mux(pooled, pool.height - 1, 0), 0,
                 "last_line", (1 << 16) - 1, Fault.BAD_ACCUMULATOR),
                (Mux(pooled, pool.pixels - 1, 0), pool.x_step, activate.accumulator,
                 Mux(pooled, pool.width, 1), "last_width", *unchecked),
                (pool.y_step, pool.line_pixels, 0, 0, "line_step", *unchecked),
                (columns, 1, activate.parameters, 0, "end", *parameters),
                (self.rows - 1, destination.stride, activate.destination, columns, "region_end",
                 *unified),
                (temporary["last_line"], Mux(pooled, pool.line_pixels, 1),
                 temporary["last_width"], 0, "rows_end", *accumulators),
            ],
            Operation.VECTOR_ADD: vectors,
            Operation.VECTOR_MULTIPLY: vectors,
            Operation.READ_HOST_MEMORY: host,
            Operation.WRITE_HOST_MEMORY: host,
        }
        return steps

    def elaborate(self, platform):
        m = Module()

        operation = self.word[:5]
        step = Signal(range(16))
        temporary = {"last_line": Signal(16), "last_width": Signal(_SUM_WIDTH), "end": Signal()}
        steps = self._steps(temporary)
        results = {**temporary, **{name: getattr(self, name) for name in (
            "region_end", "rows_end", "rows", "first_line", "line_step", "kernel_step")}}
        tags = sorted({row[4:] for rows in steps.values() for row in rows},
                      key=lambda tag: (tag[0], tag[1] or 0, tag[2]))
        assert max(map(len, steps.values())) + self.latency < 16

        # The step in hand, and in which step the last one of the instruction is.
        a, b = Signal(signed(18)), Signal(signed(18))
        c, d = Signal(32), Signal(32)
        tag, last = Signal(range(len(tags) + 1)), Signal(range(16))
        with m.Switch(operation):
            for number, rows in steps.items():
                with m.Case(number):
                    m.d.comb += last.eq(len(rows) - 1 + self.latency)
                    with m.Switch(step):
                        for index, row in enumerate(rows):
                            with m.Case(index):
                                m.d.comb += [
                                    a.eq(row[0]), b.eq(row[1]), c.eq(row[2]), d.eq(row[3]),
                                    tag.eq(tags.index(row[4:]) + 1)]
            with m.Default():
                m.d.comb += last.eq(self.latency)

        # 1: operands. 2: product. 3: sum, and what it is compared with. 4: result.
        a_1, b_1 = register(m, a, "a_1"), register(m, b, "b_1")
        c_1, d_1 = register(m, c, "c_1"), register(m, d, "d_1")
        product = register(m, a_1 * b_1, "product")
        addend = register(m, c_1 + d_1, "addend")
        total = register(m, (product + addend).as_unsigned()[:_SUM_WIDTH], "total")
        tag_3 = Signal.like(tag)
        limit = Signal(33, reset_less=True)
        checked = Signal()
        tag_2 = delay(m, tag, 2, "tag")
        m.d.sync += [tag_3.eq(tag_2), limit.eq(0), checked.eq(0)]
        with m.Switch(tag_2):
            for number, (_, bound, _) in enumerate(tags):
                if bound is not None:
                    with m.Case(number + 1):
                        m.d.sync += [limit.eq(bound), checked.eq(1)]
        beyond = Signal()
        m.d.comb += beyond.eq(checked & (total.as_signed() > limit))

        active = Signal()
        flags = Signal(Fault.BAD_PARAMETERS + 1)
        with m.Switch(tag_3):
            for number, (name, _, fault) in enumerate(tags):
                with m.Case(number + 1):
                    if name != "end":
                        m.d.sync += results[name].eq(total)
                    if fault:
                        with m.If(beyond & active):
                            m.d.sync += flags[fault].eq(1)

        m.submodules.check = check = InstructionCheck(self.geometry)
        m.d.comb += [check.word.eq(self.word), check.registers.eq(self.registers)]

        multiply = self._view(Operation.MATRIX_MULTIPLY)
        with m.If(active & (step == 0)):
            # For MatrixMultiply, which goes through lines one by one; Convolve has steps for these.
            m.d.sync += [
                self.rows.eq(multiply.lines),
                self.first_line.eq(multiply.source),
                self.line_step.eq(self.registers.source.line_stride),
                self.kernel_step.eq(0),
            ]
        with m.If(self.start):
            m.d.sync += [active.eq(1), step.eq(0), flags.eq(0)]
        with m.Elif(active):
            m.d.sync += step.eq(step + 1)
            with m.If(step == last):
                m.d.sync += active.eq(0)

        m.d.comb += self.done.eq(active & (step == last))
        for fault in reversed(range(Fault.BAD_OPERATION, len(flags))):
            with m.If(flags[fault] | check.flags[fault]):
                m.d.comb += self.fault.eq(fault)

        return m
