"""The words of an answer to a command."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from golden.formats import MAX_WRITE_WORDS, RESPONSE, RESPONSE_MAGIC, Status

from ..layouts import struct_layout

__all__ = ["Answer"]


class Answer(wiring.Component):
    """Shows one word after the other, of three kinds: header, length, and words that were fetched.

    Timing: a word is on `responses` in the cycle after `says`, and stays until it is taken.

    Members
    -------
    says : In(1)
        Take the next word, when there is none or it is being taken: that whose input is high.
    header, length, fetched : In(1)
        Which; one at most.
    clear : In(1)
        There is no answer: make the word 0.
    status, opcode, memory : In
        Fields of the header, see `golden.formats.RESPONSE`.
    words : In
        The length.
    word : In(32)
        What was fetched.
    responses : Out(stream.Signature(32))
    """

    says: In(1)
    header: In(1)
    length: In(1)
    fetched: In(1)
    clear: In(1)
    status: In(Status)
    opcode: In(4)
    memory: In(4)
    words: In(MAX_WRITE_WORDS.bit_length())
    word: In(32)
    responses: Out(stream.Signature(32))

    def elaborate(self, platform):
        m = Module()

        header = Signal(struct_layout(RESPONSE))
        m.d.comb += [
            header.magic.eq(RESPONSE_MAGIC),
            header.status.eq(self.status),
            header.opcode.eq(self.opcode),
            header.memory.eq(self.memory),
        ]
        m.d.sync += self.responses.valid.eq(
            self.says | (self.responses.valid & ~self.responses.ready))
        with m.If(self.says):
            m.d.sync += self.responses.payload.eq(
                Mux(self.header, header, 0) | Mux(self.length, self.words, 0)
                | Mux(self.fetched, self.word, 0))
        with m.If(self.clear):
            m.d.sync += self.responses.payload.eq(0)

        return m
