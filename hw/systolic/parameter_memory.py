"""Constants of the output stages, a channel each."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2, exact_log2

from golden.formats import PARAMETER

from ..common.channel_output_stage import shift_code
from ..common.pipeline import delay, register
from ..common.power_multiplier import POWER_WIDTH
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
    coded : bool
        The output stage takes shifts as `shift_code`: they are kept so.

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

    def __init__(self, *, depth, lanes, delays, coded=False):
        if depth < lanes or depth % lanes:
            raise ValueError(f"Channels must be a multiple of the lanes, {lanes}, not {depth}")
        self.depth = depth
        self.lanes = lanes
        self.delays = dict(delays)
        self.coded = coded
        layout = struct_layout(PARAMETER)
        shift = POWER_WIDTH + 1 if coded else layout["left_shift"].shape
        super().__init__({
            "word": In(range(max(2, depth // lanes))),
            "bias": Out(data.ArrayLayout(layout["bias"].shape, lanes)),
            "multiplier": Out(data.ArrayLayout(layout["multiplier"].shape, lanes)),
            "left_shift": Out(data.ArrayLayout(shift, lanes)),
            "right_shift": Out(data.ArrayLayout(shift, lanes)),
            "load": In(1),
            "load_channel": In(ceil_log2(max(2, depth))),
            "load_part": In(2),
            "load_data": In(32),
        })

    def elaborate(self, platform):
        m = Module()

        lanes, lanes_log2 = self.lanes, exact_log2(self.lanes)
        delays = self.delays

        def memory(name, part, value, word):
            write, read = block_ram(m, name, shape=data.ArrayLayout(len(value), lanes),
                                    depth=self.depth // lanes, collision=Collision.NEVER,
                                    granularity=1)
            chosen = self.load & (self.load_part == part)
            m.d.comb += [
                write.addr.eq(self.load_channel[lanes_log2:]),
                write.data.eq(value.replicate(lanes)),
                write.en.eq(Mux(chosen, 1 << self.load_channel[:lanes_log2], 0)),
                read.addr.eq(word),
                read.en.eq(~self.load),
            ]
            return register(m, read.data.as_value(), f"{name}_read")

        word = delay(m, self.word, delays["left_shift"] - delays["bias"], "shift_word")
        biases = memory("biases", 0, self.load_data, self.word)
        loaded = self.load_data[:5], self.load_data[5:10]
        shifts = memory("shifts", 2, Cat(map(shift_code, loaded) if self.coded else loaded), word)
        multipliers = memory("multipliers", 1, self.load_data,
                             delay(m, word, delays["multiplier"] - delays["left_shift"],
                                   "multiplier_word"))
        width = len(shifts) // lanes // 2
        left, right = (Cat(shifts.word_select(2 * lane + side, width) for lane in range(lanes))
                       for side in range(2))
        m.d.comb += [
            self.bias.eq(biases),
            self.multiplier.eq(multipliers),
            self.left_shift.eq(left),
            self.right_shift.eq(delay(m, right, delays["right_shift"] - delays["left_shift"],
                                      "right_shift")),
        ]

        return m
