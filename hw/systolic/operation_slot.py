"""Holds the operation that is under way in a unit, and the one that waits behind it."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["OperationSlot"]


class OperationSlot(wiring.Component):
    """Starts one operation after the other, each when the one before it is `done`.

    Timing: `start` is high a cycle after an operation is accepted, or after `done` if that is
    later; `pending` is the operation in that cycle, `operation` from the next cycle on, until
    `done`; at other times they are anything.

    Parameters
    ----------
    shape : ShapeLike
        Of an operation.

    Members
    -------
    operations : In(stream.Signature(shape))
        `ready` is a register, inverted.
    start : Out(1)
        Strobe: an operation starts.
    pending : Out(shape)
        The one that waits, and starts next.
    operation : Out(shape)
        The one that has started last.
    done : In(1)
        Strobe: it is. Not with `start`, nor when none is under way.
    free : Out(1)
        None is under way: `operation` takes over what is in `pending`. A register, inverted.
    idle : Out(1)
        None is under way, none waits.
    """

    def __init__(self, shape):
        self.shape = shape
        super().__init__({
            "operations": In(stream.Signature(shape)),
            "start": Out(1),
            "pending": Out(shape),
            "operation": Out(shape),
            "done": In(1),
            "free": Out(1),
            "idle": Out(1),
        })

    def elaborate(self, platform):
        m = Module()

        waiting, busy = Signal(), Signal()
        pending = Signal(self.shape, reset_less=True)
        operation = Signal(self.shape, reset_less=True)
        m.d.comb += [
            self.operations.ready.eq(~waiting),
            self.pending.eq(pending),
            self.operation.eq(operation),
            self.free.eq(~busy),
            self.start.eq(waiting & ~busy),
            self.idle.eq(~waiting & ~busy),
        ]
        # What can be taken is taken over before it is known whether it comes: the many enables of
        # these registers are registers themselves.
        with m.If(~waiting):
            m.d.sync += pending.eq(self.operations.payload)
        with m.If(~busy):
            m.d.sync += operation.eq(pending)
        # Not by way of `start`, which goes to as many.
        m.d.sync += [
            waiting.eq(Mux(waiting, busy, self.operations.valid)),
            busy.eq(Mux(busy, ~self.done, waiting)),
        ]

        return m
