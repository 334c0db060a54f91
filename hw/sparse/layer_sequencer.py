"""Runs the layers of a network one after the other."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from golden.formats import LAYER

from ..common.pipeline import register
from ..layouts import struct_layout
from ..memory import Collision, block_ram
from .arithmetic_unit import ArithmeticUnit

__all__ = ["LayerSequencer"]


class LayerSequencer(wiring.Component):
    """Reads the descriptor of each layer, has it multiplied and drained, and swaps the pages.

    After reset it clears the accumulators, which a reset may have met half way through a layer.
    A layer that does not fit the core ends the run with `fault`; the activations then are those of
    the layer before it.

    Timing: `running` is high from reset on, for ``accumulator_depth + ArithmeticUnit.latency + 1``
    cycles. `run` is taken while it is low, and it rises in the next cycle. `start` is strobed 13
    cycles after `run`, or after `drained` of the layer before (10 for the descriptor, 3 to see
    whether it fits); `start_drain` `ArithmeticUnit.latency` cycles after `quiet` is first seen,
    when the last sums have settled; `multiplying` is high from the cycle after `start` up to that
    one. `running` falls in the cycle after the last `drained`, or, with `fault` rising, in the
    cycle in which the misfit would have started.

    Parameters
    ----------
    layer_count : int
        Descriptors.
    pes, groups, lanes, accumulator_depth, activation_depth : int
    pointer_depth, bias_depth, codebook_count : int
        Sizes of the core, see `hw.config.SparseConfig`: what a layer has to fit.
    output_registers : bool
        See there.

    Members
    -------
    load : In(1)
        Write 32-bit word `load_address` of the descriptors.
    run, first, count : In
        Run `count` layers, at least one, from layer `first` on.
    running, fault : Out(1)
    fault_clear : In(1)
    layer : Out(struct_layout(LAYER))
        The descriptor; stable from `start` to the end of the layer.
    page : Out(1)
        The page of the activation memories that is the source; the other is the destination.
    clear, clear_row : Out
        Clear this row of all accumulators.
    start : Out(1)
        Begin to broadcast.
    multiplying : Out(1)
        Matrix times vector is going on.
    quiet : In(1)
        Nothing is left to broadcast or to issue; looked at from the second cycle after `start` on.
    start_drain : Out(1)
    drained : In(1)
        The last result is being written.
    """

    def __init__(self, *, layer_count, pes, groups, lanes, accumulator_depth, activation_depth,
                 pointer_depth, bias_depth, codebook_count, output_registers=True):
        if groups < 1 or groups.bit_count() != 1:
            raise ValueError(f"Groups must be a power of two, not {groups}")
        self.layer_count = layer_count
        self.pes = pes
        self.groups = groups
        self.lanes = lanes
        self.accumulator_depth = accumulator_depth
        self.activation_depth = activation_depth
        self.pointer_depth = pointer_depth
        self.bias_depth = bias_depth
        self.codebook_count = codebook_count
        self.output_registers = output_registers
        self.layer_words = LAYER.words()
        super().__init__({
            "load": In(1),
            "load_address": In(range(layer_count * self.layer_words)),
            "load_data": In(32),
            "run": In(1),
            "first": In(range(layer_count)),
            "count": In(range(layer_count + 1)),
            "running": Out(1),
            "fault": Out(1),
            "fault_clear": In(1),
            "layer": Out(struct_layout(LAYER)),
            "page": Out(1),
            "clear": Out(1),
            "clear_row": Out(range(accumulator_depth)),
            "start": Out(1),
            "multiplying": Out(1),
            "quiet": In(1),
            "start_drain": Out(1),
            "drained": In(1),
        })

    def _local_columns(self, layer):
        """Columns of each column group of `layer`, rounded up."""
        local_columns = layer.columns
        for groups_log2 in range(1, exact_log2(self.groups) + 1):
            local_columns = Mux(layer.groups_log2 == groups_log2,
                                (layer.columns + (1 << groups_log2) - 1) >> groups_log2,
                                local_columns)
        return local_columns

    def _misfit(self, layer, last_pointer):
        """Conditions under which the core can't run `layer`, as a list of 1-bit values."""
        mode = layer.groups_log2
        local_rows = Mux(mode == 0, self.accumulator_depth * self.pes, 0)
        for groups_log2 in range(1, exact_log2(self.groups) + 1):
            local_rows = Mux(mode == groups_log2,
                             self.accumulator_depth * self.pes >> groups_log2, local_rows)
        return [
            layer.columns == 0,
            layer.columns > self.activation_depth,
            layer.rows == 0,
            layer.rows > self.activation_depth,
            layer.rows > local_rows,        # none for an unknown number of groups
            layer.pointer_base[0],
            last_pointer >= self.pointer_depth,
            layer.bias_base & self.lanes - 1 != 0,
            layer.bias_base + layer.rows > self.bias_depth,
            layer.codebook >= self.codebook_count,
            layer.multiplier[31] & layer.multiplier[:31].any(),     # more than exactly 1.0
            layer.low > layer.high,
        ]

    def elaborate(self, platform):
        m = Module()

        # Written only while not running.
        write, read = block_ram(m, "layers", shape=32, depth=self.layer_count * self.layer_words,
                                collision=Collision.NEVER)
        m.d.comb += [
            write.addr.eq(self.load_address),
            write.data.eq(self.load_data),
            write.en.eq(self.load),
        ]

        number = Signal(range(self.layer_count))
        left = Signal.like(self.count)
        word = Signal(range(self.layer_words + 2))
        settling = Signal(range(ArithmeticUnit.latency + 2))
        local_columns = self._local_columns(self.layer)
        if self.groups > 1:
            local_columns = register(m, local_columns, "local_columns")
        last_pointer = register(m, self.layer.pointer_base + local_columns, "last_pointer")
        misfits = Signal(len(self._misfit(self.layer, last_pointer)))

        # What is read is in the memory's own output register, or has been asked for a cycle later.
        address = Cat(word[:exact_log2(self.layer_words)], number)
        reading = Signal(init=1)
        shown = register(m, read.data, "shown") if self.output_registers else read.data
        m.d.comb += [read.addr.eq(address), read.en.eq(reading)]
        if not self.output_registers:
            reading_then = Signal()
            m.d.sync += reading_then.eq(reading)
            m.d.comb += [read.addr.eq(register(m, address, "address")), read.en.eq(reading_then)]
        # Of fields in the first words: there is a cycle for each step before `misfits` is used.
        m.d.sync += misfits.eq(Cat(self._misfit(self.layer, last_pointer)))
        m.d.sync += self.start.eq(0)
        with m.If(self.fault_clear):
            m.d.sync += self.fault.eq(0)

        with m.FSM(init="Clear"):
            with m.State("Clear"):
                m.d.comb += [self.running.eq(1), self.clear.eq(1)]
                m.d.sync += self.clear_row.eq(self.clear_row + 1)
                with m.If(self.clear_row == self.accumulator_depth - 1):
                    m.d.sync += settling.eq(0)
                    m.next = "Settle"

            with m.State("Settle"):
                # The last cleared row is on its way to memory.
                m.d.comb += self.running.eq(1)
                m.d.sync += settling.eq(settling + 1)
                with m.If(settling == ArithmeticUnit.latency):
                    m.next = "Idle"

            with m.State("Idle"):
                m.d.comb += reading.eq(0)
                m.d.sync += [number.eq(self.first), left.eq(self.count), word.eq(0)]
                with m.If(self.run):
                    m.next = "Describe"

            with m.State("Describe"):
                # `word` is being read; the one two before it has come.
                m.d.comb += [self.running.eq(1), reading.eq(word < self.layer_words)]
                m.d.sync += word.eq(word + 1)
                with m.Switch(word):
                    for index in range(self.layer_words):
                        with m.Case(index + 2):
                            m.d.sync += self.layer.as_value()[32 * index:][:32].eq(shown)
                with m.If(word == self.layer_words + 1):
                    m.next = "Compare"

            with m.State("Compare"):
                m.d.comb += self.running.eq(1)
                m.next = "Check"

            with m.State("Check"):
                m.d.comb += self.running.eq(1)
                m.d.sync += settling.eq(0)
                with m.If(misfits.any()):
                    m.d.sync += self.fault.eq(1)
                    m.next = "Idle"
                with m.Else():
                    m.d.sync += self.start.eq(1)
                    m.next = "Start"

            with m.State("Start"):
                m.d.comb += self.running.eq(1)
                m.next = "Begin"

            with m.State("Begin"):
                m.d.comb += [self.running.eq(1), self.multiplying.eq(1)]
                m.next = "Multiply"

            with m.State("Multiply"):
                m.d.comb += [self.running.eq(1), self.multiplying.eq(1)]
                with m.If(self.quiet):
                    m.d.sync += settling.eq(settling + 1)
                    with m.If(settling == ArithmeticUnit.latency):
                        m.d.comb += self.start_drain.eq(1)
                        m.next = "Drain"

            with m.State("Drain"):
                m.d.comb += self.running.eq(1)
                with m.If(self.drained):
                    m.d.sync += [self.page.eq(~self.page), number.eq(number + 1),
                                 left.eq(left - 1), word.eq(0)]
                    m.next = "Describe"
                    with m.If(left == 1):
                        m.next = "Idle"

        return m
