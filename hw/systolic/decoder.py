"""Works out what an instruction touches, and whether it may."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from golden.formats import INSTRUCTION_WIDTH, INSTRUCTIONS, Fault, Operation

from ..common.multiplier import Multiplier
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
    a cycle; a step that takes the result of another comes 5 cycles after it, 4 if as `c` or `d`.
    The fault is the first of `golden.formats.Fault` that applies, but for those that depend on
    earlier instructions.

    Timing: the first step is made in the cycle after `start`; `done` is high 5 cycles after the
    last step of the instruction, and all outputs hold from then on, `fault` from the cycle after
    it, until the next `start`. `word` and `registers` must be stable from the cycle after `start`
    to the end of their use.

    Parameters
    ----------
    geometry : DenseGeometry

    Members
    -------
    start : In(1)
    operation : In(5)
        Of the instruction, in the cycle of `start`.
    word : In(128)
    registers : In(registers_layout())
    done : Out(1)
    fault : Out(Fault)
    region_end : Out
        First element of the unified buffer behind the one that is read or written (of a vector
        instruction: written).
    rows_end : Out
        First accumulator row behind those that are written or read.
    rows : Out(17)
        Rows that a multiplication writes; outputs that Activate makes.
    first_line, line_step, kernel_step : Out
        See `matrix_operation`; `line_step` also ``y_step * line_pixels`` of `activation_operation`.
    """

    #: Cycles from a step to its result.
    latency = 5

    def __init__(self, geometry):
        self.geometry = geometry
        super().__init__({
            "start": In(1),
            "operation": In(5),
            "word": In(INSTRUCTION_WIDTH),
            "registers": In(registers_layout()),
            "done": Out(1),
            "fault": Out(Fault),
            "region_end": Out(range(geometry.unified_depth + 1)),
            "rows_end": Out(range(geometry.accumulator_depth + 1)),
            "rows": Out(17),
            "first_line": Out(range(geometry.unified_depth)),
            "line_step": Out(range(max(geometry.unified_depth, geometry.accumulator_depth))),
            "kernel_step": Out(range(geometry.unified_depth)),
        })

    def _view(self, operation):
        return struct_layout(INSTRUCTIONS[operation])(self.word)

    def _operands(self, temporary):
        """Values that a step may choose from, by name, for each operand.

        Bits of addresses beyond the largest memory are the business of `InstructionCheck`. Every
        instruction has its first address in the same place.
        """
        source, window = self.registers.source, self.registers.window
        pool, destination = self.registers.pool, self.registers.destination
        matrix = self._view(Operation.MATRIX_MULTIPLY)
        activate = self._view(Operation.ACTIVATE)
        vector = self._view(Operation.VECTOR_ADD)
        reads = self._view(Operation.READ_HOST_MEMORY)
        pooled = activate.pool
        a = {
            "0": 0, "count": self.word[16:32], "lines": source.lines, "tiles": matrix.tiles,
            "y": matrix.y, "y_step": window.y_step, "dilation": window.dilation,
            "columns": activate.last_column + 1, "pool_pixels": Mux(pooled, pool.pixels, 1),
            "pool_step": pool.y_step, "rows": self.rows, "last_line": temporary["last_line"],
            "lanes": self.geometry.lanes,
        }
        b = {
            "1": 1, "line_stride": source.line_stride, "array_rows": self.geometry.rows,
            "pixels": window.pixels, "pool_pixels": Mux(pooled, pool.pixels, 1),
            "pool_step": Mux(pooled, pool.y_step, 1), "x_step": pool.x_step,
            "line_pixels": Mux(pooled, pool.line_pixels, 1), "stride": destination.stride,
        }
        c = {
            "0": 0, "address": vector.a, "b": Mux(vector.unary, vector.a, vector.b),
            "destination": vector.destination, "accumulator": activate.accumulator,
            "channel": activate.parameters, "vector_channel": vector.parameters,
            "height": Mux(pooled, pool.height - 1, 0), "last_width": temporary["last_width"],
        }
        d = {
            "0": 0, "line_length": source.line_length, "columns": activate.last_column + 1,
            "width": Mux(pooled, pool.width, 1), "length": reads.length,
        }
        return a, b, c, d

    def _steps(self):
        """Steps of each operation: names of a, b, c, d, of the result, and what it may not exceed.

        ``name-1`` is one less. A limit comes with the fault of what is beyond it.
        """
        geometry = self.geometry
        unified = (geometry.unified_depth, Fault.BAD_ADDRESS)
        accumulators = (geometry.accumulator_depth, Fault.BAD_ACCUMULATOR)
        parameters = (geometry.parameter_depth, Fault.BAD_PARAMETERS)
        unchecked = (None, Fault.NONE)
        vectors = [
            ("count", "1", "address", "0", "end", *unified),
            ("count", "1", "b", "0", "end", *unified),
            ("count", "1", "destination", "0", "region_end", *unified),
            ("lanes", "1", "vector_channel", "0", "end", *parameters),
        ]
        host = [("0", "1", "address", "length", "region_end", *unified)]
        return {
            Operation.READ_WEIGHTS: [
                ("count", "array_rows", "address", "0", "end", geometry.weight_depth,
                 Fault.BAD_WEIGHTS)],
            Operation.MATRIX_MULTIPLY: [
                ("count-1", "line_stride", "address", "line_length", "region_end", *unified),
                ("count", "1", "accumulator", "0", "rows_end", *accumulators),
                # The elements of a line that the tiles meet: more would not fit `run`.
                ("tiles", "array_rows", "0", "0", "end", 1 << 16, Fault.BAD_LENGTH),
            ],
            Operation.CONVOLVE: [
                ("lines-1", "line_stride", "address", "line_length", "region_end", *unified),
                ("count", "pixels", "accumulator", "0", "rows_end", *accumulators),
                ("count", "pixels", "0", "0", "rows", *unchecked),
                ("y", "line_stride", "address", "0", "first_line", *unchecked),
                ("y_step", "line_stride", "0", "0", "line_step", *unchecked),
                ("dilation", "line_stride", "0", "0", "kernel_step", *unchecked),
            ],
            Operation.ACTIVATE: [
                ("count", "pool_pixels", "0", "0", "rows", (1 << 16) - 1, Fault.BAD_LENGTH),
                ("count-1", "pool_step", "height", "0", "last_line", (1 << 16) - 1,
                 Fault.BAD_ACCUMULATOR),
                ("pool_pixels-1", "x_step", "accumulator", "width", "last_width", *unchecked),
                ("pool_step", "line_pixels", "0", "0", "line_step", *unchecked),
                ("columns", "1", "channel", "0", "end", *parameters),
                ("rows-1", "stride", "address", "columns", "region_end", *unified),
                ("last_line", "line_pixels", "last_width", "0", "rows_end", *accumulators),
            ],
            Operation.VECTOR_ADD: vectors,
            Operation.VECTOR_MULTIPLY: vectors,
            Operation.READ_HOST_MEMORY: host,
            Operation.WRITE_HOST_MEMORY: host,
        }

    def elaborate(self, platform):
        m = Module()

        active = Signal()
        step = Signal(range(16))
        # What a step is comes out of registers, so it is looked up in the cycle before.
        operation = Mux(active, self.word[:5], self.operation)
        next_step = Mux(active, step + 1, 0)[:len(step)]
        temporary = {"last_line": Signal(16), "last_width": Signal(26)}
        steps = self._steps()
        results = {**temporary, **{name: getattr(self, name) for name in (
            "region_end", "rows_end", "rows", "first_line", "line_step", "kernel_step")}}
        tags = sorted({row[4:] for rows in steps.values() for row in rows},
                      key=lambda tag: (tag[0], tag[1] or 0, tag[2]))
        assert max(map(len, steps.values())) + self.latency < 16

        # Which operands the step in hand takes, and after which step the instruction is done.
        operands = self._operands(temporary)
        choices = [Signal(range(len(values)), name=f"choose_{name}", reset_less=True)
                   for name, values in zip("abcd", operands, strict=True)]
        minus = Signal(reset_less=True)
        tag = Signal(range(len(tags) + 1), reset_less=True)
        ends = Signal(reset_less=True)
        last = Signal(range(16))
        m.d.sync += [*(choice.eq(0) for choice in choices), minus.eq(0), tag.eq(0),
                     ends.eq(next_step == last)]
        with m.Switch(operation):
            for number, rows in steps.items():
                with m.Case(number):
                    m.d.comb += last.eq(len(rows) - 1 + self.latency)
                    with m.Switch(next_step):
                        for index, row in enumerate(rows):
                            name = row[0].removesuffix("-1")
                            with m.Case(index):
                                m.d.sync += [
                                    choice.eq(list(values).index(key)) for choice, values, key
                                    in zip(choices, operands, (name, *row[1:4]), strict=True)]
                                m.d.sync += [minus.eq(name != row[0]),
                                             tag.eq(tags.index(row[4:]) + 1)]
            with m.Default():
                m.d.comb += last.eq(self.latency)
        # Factors go on to the multiplier, which is far away, from registers.
        choices[2:] = [register(m, choice, f"{choice.name}_later") for choice in choices[2:]]
        geometry = self.geometry
        address_width = max(bits_for(depth) for depth in (
            geometry.unified_depth, geometry.accumulator_depth, geometry.weight_depth,
            geometry.parameter_depth))
        a, b = Signal(signed(18)), Signal(signed(18))
        c, d = Signal(max(address_width, 26)), Signal(max(address_width, 16))
        for operand, choice, values in zip((a, b, c, d), choices, operands, strict=True):
            with m.Switch(choice):
                for index, value in enumerate(values.values()):
                    with m.Case(index):
                        m.d.comb += operand.eq(value)

        # 1: factors. 2: addends. 3: product. 4: sum, and what it is compared with. 5: result, and
        # verdict.
        m.submodules.multiplier = multiplier = Multiplier(a_width=18, b_width=18)
        m.d.comb += [
            multiplier.a[0].eq(register(m, a, "a_1") - register(m, minus, "minus_1")),
            multiplier.b[0].eq(register(m, b, "b_1")),
            multiplier.load.eq(1),
        ]
        product = multiplier.product[0]
        c_2, d_2 = register(m, c, "c_2"), register(m, d, "d_2")
        addend = register(m, c_2 + d_2, "addend")
        total = register(m, (product + addend).as_unsigned()[:_SUM_WIDTH], "total")
        tag_4 = Signal.like(tag)
        limit = Signal(33, reset_less=True)
        checked = Signal()
        # Between instructions `word` may be anything.
        tag_3 = delay(m, Mux(active, tag, 0), 3, "tag")
        m.d.sync += [tag_4.eq(tag_3), limit.eq(0), checked.eq(0)]
        with m.Switch(tag_3):
            for number, (_, bound, _) in enumerate(tags):
                if bound is not None:
                    with m.Case(number + 1):
                        m.d.sync += [limit.eq(bound), checked.eq(1)]
        beyond = register(m, checked & (total.as_signed() > limit), "beyond")

        flags = Signal(Fault.BAD_PARAMETERS + 1)
        with m.Switch(tag_4):
            for number, (name, _, _) in enumerate(tags):
                if name != "end":
                    with m.Case(number + 1):
                        m.d.sync += results[name].eq(total)
        for fault in {fault for _, _, fault in tags if fault}:
            concerned = register(m, Cat(
                tag_4 == number + 1 for number, tag in enumerate(tags) if tag[2] == fault).any(),
                f"concerned_{fault}")
            with m.If(beyond & concerned & active):
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
            with m.If(ends):
                m.d.sync += active.eq(0)

        m.d.comb += self.done.eq(active & ends)
        for fault in reversed(range(Fault.BAD_OPERATION, len(flags))):
            with m.If(flags[fault] | check.flags[fault]):
                m.d.comb += self.fault.eq(fault)

        return m
