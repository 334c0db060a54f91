"""A queue in block RAM, whose words come out of a register."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..check import Check
from ..memory import Collision, Style, block_ram
from .shift_counts import MAX_SHIFT_WIDTH, queue_rows

__all__ = ["WordQueue"]


class WordQueue(wiring.Component):
    """First in, first out: `depth` words in block RAM, and two on their way out of it.

    Rows are taken in the order of `shift_codes`, which costs less than counting.

    Timing: a word is valid 3 cycles after it is written, if nothing is before it, and from then on
    a word a cycle. `words.valid` and the word come from registers.

    Parameters
    ----------
    shape : ShapeLike
        Of a word.
    depth : int
        A power of two, at least 2 and at most 2**16.

    Members
    -------
    write : In(1)
        Take `word`; not while `depth` words are in the RAM.
    word : In(shape)
    moves : Out(1)
        A word leaves the RAM.
    words : Out(stream.Signature(shape))
    """

    def __init__(self, *, shape, depth):
        if not 2 <= depth <= 1 << MAX_SHIFT_WIDTH or depth.bit_count() != 1:
            raise ValueError(f"depth must be a power of two from 2 to {1 << MAX_SHIFT_WIDTH}, not "
                             f"{depth}")
        self.shape = shape
        self.depth = depth
        super().__init__({
            "write": In(1),
            "word": In(shape),
            "moves": Out(1),
            "words": Out(stream.Signature(shape)),
        })

    def elaborate(self, platform):
        m = Module()

        write, read = block_ram(m, "rows", shape=self.shape, depth=self.depth,
                                collision=Collision.IGNORED, style=Style.BLOCK)
        head, tail, some, _ = queue_rows(m, depth=self.depth, write=self.write, read=self.moves)
        m.d.comb += [
            write.addr.eq(tail),
            write.data.eq(self.word),
            write.en.eq(self.write),
            read.addr.eq(head),
        ]

        # `arriving`: the RAM shows a word. `words.valid`: there is one in the register.
        arriving, steps = Signal(), Signal()
        shown = Signal(self.shape, reset_less=True)
        m.d.comb += [
            steps.eq(~self.words.valid | self.words.ready),
            # Whether there is a word, or not: what is read of an empty queue does not arrive.
            read.en.eq(~arriving | steps),
            self.moves.eq(some & read.en),
            self.words.payload.eq(shown),
        ]
        m.submodules.check = check = Check("a word is read where one is written")
        m.d.comb += check.holds.eq(~(self.moves & write.en & (head == tail)))
        with m.If(steps):
            m.d.sync += [shown.eq(read.data), self.words.valid.eq(arriving)]
        m.d.sync += arriving.eq(self.moves | (arriving & ~steps))

        return m
