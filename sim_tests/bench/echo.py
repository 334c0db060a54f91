"""A core that answers every command word with its successor: the least that has a host port."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.memory import register_file

__all__ = ["Echo"]


class Echo(wiring.Component):
    """Queue of commands; each leaves as the response `command + 1`, modulo 2**32.

    Timing: one word per cycle; a word is offered in the cycle after its acceptance.

    Parameters
    ----------
    depth : int
        Words that the queue holds, a power of two no less than 2.
    period : int
        If not 0, every `period`-th command is swallowed: a core that is out of order.

    Members
    -------
    commands : In(stream.Signature(32))
    responses : Out(stream.Signature(32))
    """

    commands: In(stream.Signature(32))
    responses: Out(stream.Signature(32))

    def __init__(self, *, depth=4, period=0):
        if depth < 2 or depth.bit_count() != 1:
            raise ValueError(f"Depth must be a power of two no less than 2, not {depth}")
        self.depth = depth
        self.period = period
        super().__init__()

    def elaborate(self, platform):
        m = Module()

        write, (read,) = register_file(m, "queue", shape=32, depth=self.depth)
        # `level` words wait, the oldest of them in row `oldest`.
        level = Signal(range(self.depth + 1))
        oldest = Signal(range(self.depth))
        accepted = Signal()
        sent = Signal()
        kept = Signal(init=1)

        if self.period:
            count = Signal(range(self.period))
            m.d.comb += kept.eq(count != self.period - 1)
            with m.If(self.commands.valid & self.commands.ready):
                m.d.sync += count.eq(Mux(kept, count + 1, 0))

        m.d.comb += [
            self.commands.ready.eq(level != self.depth),
            accepted.eq(self.commands.valid & self.commands.ready & kept),
            write.addr.eq(oldest + level),
            write.data.eq(self.commands.payload),
            write.en.eq(accepted),
            read.addr.eq(oldest),
            self.responses.payload.eq(read.data + 1),
            self.responses.valid.eq(level != 0),
            sent.eq(self.responses.valid & self.responses.ready),
        ]
        m.d.sync += [level.eq(level + accepted - sent), oldest.eq(oldest + sent)]

        return m
