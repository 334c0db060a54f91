"""Reads a program ahead of its decoding."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from golden.formats import INSTRUCTION_WIDTH

from ..memory import Collision, block_ram

__all__ = ["InstructionFetch"]

_PARTS = INSTRUCTION_WIDTH // 32


class InstructionFetch(wiring.Component):
    """Instructions `first` to ``first + count - 1`` of the program memory, in order.

    The memory is 32 bits wide, a quarter of an instruction: one block RAM of an FPGA goes a long
    way, and an instruction takes many more cycles to carry out than to read.

    Timing: `instructions` is valid 7 cycles after `start`, and 7 cycles after its last transfer if
    there is another instruction. A reset forgets what is left.

    Parameters
    ----------
    program_depth : int
        Instructions.

    Members
    -------
    load : In(1)
        Write `load_data` as 32-bit part `load_part` of instruction `load_address`. Not while
        instructions are being fetched.
    start : In(1)
        Begin with instruction `first`; at most ``program_depth - first``, at least one, follow.
    instructions : Out(stream.Signature(StructLayout({word: 128, number, last: 1})))
        `number` is the instruction's address, `last` marks the end of the `count`.
    """

    def __init__(self, *, program_depth):
        self.program_depth = program_depth
        self.layout = data.StructLayout({
            "word": INSTRUCTION_WIDTH, "number": range(program_depth), "last": 1})
        super().__init__({
            "load": In(1),
            "load_address": In(range(program_depth)),
            "load_part": In(range(_PARTS)),
            "load_data": In(32),
            "start": In(1),
            "first": In(range(program_depth)),
            "count": In(range(program_depth + 1)),
            "instructions": Out(stream.Signature(self.layout)),
        })

    def elaborate(self, platform):
        m = Module()

        write, read = block_ram(m, "program", shape=32, depth=self.program_depth * _PARTS,
                                collision=Collision.NEVER)
        m.d.comb += [
            write.addr.eq(Cat(self.load_part, self.load_address)),
            write.data.eq(self.load_data),
            write.en.eq(self.load),
        ]

        # `part` of instruction `number` is being read, the one before it is in `fetched`, and those
        # before that are in `word` from its top down.
        number = Signal(range(self.program_depth), reset_less=True)
        left = Signal(range(self.program_depth + 1), reset_less=True)
        part = Signal(range(_PARTS + 2))
        fetched = Signal(32, reset_less=True)
        word = Signal(INSTRUCTION_WIDTH, reset_less=True)
        m.d.comb += [
            read.addr.eq(Cat(part[:2], number)),
            self.instructions.payload.word.eq(word),
            self.instructions.payload.number.eq(number),
            self.instructions.payload.last.eq(left == 1),
        ]
        m.d.sync += fetched.eq(read.data)

        with m.FSM():
            with m.State("Idle"):
                m.d.comb += read.en.eq(0)
                m.d.sync += [number.eq(self.first), left.eq(self.count), part.eq(0)]
                with m.If(self.start):
                    m.next = "Read"

            with m.State("Read"):
                m.d.comb += read.en.eq(part < _PARTS)
                m.d.sync += [part.eq(part + 1), word.eq(Cat(word[32:], fetched))]
                with m.If(part == _PARTS + 1):
                    m.next = "Offer"

            with m.State("Offer"):
                m.d.comb += [read.en.eq(0), self.instructions.valid.eq(1)]
                m.d.sync += part.eq(0)
                with m.If(self.instructions.ready):
                    m.d.sync += [number.eq(number + 1), left.eq(left - 1)]
                    m.next = "Read"
                    with m.If(left == 1):
                        m.next = "Idle"

        return m
