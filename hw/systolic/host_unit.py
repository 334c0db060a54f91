"""Read_Host_Memory and Write_Host_Memory: between the host and the unified buffer."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2, exact_log2

from golden.formats import RESPONSE, RESPONSE_MAGIC, Opcode, Status

from ..layouts import struct_layout
from ..memory import Collision, block_ram, register_file
from .operations import host_operation

__all__ = ["HostUnit"]

#: Words on their way from the unified buffer to the host.
_AHEAD = 16


class HostUnit(wiring.Component):
    """Moves activations between the host and the unified buffer, packed as in the host's words.

    The ports of the unified buffer are used in cycles in which nobody else wants them. Words that
    the host sends ahead wait in a memory; those that find no room are dropped, and counted. A reset
    forgets them, and all operations.

    Timing: a word a cycle in both directions, as far as the ports are free and the host keeps up.
    `idle` falls in the cycle after an operation is taken, and rises when all it writes can be read.

    Parameters
    ----------
    config : hw.config.DenseConfig
    read_latency, write_latency : int
        Of the `UnifiedBuffer`.

    Members
    -------
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
        The ports; `write_enable` and `read_enable` are low when they are not free.
    packets : Out(stream.Signature(32))
        What Write_Host_Memory sends: a `RESPONSE` with HOST_DATA, the number of words, the words.
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
            "idle": Out(1),
            "waits": Out(1),
            "input_stalled": Out(1),
        })

    def elaborate(self, platform):
        m = Module()

        lanes = self.config.word_elements
        taking, word, taken = self._input(m)

        # Read_Host_Memory: `left` elements go to `target` and the places behind it.
        reading = Signal()
        target = Signal.like(self.write_address, reset_less=True)
        left = Signal(len(self.reads.payload.length), reset_less=True)
        settling = Signal(range(self.write_latency + 2))
        m.d.comb += [
            self.reads.ready.eq(~reading),
            self.input_stalled.eq(reading & ~taking),
            taken.eq(reading & taking & self.write_free),
            self.write_address.eq(target),
        ]
        for lane in range(lanes):
            m.d.comb += self.write_data[lane].eq(word.word_select(lane, 32 // lanes))
            m.d.comb += self.write_enable[lane].eq(taken & (left > lane))
        with m.If(settling != 0):
            m.d.sync += settling.eq(settling - 1)
        with m.If(taken):
            m.d.sync += [target.eq(target + lanes), left.eq(left - lanes)]
            m.d.sync += settling.eq(self.write_latency + 1)
            with m.If(left <= lanes):
                m.d.sync += reading.eq(0)
        # What can be taken is taken over before it is known whether it comes.
        with m.If(~reading):
            m.d.sync += [reading.eq(self.reads.valid), target.eq(self.reads.payload.address),
                         left.eq(self.reads.payload.length)]

        writing = self._output(m)
        m.d.comb += [
            self.idle.eq(~reading & ~writing & (settling == 0)),
            self.waits.eq(self.input_stalled | (self.packets.valid & ~self.packets.ready)),
        ]
        return m

    def _input(self, m):
        """Words that the host has sent: is there one, which, and a signal that takes it."""
        depth = self.config.host_depth
        write, read = block_ram(m, "input", shape=32, depth=depth, collision=Collision.NEVER)
        level = Signal(range(depth + 1))
        head, tail = Signal(exact_log2(depth)), Signal(exact_log2(depth))
        word, present, taken = Signal(32, reset_less=True), Signal(), Signal()
        arriving, moves = Signal(), Signal()
        stored = self.input_valid & (level != depth)
        m.d.comb += [
            write.addr.eq(tail),
            write.data.eq(self.input_word),
            write.en.eq(stored),
            read.addr.eq(head),
            self.dropped.eq(self.input_valid & (level == depth)),
            moves.eq(arriving & (~present | taken)),
            read.en.eq((level != 0) & (~arriving | moves)),
        ]
        m.d.sync += [
            tail.eq(tail + stored),
            head.eq(head + read.en),
            level.eq(level + stored - read.en),
            self.almost_full.eq(level >= depth - 8),
            arriving.eq(read.en | (arriving & ~moves)),
            present.eq(moves | (present & ~taken)),
        ]
        with m.If(moves):
            m.d.sync += word.eq(read.data)
        return present, word, taken

    def _output(self, m):
        """Write_Host_Memory; a signal that it is under way."""
        lanes = self.config.word_elements
        lanes_log2 = exact_log2(lanes)

        # `to_read` words have yet to be asked for, `to_send` to leave; those between are on their
        # way or wait.
        operation = Signal(host_operation(self.config), reset_less=True)
        words = (self.writes.payload.length + (lanes - 1)) >> lanes_log2
        to_read = Signal(len(words))
        to_send = Signal(len(words))
        source = Signal.like(self.read_address, reset_less=True)
        free = Signal(range(_AHEAD + 1), init=_AHEAD)
        coming = Signal(self.read_latency)
        write, (oldest,) = register_file(m, "output", shape=32, depth=_AHEAD)
        head, tail, waiting = Signal(range(_AHEAD)), Signal(range(_AHEAD)), Signal(
            range(_AHEAD + 1))
        sent, writing = Signal(), Signal()
        # There is a word to be read; there is room for it, and for one that is being asked for.
        unread, room = Signal(), Signal()

        def wide(element):
            """An element in its whole bytes."""
            return Cat(element, element[-1].replicate(32 // lanes - len(element)))

        m.d.comb += [
            self.read_enable.eq(writing & unread & room & self.read_free),
            self.read_address.eq(source),
            write.addr.eq(tail),
            write.data.eq(Cat(wide(element) for element in self.read_data)),
            write.en.eq(coming[-1]),
            oldest.addr.eq(head),
        ]
        m.d.sync += [
            coming.eq(Cat(self.read_enable, coming)),
            tail.eq(tail + coming[-1]),
            head.eq(head + sent),
            waiting.eq(waiting + coming[-1] - sent),
            free.eq(free - self.read_enable + sent),
            to_send.eq(to_send - sent),
            room.eq(free > 1),
        ]
        beyond = operation.length[:lanes_log2]      # of the last word; none if it is 0
        m.d.comb += [self.read_mask[lane].eq((to_read != 1) | (beyond == 0) | (beyond > lane))
                     for lane in range(lanes)]
        with m.If(self.read_enable):
            m.d.sync += [to_read.eq(to_read - 1), source.eq(source + lanes),
                         unread.eq(to_read != 1)]

        header = Signal(struct_layout(RESPONSE))
        m.d.comb += [header.magic.eq(RESPONSE_MAGIC), header.status.eq(Status.OK),
                     header.opcode.eq(Opcode.HOST_DATA), header.tag.eq(operation.tag)]
        m.d.comb += writing.eq(1)
        with m.FSM():
            with m.State("Idle"):
                m.d.comb += [writing.eq(0), self.writes.ready.eq(1)]
                m.d.sync += [operation.eq(self.writes.payload), to_send.eq(words),
                             to_read.eq(words), source.eq(self.writes.payload.address),
                             unread.eq(words != 0)]
                with m.If(self.writes.valid):
                    m.next = "Header"

            with m.State("Header"):
                m.d.comb += [self.packets.valid.eq(1), self.packets.payload.eq(header)]
                with m.If(self.packets.ready):
                    m.next = "Length"

            with m.State("Length"):
                m.d.comb += [self.packets.valid.eq(1), self.packets.payload.eq(to_send)]
                with m.If(self.packets.ready):
                    m.next = "Payload"

            with m.State("Payload"):
                m.d.comb += [
                    self.packets.valid.eq(waiting != 0),
                    self.packets.payload.eq(oldest.data),
                    sent.eq(self.packets.valid & self.packets.ready),
                ]
                with m.If(sent & (to_send == 1)):
                    m.next = "Idle"
        return writing
