"""The gateware end of the host port: commands in, responses out."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from golden.formats import COMMAND, COMMAND_MAGIC, MAX_WRITE_WORDS, Opcode, Status

from ..common.one_hot import OneHot
from ..common.pipeline import register
from ..common.stepper import stepper
from ..layouts import struct_layout
from .answer import Answer
from .command_check import CommandCheck
from .memory_port import MemoryPort
from .word_addresses import WordAddresses

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
    a word of payload, which has to be `fetched` while `faulted`. There are two commands more, which
    never wait and are of address 0 and length 1: SIGNAL strobes `signal`; RESET strobes
    `reset_run`, eight cycles after which `running` and `fault` must be low. Payload for the memory
    `held` waits while `hold`.

    Timing: commands are accepted one word a cycle. Between the last word of a header and the first
    word of payload pass `check_cycles` cycles, and the time that the command waits for the end of a
    run; an answer without payload takes one cycle more. `load` comes the cycle after its word of
    payload is accepted, one a cycle; the answer to a write is valid two cycles after its last word.
    All answers come later by what they wait for their `turn`. A read answers a word every
    ``read_latency + 2`` cycles, and `later` than that, if its `MemoryPort` says so.
    `commands.ready` depends on the state alone; the outputs are registers, or decoded from a few.

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
        Cycles from `fetch.valid` to the cycle in which `fetched` is valid, at least 1; of memories
        that are `later`, so many more.
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
    sends : Out(1)
    turn : In(1)
        See `hw.host.packet_arbiter.PacketArbiter`; without one it is always the port's turn.
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
    faulted : Out(1)
        `fetched` must be what tells of the fault, from 3 cycles after it has risen on.
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
            "sends": Out(1),
            "turn": In(1, init=1),
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
            **({"faulted": Out(1), "signal": Out(1), "reset_run": Out(1)} if programs else {}),
            **({"hold": In(1)} if held is not None else {}),
        })

    def elaborate(self, platform):
        m = Module()

        # The command in hand: what has been sent of it, and where the next word goes or is.
        # `left` is the number of words of payload or of an answer that are to pass, less 2, and
        # while they are checked less 1.
        header = Signal(struct_layout(COMMAND), reset_less=True)
        length = Signal(MAX_WRITE_WORDS.bit_length(), reset_less=True)
        status = Signal(Status)
        takes_address, takes_length, measured, passes = (
            Signal(name=name) for name in ("takes_address", "takes_length", "measured", "passes"))
        m.submodules.check = check = CommandCheck(
            memories=self.memories, layer_count=self.layer_count, address_width=self.address_width,
            programs=self.programs)
        m.submodules.addresses = addresses = WordAddresses(
            memories=self.memories, address_width=self.address_width, part_width=self.part_width,
            read_latency=self.read_latency)
        left = stepper(m, "left", width=len(length) + 1, start=-1,
                       first=self.commands.payload[:len(length)], step=-1, load=takes_length,
                       advance=measured | check.done | passes)
        none_left = left[-1] & ~left[0]

        reading, writing = header.opcode == Opcode.READ, header.opcode == Opcode.WRITE
        good = status == Status.OK

        # What is wrong with it.
        m.d.comb += [
            check.header.eq(header), check.address.eq(addresses.address),
            check.rest.eq(left), check.word.eq(self.commands.payload),
            check.take_address.eq(takes_address & self.commands.valid),
            check.take_length.eq(takes_length & self.commands.valid),
        ]
        m.d.sync += measured.eq(check.take_length)

        # Words of payload, one cycle after the stream; words fetched. Only whole memory words pass.
        for access in (self.load, self.fetch):
            m.d.comb += [
                access.memory.eq(header.memory),
                access.unit.eq(header.unit),
                access.address.eq(addresses.address),
                access.part.eq(addresses.part),
            ]
        m.d.comb += [
            addresses.first.eq(self.commands.payload), addresses.takes.eq(takes_address),
            addresses.take.eq(check.take_address), addresses.memory.eq(header.memory),
            addresses.last_part.eq(check.last_part), addresses.fetch.eq(self.fetch.valid),
            addresses.advance.eq(self.load.valid | self.fetch.valid),
            self.load.last_part.eq(addresses.ends_word),
        ]

        m.d.comb += [self.run.first.eq(addresses.address), self.run.count.eq(length)]
        m.d.sync += self.fault_clear.eq(0)

        held = Signal()
        if self.held is not None:
            m.d.comb += held.eq(self.hold & (header.memory == self.held))

        # A run that ended badly was found by this command.
        faulted = Signal()
        if self.programs:
            m.d.comb += self.faulted.eq(faulted)

        # The answer, a word after the other.
        m.submodules.answer = answer = Answer()
        wiring.connect(m, answer.responses, wiring.flipped(self.responses))
        said = register(m, Mux(good & reading, length, 0), "length_said")
        m.d.comb += [
            answer.status.eq(status), answer.opcode.eq(header.opcode),
            answer.memory.eq(header.memory), answer.words.eq(said | faulted),
            answer.word.eq(self.fetched),
        ]

        phase = OneHot(m, ("Header", "Address", "Length", "Check", "Admit", "Execute", "Payload",
                           "Answer", "AnswerLength", "Send", "Fetch", "Await"))
        valid, taken = self.commands.valid, self.responses.ready
        m.d.comb += self.commands.ready.eq(
            phase["Header"] | phase["Address"] | phase["Length"] | (phase["Payload"] & ~held))

        begins = header.shape()(self.commands.payload).magic == COMMAND_MAGIC
        phase.go("Header", "Address", valid & begins)
        phase.go("Header", "Answer", valid & ~begins)
        with m.If(phase["Header"]):
            m.d.sync += [header.eq(self.commands.payload), status.eq(Status.BAD_HEADER),
                         faulted.eq(0)]

        phase.go("Address", "Length", valid)
        phase.go("Length", "Check", valid)
        m.d.comb += [takes_address.eq(phase["Address"]), takes_length.eq(phase["Length"])]
        with m.If(phase["Length"]):
            m.d.sync += length.eq(self.commands.payload)

        phase.go("Check", "Admit", check.done)
        with m.If(phase["Check"]):
            m.d.sync += status.eq(check.status)

        phase.go("Admit", "Execute", ~(good & self.running & check.waits))
        with m.If(phase["Admit"] & good & ~self.running & check.waits & self.fault):
            m.d.sync += [
                status.eq(Status.BAD_INSTRUCTION if self.programs else Status.BAD_LAYER),
                faulted.eq(self.programs), self.fault_clear.eq(1),
            ]

        has_payload = writing & ~check.too_long & ~none_left
        phase.go("Execute", "Payload", has_payload)
        phase.go("Execute", "Answer", ~has_payload)
        executes = phase["Execute"] & good
        m.d.sync += self.run.start.eq(executes & (header.opcode == Opcode.RUN))
        if self.programs:
            m.d.sync += [self.signal.eq(executes & (header.opcode == Opcode.SIGNAL)),
                         self.reset_run.eq(executes & (header.opcode == Opcode.RESET))]

        loads = phase["Payload"] & valid & ~held
        phase.go("Payload", "Answer", loads & left[-1])
        m.d.sync += self.load.valid.eq(loads & good)
        with m.If(phase["Payload"]):
            m.d.sync += self.load.data.eq(self.commands.payload)

        more = good & reading & ~none_left
        phase.go("Answer", "AnswerLength", self.turn)
        phase.go("AnswerLength", "Send", taken)
        phase.go("Send", "Header", taken & ~more & ~faulted)
        phase.go("Send", "Fetch", taken & more & ~faulted)
        phase.go("Fetch", "Await")
        phase.go("Await", "Send", addresses.arrives)
        with m.If(phase["Send"] & taken):
            m.d.sync += faulted.eq(0)
        m.d.comb += [
            self.fetch.valid.eq(phase["Fetch"]),
            passes.eq(loads | phase["Fetch"]),
            self.sends.eq(phase["Answer"] | phase["AnswerLength"] | phase["Send"]
                          | phase["Fetch"] | phase["Await"]),
            answer.clear.eq(phase["Header"]),
            answer.header.eq(phase["Answer"]),
            answer.length.eq(phase["AnswerLength"]),
            answer.fetched.eq(phase["Send"] | phase["Await"]),
            answer.says.eq((phase["Answer"] & self.turn) | (phase["AnswerLength"] & taken)
                           | (phase["Send"] & taken & faulted)
                           | (phase["Await"] & addresses.arrives)),
        ]
        phase.finish()

        return m
