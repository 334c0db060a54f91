"""Systolic data setup: makes of rows and columns the diagonals in which the array works."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..emission import replicate

__all__ = ["DataSetup", "DelayLine"]


class DelayLine(wiring.Component):
    """Words that come out as they went in, `cycles` cycles later.

    Parameters
    ----------
    width : int
        Bits of a word.
    cycles : int
        At least 1.

    Members
    -------
    word : In(width)
    delayed : Out(width)
    """

    def __init__(self, *, width, cycles):
        if cycles < 1:
            raise ValueError(f"A delay line needs at least one cycle, not {cycles}")
        self.width = width
        self.cycles = cycles
        super().__init__({"word": In(width), "delayed": Out(width)})

    def elaborate(self, platform):
        m = Module()
        line = Signal(self.width * self.cycles, reset_less=True)
        m.d.sync += line.eq(Cat(self.word, line))
        m.d.comb += self.delayed.eq(line[-self.width:])
        return m


class DataSetup(wiring.Component):
    """Lane n of `word` comes out n cycles later: the paper's systolic data setup.

    A delay is made of delay lines of 1, 2, 4 ... cycles, so that few different ones are emitted.

    Timing: lane 0 is combinational, the others are registers.

    Parameters
    ----------
    lanes : int
    width : int
        Bits of the signed word of a lane.

    Members
    -------
    words : In(ArrayLayout(signed(width), lanes))
    skewed : Out(ArrayLayout(signed(width), lanes))
    """

    def __init__(self, *, lanes, width):
        self.lanes = lanes
        self.width = width
        words = data.ArrayLayout(signed(width), lanes)
        super().__init__({"words": In(words), "skewed": Out(words)})

    def elaborate(self, platform):
        m = Module()

        words = [self.words[lane] for lane in range(self.lanes)]
        for cycles in (1 << bit for bit in range((self.lanes - 1).bit_length())):
            def line(cycles=cycles):
                return DelayLine(width=self.width, cycles=cycles)

            delayed = [lane for lane in range(self.lanes) if lane & cycles]
            lines = replicate(m, f"delay_{cycles}", line(), line, len(delayed), platform)
            for lane, line in zip(delayed, lines, strict=True):
                m.d.comb += line.word.eq(words[lane])
                words[lane] = line.delayed
        m.d.comb += [self.skewed[lane].eq(word) for lane, word in enumerate(words)]

        return m
