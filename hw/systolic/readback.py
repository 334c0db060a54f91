"""What the host reads of the dense core: counters, identity, words of the unified buffer."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.formats import DenseCounter, DenseMemory

from ..common.pipeline import register
from ..memory import Style, rom

__all__ = ["Readback"]


class Readback(wiring.Component):
    """Chooses the answer to a fetch of the host, see `hw.host.command_port.CommandPort`.

    Timing: `select` comes one cycle after `fetch_valid`, `word` answers ``buffer_latency + 3``
    cycles after it, for a counter ``read_cycles + 2`` cycles after it. The identity comes early,
    and waits; elements of the unified buffer come in time. What tells of a fault is there 3 cycles
    after `faulted` has risen.

    Parameters
    ----------
    identity : sequence of int
        Values of what `golden.formats.DENSE_IDENTITY` names.
    lanes : int
        Elements of the unified buffer in a word of the host.
    memory_width, address_width : int
        Bits of the fetch's fields.

    Members
    -------
    fetch_valid : In(1)
    fetch_memory : In(memory_width)
        `golden.formats.DenseMemory`; holds until the answer has been taken.
    fetch_address : In(address_width)
        Holds for the cycle of `fetch_valid` only.
    select : Out(range(counters or words of identity))
        Number of the counter that is asked for.
    counter_shows : In(1)
    counter : In(32)
        See `hw.common.counters.Counters`.
    elements : In(ArrayLayout(32 // lanes, lanes))
        Of the unified buffer, `buffer_latency` cycles after it was asked; it is asked one cycle
        after `fetch_valid`.
    faulted : In(1)
        Whatever was fetched, answer with `fault_word`.
    fault_word : In(32)
    word : Out(32)
        The answer.
    """

    def __init__(self, *, identity, lanes, memory_width, address_width):
        self.identity = identity
        super().__init__({
            "fetch_valid": In(1),
            "fetch_memory": In(memory_width),
            "fetch_address": In(address_width),
            "select": Out(range(max(len(DenseCounter), len(identity)))),
            "counter_shows": In(1),
            "counter": In(32),
            "elements": In(data.ArrayLayout(32 // lanes, lanes)),
            "faulted": In(1),
            "fault_word": In(32),
            "word": Out(32),
        })

    def elaborate(self, platform):
        m = Module()

        select = Signal.like(self.select, reset_less=True)
        with m.If(self.fetch_valid):
            m.d.sync += select.eq(self.fetch_address)
        m.d.comb += self.select.eq(select)
        table = rom(m, "identity", shape=32, init=self.identity, style=Style.BLOCK)
        m.d.comb += table.addr.eq(select)
        identity = register(m, table.data, "identity_word")

        # What is not asked for is 0.
        def asked(memory):
            return register(m, (self.fetch_memory == memory) & ~self.faulted,
                            f"asks_{memory.name.lower()}")

        elements = register(m, Mux(asked(DenseMemory.UNIFIED), self.elements.as_value(), 0),
                            "elements_shown")
        identity = register(m, Mux(asked(DenseMemory.IDENTITY), identity, 0), "identity_shown")
        fault = register(m, Mux(self.faulted, self.fault_word, 0), "fault_shown")
        counter = Signal(32, name="counter_shown", reset_less=True)
        with m.If(self.counter_shows):
            m.d.sync += counter.eq(self.counter)
        with m.If(~asked(DenseMemory.COUNTERS)):
            m.d.sync += counter.eq(0)
        m.d.sync += self.word.eq(elements | counter | identity | fault)

        return m
