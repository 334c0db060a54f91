"""Turns sums into activations: Activate, VectorAdd and VectorMultiply."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from golden.formats import DenseMemory

from ..common.counters import tree_sum
from ..common.pipeline import delay, register
from .activation_sequencer import ActivationSequencer
from .beat_pipeline import BeatPipeline
from .operation_slot import OperationSlot
from .operations import activation_operation, ticket_width
from .output_lane import OutputLane
from .parameter_memory import ParameterMemory
from .pooling_unit import PoolingUnit
from .result_writer import ResultWriter
from .vector_unit import VectorUnit

__all__ = ["ActivationUnit"]


class ActivationUnit(wiring.Component):
    """Reads accumulators, or elements of the unified buffer, and writes elements.

    The sums of Activate, largest of each window if it is pooled, and those or the products of
    vector instructions go through bias, requantisation, clamp, zero point and function, `lanes` at
    a time; see `golden.formats` and `hw.systolic.operations` for what is computed.

    One instruction is under way from `start`, which follows its acceptance or `done` of the one
    before it by a cycle, to its own `done`; another one may wait behind it.

    Timing, in cycles; reads are issued with no gaps but those of `waits`:

    ========================================  ====================================================
    accepted, or `done` before it, to start   1
    start to first read                       `read_cycles`, 7
    Activate                                  a read for each row of each window and beat
    vector                                    a read for each operand and beat
    last read to `done`, Activate             `activate_cycles`
    last read to `done`, vector               `vector_cycles`
    `written` to the read that it lets go     4
    ========================================  ====================================================

    A beat's elements are written, in the order of reads, as long after the last read of its beat
    as `done` comes after that of the last, less `write_latency` - 1.

    With `serial_output` there is one beat at a time. Then `activate_cycles` and `vector_cycles` are
    longer by the shifts of the channel, left and right, and the first read of a beat comes after
    the last of the beat before by ``activate_cycles`` or ``vector_cycles``, the shifts, and
    `turnaround_cycles`, which is negative.

    A reset ends what is under way; memories keep what they hold.

    Parameters
    ----------
    config : hw.config.DenseConfig
    accumulator_latency : int
        Cycles from `accumulator_read` to its `sums`.
    unified_latency : int
        Cycles from `unified_read` to its `elements`.
    write_latency : int
        A read of the unified buffer that comes so many cycles after a write sees it.

    Members
    -------
    operations : In(stream.Signature(activation_operation(config)))
        `ready` is a register.
    written : In(ticket_width(config))
        See `ActivationSequencer`.
    accumulator_read, accumulator_address : Out
    sums : In(ArrayLayout(signed(32), columns))
        The row; may come straight from block RAM.
    unified_read, unified_address : Out
    unified_mask : Out(lanes)
        Elements of the read that matter; the others may be written at the same time.
    elements : In(ArrayLayout(signed(activation_width), lanes))
    write_enable : Out(lanes)
        That of lane 0 with any other.
    write_coming : Out(1)
        That of lane 0 in the next cycle.
    write_address, write_elements : Out
    accumulators_read : Out(1)
        Strobe, with the last `accumulator_read` of an Activate.
    done : Out(1)
        Strobe: a read of the unified buffer sees all results from the next cycle on.
    idle : Out(1)
        No instruction is under way, none waits.
    waits : Out(1)
        A row is to be read next that has yet to be written.
    saturations : Out(range(2 * lanes + 1))
        Saturations of results that are written, at the latest in the cycle of `done`.
    load : In(wiring.Signature({valid, memory, address, part, data}))
        Write a 32-bit part of PARAMETERS, FUNCTIONS or OPERANDS, a cycle later, while idle.
    """

    #: Cycles from the start of an instruction to its first read.
    read_cycles = 7

    def __init__(self, config, *, accumulator_latency, unified_latency, write_latency):
        for name, value in (("accumulator_latency", accumulator_latency),
                            ("unified_latency", unified_latency), ("write_latency", write_latency)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1 cycle, not {value}")
        self.config = config
        self.accumulator_latency = accumulator_latency
        self.unified_latency = unified_latency
        self.write_latency = write_latency

        self._pooling = PoolingUnit(columns=config.columns, lanes=config.lanes, width=32)
        self._vectors = config.activation_width > 8 or config.operand_tables > 0
        self._lanes = [OutputLane(config) for _ in range(config.lanes)]
        # From a read to the output stages, and from there to `done`.
        self._sum_cycles = accumulator_latency + self._pooling.latency
        self._vector_cycles = unified_latency + VectorUnit.latency
        behind = self._lanes[0].latency + write_latency - 1
        self.activate_cycles = self._sum_cycles + behind
        self.vector_cycles = self._vector_cycles + behind
        self.turnaround_cycles = 2 - self._lanes[0].result_cycles - (write_latency - 1)

        elements = data.ArrayLayout(signed(config.activation_width), config.lanes)
        super().__init__({
            "operations": In(stream.Signature(activation_operation(config))),
            "written": In(ticket_width(config)),
            "accumulator_read": Out(1),
            "accumulator_address": Out(range(config.accumulator_depth)),
            "sums": In(data.ArrayLayout(signed(32), config.columns)),
            "unified_read": Out(1),
            "unified_address": Out(range(config.unified_depth)),
            "unified_mask": Out(config.lanes),
            "elements": In(elements),
            "write_enable": Out(config.lanes),
            "write_coming": Out(1),
            "write_address": Out(range(config.unified_depth)),
            "write_elements": Out(elements),
            "accumulators_read": Out(1),
            "done": Out(1),
            "idle": Out(1),
            "waits": Out(1),
            "saturations": Out(range(2 * config.lanes + 1)),
            "load": In(wiring.Signature({
                "valid": Out(1), "memory": Out(4), "address": Out(24), "part": Out(2),
                "data": Out(32)})),
        })

    def elaborate(self, platform):
        m = Module()

        config, lanes = self.config, self.config.lanes

        # What the host loads goes far.
        loads = {}
        for memory in (DenseMemory.PARAMETERS, DenseMemory.FUNCTIONS, DenseMemory.OPERANDS):
            loads[memory] = Signal(name=f"loads_{memory.name.lower()}")
            m.d.sync += loads[memory].eq(self.load.valid & (self.load.memory == memory))
        load_address = register(m, self.load.address, "load_address")
        load_data = register(m, self.load.data, "load_data")

        # The instruction under way; another one may wait.
        m.submodules.slot = slot = OperationSlot(self.operations.payload.shape())
        wiring.connect(m, wiring.flipped(self.operations), slot.operations)
        m.d.comb += [slot.done.eq(self.done), self.idle.eq(slot.idle)]
        operation, start = slot.operation, slot.start

        m.submodules.sequencer = sequencer = ActivationSequencer(config)
        m.d.comb += [
            sequencer.operation.eq(operation),
            sequencer.next_operation.eq(slot.pending),
            sequencer.pending.eq(~slot.operations.ready),
            sequencer.free.eq(slot.free),
            sequencer.start.eq(start),
            sequencer.written.eq(self.written),
            self.waits.eq(sequencer.waits),
            self.accumulator_read.eq(sequencer.accumulator_read),
            self.accumulator_address.eq(sequencer.accumulator_address),
            self.unified_read.eq(sequencer.unified_read),
            self.unified_address.eq(sequencer.unified_address),
            self.accumulators_read.eq(sequencer.accumulator_read & sequencer.beat.final),
        ]

        # Reads under way: `ahead[n]` will be in the output stages in n cycles.
        m.submodules.beats = beats = BeatPipeline(cycles=(self._sum_cycles, self._vector_cycles))
        m.d.comb += [
            beats.issued.eq(Cat(sequencer.accumulator_read, sequencer.unified_read)),
            beats.beat.eq(sequencer.beat),
        ]
        ahead = beats.ahead

        # Sums of accumulators, or of elements; what is not computed is 0.
        m.submodules.pooling = pooling = self._pooling
        m.d.comb += [
            pooling.sums.eq(self.sums),
            pooling.valid.eq(ahead[pooling.latency].valid),
            pooling.first.eq(ahead[pooling.latency].beat.first),
            pooling.beat.eq(delay(m, sequencer.column_beat, self.accumulator_latency,
                                  "column_beat")),
            pooling.clear.eq(operation.vector),
        ]
        sums = [pooling.largest[lane] for lane in range(lanes)]
        if self._vectors:
            read = ahead[VectorUnit.latency]
            for lane in range(lanes):
                unit = VectorUnit(width=config.activation_width,
                                  operand_tables=config.operand_tables)
                m.submodules[f"vector_{lane}"] = unit
                m.d.comb += [
                    unit.element.eq(self.elements[lane]),
                    unit.valid.eq(read.valid),
                    unit.first.eq(read.beat.first),
                    unit.last.eq(read.beat.last),
                    unit.enable.eq(operation.vector),
                    unit.multiply.eq(operation.multiply),
                    unit.unary.eq(operation.unary),
                    unit.tables.eq(operation.tables),
                    unit.shift_a.eq(operation.shift_a),
                    unit.shift_b.eq(operation.shift_b),
                    unit.load.eq(loads[DenseMemory.OPERANDS]),
                    unit.load_address.eq(load_address),
                    unit.load_data.eq(load_data),
                ]
                sums[lane] = sums[lane] | unit.result

        # Constants: the same for all of a vector, else of one beat of the columns after the other.
        m.submodules.parameters = parameters = ParameterMemory(
            depth=config.parameter_depth, lanes=lanes, delays=self._lanes[0].delays,
            coded=self._lanes[0].shift_width > 5)
        m.d.comb += [
            parameters.load.eq(loads[DenseMemory.PARAMETERS]),
            parameters.load_channel.eq(load_address),
            parameters.load_part.eq(register(m, self.load.part, "load_part")),
            parameters.load_data.eq(load_data),
        ]
        word = Signal.like(parameters.word, reset_less=True)
        first_word = operation.parameters[exact_log2(lanes):]
        begin = register(m, start, "begin")
        read = ahead[parameters.lead]
        m.d.comb += parameters.word.eq(word)
        with m.If(begin | (read.beat.row_last & read.beat.last & read.valid)):
            m.d.sync += word.eq(first_word)
        with m.Elif(read.valid & read.beat.last & ~operation.vector):
            m.d.sync += word.eq(word + 1)

        # Elements of the last beat of a row that exist.
        count = Mux(operation.vector, operation.length, operation.columns)
        last_lane = register(m, (count - 1)[:exact_log2(lanes)], "last_lane")
        finished = ahead[0]
        saturations = []
        for lane in range(lanes):
            m.submodules[f"output_{lane}"] = output = self._lanes[lane]
            inside = (lane <= last_lane) if lane else Const(1)
            exists = ~finished.beat.row_last | inside
            m.d.comb += [
                self.unified_mask[lane].eq(~sequencer.beat.row_last | inside),
                output.input_valid.eq(finished.valid & finished.beat.last & exists),
                output.sum.eq(sums[lane]),
                *[getattr(output, name).eq(getattr(parameters, name)[lane])
                  for name in ("bias", "multiplier", "left_shift", "right_shift")],
                *[getattr(output, name).eq(operation[name])
                  for name in ("low", "high", "zero_point")],
                output.selection.eq(operation.function),
                output.load.eq(loads[DenseMemory.FUNCTIONS]),
                output.load_address.eq(load_address),
                output.load_data.eq(load_data),
                self.write_enable[lane].eq(output.output_valid),
                self.write_elements[lane].eq(output.element),
            ]
            saturations.append(output.saturated)
        m.d.sync += self.saturations.eq(tree_sum(saturations))
        m.d.comb += [sequencer.release.eq(self._lanes[0].taken),
                     self.write_coming.eq(self._lanes[0].coming)]

        # Where they go. Lane 0 has an element in every beat.
        m.submodules.writer = writer = ResultWriter(lanes=lanes, depth=config.unified_depth)
        ends = Cat(finished.beat.row_last, finished.beat.final)
        if config.serial_output:
            held = Signal(len(ends), reset_less=True)
            with m.If(finished.valid & finished.beat.last):
                m.d.sync += held.eq(ends)
            ends = delay(m, held, self._lanes[0].result_cycles, "ends")
        else:
            ends = delay(m, ends, self._lanes[0].latency, "ends")
        m.d.comb += [
            writer.start.eq(start),
            writer.destination.eq(operation.destination),
            writer.stride.eq(operation.stride),
            writer.beat.eq(self.write_enable[0]),
            writer.row_last.eq(ends[0]),
            self.write_address.eq(writer.address),
        ]
        m.d.comb += self.done.eq(delay(m, self.write_enable[0] & ends[1], self.write_latency - 1,
                                       "done", resets=True))

        return m
