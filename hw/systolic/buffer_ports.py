"""Who reads and writes the unified buffer."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2, exact_log2

from ..check import Check
from ..common.pipeline import register

__all__ = ["BufferPorts"]


class BufferPorts(wiring.Component):
    """Chooses what the two ports of `UnifiedBuffer` do: multiplications first, then the activation
    unit, then the host.

    The host's accesses by command (`fetch`, `load`) and by a program (`host_read`, `host_write`)
    never meet. Of those that do not take place addresses are 0, so that ORs merge them.

    Timing: fetches and loads take place a cycle later; all else but `write_free` is combinational.

    Parameters
    ----------
    config : hw.config.DenseConfig

    Members
    -------
    matrix_read, vector_read, host_read : In(read_signature(config))
        Reads by multiplications, vector instructions and Write_Host_Memory.
    fetch : In(1); fetch_address : In
        The host fetches a word.
    read : Out(read_signature(config))
    read_free : Out(1)
        A `host_read` may take place.
    results : In(write_signature(config, config.lanes))
        Those of all lanes but 0 only with that.
    results_coming : In(1)
        That of lane 0 is enabled in the next cycle.
    host_write : In(write_signature(config, config.word_elements))
    load : In(1); load_address, load_data : In
        The host loads a word.
    load_word : Out(32)
        `load_data` a cycle later, whatever it is for.
    write : Out(write_signature(config, lanes of the buffer))
    write_free : Out(1)
        A `host_write` may take place. A register: the host's queue hangs on it.
    """

    def __init__(self, config):
        self.config = config
        self.write_lanes = max(config.lanes, config.word_elements)
        words = range(config.unified_depth // config.word_elements)
        super().__init__({
            "matrix_read": In(read_signature(config)),
            "vector_read": In(read_signature(config)),
            "host_read": In(read_signature(config)),
            "fetch": In(1),
            "fetch_address": In(words),
            "read": Out(read_signature(config)),
            "read_free": Out(1),
            "results": In(write_signature(config, config.lanes)),
            "results_coming": In(1),
            "host_write": In(write_signature(config, config.word_elements)),
            "load": In(1),
            "load_address": In(words),
            "load_data": In(32),
            "load_word": Out(32),
            "write": Out(write_signature(config, self.write_lanes)),
            "write_free": Out(1, init=1),
        })

    def _word(self, m, valid, address, name):
        """Whether the host's word is taken, a cycle later, and its first element, or 0."""
        taken = Signal(name=name)
        m.d.sync += taken.eq(valid)
        first = Mux(valid, address << exact_log2(self.config.word_elements), 0)
        return taken, register(m, first[:len(self.read.address)], f"{name}_element")

    def elaborate(self, platform):
        m = Module()

        count = self.config.word_elements
        few = (1 << count) - 1
        read, host_read, write, host_write = self.read, self.host_read, self.write, self.host_write

        fetches, element = self._word(m, self.fetch, self.fetch_address, "fetches")
        m.d.comb += [
            self.read_free.eq(~self.matrix_read.enable & ~self.vector_read.enable),
            read.enable.eq(~self.read_free | fetches | host_read.enable),
            read.address.eq(host_read.address | element),
            read.mask.eq(Mux(fetches, few, host_read.mask)),
        ]
        with m.If(self.matrix_read.enable):
            m.d.comb += [read.address.eq(self.matrix_read.address),
                         read.mask.eq(self.matrix_read.mask)]
        with m.Elif(self.vector_read.enable):
            m.d.comb += [read.address.eq(self.vector_read.address),
                         read.mask.eq(self.vector_read.mask)]

        loads, element = self._word(m, self.load, self.load_address, "loads")
        word = register(m, self.load_data, "word")
        m.d.comb += [
            self.load_word.eq(word),
            write.enable.eq(Mux(loads, few, host_write.enable)),
            write.address.eq(host_write.address | element),
        ]
        m.d.sync += self.write_free.eq(~self.results_coming)
        m.submodules.check = check = Check("a word of the host is lost to a result")
        m.d.comb += check.holds.eq(~(self.results.enable[0] & host_write.enable.any()))
        width = self.config.activation_width
        for lane in range(count):
            m.d.comb += write.data[lane].eq(Mux(
                loads, word.word_select(lane, 32 // count)[:width],
                host_write.data[lane]).as_signed())
        with m.If(self.results.enable[0]):
            m.d.comb += [write.enable.eq(self.results.enable),
                         write.address.eq(self.results.address)]
            for lane in range(self.config.lanes):
                m.d.comb += write.data[lane].eq(self.results.data[lane])

        return m


def read_signature(config):
    """A read of the unified buffer, see `UnifiedBuffer`."""
    return wiring.Signature({
        "enable": Out(1), "address": Out(ceil_log2(config.unified_depth)),
        "mask": Out(config.banks)})


def write_signature(config, lanes):
    """A write of so many elements of the unified buffer, see `UnifiedBuffer`."""
    return wiring.Signature({
        "enable": Out(lanes), "address": Out(ceil_log2(config.unified_depth)),
        "data": Out(data.ArrayLayout(signed(config.activation_width), lanes))})
