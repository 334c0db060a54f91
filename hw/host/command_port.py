"""The gateware end of the host port: commands in, responses out."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from golden.formats import (
    COMMAND,
    COMMAND_MAGIC,
    MAX_WRITE_WORDS,
    RESPONSE,
    RESPONSE_MAGIC,
    Opcode,
    Status,
)

from ..layouts import struct_layout
from .command_check import CommandCheck
from .memory_port import MemoryPort

__all__ = ["CommandPort", "MemoryPort"]


class CommandPort(wiring.Component):
    """Carries out the commands of `golden.formats` one after the other, and answers each.

    A command whose header is wrong is refused with the first that applies of BAD_HEADER (only its
    first word is consumed), BAD_OPCODE, BAD_MEMORY, BAD_UNIT, BAD_ADDRESS and BAD_LENGTH, in this
    order, at once and without any other effect; a RUN counts as a memory of `layer_count` words,
    number 0, unit 0. A good command then waits while `running`, unless it writes a memory that is
    `while_running`. If the run that it found ended with `fault`, the command is refused with
    BAD_LAYER, `fault_clear` is strobed and the next command works again; a command that does not
    wait never takes the fault. A refused write of at most `MAX_WRITE_WORDS` still consumes its
    payload.

    With `programs`, a run is one of a program: a fault is BAD_INSTRUCTION instead, answered with
    `fault_word` as payload. There are two commands more, which never wait and are of address 0 and
    length 1: SIGNAL strobes `signal`; RESET strobes `reset_run`, eight cycles after which `running`
    and `fault` must be low. Payload for the memory `held` waits while `hold`.

    Timing: commands are accepted one word a cycle. Between the last word of a header and the first
    word of payload pass `check_cycles` cycles, and the time that the command waits for the end of a
    run; an answer without payload takes one cycle more. `load` comes the cycle after its word of
    payload is accepted, one a cycle; the answer to a write is valid two cycles after its last word.
    A read answers a word every ``read_latency + 2`` cycles. `commands.ready` depends on the state
    alone; the outputs are registers, or decoded from a few.

    A run: `start` is strobed when `running` is low; `first` and `count` are stable in that cycle
    and four more. `running` may rise up to eight cycles later, or never; from its fall on `fault`
    must be valid, and `fault` must be low eight cycles after `fault_clear`. No next command can
    look at them earlier: its header is still arriving.

    Parameters
    ----------
    memories : dict of IntEnum or int to MemoryPort
        The memory map: numbers from 0 to 15.
    layer_count : int
        Layers that a RUN may name: first + count <= `layer_count`.
    read_latency : int
        Cycles from `fetch.valid` to the cycle in which `fetched` is valid, at least 1.
    programs : bool
    held : int, optional
        Memory whose payload waits.

    Attributes
    ----------
    address_width, unit_width, part_width : int
        As wide as the memory map needs.
    check_cycles : int
        See Timing.

    Members
    -------
    commands : In(stream.Signature(32))
    responses : Out(stream.Signature(32))
    load : Out(wiring.Signature({valid, memory, unit, address, part, last_part, data}))
        One write of 32-bit word `part` of memory word `address`. No back-pressure.
    fetch : Out(wiring.Signature({valid, memory, unit, address, part}))
        One read. The other fields are stable until `fetched` has been taken, but for `address` and
        `part`, which are stable while `valid`.
    fetched : In(32)
        Its result, taken in the cycle `read_latency` cycles after the one with `fetch.valid`.
    run : Out(wiring.Signature({start, first, count}))
    running, fault : In(1)
    fault_clear : Out(1)
    fault_word : In(32)
        Stable from the rise of `fault` to the next run.
    signal, reset_run : Out(1)
    hold : In(1)
        One word may still come as a load in the cycle in which it rises, and one in the next.
    """

    def __init__(self, *, memories, layer_count, read_latency, programs=False, held=None):
        if not memories or not all(0 <= int(number) < 16 for number in memories):
            raise ValueError(f"Memories must be numbered from 0 to 15, not {list(memories)}")
        if not 1 <= layer_count <= MAX_WRITE_WORDS:
            raise ValueError(f"Layer count must be from 1 to {MAX_WRITE_WORDS}, not {layer_count}")
        if read_latency < 1:
            raise ValueError(f"Read latency must be at least 1 cycle, not {read_latency}")
        self.memories = dict(memories)
        self.layer_count = layer_count
        self.read_latency = read_latency
        self.programs = programs
        self.held = held

        ports = self.memories.values()
        self.address_width = max(1, ceil_log2(max([layer_count, *(p.depth for p in ports)])))
        self.unit_width = max(1, ceil_log2(max(p.units for p in ports)))
        self.part_width = max(1, ceil_log2(max(p.word_parts for p in ports)))
        self.check_cycles = CommandCheck.cycles_of(self.memories, layer_count) + 2

        place = {"valid": Out(1), "memory": Out(4), "unit": Out(self.unit_width),
                 "address": Out(self.address_width), "part": Out(self.part_width)}
        super().__init__({
            "commands": In(stream.Signature(32)),
            "responses": Out(stream.Signature(32)),
            "load": Out(wiring.Signature({**place, "last_part": Out(1), "data": Out(32)})),
            "fetch": Out(wiring.Signature(place)),
            "fetched": In(32),
            "run": Out(wiring.Signature({
                "start": Out(1),
                "first": Out(range(layer_count)),
                "count": Out(range(layer_count + 1)),
            })),
            "running": In(1),
            "fault": In(1),
            "fault_clear": Out(1),
            **({"fault_word": In(32), "signal": Out(1), "reset_run": Out(1)} if programs else {}),
            **({"hold": In(1)} if held is not None else {}),
        })

    def elaborate(self, platform):
        m = Module()

        # The command in hand. `length` counts down while words of payload or of an answer pass.
        header = Signal(struct_layout(COMMAND), reset_less=True)
        address = Signal(self.address_width, reset_less=True)
        length = Signal(MAX_WRITE_WORDS.bit_length(), reset_less=True)
        part = Signal(self.part_width)
        status = Signal(Status)

        reading = header.opcode == Opcode.READ
        writing = header.opcode == Opcode.WRITE
        good = status == Status.OK

        # What is wrong with it.
        m.submodules.check = check = CommandCheck(
            memories=self.memories, layer_count=self.layer_count, address_width=self.address_width,
            programs=self.programs)
        m.d.comb += [
            check.header.eq(header),
            check.address.eq(address),
            check.word.eq(self.commands.payload),
        ]
        too_long = Signal()
        empty = Signal()
        m.d.sync += empty.eq(length == 0)

        # Words of payload, one cycle after the stream; words fetched.
        last_part = part + 1 == check.word_parts
        m.d.sync += self.load.valid.eq(0)
        for access in (self.load, self.fetch):
            m.d.comb += [
                access.memory.eq(header.memory),
                access.unit.eq(header.unit),
                access.address.eq(address),
                access.part.eq(part),
            ]
        m.d.comb += self.load.last_part.eq(last_part)
        # Only whole memory words pass, so that every command finds `part` at 0 and leaves it there.
        with m.If(self.load.valid | self.fetch.valid):
            m.d.sync += part.eq(part + 1)
            with m.If(last_part):
                m.d.sync += part.eq(0)
                m.d.sync += address.eq(address + 1)

        m.d.comb += self.run.first.eq(address)
        m.d.comb += self.run.count.eq(length)
        m.d.sync += self.run.start.eq(0)
        m.d.sync += self.fault_clear.eq(0)

        response = Signal(struct_layout(RESPONSE))
        m.d.comb += [
            response.magic.eq(RESPONSE_MAGIC),
            response.status.eq(status),
            response.opcode.eq(header.opcode),
            response.memory.eq(header.memory),
        ]

        held = Signal()
        if self.held is not None:
            m.d.comb += held.eq(self.hold & (header.memory == self.held))

        # A run that ended badly was found by this command.
        faulted = Signal()
        starts = good & (header.opcode == Opcode.RUN)
        if self.programs:
            m.d.sync += [self.signal.eq(0), self.reset_run.eq(0)]

        def answer(word):
            m.d.sync += self.responses.payload.eq(word)
            m.d.sync += self.responses.valid.eq(1)

        wait = Signal(range(self.read_latency))

        with m.FSM(name="phase"):
            with m.State("Header"):
                m.d.comb += self.commands.ready.eq(1)
                m.d.sync += header.eq(self.commands.payload)
                m.d.sync += status.eq(Status.BAD_HEADER)
                m.d.sync += faulted.eq(0)
                with m.If(self.commands.valid):
                    m.next = "Answer"
                    with m.If(header.shape()(self.commands.payload).magic == COMMAND_MAGIC):
                        m.next = "Address"

            with m.State("Address"):
                m.d.comb += self.commands.ready.eq(1)
                m.d.sync += address.eq(self.commands.payload)
                with m.If(self.commands.valid):
                    m.d.comb += check.take_address.eq(1)
                    m.next = "Length"

            with m.State("Length"):
                m.d.comb += self.commands.ready.eq(1)
                m.d.sync += length.eq(self.commands.payload)
                m.d.sync += too_long.eq(self.commands.payload[len(length):].any())
                with m.If(self.commands.valid):
                    m.d.comb += check.take_length.eq(1)
                    m.next = "Check"

            with m.State("Check"):
                m.d.sync += status.eq(check.status)
                with m.If(check.done):
                    m.next = "Admit"

            with m.State("Admit"):
                with m.If(~(good & self.running & check.waits)):
                    m.next = "Execute"
                with m.If(good & ~self.running & check.waits & self.fault):
                    m.d.sync += status.eq(
                        Status.BAD_INSTRUCTION if self.programs else Status.BAD_LAYER)
                    m.d.sync += faulted.eq(self.programs)
                    m.d.sync += self.fault_clear.eq(1)

            with m.State("Execute"):
                m.next = "Answer"
                with m.If(writing & ~too_long & ~empty):
                    m.next = "Payload"
                with m.Elif(starts):
                    m.d.sync += self.run.start.eq(1)
                if self.programs:
                    m.d.sync += self.signal.eq(good & (header.opcode == Opcode.SIGNAL))
                    m.d.sync += self.reset_run.eq(good & (header.opcode == Opcode.RESET))

            with m.State("Payload"):
                m.d.comb += self.commands.ready.eq(~held)
                m.d.sync += self.load.data.eq(self.commands.payload)
                with m.If(self.commands.valid & ~held):
                    m.d.sync += self.load.valid.eq(good)
                    m.d.sync += length.eq(length - 1)
                    with m.If(length == 1):
                        m.next = "Answer"

            with m.State("Answer"):
                answer(response)
                m.next = "AnswerLength"

            with m.State("AnswerLength"):
                with m.If(self.responses.ready):
                    answer(Mux(good & reading, length, faulted))
                    m.next = "Send"

            with m.State("Send"):
                with m.If(self.responses.ready):
                    m.d.sync += self.responses.valid.eq(0)
                    m.next = "Header"
                    with m.If(good & reading & (length != 0)):
                        m.next = "Fetch"
                    if self.programs:
                        with m.If(faulted):
                            answer(self.fault_word)
                            m.d.sync += faulted.eq(0)
                            m.next = "Send"

            with m.State("Fetch"):
                m.d.comb += self.fetch.valid.eq(1)
                m.d.sync += length.eq(length - 1)
                m.d.sync += wait.eq(self.read_latency - 1)
                m.next = "Await"

            with m.State("Await"):
                m.d.sync += wait.eq(wait - 1)
                with m.If(wait == 0):
                    answer(self.fetched)
                    m.next = "Send"

        return m
