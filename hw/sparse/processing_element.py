"""One processing element of the sparse core."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.sparse.geometry import IN_FLIGHT

from ..common.pipeline import register
from .arithmetic_unit import ArithmeticUnit
from .column_queue import ColumnQueue, column_layout
from .entry_reader import EntryReader
from .fused_entry_reader import FusedEntryReader
from .pointer_reader import PointerReader

__all__ = ["ProcessingElement"]


class ProcessingElement(wiring.Component):
    """A slice of the matrix and what multiplies it: ``sums += slice * broadcast activations``.

    Pointer reader -> column queue -> entry reader -> arithmetic unit. As published, the pointer
    reader works in lock step with those of the other elements: it moves when `advance` is high,
    which the parent keeps low while any of them is `blocked`, that is, has a column to write to a
    full queue. Otherwise `advance` stays high, and an element is `blocked` while its queue has no
    room for more than the `IN_FLIGHT` columns that may come before the parent has stopped. (The
    paper has the queue before the pointers; behind them, empty columns need no place in it.)

    Timing: a column is written to the queue in the cycle of the fourth `advance` after that with
    which its pointers' addresses were presented, and offered to the entry reader in the next; see
    the parts for the rest. `busy` and `escapes` tell of the cycle before, `wasted` of the one
    before that. `blocked` is a register: in lock step it has to get to all other elements and back
    in a cycle.

    Parameters
    ----------
    queue_depth : int
        Columns that the queue holds.
    lookahead : bool
        Drop empty columns before the queue; otherwise each takes the element a cycle.
    escape : bool
        Entries are in the escape format.
    lockstep : bool
    entry_words, word_entries, pointer_depth, accumulator_depth, codebook_count : int
        Sizes of the memories, see `hw.config.SparseConfig`.
    index_width, run_width, weight_width, activation_width, sum_width : int
        Widths in bits.
    output_registers : bool
        See `hw.config.SparseConfig`.

    Members
    -------
    load_pointer, load_entries, load_weight : In(1)
        Write to the memory of that name, at `load_address`.
    advance, present, even_address, odd_address, odd : In
        See `PointerReader`.
    arriving : In(1)
        Follows the addresses by three `advance`: they were those of a column to be multiplied.
    activation : In(signed(activation_width))
        Follows the addresses by four: what to multiply the column by.
    blocked : Out(1)
    codebook, drain, drain_row, drained : see `ArithmeticUnit`.
    busy, wasted, saturated : Out(1)
        This cycle an operation was issued; one by codebook entry 0; a sum was saturated.
    escapes : Out(2)
        Escapes consumed this cycle.
    idle : Out(1)
        Nothing is queued or being read; operations may still be in flight for
        `ArithmeticUnit.latency` cycles.
    """

    def __init__(self, *, queue_depth, lookahead, escape, lockstep, entry_words, word_entries,
                 pointer_depth, accumulator_depth, codebook_count, index_width, run_width,
                 weight_width, activation_width, sum_width, output_registers=True):
        self.lookahead = lookahead
        self.lockstep = lockstep
        if not lockstep and queue_depth < IN_FLIGHT:
            raise ValueError(f"Without lock step a queue must hold at least {IN_FLIGHT} columns, "
                             f"not {queue_depth}")
        pointer_width = (entry_words * word_entries).bit_length()
        if escape and not lookahead:
            raise ValueError("The escape format needs look-ahead: its entry reader takes no empty "
                             "columns")
        self.pointers = PointerReader(depth=pointer_depth, pointer_width=pointer_width,
                                      output_registers=output_registers)
        self.queue = ColumnQueue(depth=queue_depth, shape=column_layout(
            pointer_width=pointer_width, activation_width=activation_width))
        self.reader = (FusedEntryReader if escape else EntryReader)(
            words=entry_words, word_entries=word_entries, index_width=index_width,
            run_width=run_width, pointer_width=pointer_width, activation_width=activation_width,
            output_registers=output_registers)
        self.arithmetic = ArithmeticUnit(
            depth=accumulator_depth, codebook_count=codebook_count, index_width=index_width,
            skip_width=len(self.reader.operation.skip), weight_width=weight_width,
            activation_width=activation_width, sum_width=sum_width,
            output_registers=output_registers)
        self.entry_width = index_width + run_width
        super().__init__({
            "load_pointer": In(1),
            "load_entries": In(1),
            "load_weight": In(1),
            "load_address": In(max(len(self.pointers.load_address), len(self.reader.load_address),
                                   len(self.arithmetic.load_address))),
            "load_data": In(max(pointer_width, weight_width, self.entry_width * word_entries)),
            "advance": In(1),
            "present": In(1),
            "even_address": In(self.pointers.even_address.shape()),
            "odd_address": In(self.pointers.odd_address.shape()),
            "odd": In(1),
            "arriving": In(1),
            "activation": In(signed(activation_width)),
            "blocked": Out(1),
            "codebook": In(self.arithmetic.codebook.shape()),
            "drain": In(1),
            "drain_row": In(range(accumulator_depth)),
            "drained": Out(signed(sum_width)),
            "busy": Out(1),
            "wasted": Out(1),
            "saturated": Out(1),
            "escapes": Out(2),
            "idle": Out(1),
        })

    def elaborate(self, platform):
        m = Module()

        m.submodules.pointers = pointers = self.pointers
        m.submodules.queue = queue = self.queue
        m.submodules.reader = reader = self.reader
        m.submodules.arithmetic = arithmetic = self.arithmetic

        for unit, load in ((pointers, self.load_pointer), (reader, self.load_entries),
                           (arithmetic, self.load_weight)):
            m.d.comb += [
                unit.load.eq(load),
                unit.load_address.eq(self.load_address),
                Value.cast(unit.load_data).eq(self.load_data),
            ]

        # `wanted`: there is a column to be queued as soon as `advance` allows it.
        wanted = Signal()
        wanted_then = Signal()      # in the next cycle
        arriving = self.arriving & ~pointers.empty if self.lookahead else self.arriving
        m.d.comb += [
            pointers.advance.eq(self.advance),
            pointers.present.eq(self.present),
            pointers.even_address.eq(self.even_address),
            pointers.odd_address.eq(self.odd_address),
            pointers.odd.eq(self.odd),
            wanted_then.eq(Mux(self.advance, arriving, wanted)),
            queue.write.eq(wanted & self.advance),
            queue.written.first.eq(pointers.first),
            queue.written.last.eq(pointers.last),
            Cat(queue.written.single, queue.written.double).eq(
                reader.spans(pointers.first, pointers.last)),
            queue.written.activation.eq(self.activation),
        ]
        m.d.sync += wanted.eq(wanted_then)
        if self.lockstep:
            m.d.sync += self.blocked.eq(wanted_then & queue.filled)
        else:
            m.d.sync += self.blocked.eq(queue.level > queue.depth - IN_FLIGHT)
        if not self.lookahead:
            with m.If(self.advance):
                m.d.sync += queue.written.empty.eq(pointers.empty)

        wiring.connect(m, queue.columns, reader.columns)
        m.d.comb += [
            arithmetic.codebook.eq(self.codebook),
            arithmetic.valid.eq(reader.valid),
            arithmetic.operation.eq(reader.operation),
            arithmetic.drain.eq(self.drain),
            arithmetic.drain_row.eq(self.drain_row),
            self.drained.eq(arithmetic.drained),
        ]

        # Events are registered, since they are summed over all elements.
        index = register(m, reader.operation.index, "index")
        m.d.sync += [
            self.busy.eq(reader.valid),
            self.wasted.eq(self.busy & (index == 0)),
            self.escapes.eq(reader.escapes),
        ]
        m.d.comb += [
            self.saturated.eq(arithmetic.saturated),
            self.idle.eq(reader.idle & ~queue.columns.valid),
        ]

        return m
