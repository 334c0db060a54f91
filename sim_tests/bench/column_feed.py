"""Plays the broadcast for processing elements: columns with their activations."""

from collections import deque

__all__ = ["ColumnFeed"]


class ColumnFeed:
    """Presents pointers, then parity, arrival and the activation 2, 3 and 4 advances later.

    Parameters
    ----------
    bus : ProcessingElement or view of column_bus_layout
        What has `advance`, `present`, `even_address`, `odd_address`, `odd`, `arriving` and
        `activation`.
    columns : iterable of (int, int) or None
        Pointer number and activation of each column; None is a cycle without one.
    """

    def __init__(self, bus, columns):
        self.bus = bus
        self.columns = deque([*columns, *[None] * 4])
        self.stages = deque([None] * 4)     # presented, and 1, 2, 3 advances later, before the next
        self.done = False

    def skip(self):
        """Present no column before the next `advance`."""
        self.columns.appendleft(None)

    def show(self, ctx):
        """Set everything but `advance`; return whether a column is to be queued in this cycle."""
        bus, now = self.bus, self.columns[0] if self.columns else None
        ctx.set(bus.present, now is not None)
        if now is not None:
            ctx.set(bus.even_address, now[0] + 1 >> 1)
            ctx.set(bus.odd_address, now[0] >> 1)
        ctx.set(bus.arriving, self.stages[2] is not None)
        if self.stages[1] is not None:
            ctx.set(bus.odd, self.stages[1][0] % 2)
        if self.stages[3] is not None:
            ctx.set(bus.activation, self.stages[3][1])
        return self.stages[3] is not None

    def advance(self, ctx, move):
        """Set `advance`; the tick that follows moves the pipeline if it is high."""
        ctx.set(self.bus.advance, int(move))
        if move:
            self.stages.appendleft(self.columns.popleft() if self.columns else None)
            self.stages.pop()
            self.done = not self.columns and not any(self.stages)
