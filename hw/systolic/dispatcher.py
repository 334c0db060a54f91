"""Carries out programs: decodes, checks and hands out their instructions in order."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from golden.formats import (
    FAULT,
    INSTRUCTION_WIDTH,
    INSTRUCTIONS,
    POSITION_WIDTH,
    Fault,
    Operation,
    Register,
)

from ..layouts import struct_layout
from .decoder import Decoder
from .instruction_check import registers_layout
from .instruction_fetch import InstructionFetch
from .interlock import Interlock
from .operations import (
    activation_operation,
    host_operation,
    matrix_operation,
    weight_operation,
)
from .tile_ledger import TileLedger

__all__ = ["Dispatcher"]


class Dispatcher(wiring.Component):
    """Instructions in the order of the program, each when nothing before it is in its way.

    It holds an instruction until its unit has room and until no region that it touches is one that
    an earlier instruction has yet to read or write. What an Activate reads from the accumulators
    is not waited for here: it carries a ticket, and its unit waits row by row.

    Timing: decoding starts in the cycle in which an instruction is taken from `InstructionFetch`,
    the cycle after the one before was handed out at the earliest; it is handed out 2 cycles after
    the decoder's `done`, if nothing is in its way. `running` rises in the cycle after `start`. When
    a program has ended, or has been stopped by a fault, all units are waited for, and told to
    `clear` in the last cycle of `running`.

    Parameters
    ----------
    config : hw.config.DenseConfig

    Members
    -------
    load, load_address, load_part, load_data : In
        See `InstructionFetch`.
    start, first, count : In
        Run at most `count` instructions, from `first` on.
    running : Out(1)
    fault : Out(1)
        Until `fault_clear`: the run before was stopped by what `fault_word` says.
    fault_word : Out(struct_layout(FAULT))
    fault_clear : In(1)
    signal : In(1)
        Strobe: what a Synchronize may wait for. As many as 255 are remembered.
    weights, multiplications, activations, host_reads, host_writes : Out(stream)
        Operations for the units, see `operations`.
    fed : In(1)
        Strobe: the oldest multiplication has read all that it reads.
    accumulators_read : In(1)
        Strobe: the oldest Activate has read all its accumulators.
    activated : In(1)
        Strobe: the oldest operation of the activation unit has written all its results.
    matrix_idle, activation_idle, host_idle : In(1)
        Nothing is in the unit, nor on its way to memory; low from the cycle after one is taken.
    host_waits : In(1)
        The host has not sent or taken what an instruction needs.
    clear : Out(1)
        Strobe: the run is over; tiles that nobody has multiplied by are to be forgotten.
    give_up : Out(1)
        Strobe: the host is too late; everything under way is to be forgotten.
    issued, reads_weights : Out(1)
        Strobe: an instruction has been carried out or handed out; it is a Read_Weights.
    raw_stalled : Out(1)
        It waits for what an earlier one has yet to write.
    """

    def __init__(self, config):
        self.config = config
        super().__init__({
            "load": In(1),
            "load_address": In(range(config.program_depth)),
            "load_part": In(range(INSTRUCTION_WIDTH // 32)),
            "load_data": In(32),
            "start": In(1),
            "first": In(range(config.program_depth)),
            "count": In(range(config.program_depth + 1)),
            "running": Out(1),
            "fault": Out(1),
            "fault_word": Out(struct_layout(FAULT)),
            "fault_clear": In(1),
            "signal": In(1),
            "weights": Out(stream.Signature(weight_operation(config))),
            "multiplications": Out(stream.Signature(matrix_operation(config))),
            "activations": Out(stream.Signature(activation_operation(config))),
            "host_reads": Out(stream.Signature(host_operation(config))),
            "host_writes": Out(stream.Signature(host_operation(config))),
            "fed": In(1),
            "accumulators_read": In(1),
            "activated": In(1),
            "matrix_idle": In(1),
            "activation_idle": In(1),
            "host_idle": In(1),
            "host_waits": In(1),
            "clear": Out(1),
            "give_up": Out(1),
            "issued": Out(1),
            "reads_weights": Out(1),
            "raw_stalled": Out(1),
        })

    def _multiplication(self, view, registers, decoder, convolves):
        """Pairs of a field of `matrix_operation` and its value."""
        source, window = registers.source, registers.window
        return {
            "accumulate": view.accumulate,
            "columns": view.last_column + 1,
            "tiles": view.tiles,
            "accumulator": view.accumulator,
            "lines": view.lines,
            "pixels": Mux(convolves, window.pixels, 1),
            "first_line": decoder.first_line,
            "line_step": decoder.line_step,
            "kernel_step": decoder.kernel_step,
            "x": view.x,
            "y": Mux(convolves, view.y, 0),
            "x_step": window.x_step,
            "y_step": Mux(convolves, window.y_step, 1),
            "dilation": window.dilation,
            "tap_step": window.tap_step,
            "taps": Mux(convolves, source.taps, 1),
            "run": Mux(convolves, window.run, 1 << 16),
            "line_length": source.line_length,
            "line_limit": Mux(convolves, source.lines, 1 << 16),
            "pad": source.pad,
        }

    def _activation(self, activate, vector, registers, decoder, last_written, is_vector):
        """Pairs of a field of `activation_operation` and its value."""
        pool, destination = registers.pool, registers.destination
        pooled = activate.pool
        return {
            "vector": is_vector,
            "multiply": activate.operation == Operation.VECTOR_MULTIPLY,
            "unary": vector.unary,
            "function": activate.function,      # in the same bits for both
            "tables": vector.tables,
            "accumulator": activate.accumulator,
            "columns": activate.last_column + 1,
            "lines": activate.rows,
            "pixels": Mux(pooled, pool.pixels, 1),
            "line_rows": Mux(pooled, pool.line_pixels, 1),
            "line_step": Mux(pooled, decoder.line_step, 1),
            "height": Mux(pooled, pool.height, 1),
            "width": Mux(pooled, pool.width, 1),
            "x_step": pool.x_step,
            "destination": Mux(is_vector, vector.destination, activate.destination),
            "stride": destination.stride,
            "parameters": Mux(is_vector, vector.parameters, activate.parameters),
            "zero_point": destination.zero_point,
            "low": destination.low,
            "high": destination.high,
            "a": vector.a,
            "b": vector.b,
            "length": vector.length,
            "shift_a": registers.operands.shift_a,
            "shift_b": registers.operands.shift_b,
            **last_written,
        }

    def elaborate(self, platform):
        m = Module()

        config = self.config
        fetch = InstructionFetch(program_depth=config.program_depth)
        m.submodules.fetch = ResetInserter(self.clear)(fetch)
        m.submodules.decoder = decoder = Decoder(config.geometry)
        m.submodules.ledger = ledger = TileLedger()
        m.submodules.interlock = interlock = Interlock(
            unified_depth=config.unified_depth, accumulator_depth=config.accumulator_depth)
        m.d.comb += [
            fetch.load.eq(self.load),
            fetch.load_address.eq(self.load_address),
            fetch.load_part.eq(self.load_part),
            fetch.load_data.eq(self.load_data),
            fetch.start.eq(self.start),
            fetch.first.eq(self.first),
            fetch.count.eq(self.count),
        ]

        # The instruction in hand, and what it is.
        instruction = Signal(fetch.layout, reset_less=True)
        word = instruction.word
        registers = Signal(registers_layout())
        view = {operation: struct_layout(INSTRUCTIONS[operation])(word) for operation in Operation}
        is_ = {operation: Signal(name=f"is_{operation.name.lower()}", reset_less=True)
               for operation in Operation}
        for operation, flag in is_.items():
            m.d.sync += flag.eq(word[:5] == operation)
        multiplies = is_[Operation.MATRIX_MULTIPLY] | is_[Operation.CONVOLVE]
        vector = is_[Operation.VECTOR_ADD] | is_[Operation.VECTOR_MULTIPLY]
        activates = is_[Operation.ACTIVATE]
        reads_weights = is_[Operation.READ_WEIGHTS]
        from_host, to_host = is_[Operation.READ_HOST_MEMORY], is_[Operation.WRITE_HOST_MEMORY]
        synchronizes = is_[Operation.SYNCHRONIZE]
        matrix, activate = view[Operation.MATRIX_MULTIPLY], view[Operation.ACTIVATE]
        vectors, weights = view[Operation.VECTOR_ADD], view[Operation.READ_WEIGHTS]
        host_reads = view[Operation.READ_HOST_MEMORY]
        host_writes = view[Operation.WRITE_HOST_MEMORY]

        # It goes when its unit is ready and nothing is in the way.
        waiting, ready, go = Signal(), Signal(), Signal()
        nothing = self.matrix_idle & self.activation_idle & self.host_idle
        signals = Signal(8)
        takes_signal = view[Operation.SYNCHRONIZE].signal
        with m.If(synchronizes):
            m.d.comb += ready.eq(nothing & (~takes_signal | (signals != 0)))
        with m.Else():
            m.d.comb += ready.eq(~Cat(
                reads_weights & ~self.weights.ready,
                multiplies & ~self.multiplications.ready,
                (activates | vector) & ~self.activations.ready,
                from_host & ~self.host_reads.ready,
                to_host & ~self.host_writes.ready).any())
        m.d.comb += [
            go.eq(waiting & ready & ~interlock.blocked),
            self.issued.eq(go),
            self.reads_weights.eq(go & reads_weights),
            self.raw_stalled.eq(waiting & interlock.awaits_write),
            self.weights.valid.eq(go & reads_weights),
            self.multiplications.valid.eq(go & multiplies),
            self.activations.valid.eq(go & (activates | vector)),
            self.host_reads.valid.eq(go & from_host),
            self.host_writes.valid.eq(go & to_host),
        ]
        m.d.sync += signals.eq(signals + (self.signal & ~signals.all())
                               - (go & synchronizes & takes_signal))

        m.d.comb += [
            decoder.word.eq(word),
            decoder.registers.eq(registers),
            ledger.clear.eq(self.clear),
            ledger.tiles.eq(Mux(reads_weights, weights.tiles, matrix.tiles)),
            ledger.read.eq(go & reads_weights),
            ledger.claim.eq(go & multiplies),
            interlock.clear.eq(self.clear),
            interlock.kind.multiplies.eq(multiplies),
            interlock.kind.activates.eq(activates),
            interlock.kind.vector.eq(vector),
            interlock.kind.from_host.eq(from_host),
            interlock.kind.to_host.eq(to_host),
            interlock.issue.eq(go),
            interlock.fed.eq(self.fed),
            interlock.accumulators_read.eq(self.accumulators_read),
            interlock.activated.eq(self.activated),
            interlock.host_idle.eq(self.host_idle),
            interlock.region.end.eq(decoder.region_end),
            interlock.rows.end.eq(decoder.rows_end),
        ]
        m.d.sync += interlock.rows.first.eq(
            Mux(multiplies, matrix.accumulator, activate.accumulator))
        first = Signal.like(interlock.region.first, reset_less=True)
        m.d.comb += interlock.region.first.eq(first)
        for kind, address in ((multiplies, matrix.source), (activates, activate.destination),
                              (vector, vectors.destination), (from_host, host_reads.destination),
                              (to_host, host_writes.source)):
            with m.If(kind):
                m.d.sync += first.eq(address)

        # What the units get; rows written by multiplications so far, and by the last of them.
        last_written = {"ticket": Signal(POSITION_WIDTH),
                        "written_base": Signal(range(config.accumulator_depth)),
                        "written_rows": Signal(range(config.accumulator_depth + 1))}
        with m.If(go & multiplies):
            m.d.sync += [
                last_written["ticket"].eq(last_written["ticket"] + decoder.rows),
                last_written["written_base"].eq(matrix.accumulator),
                last_written["written_rows"].eq(decoder.rows),
            ]
        fields = self._multiplication(matrix, registers, decoder, is_[Operation.CONVOLVE])
        m.d.comb += [self.multiplications.payload[name].eq(value)
                     for name, value in fields.items()]
        fields = self._activation(activate, vectors, registers, decoder, last_written, vector)
        m.d.comb += [self.activations.payload[name].eq(value) for name, value in fields.items()]
        m.d.comb += [
            self.weights.payload.address.eq(weights.address),
            self.weights.payload.tiles.eq(weights.tiles),
            self.host_reads.payload.address.eq(host_reads.destination),
            self.host_reads.payload.length.eq(host_reads.length),
            self.host_writes.payload.address.eq(host_writes.source),
            self.host_writes.payload.length.eq(host_writes.length),
            self.host_writes.payload.tag.eq(host_writes.tag),
        ]
        with m.If(go & is_[Operation.SET_CONFIGURATION]):
            setting = view[Operation.SET_CONFIGURATION]
            for number in Register:
                with m.If(setting.register == number):
                    m.d.sync += registers[number.name.lower()].eq(setting.value)

        # The host may be late, but not for ever.
        patience = Signal(config.watchdog_log2 + 1)
        m.d.sync += patience.eq(Mux(
            self.host_waits | waiting & synchronizes & nothing, patience + 1, 0))
        awaiting = Signal.like(instruction.number)      # the last that had to do with the host
        with m.If(waiting & (from_host | to_host | synchronizes)):
            m.d.sync += awaiting.eq(instruction.number)

        with m.If(self.fault_clear):
            m.d.sync += self.fault.eq(0)

        def stop(fault, number):
            m.d.sync += [self.fault.eq(1), self.fault_word.fault.eq(fault),
                         self.fault_word.instruction.eq(number)]

        def give_up():
            with m.If(patience[-1]):
                stop(Fault.TIMEOUT, awaiting)
                m.d.comb += self.give_up.eq(1)
                m.next = "Clear"

        wrong = Signal(Fault)
        with m.FSM():
            with m.State("Idle"):
                with m.If(self.start):
                    m.d.sync += registers.as_value().eq(0)
                    m.next = "Take"

            with m.State("Take"):
                m.d.comb += [self.running.eq(1), fetch.instructions.ready.eq(1)]
                m.d.sync += instruction.eq(fetch.instructions.payload)
                with m.If(fetch.instructions.valid):
                    m.d.comb += decoder.start.eq(1)
                    m.next = "Decode"

            with m.State("Decode"):
                m.d.comb += self.running.eq(1)
                m.d.sync += wrong.eq(decoder.fault)
                with m.If(decoder.fault == Fault.NONE):
                    with m.If(multiplies & ledger.lacking):
                        m.d.sync += wrong.eq(Fault.NO_WEIGHTS)
                    with m.If(reads_weights & ledger.full):
                        m.d.sync += wrong.eq(Fault.TOO_MANY_WEIGHTS)
                with m.If(decoder.done):
                    m.next = "Judge"

            with m.State("Judge"):
                m.d.comb += self.running.eq(1)
                m.next = "Issue"
                with m.If(wrong != Fault.NONE):
                    stop(wrong, instruction.number)
                    m.next = "Finish"

            with m.State("Issue"):
                m.d.comb += [self.running.eq(1), waiting.eq(1)]
                with m.If(go):
                    m.next = "Take"
                    with m.If(is_[Operation.HALT] | instruction.last):
                        m.next = "Finish"
                give_up()

            with m.State("Finish"):
                m.d.comb += self.running.eq(1)
                with m.If(nothing):
                    m.next = "Clear"
                give_up()

            with m.State("Clear"):
                m.d.comb += [self.running.eq(1), self.clear.eq(1)]
                m.d.sync += [ticket_part.eq(0) for ticket_part in last_written.values()]
                m.d.sync += signals.eq(0)
                m.next = "Idle"

        return m
