"""What is wrong with the header of a command."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for, ceil_log2

from golden.formats import COMMAND, Opcode, Status

from ..layouts import struct_layout
from .memory_port import MemoryPort

__all__ = ["CommandCheck"]


class CommandCheck(wiring.Component):
    """Checks opcode, memory, unit, address and length of a command against the memory map.

    Headers are rare, so that each step has a cycle of its own: the row of the memory map, the words
    from the address to the end of the memory, and, bit by bit, the division of the length by the
    32-bit words in a memory word, which takes a subtractor as wide as the divisor alone.

    Timing: `done` is high in cycle ``cycles_of(...)`` after the one with `take_length`, and
    `status` is valid in it; `waits` and `word_parts` from then on, while `header` stays.

    Parameters
    ----------
    memories : dict of int to MemoryPort
    layer_count : int
        Length of what a RUN takes for its memory 0, unit 0.
    address_width : int
    programs : bool
        Whether there are SIGNAL and RESET, which take a memory 0, unit 0, of one word.

    Members
    -------
    header : In(struct_layout(COMMAND))
        First word; stable from the cycle of `take_address` on.
    address : In(address_width)
        The low bits of the second word, from the cycle after `take_address` on.
    word : In(32)
        Second or third word.
    take_address, take_length : In(1)
        Strobe: `word` is the address, the length in 32-bit words; in this order.
    done : Out(1)
    status : Out(Status)
        The first that applies of BAD_OPCODE, BAD_MEMORY, BAD_UNIT, BAD_ADDRESS, BAD_LENGTH, OK.
    waits : Out(1)
        Whether the command has to wait for the end of a run.
    word_parts : Out
        32-bit words in a word of the memory.
    """

    def __init__(self, *, memories, layer_count, address_width, programs=False):
        self.memories = memories
        self.layer_count = layer_count
        self.address_width = address_width
        self.opcodes = [Opcode.WRITE, Opcode.READ, Opcode.RUN]
        if programs:
            self.opcodes += [Opcode.SIGNAL, Opcode.RESET]
        self._word_parts_width = bits_for(max(port.word_parts for port in memories.values()))
        super().__init__({
            "header": In(struct_layout(COMMAND)),
            "address": In(address_width),
            "word": In(32),
            "take_address": In(1),
            "take_length": In(1),
            "done": Out(1),
            "status": Out(Status),
            "waits": Out(1),
            "word_parts": Out(self._word_parts_width),
        })

    @staticmethod
    def _length_width(memories, layer_count):
        return bits_for(max([layer_count, *(p.depth * p.word_parts for p in memories.values())]))

    @classmethod
    def cycles_of(cls, memories, layer_count):
        """Cycles from `take_length` to `done`."""
        return cls._length_width(memories, layer_count) + 2

    def _memory_map(self, m):
        """Row of the memory map that the command means, one cycle after `header`."""
        header = self.header
        ports = self.memories.values()
        row = Signal(data.StructLayout({
            "usable": 1,
            "units": bits_for(max(p.units for p in ports)),
            "depth": bits_for(max([self.layer_count, *(p.depth for p in ports)])),
            "word_parts": self._word_parts_width,
            "misalignment": max(1, ceil_log2(max(p.alignment for p in ports))),
            "while_running": 1,
        }))

        def describe(port):
            m.d.sync += [
                row.units.eq(port.units),
                row.depth.eq(port.depth),
                row.word_parts.eq(port.word_parts),
                row.misalignment.eq(Mux(header.opcode == Opcode.WRITE, port.alignment - 1, 0)),
                row.while_running.eq((header.opcode != Opcode.READ) & port.while_running),
            ]

        m.d.sync += row.usable.eq(0)
        with m.If(header.opcode == Opcode.RUN):
            describe(MemoryPort(1, self.layer_count, 1, False, True))
            m.d.sync += row.usable.eq(header.memory == 0)
        with m.Elif((header.opcode != Opcode.WRITE) & (header.opcode != Opcode.READ)):
            describe(MemoryPort(1, 1, 1, False, True, while_running=True))
            m.d.sync += row.usable.eq(header.memory == 0)
        with m.Else():
            with m.Switch(header.memory):
                for number, port in self.memories.items():
                    with m.Case(int(number)):
                        describe(port)
                        m.d.sync += row.usable.eq(
                            Mux(header.opcode == Opcode.WRITE, port.writable, port.readable))
        return row

    def elaborate(self, platform):
        m = Module()

        row = self._memory_map(m)
        m.d.comb += self.word_parts.eq(row.word_parts)
        m.d.comb += self.waits.eq(~row.while_running)

        # The length in memory words, once `divisions` have been made; how many there are room for.
        words = Signal(self._length_width(self.memories, self.layer_count), reset_less=True)
        remainder = Signal(self._word_parts_width, reset_less=True)
        divisions = Signal(range(len(words)))
        available = Signal(signed(len(row.depth) + 1))

        address_beyond = Signal()
        length_beyond = Signal()
        bad_unit = Signal()
        bad_address = Signal()
        bad_length = Signal()
        m.d.sync += [
            available.eq(row.depth - self.address),
            bad_unit.eq(self.header.unit >= row.units),
            bad_address.eq(address_beyond | (available <= 0)
                           | (self.address & row.misalignment).any()),
            bad_length.eq(length_beyond | remainder.any() | (words == 0) | (words > available)),
        ]
        with m.If(self.take_address):
            m.d.sync += address_beyond.eq(self.word[self.address_width:].any())

        known = Signal()
        m.d.comb += known.eq(Cat(self.header.opcode == opcode for opcode in self.opcodes).any())
        with m.If(~known):
            m.d.comb += self.status.eq(Status.BAD_OPCODE)
        with m.Elif(~row.usable):
            m.d.comb += self.status.eq(Status.BAD_MEMORY)
        with m.Elif(bad_unit):
            m.d.comb += self.status.eq(Status.BAD_UNIT)
        with m.Elif(bad_address):
            m.d.comb += self.status.eq(Status.BAD_ADDRESS)
        with m.Elif(bad_length):
            m.d.comb += self.status.eq(Status.BAD_LENGTH)
        with m.Else():
            m.d.comb += self.status.eq(Status.OK)

        dividend = Cat(words[-1], remainder)
        divides = dividend >= row.word_parts

        with m.FSM(name="phase"):
            with m.State("Idle"):
                m.d.sync += [
                    words.eq(self.word),
                    length_beyond.eq(self.word[len(words):].any()),
                    remainder.eq(0),
                    divisions.eq(len(words) - 1),
                ]
                with m.If(self.take_length):
                    m.next = "Divide"

            with m.State("Divide"):
                # One bit of the quotient enters `words` from below as one of the dividend leaves.
                m.d.sync += words.eq(Cat(divides, words))
                m.d.sync += remainder.eq(Mux(divides, dividend - row.word_parts, dividend))
                m.d.sync += divisions.eq(divisions - 1)
                with m.If(divisions == 0):
                    m.next = "Compare"

            with m.State("Compare"):
                m.next = "Judge"

            with m.State("Judge"):
                m.d.comb += self.done.eq(1)
                m.next = "Idle"

        return m
