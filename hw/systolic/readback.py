"""What the host reads of the dense core: counters, identity, words of the unified buffer."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.formats import DenseCounter, DenseMemory

__all__ = ["Readback"]


class Readback(wiring.Component):
    """Chooses the answer to a fetch of the host, see `hw.host.command_port.CommandPort`.

    Timing: `select` comes one cycle after `fetch_valid`, `word` answers
    `buffer_latency + 3` cycles after it. Counters and identity come early, and wait; elements of
    the unified buffer come in time.

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
    counter : In(32)
        Its value, one cycle after `select`.
    elements : In(ArrayLayout(32 // lanes, lanes))
        Of the unified buffer, `buffer_latency` cycles after it was asked; it is asked one cycle
        after `fetch_valid`.
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
            "counter": In(32),
            "elements": In(data.ArrayLayout(32 // lanes, lanes)),
            "word": Out(32),
        })

    def elaborate(self, platform):
        m = Module()

        memory = Signal.like(self.fetch_memory, reset_less=True)
        select = Signal.like(self.select, reset_less=True)
        m.d.sync += memory.eq(self.fetch_memory)
        with m.If(self.fetch_valid):
            m.d.sync += select.eq(self.fetch_address)
        m.d.comb += self.select.eq(select)

        identity, shown = Signal(32), Signal(32)
        with m.Switch(select):
            for index, value in enumerate(self.identity):
                with m.Case(index):
                    m.d.sync += identity.eq(value)
        with m.Switch(memory):
            with m.Case(DenseMemory.UNIFIED):
                m.d.sync += shown.eq(self.elements.as_value())
            with m.Case(DenseMemory.COUNTERS):
                m.d.sync += shown.eq(self.counter)
            with m.Case(DenseMemory.IDENTITY):
                m.d.sync += shown.eq(identity)
        m.d.sync += self.word.eq(shown)

        return m
