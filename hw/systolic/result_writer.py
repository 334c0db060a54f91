"""Where results of the activation unit go."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..common.pipeline import register

__all__ = ["ResultWriter"]


class ResultWriter(wiring.Component):
    """Addresses of beats of results: rows of consecutive elements, `stride` apart.

    Timing: `address` of a beat is valid in the cycle of `beat`; a register. The first `beat` may
    come 2 cycles after `start`.

    Parameters
    ----------
    lanes : int
        Elements of a beat.
    depth : int
        Elements of the unified buffer, a power of two; addresses are modulo it.

    Members
    -------
    start : In(1)
        The next row is at `destination`, which is valid with it.
    destination : In(range(depth))
    stride : In(16)
        From one row to the next; stable from the cycle after `start` on.
    beat : In(1)
        A beat is written: the last one of its row if `row_last`.
    row_last : In(1)
    address : Out(range(depth))
    """

    def __init__(self, *, lanes, depth):
        self.lanes = lanes
        super().__init__({
            "start": In(1),
            "destination": In(range(depth)),
            "stride": In(16),
            "beat": In(1),
            "row_last": In(1),
            "address": Out(range(depth)),
        })

    def elaborate(self, platform):
        m = Module()

        # The start is like the end of a row: the next one begins where `following` says.
        following = Signal.like(self.address, reset_less=True)
        begin = register(m, self.start, "begin")
        with m.If(self.start):
            m.d.sync += following.eq(self.destination)
        with m.Elif(begin | (self.beat & self.row_last)):
            m.d.sync += [self.address.eq(following), following.eq(following + self.stride)]
        with m.Elif(self.beat):
            m.d.sync += self.address.eq(self.address + self.lanes)

        return m
