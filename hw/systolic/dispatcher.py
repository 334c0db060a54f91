"""Carries out programs: decodes, checks and hands out their instructions in order."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for, ceil_log2

from golden.formats import (
    FAULT,
    INSTRUCTION_WIDTH,
    INSTRUCTIONS,
    Fault,
    Operation,
    Register,
)

from ..common.pipeline import register
from ..layouts import struct_layout
from .decoder import Decoder
from .host_watch import HostWatch
from .instruction_fetch import InstructionFetch
from .interlock import Interlock, kind_layout
from .operation_fields import (
    activation_fields,
    host_fields,
    matrix_fields,
    registers_layout,
    weight_fields,
)
from .operations import (
    activation_operation,
    host_operation,
    matrix_operation,
    ticket_width,
    weight_operation,
)
from .program_sequencer import ProgramSequencer
from .tile_ledger import TileLedger
from .written_rows import WrittenRows

__all__ = ["Dispatcher"]


class Dispatcher(wiring.Component):
    """Instructions in the order of the program, each when nothing before it is in its way.

    It holds an instruction until its unit has room and until no region that it touches is one that
    an earlier instruction has yet to read or write. What an Activate reads from the accumulators
    is not waited for here: it carries a ticket, and its unit waits row by row.

    Timing: an instruction is taken from `InstructionFetch` the cycle after the one before was
    handed out at the earliest, which starts the decoder; it is handed out 2 cycles after the
    interlock's `compared`, if nothing is in its way; that its unit is ready is known a cycle later,
    that all are idle two cycles. `running` rises in the cycle after `start`. When a program has
    ended, or has been stopped by a fault, all units are waited for, and told to `clear` in the last
    cycle of `running`.

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
        Strobe: an instruction has been carried out or handed out in the cycle before; it is a
        Read_Weights.
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

    def elaborate(self, platform):
        m = Module()

        config = self.config
        number_width = ceil_log2(config.program_depth)
        fetch = InstructionFetch(program_depth=config.program_depth)
        m.submodules.fetch = ResetInserter(self.clear)(fetch)
        m.submodules.sequencer = sequencer = ProgramSequencer(number_width=number_width)
        decoder = Decoder(config.geometry)
        m.submodules.decoder = ResetInserter(self.clear)(decoder)
        m.submodules.ledger = ledger = TileLedger()
        m.submodules.written_rows = written_rows = WrittenRows(
            depth=config.accumulator_depth, width=ticket_width(config))
        m.submodules.watch = watch = HostWatch(
            watchdog_log2=config.watchdog_log2, number_width=number_width)
        m.submodules.interlock = interlock = Interlock(width=decoder.region_width)
        m.d.comb += [
            *[getattr(fetch, name).eq(getattr(self, name))
              for name in ("load", "load_address", "load_part", "load_data", "start", "first",
                           "count")],
            sequencer.start.eq(self.start),
            self.running.eq(sequencer.running),
            self.clear.eq(sequencer.clear),
            self.give_up.eq(sequencer.give_up),
            self.fault.eq(sequencer.fault),
            self.fault_word.eq(sequencer.fault_word),
            sequencer.fault_clear.eq(self.fault_clear),
        ]

        # The instruction in hand, and what it is.
        instruction = Signal(fetch.layout, reset_less=True)
        word = instruction.word
        m.d.comb += [
            fetch.instructions.ready.eq(sequencer.take),
            sequencer.available.eq(fetch.instructions.valid),
            decoder.start.eq(sequencer.take & sequencer.available),
            decoder.arrival.eq(fetch.arrival),
            decoder.begin.eq(fetch.begin),
            decoder.fill.eq(fetch.fill),
            fetch.proceed.eq(decoder.proceed),
        ]
        with m.If(sequencer.take):
            m.d.sync += [getattr(instruction, name).eq(getattr(fetch.instructions.payload, name))
                         for name in ("number", "last")]
        taken = Signal()
        m.d.sync += taken.eq(decoder.start)
        with m.If(taken):
            m.d.sync += word.eq(fetch.instructions.payload.word)
        known = register(m, taken, "known")
        registers = Signal(registers_layout())
        view = {operation: struct_layout(INSTRUCTIONS[operation])(word) for operation in Operation}
        kind = decoder.kind
        matrix, weights = view[Operation.MATRIX_MULTIPLY], view[Operation.READ_WEIGHTS]

        # Is it wrong?
        m.d.comb += [
            ledger.clear.eq(self.clear),
            ledger.tiles_read.eq(weights.tiles),
            ledger.tiles_claimed.eq(matrix.tiles),
            ledger.read.eq(known & kind.reads_weights),
            ledger.claim.eq(known & kind.multiplies),
            sequencer.wrong.eq(decoder.fault),
            sequencer.decoded.eq(interlock.compared),
        ]
        lacks, exceeds = kind.multiplies & ledger.lacking, kind.reads_weights & ledger.full
        m.d.comb += sequencer.is_wrong.eq(decoder.faulty | lacks | exceeds)
        with m.If(~decoder.faulty):
            with m.If(lacks):
                m.d.comb += sequencer.wrong.eq(Fault.NO_WEIGHTS)
            with m.If(exceeds):
                m.d.comb += sequencer.wrong.eq(Fault.TOO_MANY_WEIGHTS)

        # What each unit gets.
        units = (
            (self.weights, kind.reads_weights, weight_fields(word)),
            (self.multiplications, kind.multiplies, matrix_fields(
                word, registers=registers, decoder=decoder, convolves=kind.convolves)),
            (self.activations, kind.activates | kind.vector, activation_fields(
                word, registers=registers, decoder=decoder, vector=kind.vector)),
            (self.host_reads, kind.from_host, host_fields(word, Operation.READ_HOST_MEMORY)),
            (self.host_writes, kind.to_host, host_fields(word, Operation.WRITE_HOST_MEMORY)),
        )

        # It goes when its unit is ready and nothing is in the way: registers, because that decides
        # over much. Until then it is alone in reaching for the units, so what has become free stays
        # free. Whatever can wait for a cycle is done when it has gone; it is still in hand then.
        waiting, ready, go, gone = sequencer.waiting, Signal(), Signal(), Signal()
        nothing = register(m, self.matrix_idle & self.activation_idle & self.host_idle, "nothing")
        takes_signal = view[Operation.SYNCHRONIZE].signal
        with m.If(kind.synchronizes):
            m.d.sync += ready.eq(nothing & (~takes_signal | watch.signalled))
        with m.Else():
            m.d.sync += ready.eq(~Cat(its & ~unit.ready for unit, its, _ in units).any())
        m.d.sync += gone.eq(go)
        m.d.comb += [
            go.eq(waiting & ready & ~interlock.blocked),
            sequencer.issue.eq(go),
            sequencer.ends.eq(kind.halts | instruction.last),
            sequencer.drained.eq(nothing & ~gone),
            self.issued.eq(gone),
            self.reads_weights.eq(gone & kind.reads_weights),
            self.raw_stalled.eq(waiting & interlock.awaits_write),
        ]
        for unit, its, fields in units:
            m.d.comb += unit.valid.eq(go & its)
            m.d.comb += [unit.payload[name].eq(value) for name, value in fields.items()]

        # What it configures. There is no such register where a higher bit of its number is set.
        with m.If(gone & kind.configures):
            setting = view[Operation.SET_CONFIGURATION]
            for number in Register:
                with m.If(setting.register[:bits_for(max(Register))] == number):
                    m.d.sync += registers[number.name.lower()].eq(setting.value)
        with m.If(self.clear):
            m.d.sync += registers.as_value().eq(0)

        # The host may be late, but not for ever: for a Synchronize, when all before it is done, or
        # for the one instruction of the host that has been handed out, behind which the program may
        # have gone on.
        synchronizes = waiting & kind.synchronizes & nothing
        m.d.comb += [
            watch.clear.eq(self.clear),
            watch.signal.eq(self.signal),
            watch.take.eq(gone & kind.synchronizes & takes_signal),
            watch.waits.eq(self.host_waits | synchronizes),
            watch.concerned.eq(sequencer.refuses | synchronizes
                               | gone & (kind.from_host | kind.to_host)),
            watch.number.eq(instruction.number),
            sequencer.expired.eq(watch.expired),
            sequencer.awaited.eq(watch.awaited),
        ]

        # What each instruction leaves for those behind it.
        m.d.comb += [
            written_rows.clear.eq(self.clear),
            written_rows.write.eq(gone & kind.multiplies),
            written_rows.first.eq(matrix.accumulator),
            written_rows.rows.eq(decoder.rows),
            *[self.activations.payload[name].eq(getattr(written_rows, name))
              for name in ("ticket", "written_base", "written_rows")],
        ]

        # What it touches.
        m.d.comb += [
            interlock.clear.eq(self.clear),
            *[interlock.kind[name].eq(kind[name]) for name in kind_layout().members],
            interlock.issue.eq(gone),
            interlock.fed.eq(self.fed),
            interlock.accumulators_read.eq(self.accumulators_read),
            interlock.activated.eq(self.activated),
            interlock.host_idle.eq(self.host_idle),
            interlock.region.eq(decoder.region),
            interlock.decoded.eq(decoder.done),
        ]

        return m
