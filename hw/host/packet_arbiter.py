"""Two senders of packets on one stream."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["PacketArbiter"]


class PacketArbiter(wiring.Component):
    """Merges responses from two sides, whole ones only; if both have one, they take turns.

    A side raises `sends` when it has something to send, waits until it is its `turn`, sends, and
    lowers `sends`, for a cycle at least, when the last word has been taken. While it is not its
    turn, its `valid` and its `payload` are 0 and its `ready` means nothing, so that no word has to
    be chosen.

    Timing: a word passes in the cycle in which it is taken; a turn begins in the cycle after
    `sends` of a side alone, and the other side's in the cycle after the last one of `sends`.
    `packets.valid` does not depend on `packets.ready`.

    Members
    -------
    first, second : In(stream.Signature(32))
    first_sends, second_sends : In(1)
    first_turn, second_turn : Out(1)
    packets : Out(stream.Signature(32))
    """

    first: In(stream.Signature(32))
    second: In(stream.Signature(32))
    first_sends: In(1)
    second_sends: In(1)
    first_turn: Out(1)
    second_turn: Out(1)
    packets: Out(stream.Signature(32))

    def elaborate(self, platform):
        m = Module()

        m.d.comb += [
            self.packets.payload.eq(self.first.payload | self.second.payload),
            self.packets.valid.eq(self.first.valid | self.second.valid),
            self.first.ready.eq(self.packets.ready),
            self.second.ready.eq(self.packets.ready),
        ]
        # The second goes first, but not before the first has sent its packet; and who has had a
        # turn does not ask for another one at its end, so that the other has the next.
        with m.If(~(self.first_turn & self.first_sends)):
            m.d.sync += [
                self.first_turn.eq(self.first_sends & ~self.second_sends),
                self.second_turn.eq(self.second_sends),
            ]

        return m
