"""Constants of the output stages, a channel each."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2, exact_log2

from golden.formats import PARAMETER

from ..common.pipeline import delay, register
from ..layouts import struct_layout
from ..memory import Collision, block_ram

__all__ = ["ParameterMemory"]


class ParameterMemory(wiring.Component):
    """`golden.formats.PARAMETER` of `lanes` neighbouring channels, one word after another.

    Each constant comes when the output stage looks at it, which is why biases, multipliers and
    shifts are memories of their own, the later ones with a later address.

    Timing: for a sum that enters its output stage in a cycle, `word` is looked at `lead` cycles
    before, and each constant is valid as many cycles later as `delays` says.

    Parameters
    ----------
    depth : int
        Channels, a multiple of `lanes`.
    lanes : int
        A power of two.
    delays : dict of str to int
        Of the output stage: cycles from a sum to each of its constants, in the order of bias, left
        shift, multiplier, right shift.

    Members
    -------
    word : In
        Number of the channels, in units of `lanes`.
    bias, multiplier, left_shift, right_shift : Out(ArrayLayout(..., lanes))
    load : In(1)
        Write part `load_part` of the 32-bit parts of channel `load_channel`, while no sum is under
        way.
    load_channel : In(range(depth))
    load_part : In(2)
    load_data : In(32)
    """

    #: Cycles from `word` to the sum that it belongs to.
    lead = 2

    def __init__(self, *, depth, lanes, delays):
        if depth < lanes or depth % lanes:
            raise ValueError(f"Channels must be a multiple of the lanes, {lanes}, not {depth}")
        self.depth = depth
        self.lanes = lanes
        self.delays = dict(delays)
        layout = struct_layout(PARAMETER)
        super().__init__({
            "word": In(range(max(2, depth // lanes))),
            **{name: Out(data.ArrayLayout(layout[name].shape, lanes))
               for name in ("bias", "multiplier", "left_shift", "right_shift")},
            "load": In(1),
            "load_channel": In(ceil_log2(max(2, depth))),
            "load_part": In(2),
            "load_data": In(32),
        })

    def elaborate(self, platform):
        m = Module()

        lanes, lanes_log2 = self.lanes, exact_log2(self.lanes)
        delays = self.delays

        def memory(name, part, width, word):
            write, read = block_ram(m, name, shape=data.ArrayLayout(width, lanes),
                                    depth=self.depth // lanes, collision=Collision.NEVER,
                                    granularity=1)
            chosen = self.load & (self.load_part == part)
            m.d.comb += [
                write.addr.eq(self.load_channel[lanes_log2:]),
                write.data.eq(self.load_data[:width].replicate(lanes)),
                write.en.eq(Mux(chosen, 1 << self.load_channel[:lanes_log2], 0)),
                read.addr.eq(word),
                read.en.eq(~self.load),
            ]
            return register(m, read.data.as_value(), f"{name}_read")

        word = delay(m, self.word, delays["left_shift"] - delays["bias"], "shift_word")
        biases = memory("biases", 0, 32, self.word)
        shifts = memory("shifts", 2, 10, word)
        multipliers = memory("multipliers", 1, 32,
                             delay(m, word, delays["multiplier"] - delays["left_shift"],
                                   "multiplier_word"))
        right_shifts = Cat(shifts.word_select(lane, 10)[5:] for lane in range(lanes))
        m.d.comb += [
            self.bias.eq(biases),
            self.multiplier.eq(multipliers),
            self.left_shift.eq(Cat(shifts.word_select(lane, 10)[:5] for lane in range(lanes))),
            self.right_shift.eq(delay(m, right_shifts,
                                      delays["right_shift"] - delays["left_shift"],
                                      "right_shift")),
        ]

        return m
