"""Read_Host_Memory and Write_Host_Memory: between the host and the unified buffer."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2, exact_log2

from ..common.stepper import stepper
from ..common.word_queue import WordQueue
from .operations import host_operation
from .packet_sender import PacketSender

__all__ = ["HostUnit"]

#: Words on their way from the unified buffer to the host.
_AHEAD = 16


class HostUnit(wiring.Component):
    """Moves activations between the host and the unified buffer, packed as in the host's words.

    The ports of the unified buffer are used in cycles in which nobody else wants them. Words that
    the host sends ahead wait in a memory; those that find no room are dropped, and counted.

    Timing: a word a cycle in both directions, as far as the ports are free and the host keeps up.
    Read_Host_Memory can write in the second cycle after it was taken, Write_Host_Memory read in the
    fourth, and its packet begins three cycles after it, or in the cycle after its `turn` comes.
    `idle` falls in the cycle after an operation is taken, and rises when all it writes can be read.

    Parameters
    ----------
    config : hw.config.DenseConfig
    read_latency, write_latency : int
        Of the `UnifiedBuffer`.

    Members
    -------
    clear : In(1)
        Forget all operations and words; only a packet that has begun is brought to its end, see
        `PacketSender`.
    input_valid : In(1)
    input_word : In(32)
        A word from the host.
    almost_full : Out(1)
        There is room for no more than 8 words.
    dropped : Out(1)
        Strobe: a word found no room.
    reads, writes : In(stream.Signature(host_operation(config)))
        Read_Host_Memory and Write_Host_Memory.
    write_free, read_free : In(1)
        The port of the unified buffer is free in this cycle.
    write_enable, write_address, write_data, read_enable, read_address, read_mask, read_data
        The ports; `write_enable` and `read_enable` are low when they are not free, and addresses 0
        from the second cycle on in which no operation is under way.
    packets : Out(stream.Signature(32))
        What Write_Host_Memory sends: a `RESPONSE` with HOST_DATA, the number of words, the words.
        See `hw.host.packet_arbiter.PacketArbiter` for this and for the next two.
    sends : Out(1)
    turn : In(1)
    idle : Out(1)
    waits : Out(1)
        An operation needs a word of the host, or needs it to take one.
    input_stalled : Out(1)
        Read_Host_Memory waits for a word.
    """

    def __init__(self, config, *, read_latency, write_latency):
        self.config = config
        self.read_latency = read_latency
        self.write_latency = write_latency
        if read_latency + 3 > _AHEAD:
            raise ValueError(f"A read must take {_AHEAD - 3} cycles at most, not {read_latency}")
        lanes = config.word_elements
        elements = data.ArrayLayout(signed(config.activation_width), lanes)
        address = ceil_log2(config.unified_depth)
        super().__init__({
            "clear": In(1),
            "input_valid": In(1),
            "input_word": In(32),
            "almost_full": Out(1),
            "dropped": Out(1),
            "reads": In(stream.Signature(host_operation(config))),
            "writes": In(stream.Signature(host_operation(config))),
            "write_free": In(1),
            "write_enable": Out(lanes),
            "write_address": Out(address),
            "write_data": Out(elements),
            "read_free": In(1),
            "read_enable": Out(1),
            "read_address": Out(address),
            "read_mask": Out(lanes),
            "read_data": In(elements),
            "packets": Out(stream.Signature(32)),
            "sends": Out(1),
            "turn": In(1),
            "idle": Out(1),
            "waits": Out(1),
            "input_stalled": Out(1),
        })

    def elaborate(self, platform):
        m = Module()

        # All is forgotten but a packet that has begun.
        m.submodules.sender = sender = PacketSender(
            width=len(self.writes.payload.length) - exact_log2(self.config.word_elements) + 1)
        memory = Module()
        reading, writing = self._read(memory), self._write(memory, sender)
        m.submodules.memory = ResetInserter(self.clear)(memory)
        wiring.connect(m, sender.packets, wiring.flipped(self.packets))
        m.d.comb += [
            sender.clear.eq(self.clear),
            sender.turn.eq(self.turn),
            self.sends.eq(sender.sends),
            self.idle.eq(~reading & ~writing),
            self.waits.eq(self.input_stalled | (self.sends & ~self.turn)
                          | (self.packets.valid & ~self.packets.ready)),
        ]
        return m

    def _read(self, m):
        """Read_Host_Memory; a signal that it is under way."""
        lanes, depth = self.config.word_elements, self.config.host_depth

        # Words that the host has sent. `level` of them are in rows of the queue, or were until a
        # cycle ago.
        m.submodules.input = words = WordQueue(shape=32, depth=depth)
        level = Signal(range(depth + 1))
        full = level[-1]
        m.d.comb += [
            words.word.eq(self.input_word),
            words.write.eq(self.input_valid & ~full),
            self.dropped.eq(self.input_valid & full),
        ]
        moved = Signal()
        m.d.sync += moved.eq(words.moves)
        with m.If(words.write ^ moved):
            m.d.sync += level.eq(level + Cat(1, moved.replicate(len(level) - 1)))
        m.d.sync += self.almost_full.eq(full | level[3:-1].all())

        # `left` is the number of elements that are left, less those of this word and 1: it is
        # negative if that is the last one, and its lowest bits say how many elements it has. Rows
        # of words are counted in `row`; every word goes to the same place of its row.
        length, address = self.reads.payload.length, self.reads.payload.address
        lanes_log2 = exact_log2(lanes)
        busy, begins, active, taken = Signal(), Signal(), Signal(), Signal()
        place = Signal(lanes_log2, reset_less=True)
        left = stepper(m, "left", width=len(length) + 1, start=-1 - lanes, first=length,
                       step=-lanes, load=~busy, advance=begins | taken, begin=begins)
        row = stepper(m, "row", width=len(address) - lanes_log2, start=0,
                      first=address[lanes_log2:], step=1, load=~busy, advance=begins | taken,
                      begin=begins)
        last = left[-1]
        m.d.comb += [
            self.reads.ready.eq(~busy),
            self.input_stalled.eq(active & ~words.words.valid),
            taken.eq(active & words.words.valid & self.write_free),
            words.words.ready.eq(active & self.write_free),
            self.write_address.eq(Cat(place, row)),
        ]
        for lane in range(lanes):
            m.d.comb += self.write_data[lane].eq(
                words.words.payload.word_select(lane, 32 // lanes))
            m.d.comb += self.write_enable[lane].eq(taken & (~last | (left[:lanes_log2] >= lane)))
        m.d.sync += begins.eq(0)
        with m.If(~busy):
            m.d.sync += [busy.eq(self.reads.valid), begins.eq(self.reads.valid),
                         place.eq(Mux(self.reads.valid, address, 0))]
        with m.If(begins):
            m.d.sync += active.eq(1)
        with m.If(taken & last):
            m.d.sync += [busy.eq(0), active.eq(0)]

        settling = Signal(self.write_latency + 1)
        m.d.sync += settling.eq(Cat(taken, settling))
        return busy | settling.any()

    def _write(self, m, sender):
        """Write_Host_Memory; a signal that it is under way."""
        lanes = self.config.word_elements
        lanes_log2 = exact_log2(lanes)

        # Before the first word is asked for, `left` is at once what makes whole words of the
        # elements, and then as in `_read`.
        length, address = self.writes.payload.length, self.writes.payload.address
        asks, unread = Signal(), Signal()
        tag = Signal(len(self.writes.payload.tag), reset_less=True)
        busy = sender.sends
        begins = Signal(3)
        place = Signal(lanes_log2, reset_less=True)
        left = stepper(m, "unread_left", width=len(length) + 1, start=lanes - 1, first=length,
                       step=-lanes, load=~busy, advance=~unread | asks, begin=begins[0])
        row = stepper(m, "unread_row", width=len(address) - lanes_log2, start=0,
                      first=address[lanes_log2:], step=1, load=~busy, advance=begins[0] | asks,
                      begin=begins[0])
        last = left[-1]
        m.d.comb += self.writes.ready.eq(~busy)
        m.d.comb += [sender.begin.eq(~busy & self.writes.valid), sender.tag.eq(tag),
                     sender.count.eq(left[lanes_log2:])]
        m.d.sync += begins.eq(Cat(sender.begin, begins))
        with m.If(~busy):
            m.d.sync += [place.eq(Mux(self.writes.valid, address, 0)),
                         tag.eq(self.writes.payload.tag)]
        with m.If(asks & last):
            m.d.sync += unread.eq(0)
        with m.If(begins[2]):
            m.d.sync += unread.eq(1)

        # Words that have been read wait for the host; `free` more may be asked for, and 1.
        m.submodules.output = words = WordQueue(shape=32, depth=_AHEAD)
        wiring.connect(m, words.words, sender.words)
        free = Signal(signed(ceil_log2(_AHEAD) + 1), init=_AHEAD - 1)
        sent = words.words.valid & words.words.ready
        with m.If(asks ^ sent):
            m.d.sync += free.eq(free + Cat(1, asks.replicate(len(free) - 1)))
        coming = Signal(self.read_latency)
        m.d.sync += coming.eq(Cat(asks, coming))

        def wide(element):
            """An element in its whole bytes."""
            return Cat(element, element[-1].replicate(32 // lanes - len(element)))

        m.d.comb += [
            asks.eq(unread & (free >= 0) & self.read_free),
            self.read_enable.eq(asks),
            self.read_address.eq(Cat(place, row)),
            words.write.eq(coming[-1]),
            words.word.eq(Cat(wide(element) for element in self.read_data)),
        ]
        m.d.comb += [self.read_mask[lane].eq(~last | (left[:lanes_log2] >= lane))
                     for lane in range(lanes)]
        return sender.sends
