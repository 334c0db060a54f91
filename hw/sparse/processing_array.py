"""The processing elements of the sparse core, side by side."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.formats import Memory

from ..common.counters import tree_sum
from ..common.pipeline import register
from ..emission import replicate
from .arithmetic_unit import ArithmeticUnit
from .broadcast import column_bus_layout
from .processing_element import ProcessingElement

__all__ = ["ProcessingArray"]


class ProcessingArray(wiring.Component):
    """All processing elements: loading, broadcast in classes, drain, and the sums of their events.

    Timing: a word is written to the memory of its element in the cycle after the one with its last
    part; events are summed with 2 cycles of latency; `drained` holds the sum of the row drained
    `drain_latency` cycles before; the rest is combinational between the elements and the outside.

    Parameters
    ----------
    config : hw.config.SparseConfig
        The array takes nearly every number of it.

    Members
    -------
    load : In(1)
        Take `load_data` as part `load_part` of word `load_address` of memory `load_memory` of
        element `load_unit`; the word is written with its last part. Codebooks go to every element.
    classes : In(ArrayLayout(column_bus_layout, groups))
    blocked : Out(groups)
        Some element of the class has to write to a full queue.
    codebook, drain, drain_row, drained : see `ArithmeticUnit`.
    idle : Out(1)
        No element has anything queued or being read.
    busy, wasted, escapes, saturations : Out
        How many elements had such an event, see `ProcessingElement`.
    """

    #: Cycles from `drain` to `drained`.
    drain_latency = 1 + ArithmeticUnit.drain_latency

    def __init__(self, config):
        self.config = config
        self.element = element = self._element()
        self.parts = -(-config.word_width // 32)
        events = range(config.pes + 1)
        super().__init__({
            "load": In(1),
            "load_memory": In(4),
            "load_unit": In(range(max(2, config.pes))),
            "load_address": In(element.load_address.shape()),
            "load_part": In(range(max(2, self.parts))),
            "load_last_part": In(1),
            "load_data": In(32),
            "classes": In(data.ArrayLayout(column_bus_layout(
                pointer_depth=config.pointer_depth, activation_width=config.activation_width),
                config.groups)),
            "blocked": Out(config.groups),
            "codebook": In(element.codebook.shape()),
            "drain": In(1),
            "drain_row": In(range(config.accumulator_depth)),
            "drained": Out(data.ArrayLayout(signed(config.sum_width), config.pes)),
            "idle": Out(1),
            "busy": Out(events),
            "wasted": Out(events),
            "escapes": Out(range(3 * config.pes + 1)),
            "saturations": Out(events),
        })

    def _element(self):
        config = self.config
        return ProcessingElement(
            queue_depth=config.queue_depth, lookahead=config.lookahead, escape=config.escape,
            lockstep=config.lockstep,
            entry_words=config.entry_words, word_entries=config.word_entries,
            pointer_depth=config.pointer_depth, accumulator_depth=config.accumulator_depth,
            codebook_count=config.codebook_count, index_width=config.index_width,
            run_width=config.run_width, weight_width=config.weight_width,
            activation_width=config.activation_width, sum_width=config.sum_width,
            output_registers=config.output_registers)

    def elaborate(self, platform):
        m = Module()

        config = self.config

        # Load: parts of a word are collected, then the word goes to the element it is meant for.
        collected = Signal(32 * (self.parts - 1), reset_less=True)
        with m.If(self.load):
            with m.Switch(self.load_part):
                for part in range(self.parts - 1):
                    with m.Case(part):
                        m.d.sync += collected[32 * part:][:32].eq(self.load_data)
        word = Cat(collected, register(m, self.load_data, "load_data_held"))
        complete = self.load & self.load_last_part
        address = Signal.like(self.load_address, reset_less=True)
        to_all = Signal()
        m.d.sync += [
            address.eq(self.load_address),
            to_all.eq(complete & (self.load_memory == Memory.CODEBOOKS)),
        ]

        # What goes to every element, or to one of them, comes straight from a register: it is far.
        drain = Signal()
        drain_row = register(m, self.drain_row, "drain_row_held")
        m.d.sync += drain.eq(self.drain)
        elements = replicate(m, "pe", self.element, self._element, config.pes, platform)
        for number, element in enumerate(elements):
            bus = self.classes[number % config.groups]
            load_pointer = Signal(name=f"load_pointer_{number}")
            load_entries = Signal(name=f"load_entries_{number}")
            chosen = complete & (self.load_unit == number)
            m.d.sync += [
                load_pointer.eq(chosen & (self.load_memory == Memory.POINTERS)),
                load_entries.eq(chosen & (self.load_memory == Memory.ENTRIES)),
            ]
            m.d.comb += [
                element.load_address.eq(address),
                element.load_data.eq(word),
                element.load_weight.eq(to_all),
                element.load_pointer.eq(load_pointer),
                element.load_entries.eq(load_entries),
                element.codebook.eq(self.codebook),
                element.drain.eq(drain),
                element.drain_row.eq(drain_row),
                self.drained[number].eq(element.drained),
            ]
            for name in ("advance", "present", "even_address", "odd_address", "odd", "arriving",
                         "activation"):
                m.d.comb += getattr(element, name).eq(bus[name])

        for number in range(config.groups):
            m.d.comb += self.blocked[number].eq(
                Cat(element.blocked for element in elements[number::config.groups]).any())
        m.d.comb += self.idle.eq(Cat(element.idle for element in elements).all())
        # Events, of four neighbours at a time and then of all.
        for total, event in ((self.busy, "busy"), (self.wasted, "wasted"),
                             (self.escapes, "escapes"), (self.saturations, "saturated")):
            amounts = [getattr(element, event) for element in elements]
            m.d.sync += total.eq(tree_sum(
                register(m, tree_sum(amounts[first:first + 4]), f"{event}_from_{first}")
                for first in range(0, config.pes, 4)))
        return m
