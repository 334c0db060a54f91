"""Where results of the activation unit go."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..common.pipeline import register

__all__ = ["ResultWriter"]


class ResultWriter(wiring.Component):
    """Addresses of beats of results: rows of consecutive elements, `stride` apart.

    Timing: `address` of a beat is valid in the cycle of `beat`; a register. The first `beat` may
    come 3 cycles after `start`.

    Parameters
    ----------
    lanes : int
        Elements of a beat.
    depth : int
        Elements of the unified buffer, a power of two; addresses are modulo it.

    Members
    -------
    start : In(1)
        The next row is at `destination`.
    destination : In(range(depth))
        Valid in the cycle after `start`.
    stride : In(16)
        From one row to the next; stable from the second cycle after `start` on.
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

        # `following` is where the next row begins: nowhere at the start, then it moves on by the
        # destination, and as a row begins by the stride.
        following = Signal.like(self.address, reset_less=True)
        given = register(m, self.start, "given")
        begins = register(m, given, "begins") | (self.beat & self.row_last)
        with m.If(given | begins):
            m.d.sync += following.eq(following + Mux(given, self.destination, self.stride))
        with m.If(self.start):
            m.d.sync += following.eq(0)
        # A choice before the sum may be part of a carry chain.
        with m.If(begins | self.beat):
            m.d.sync += self.address.eq(Mux(begins, following, self.address)
                                        + Mux(begins, 0, self.lanes))

        return m
