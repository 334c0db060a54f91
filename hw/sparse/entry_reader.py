"""Reads the entries of columns as published: one entry, one cycle."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from golden.formats import entry_format

from ..common.pipeline import register
from ..layouts import struct_layout
from ..memory import Collision, block_ram
from .column_queue import column_layout
from .operation import operation_layout

__all__ = ["EntryReader"]


class EntryReader(wiring.Component):
    """Sparse matrix read unit (EIE, section IV): turns each column into its entries, in order.

    A word of the memory holds `word_entries` entries; entry e is number ``e % word_entries`` of
    word ``e // word_entries``, least significant first. A long run of zeros is a padding entry,
    which takes a cycle like any other. An empty column takes a cycle and gives no operation.

    Timing: an operation every cycle while there are columns, without a gap between columns. The
    first operation of a column leaves 2 cycles after the column is accepted.

    Parameters
    ----------
    words : int
        Depth of the memory.
    word_entries : int
        Entries in a word, a power of two.
    index_width, run_width, pointer_width, activation_width : int
        Widths in bits.
    output_registers : bool
        See `hw.config.SparseConfig`.

    Members
    -------
    load : In(1)
        Write `load_data` to word `load_address`.
    columns : In(stream.Signature(column_layout))
    valid : Out(1)
        `operation` is to be performed; it can't be put off.
    operation : Out(operation_layout)
    escapes : Out(2)
        Entries consumed this cycle beside the operation's own: none.
    idle : Out(1)
        No column is being read.
    """

    def __init__(self, *, words, word_entries, index_width, run_width, pointer_width,
                 activation_width, output_registers=True):
        self.words = words
        self.word_entries = word_entries
        self.pointer_width = pointer_width
        self.output_registers = output_registers
        self.entry_layout = struct_layout(
            entry_format(index_width=index_width, run_width=run_width))
        super().__init__({
            "load": In(1),
            "load_address": In(range(words)),
            "load_data": In(data.ArrayLayout(self.entry_layout, word_entries)),
            "columns": In(stream.Signature(column_layout(
                pointer_width=pointer_width, activation_width=activation_width))),
            "valid": Out(1),
            "operation": Out(operation_layout(
                index_width=index_width, skip_width=run_width, activation_width=activation_width)),
            "escapes": Out(2),
            "idle": Out(1),
        })

    def spans(self, first, last):
        """`single` and `double` of a column, which this reader has no use for."""
        return Const(0, 2)

    def elaborate(self, platform):
        m = Module()

        slot_bits = ceil_log2(self.word_entries)

        # The host loads only words that no running layer reads, so ports never collide.
        write, read = block_ram(
            m, "memory", shape=data.ArrayLayout(self.entry_layout, self.word_entries),
            depth=self.words, collision=Collision.NEVER)
        m.d.comb += [
            write.addr.eq(self.load_address),
            write.data.eq(self.load_data),
            write.en.eq(self.load),
        ]

        # `position` is the entry being read, in the word that the memory shows.
        reading = Signal()
        position = Signal(self.pointer_width, reset_less=True)
        column = Signal.like(self.columns.payload, reset_less=True)
        finishing = Signal()
        accept = Signal()

        m.d.comb += [
            finishing.eq(column.empty | (position == column.last)),
            self.columns.ready.eq(~reading | finishing),
            accept.eq(self.columns.valid & self.columns.ready),
            read.addr.eq(Mux(accept, self.columns.p.first[slot_bits:],
                             position[slot_bits:] + 1)),
            # Nothing behind the column is read: the host may be writing there.
            read.en.eq(accept | (reading & ~finishing & position[:slot_bits].all())),
        ]
        with m.If(accept):
            m.d.sync += [
                reading.eq(1),
                position.eq(self.columns.p.first),
                column.eq(self.columns.payload),
            ]
        with m.Elif(finishing):
            m.d.sync += reading.eq(0)
        with m.Else():
            m.d.sync += position.eq(position + 1)

        # Issue: the word is in the memory's own output register, and the entry is chosen from it;
        # or it is chosen before, and is in a register.
        issuing = Signal()
        starts = Signal(reset_less=True)
        activation = Signal.like(column.activation, reset_less=True)
        entry = Signal(self.entry_layout)
        slot = position[:slot_bits]
        if self.output_registers:
            word = Signal.like(read.data, reset_less=True)
            m.d.sync += word.eq(read.data)
            m.d.comb += entry.eq(word[register(m, slot, "slot")])
        else:
            chosen = Signal(self.entry_layout, reset_less=True)
            m.d.sync += chosen.eq(read.data[slot])
            m.d.comb += entry.eq(chosen)
        m.d.sync += [
            issuing.eq(reading),
            self.valid.eq(reading & ~column.empty),
            starts.eq(position == column.first),
            activation.eq(column.activation),
        ]
        m.d.comb += [
            self.operation.starts.eq(starts),
            self.operation.skip.eq(entry.run),
            self.operation.index.eq(entry.index),
            self.operation.activation.eq(activation),
            self.idle.eq(~reading & ~issuing),
        ]

        return m
