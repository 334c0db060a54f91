"""Reads a program ahead of its decoding."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from golden.formats import INSTRUCTION_WIDTH

from ..common.pipeline import register
from ..memory import Collision, block_ram

__all__ = ["InstructionFetch", "arrival_layout"]

_PARTS = INSTRUCTION_WIDTH // 32
#: Cycles in which a part arrives: it is looked at twice.
_LOOKS = 2
#: Beat in which an instruction is offered.
_OFFER = 10
#: Beats before it in which the decoder looks up its first steps.
_FILL = 4


def arrival_layout():
    """A part of an instruction on its way.

    ``kind`` are the low bits of the instruction. `part` comes with `valid`, look 0 and 1 of part 0
    first; all that comes two cycles `early` as well, for those who look something up.
    """
    look = range(_PARTS * _LOOKS)
    return data.StructLayout({
        "kind": 9, "early_valid": 1, "early_look": look, "early_part": 32, "valid": 1,
        "look": look, "part": 32})


class InstructionFetch(wiring.Component):
    """Instructions `first` to ``first + count - 1`` of the program memory, in order.

    The memory is 32 bits wide, a quarter of an instruction: one block RAM of an FPGA goes a long
    way, and an instruction takes many more cycles to carry out than to read. Each part can be
    looked at for two cycles as it arrives, before the whole is offered.

    Timing: `instructions` is valid 11 cycles after `start`, and after `proceed` if there is another
    instruction; its word is complete a cycle later. Part n arrives 6 + 2 * n and 7 + 2 * n cycles
    after them, early only in the first of two cycles; `kind` is that of the next instruction from
    4 cycles after them on. `fill` is high in the four cycles before `instructions` becomes valid,
    `begin` in the one before those. A reset forgets what is left.

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
    arrival : Out(arrival_layout())
    begin, fill : Out(1)
    instructions : Out(stream.Signature(StructLayout({word: 128, number, last: 1})))
        `number` is the instruction's address, `last` marks the end of the `count`.
    proceed : In(1)
        Strobe, after each transfer or with it: nobody needs `kind` for more than three more cycles.
        Again before the next transfer it means nothing.
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
            "arrival": Out(arrival_layout()),
            "begin": Out(1),
            "fill": Out(1),
            "instructions": Out(stream.Signature(self.layout)),
            "proceed": In(1),
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

        # Instruction `number` is being read in the beats 0 to 7, two for each part; `end` is behind
        # the last.
        number = Signal(range(self.program_depth), reset_less=True)
        end = Signal(range(self.program_depth + 1), reset_less=True)
        following = Signal(range(self.program_depth + 1))
        last = register(m, following == end, "last")
        beat = Signal(range(_OFFER + 1), init=_OFFER)
        offered, wanted = Signal(), Signal()
        reads = ~beat[3]
        # What is looked at of `beat` are these numbers' bits.
        assert (_OFFER, _FILL) == (10, 4)
        m.d.comb += [
            offered.eq(beat[3] & beat[1]),
            self.begin.eq(beat == _OFFER - _FILL - 1),
            self.fill.eq(~offered & (beat[3] | beat[2] & beat[1])),
            read.addr.eq(Cat(beat[1:3], number)),
            read.en.eq(reads),
            self.instructions.valid.eq(offered & wanted),
            self.instructions.payload.number.eq(number),
            self.instructions.payload.last.eq(last),
            following.eq(number + 1),
        ]
        taken = self.instructions.valid & self.instructions.ready
        goes_on = self.start | self.proceed & (taken | ~wanted) & ~last
        with m.If(~offered | goes_on):
            m.d.sync += beat.eq(Mux(offered, 0, beat + 1))
        with m.If(taken):
            m.d.sync += wanted.eq(0)
        with m.If(goes_on):
            m.d.sync += [number.eq(Mux(self.start, self.first, following)), wanted.eq(1)]
        with m.If(self.start):
            m.d.sync += end.eq(self.first + self.count)

        # The memory's data, its register, and one more while others look up what is to be known.
        look, valid, looks = beat[:3], reads, []
        for cycle in range(1, 6):
            look = register(m, look, f"look_{cycle}")
            delayed = Signal(name=f"valid_{cycle}")
            m.d.sync += delayed.eq(valid)
            valid = delayed
            looks.append((look, valid))
        fetched = register(m, read.data, "fetched")
        arriving = register(m, fetched, "arriving")
        kind = Signal(self.arrival.kind.shape(), reset_less=True)
        word = Signal(INSTRUCTION_WIDTH, reset_less=True)
        with m.If(looks[1][1] & (looks[1][0] == 0)):
            m.d.sync += kind.eq(fetched)
        with m.If(looks[3][1] & ~looks[3][0][0]):
            m.d.sync += word.eq(Cat(word[32:], arriving))
        m.d.comb += [
            self.arrival.kind.eq(kind),
            self.arrival.early_look.eq(looks[2][0]),
            self.arrival.early_valid.eq(looks[2][1]),
            self.arrival.early_part.eq(fetched),
            self.arrival.look.eq(look),
            self.arrival.valid.eq(valid),
            self.arrival.part.eq(word[-32:]),
            self.instructions.payload.word.eq(word),
        ]

        return m
