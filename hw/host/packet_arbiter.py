"""Two senders of packets on one stream."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["PacketArbiter"]


class PacketArbiter(wiring.Component):
    """Merges responses from two sides, whole ones only; if both have one, they take turns.

    A packet is a header word, a word that says how many follow, and those; see
    `golden.formats.RESPONSE`.

    Timing: a word passes in the cycle in which it is taken; choosing takes a cycle between packets,
    and their length another one behind it. `packets.valid` does not depend on `packets.ready`.

    Members
    -------
    first, second : In(stream.Signature(32))
    packets : Out(stream.Signature(32))
    """

    first: In(stream.Signature(32))
    second: In(stream.Signature(32))
    packets: Out(stream.Signature(32))

    def elaborate(self, platform):
        m = Module()

        chosen = Signal()               # second?
        left = Signal(32, reset_less=True)
        passes = Signal()

        with m.If(chosen):
            m.d.comb += [
                self.packets.payload.eq(self.second.payload),
                self.packets.valid.eq(self.second.valid & passes),
                self.second.ready.eq(self.packets.ready & passes),
            ]
        with m.Else():
            m.d.comb += [
                self.packets.payload.eq(self.first.payload),
                self.packets.valid.eq(self.first.valid & passes),
                self.first.ready.eq(self.packets.ready & passes),
            ]
        transfer = self.packets.valid & self.packets.ready

        with m.FSM():
            with m.State("Choose"):
                with m.If(self.first.valid | self.second.valid):
                    m.d.sync += chosen.eq(Mux(chosen, ~self.first.valid, self.second.valid))
                    m.next = "Header"

            with m.State("Header"):
                m.d.comb += passes.eq(1)
                with m.If(transfer):
                    m.next = "Length"

            with m.State("Length"):
                m.d.comb += passes.eq(1)
                m.d.sync += left.eq(self.packets.payload)
                with m.If(transfer):
                    m.next = "Judge"

            with m.State("Judge"):
                m.next = "Payload"
                with m.If(left == 0):
                    m.next = "Choose"

            with m.State("Payload"):
                m.d.comb += passes.eq(1)
                with m.If(transfer):
                    m.d.sync += left.eq(left - 1)
                    with m.If(left == 1):
                        m.next = "Choose"

        return m
