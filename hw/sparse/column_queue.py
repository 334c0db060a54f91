"""The queue of columns that a processing element has yet to multiply."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..common.pipeline import up_or_down
from ..memory import register_file

__all__ = ["ColumnQueue", "column_layout"]


def column_layout(*, pointer_width, activation_width):
    """A column to be multiplied: its first and last entry, and the activation it is scaled by.

    `empty` is set for a column without entries, whose `first` and `last` mean nothing; `single` for
    one whose entries lie in one word of their memory, `double` for one that lies in two.
    """
    return data.StructLayout({
        "first": pointer_width,
        "last": pointer_width,
        "empty": 1,
        "single": 1,
        "double": 1,
        "activation": signed(activation_width),
    })


class ColumnQueue(wiring.Component):
    """First-in first-out queue in front of one processing element (EIE, section IV).

    It decouples the PE from the broadcast, which stops only when some queue is (nearly) full.

    Timing: a column written in one cycle is offered in the next. `filled` depends combinationally
    on `write` and on `columns.ready`; `level` is a register.

    Parameters
    ----------
    shape : ShapeLike
        Of an element, see `column_layout`.
    depth : int
        Elements that it holds, at least 1. (A ring buffer of n places, as in the paper, holds
        n - 1.)

    Members
    -------
    write : In(1)
        Write `written`; never into a full queue.
    filled : Out(1)
        The queue will be full in the next cycle.
    level : Out
        Elements that it holds.
    columns : Out(stream.Signature(shape))
        The elements, oldest first.
    """

    def __init__(self, *, shape, depth):
        if depth < 1:
            raise ValueError(f"Queue depth must be at least 1, not {depth}")
        self.shape = shape
        self.depth = depth
        super().__init__({
            "write": In(1),
            "written": In(shape),
            "filled": Out(1),
            "level": Out(range(depth + 1)),
            "columns": Out(stream.Signature(shape)),
        })

    def elaborate(self, platform):
        m = Module()

        # Asynchronously read, and so never block RAM: the head must be there a cycle after it was
        # written.
        write, (head,) = register_file(m, "ring", shape=self.shape, depth=self.depth)

        level = self.level
        full = Signal()
        offered = Signal()      # there is any
        read = Signal()

        def advance(pointer):
            return Mux(pointer == self.depth - 1, 0, pointer + 1)

        m.d.comb += [
            write.data.eq(self.written),
            write.en.eq(self.write),
            self.columns.valid.eq(offered),
            self.columns.payload.eq(head.data),
            read.eq(self.columns.valid & self.columns.ready),
            # `read` comes late in the cycle, so nothing is computed from it, only chosen by it.
            self.filled.eq(~read & (full | (self.write & (level == self.depth - 1)))),
        ]
        m.d.sync += [
            full.eq(self.filled),
            offered.eq(self.write | (level > 1) | (offered & ~read)),
        ]
        m.d.sync += level.eq(up_or_down(level, self.write, read))
        with m.If(self.write):
            m.d.sync += write.addr.eq(advance(write.addr))
        with m.If(read):
            m.d.sync += head.addr.eq(advance(head.addr))

        return m
