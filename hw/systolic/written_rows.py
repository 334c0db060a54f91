"""Keeps count of the accumulator rows that multiplications write."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["WrittenRows"]


class WrittenRows(wiring.Component):
    """The ticket of an Activate: how many rows are written before it, and which of them last.

    Multiplications write their rows one after the other. So an Activate knows from how many have
    been written whether those that it reads are among them: a row of the last multiplication when
    its own turn has come, any other when those of the multiplications before it are done. See
    `activation_operation` and `ActivationSequencer`.

    Timing: the outputs follow `write` after a cycle.

    Parameters
    ----------
    depth : int
        Accumulator rows.
    width : int
        Bits of a ticket, see `ticket_width`.

    Members
    -------
    clear : In(1)
        Forget all.
    write : In(1)
        Strobe: a multiplication is under way that writes `rows` rows from row `first` on.
    first : In(range(depth))
    rows : In(range(depth + 1))
    ticket : Out(width)
        Rows of all multiplications before the last, modulo 2**width.
    written_base, written_rows : Out
        Of the last.
    """

    def __init__(self, *, depth, width):
        self.depth = depth
        super().__init__({
            "clear": In(1),
            "write": In(1),
            "first": In(range(depth)),
            "rows": In(range(depth + 1)),
            "ticket": Out(width),
            "written_base": Out(range(depth)),
            "written_rows": Out(range(depth + 1)),
        })

    def elaborate(self, platform):
        m = Module()

        total = Signal.like(self.ticket)
        with m.If(self.write):
            m.d.sync += [
                total.eq(total + self.rows),
                self.ticket.eq(total),
                self.written_base.eq(self.first),
                self.written_rows.eq(self.rows),
            ]
        with m.If(self.clear):
            m.d.sync += [total.eq(0), self.ticket.eq(0), self.written_base.eq(0),
                         self.written_rows.eq(0)]

        return m
