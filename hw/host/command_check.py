"""What is wrong with the header of a command."""

from dataclasses import dataclass
from types import SimpleNamespace

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from golden.formats import COMMAND, MAX_WRITE_WORDS, Opcode, Status

from ..common.pipeline import register
from ..layouts import struct_layout

__all__ = ["CommandCheck"]


@dataclass(frozen=True)
class _Row:
    """What stands for a memory where there is none."""

    depth: int
    while_running: bool = False
    units: int = 1
    word_parts: int = 1
    alignment: int = 1
    readable: bool = False
    writable: bool = False


class CommandCheck(wiring.Component):
    """Checks opcode, memory, unit, address and length of a command against the memory map.

    Headers are rare, so that each step has a cycle of its own: the row of the memory map, the words
    from the address to the end of the memory, and, bit by bit, the division of the length by the
    32-bit words in a memory word, which takes a subtractor as wide as the divisor alone. Each bit
    of the quotient is compared with what there is room for as it comes.

    Timing: `done` is high in cycle ``cycles_of(...)`` after the one with `take_length`, and
    `status` is valid in it; `waits` and `last_part` from then on, while `header` stays.

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
        The low bits of the second word, from the second cycle after `take_address` on.
    rest : In(signed(MAX_WRITE_WORDS.bit_length() + 1))
        Low bits of the third word, less 1; from the second cycle after `take_length` to `done`.
    word : In(32)
        Second or third word.
    take_address, take_length : In(1)
        Strobe: `word` is the address, the length in 32-bit words; in this order.
    done : Out(1)
    status : Out(Status)
        The first that applies of BAD_OPCODE, BAD_MEMORY, BAD_UNIT, BAD_ADDRESS, BAD_LENGTH, OK.
    waits : Out(1)
        Whether the command has to wait for the end of a run.
    last_part : Out
        32-bit words in a word of the memory, less 1.
    too_long : Out(1)
        The length has more bits than `MAX_WRITE_WORDS`; from the cycle after `take_length` on.
    """

    def __init__(self, *, memories, layer_count, address_width, programs=False):
        self.memories = memories
        self.layer_count = layer_count
        self.address_width = address_width
        self.opcodes = [Opcode.WRITE, Opcode.READ, Opcode.RUN]
        if programs:
            self.opcodes += [Opcode.SIGNAL, Opcode.RESET]
        self._part_width = bits_for(max(port.word_parts for port in memories.values()) - 1)
        super().__init__({
            "header": In(struct_layout(COMMAND)),
            "address": In(address_width),
            "rest": In(signed(MAX_WRITE_WORDS.bit_length() + 1)),
            "word": In(32),
            "take_address": In(1),
            "take_length": In(1),
            "done": Out(1),
            "status": Out(Status),
            "waits": Out(1),
            "last_part": Out(self._part_width),
            "too_long": Out(1),
        })

    @staticmethod
    def _rest_width(memories, layer_count):
        longest = max([layer_count, *(p.depth * p.word_parts for p in memories.values())])
        return bits_for(longest - 1)

    @classmethod
    def cycles_of(cls, memories, layer_count):
        """Cycles from `take_length` to `done`."""
        return cls._rest_width(memories, layer_count) + 3

    def _memory_map(self, m):
        """Row of the memory map that the command means, two cycles after `header`."""
        opcode, memory = self.header.opcode, self.header.memory
        # Numbers of no memory are those of what a RUN takes, and SIGNAL and RESET.
        rows = {int(number): port for number, port in self.memories.items()}
        run, other = [number for number in range(18) if number not in rows][:2]
        rows[run] = _Row(depth=self.layer_count)
        rows[other] = _Row(depth=1, while_running=True)
        reads, writes = opcode == Opcode.READ, opcode == Opcode.WRITE
        number = Signal(range(max(rows) + 1), reset_less=True)
        m.d.sync += number.eq(Mux(reads | writes, memory, Mux(opcode == Opcode.RUN, run, other)))

        def table(name, value):
            """Of each row, in a register."""
            bits = bits_for(max(value(port) for port in rows.values()))
            entry = Signal(bits, name=name, reset_less=True)
            with m.Switch(number):
                for each, port in rows.items():
                    with m.Case(each):
                        m.d.sync += entry.eq(value(port))
                with m.Default():
                    m.d.sync += entry.eq(0)
            return entry

        readable = table("readable", lambda port: port.readable)
        writable = table("writable", lambda port: port.writable)
        return SimpleNamespace(
            usable=Mux(writes, writable, Mux(reads, readable, memory == 0)),
            last_unit=table("last_unit", lambda port: port.units - 1),
            last=table("last", lambda port: port.depth - 1),
            last_part=table("last_part", lambda port: port.word_parts - 1),
            misalignment=Mux(writes, table("misalignment", lambda port: port.alignment - 1), 0),
            while_running=~reads & table("while_running", lambda port: port.while_running))

    def elaborate(self, platform):
        m = Module()

        row = self._memory_map(m)
        m.d.comb += self.last_part.eq(row.last_part)
        m.d.sync += self.waits.eq(~row.while_running)

        # What the words say beyond their low bits; how many words there are behind the first.
        width = self._rest_width(self.memories, self.layer_count)
        address_beyond, bad_unit, bad_address = Signal(), Signal(), Signal()
        behind = Signal(signed(len(row.last) + 1))
        with m.If(self.take_address):
            m.d.sync += address_beyond.eq(self.word[self.address_width:].any())
        with m.If(self.take_length):
            m.d.sync += self.too_long.eq(self.word[len(self.rest) - 1:].any())
        m.d.sync += [
            behind.eq(row.last - self.address),
            bad_unit.eq(self.header.unit > row.last_unit),
            bad_address.eq(address_beyond | (behind < 0)
                           | (self.address & row.misalignment).any()),
        ]

        # A bit after the other, the highest first: of the length less 1, divided by the parts of a
        # word, and of the words behind the first. The length is right if all parts of the last word
        # are left, and there are as many words.
        turn = Signal(width)
        begins, divides = Signal(), Signal()
        more, same = Signal(reset_less=True), Signal(init=1, reset_less=True)
        remainder = Signal(self._part_width, reset_less=True)
        ended = Signal()
        m.d.sync += [
            begins.eq(self.take_length),
            turn.eq(Cat(turn[1:], begins)),
            ended.eq(turn[0]),
            divides.eq(turn[-1] | (divides & ~ended)),
            self.done.eq(ended),
        ]

        def one_bit(value, name):
            return register(m, (value.as_unsigned()[:width] & turn).any(), name)

        rest, room = one_bit(self.rest, "rest_bit"), one_bit(behind, "room_bit")
        dividend = Cat(rest, remainder)
        quotient = dividend > row.last_part
        with m.If(divides):
            m.d.sync += [
                remainder.eq(Mux(quotient, dividend - row.last_part - 1, dividend)),
                more.eq(more | (same & quotient & ~room)),
                same.eq(same & (quotient == room)),
            ]
        with m.If(begins):
            m.d.sync += [remainder.eq(0), more.eq(0), same.eq(1)]
        bad_length = Signal()
        m.d.comb += bad_length.eq(self.too_long | self.rest[width:].any() | more
                                  | (remainder != row.last_part))

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

        return m
