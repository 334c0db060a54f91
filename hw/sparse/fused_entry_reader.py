"""Reads the entries of columns in the escape format: an escape shares its follower's cycle."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from golden.formats import entry_format
from golden.sparse.geometry import WORDS_AHEAD

from ..common.pipeline import register, up_or_down
from ..layouts import struct_layout
from ..memory import Collision, block_ram, register_file
from .column_queue import column_layout
from .operation import operation_layout

__all__ = ["FusedEntryReader"]


class FusedEntryReader(wiring.Component):
    """Sparse matrix read unit for the escape format of `golden.formats.entry_format`.

    Memory and columns are as in `EntryReader`. An entry with index 0 that does not follow an escape
    is itself an escape; it issues together with the entry after it as one operation, so long runs
    of zeros cost storage but no time. Columns are never empty.

    Timing: an operation every cycle. A column that meets an idle reader issues 5 cycles after it is
    offered. A word is asked for every cycle, until `WORDS_AHEAD` of them are on their way or wait
    to be issued. An escape that ends a word is absorbed together with the operation before it. Only
    an escape that is alone in its column's share of a word takes a cycle, in which nothing is
    multiplied: `golden.sparse.encode` sees to it that there is none.

    Parameters, members: as for `EntryReader`; `escapes` counts the escapes consumed this cycle, and
    `output_registers` changes nothing.
    """

    def __init__(self, *, words, word_entries, index_width, run_width, pointer_width,
                 activation_width, output_registers=True):
        if word_entries < 2:
            raise ValueError(f"Word entries must be at least 2, not {word_entries}")
        self.words = words
        self.word_entries = word_entries
        self.run_width = run_width
        self.pointer_width = pointer_width
        self.activation_width = activation_width
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
                index_width=index_width, skip_width=2 * run_width + 1,
                activation_width=activation_width)),
            "escapes": Out(2),
            "idle": Out(1),
        })

    def _word(self, entry):
        """The word of an entry; as wide as the memory, so that none beyond it is waited for."""
        return entry[ceil_log2(self.word_entries):][:len(self.load_address)]

    def spans(self, first, last):
        """`single` and `double` of a column, see `column_layout`, as a value of 2 bits."""
        begin, end = self._word(first), self._word(last)
        return Cat(begin == end, (begin + 1)[:len(begin)] == end)

    def elaborate(self, platform):
        m = Module()

        slot_bits = ceil_log2(self.word_entries)
        slot_shape = range(self.word_entries)

        # The host loads only words that no running layer reads, so ports never collide. Beside the
        # entries lies which of them have index 0: there is no time to look behind the memory, and
        # a block RAM has a ninth bit for it.
        word_layout = data.StructLayout({
            "entries": data.ArrayLayout(self.entry_layout, self.word_entries),
            "zeros": self.word_entries,
        })
        write, read = block_ram(m, "memory", shape=word_layout, depth=self.words,
                                collision=Collision.NEVER)
        m.d.comb += [
            write.addr.eq(self.load_address),
            write.data.entries.eq(self.load_data),
            write.data.zeros.eq(Cat(self.load_data[slot].index == 0
                                    for slot in range(self.word_entries))),
            write.en.eq(self.load),
        ]

        # `Request`: the word being asked for. Whoever asks knows that there will be room for it: so
        # nothing on the way waits, and nothing about it has to be known at once and far away.
        request = Signal()
        within = Signal()           # it continues the column at the head of the queue
        next_word = Signal(range(self.words), reset_less=True)
        request_word = Signal(range(self.words))
        request_last = Signal()     # it is the last of its column
        next_last = Signal(reset_less=True)         # what it will be for the next word
        ahead = Signal(range(WORDS_AHEAD + 1))      # words that have been asked for, and not issued

        # Where words wait to be issued, with what is known of each since it was asked for.
        info_layout = data.StructLayout({
            "slot": slot_shape,     # first entry that belongs to the column
            "end": slot_shape,      # last one
            "starts": 1,            # the column starts here
            "ends": 1,              # the column ends here
            "activation": signed(self.activation_width),
        })
        write_word, (head_word,) = register_file(m, "waiting_words", shape=word_layout,
                                                 depth=WORDS_AHEAD)
        write_info, (head_info,) = register_file(m, "waiting_info", shape=info_layout,
                                                 depth=WORDS_AHEAD)
        head_number = Signal(range(WORDS_AHEAD))
        arrived = Signal(range(WORDS_AHEAD + 1))    # words that wait there
        shown = Signal()                            # there is one
        leave = Signal()

        # `issuing`: the word that operations come from; `info.slot` is the next entry. `zeros` are
        # those of the entries from there on.
        issuing = Signal()
        entries = Signal(word_layout["entries"].shape, reset_less=True)
        zeros = Signal(self.word_entries, reset_less=True)
        info = Signal(info_layout, reset_less=True)
        left = Signal(slot_shape, reset_less=True)  # entries behind that one
        finishing = Signal()

        # An escape whose follower is in the next word: rows to skip / 2**run_width, 0 if none.
        carried = Signal(self.run_width + 1)        # its follower is not yet issuing
        started = Signal()                          # and it was the first entry of its column
        skipped = Signal(self.run_width + 1)        # to be added to the operation at `info.slot`

        # Issue: one operation, of one entry or of an escape and its follower.
        first = Signal(self.entry_layout)
        second = Signal(self.entry_layout)
        ending = Signal(self.entry_layout)
        escaping = Signal(reset_less=True)          # the entry at `info.slot` is an escape
        ends_escaping = Signal(reset_less=True)     # the one at `info.end` has index 0
        pair = Signal()
        trailing = Signal()         # after this operation only an escape is left of the word
        alone = Signal()            # there is no operation: an escape is all there is in the word
        taken = Signal(range(3))
        escape = Signal(self.run_width + 1)

        def at(array, slot):
            return array[slot[:slot_bits]]

        m.d.comb += [
            first.eq(at(entries, info.slot)),
            second.eq(at(entries, info.slot + 1)),
            ending.eq(at(entries, info.end)),
            pair.eq(escaping & (left != 0)),
            alone.eq(escaping & (left == 0)),
            taken.eq(Mux(pair, 2, 1)),
            trailing.eq(ends_escaping & (left == taken)),
            finishing.eq(Mux(escaping,
                             (left <= 1) | (ends_escaping & (left == 2)),
                             (left == 0) | (ends_escaping & (left == 1)))),
            escape.eq(Mux(pair, first.run + 1, skipped)),

            self.valid.eq(issuing & ~alone),
            self.operation.starts.eq(info.starts),
            self.operation.skip.eq(Cat(Mux(pair, second.run, first.run), escape)),
            self.operation.index.eq(Mux(pair, second.index, first.index)),
            self.operation.activation.eq(info.activation),
        ]

        # Leave: the next word is issued. `carrying` are the rows that an escape at the very end of
        # the one before it skips.
        carrying = Signal(self.run_width + 1)
        starting = Signal()         # that escape was the first entry of its column
        m.d.comb += [
            leave.eq(shown & (~issuing | finishing)),
            carrying.eq(Mux(issuing, Mux((trailing | alone) & ~info.ends, ending.run + 1, 0),
                            carried)),
            starting.eq(Mux(issuing, info.starts & alone & ~info.ends, started)),
            self.escapes.eq((issuing & pair) + (issuing & (trailing | alone))),
        ]
        with m.If(issuing):
            m.d.sync += [info.slot.eq(info.slot + taken), left.eq(left - taken),
                         zeros.eq(Mux(pair, zeros[2:], zeros[1:])),
                         escaping.eq(Mux(pair, zeros[2:], zeros[1:])[0]),
                         info.starts.eq(0), skipped.eq(0)]
            # What is carried matters when nothing is issuing: whatever came last.
            m.d.sync += [carried.eq(carrying), started.eq(starting)]
            with m.If(finishing):
                m.d.sync += issuing.eq(0)
        follows = Signal()          # the first entry of the word that leaves follows an escape
        leaving_zeros = Signal(self.word_entries)
        m.d.comb += [
            follows.eq(Mux(issuing, (trailing | alone) & ~info.ends, carried.any())),
            leaving_zeros.eq(head_word.data.zeros >> head_info.data.slot[:slot_bits]),
        ]
        with m.If(leave):
            m.d.sync += [
                issuing.eq(1),
                entries.eq(head_word.data.entries),
                zeros.eq(leaving_zeros),
                escaping.eq(leaving_zeros[0] & ~follows),
                ends_escaping.eq(head_word.data.zeros.bit_select(
                    head_info.data.end[:slot_bits], 1)),
                info.eq(head_info.data),
                left.eq(head_info.data.end - head_info.data.slot),
                info.starts.eq(head_info.data.starts | starting),
                skipped.eq(carrying),
                head_number.eq(head_number + 1),
            ]

        # Request: the head of the queue stays there until its last word is asked for.
        column, asked = self.columns.payload, write_info.data
        m.d.comb += [
            request_word.eq(Mux(within, next_word, column.first[slot_bits:])),
            request_last.eq(Mux(within, next_last, column.single)),
            request.eq(self.columns.valid & (ahead != WORDS_AHEAD)),
            self.columns.ready.eq((ahead != WORDS_AHEAD) & request_last),
            asked.slot.eq(Mux(within, 0, column.first[:slot_bits])),
            asked.end.eq(Mux(request_last, column.last[:slot_bits], self.word_entries - 1)),
            asked.starts.eq(~within),
            asked.ends.eq(request_last),
            asked.activation.eq(column.activation),
            write_info.en.eq(request),
        ]
        with m.If(request):
            m.d.sync += [
                write_info.addr.eq(write_info.addr + 1),
                within.eq(~request_last),
                next_word.eq(request_word + 1),
                next_last.eq(Mux(within, (next_word + 1)[:len(next_word)]
                                 == self._word(column.last), column.double)),
            ]
        left_before = Signal()      # a word was issued: told a cycle later, since that is far away
        m.d.sync += left_before.eq(leave)
        m.d.sync += ahead.eq(up_or_down(ahead, request, left_before))

        # Fetch: the address, what the memory shows, and that in its own output register.
        addressed, fetched = Signal(), Signal()
        m.d.sync += [addressed.eq(request), fetched.eq(addressed), write_word.en.eq(fetched)]
        m.d.comb += [
            read.addr.eq(register(m, request_word, "address")),
            read.en.eq(addressed),
            write_word.data.eq(register(m, read.data, "fetched_word")),
            head_word.addr.eq(head_number),
            head_info.addr.eq(head_number),
        ]
        with m.If(write_word.en):
            m.d.sync += write_word.addr.eq(write_word.addr + 1)
        m.d.sync += shown.eq(write_word.en | (arrived > 1) | ((arrived == 1) & ~leave))
        m.d.sync += arrived.eq(up_or_down(arrived, write_word.en, leave))
        m.d.comb += self.idle.eq((ahead == 0) & ~issuing)

        return m
