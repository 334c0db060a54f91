"""Packets that a program sends to the host, whole ones whatever happens."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from golden.formats import RESPONSE, RESPONSE_MAGIC, Opcode, Status

from ..common.pipeline import register
from ..layouts import struct_layout

__all__ = ["PacketSender"]


class PacketSender(wiring.Component):
    """Puts a header and a length in front of words: a `RESPONSE` with HOST_DATA.

    Timing: a packet begins three cycles after `begin`, or in the cycle after its `turn` comes, if
    that is later; what is shown comes from registers. `sends` follows `begin` after a cycle, and
    falls in the cycle after the last word was taken.

    Parameters
    ----------
    width : int
        Bits of a number of words.

    Members
    -------
    clear : In(1)
        No more words come. A packet that has begun is filled up with zeros, for whoever reads it
        counts its words; one that has not is forgotten. A word that is shown, and not taken in that
        cycle, becomes 0 too.
    begin : In(1)
        Strobe: a packet is to be sent. Not while `sends`.
    tag : In(8)
        From the cycle after `begin` on, until the header is taken.
    count : In(width)
        Its words, at least 1, in the second cycle after `begin`.
    words : In(stream.Signature(32))
    packets : Out(stream.Signature(32))
    sends : Out(1)
    turn : In(1)
        See `hw.host.packet_arbiter.PacketArbiter`.
    """

    def __init__(self, *, width):
        super().__init__({
            "clear": In(1),
            "begin": In(1),
            "tag": In(8),
            "count": In(width),
            "words": In(stream.Signature(32)),
            "packets": Out(stream.Signature(32)),
            "sends": Out(1),
            "turn": In(1),
        })

    def elaborate(self, platform):
        m = Module()

        words, ready = self.words, self.packets.ready
        begun = Signal()
        m.d.sync += begun.eq(self.begin & ~self.clear)
        waits, shows_header, shows_length, shows_words, filling = (
            Signal(name=name) for name in
            ("waits", "shows_header", "shows_length", "shows_words", "filling"))

        # The number of words; when it has been shown, of those that are left, less 2.
        left = Signal(len(self.count) + 1, reset_less=True)
        sent = Signal()
        counted = register(m, begun, "counted")
        # The choice goes before the sum, where the carry chain of a device may make it.
        with m.If(counted | (shows_length & ready) | sent):
            m.d.sync += left.eq(Mux(counted, self.count, left)
                                + Mux(counted, 0, Mux(shows_length, -2, -1)))
        ends = sent & left[-1]

        header = Signal(struct_layout(RESPONSE))
        header_next, length_next, words_next = Signal(), Signal(), Signal()
        m.d.comb += [
            header.magic.eq(RESPONSE_MAGIC), header.status.eq(Status.OK),
            header.opcode.eq(Opcode.HOST_DATA), header.tag.eq(self.tag),
            header_next.eq((waits & self.turn & ~self.clear) | (shows_header & ~ready)),
            length_next.eq((shows_header & ready) | (shows_length & ~ready)),
            words_next.eq((shows_length & ready) | (shows_words & ~ends)),
            # A part after the other; what is not shown is 0.
            self.packets.payload.eq(
                register(m, Mux(header_next, header, 0), "header_shown")
                | register(m, Mux(length_next, left[:-1], 0), "length_shown")
                | Mux(shows_words & ~filling, words.payload, 0)),
            self.packets.valid.eq(shows_header | shows_length
                                  | (shows_words & (words.valid | filling))),
            words.ready.eq(shows_words & ready),
            sent.eq(shows_words & ready & (words.valid | filling)),
        ]
        m.d.sync += [
            waits.eq(~self.clear & (begun | (waits & ~self.turn))),
            shows_header.eq(header_next),
            shows_length.eq(length_next),
            shows_words.eq(words_next),
        ]
        with m.If(self.begin):
            m.d.sync += self.sends.eq(1)
        with m.If(ends):
            m.d.sync += [self.sends.eq(0), filling.eq(0)]
        with m.If(self.clear):
            going = header_next | length_next | words_next
            m.d.sync += [self.sends.eq(going), filling.eq(going)]

        return m
