"""The pointer memory of one processing element."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from ..memory import Collision, block_ram

__all__ = ["PointerReader"]


class PointerReader(wiring.Component):
    """Reads where a column begins and ends, p_j and p_j+1, in one cycle (EIE, section IV).

    Pointers of even and odd number lie in two banks, so the two that a column needs are always in
    different ones.

    Timing: a pipeline of four stages that moves when `advance` is high: the addresses presented in
    one such cycle give `empty` after the third, and `first` and `last` after the fourth.

    Parameters
    ----------
    depth : int
        Pointers, even.
    pointer_width : int
        Width of a pointer, in bits.
    output_registers : bool
        See `hw.config.SparseConfig`; without, addresses come two `advance` later and `odd` one, and
        the pipeline has two stages.

    Members
    -------
    load : In(1)
        Write pointer number `load_address`.
    advance : In(1)
    present : In(1)
        The addresses are those of a column; otherwise nothing is read.
    even_address, odd_address : In
        Where the two pointers lie in their banks.
    odd : In(1)
        The column number is odd: p_j is the one in the odd bank. Follows the addresses by two
        `advance`.
    first, last : Out(pointer_width)
        First and last entry of the column.
    empty : Out(1)
        The column has no entries: of the one that is shown by `first` and `last` after the next
        `advance`.
    """

    def __init__(self, *, depth, pointer_width, output_registers=True):
        if depth < 2 or depth % 2:
            raise ValueError(f"Pointer depth must be even and at least 2, not {depth}")
        self.depth = depth
        self.pointer_width = pointer_width
        self.output_registers = output_registers
        super().__init__({
            "load": In(1),
            "load_address": In(range(depth)),
            "load_data": In(pointer_width),
            "advance": In(1),
            "present": In(1),
            "even_address": In(range(max(2, depth // 2))),
            "odd_address": In(range(max(2, depth // 2))),
            "odd": In(1),
            "first": Out(pointer_width),
            "last": Out(pointer_width),
            "empty": Out(1),
        })

    def elaborate(self, platform):
        m = Module()

        # The host loads only pointers that no running layer reads, so ports never collide.
        reads = []
        for parity, address in enumerate((self.even_address, self.odd_address)):
            write, read = block_ram(m, ("even", "odd")[parity], shape=self.pointer_width,
                                    depth=self.depth // 2, collision=Collision.NEVER)
            m.d.comb += [
                write.addr.eq(self.load_address[1:]),
                write.data.eq(self.load_data),
                write.en.eq(self.load & (self.load_address[0] == parity)),
                read.addr.eq(address[:max(0, ceil_log2(self.depth // 2))]),
                read.en.eq(self.advance & self.present),
            ]
            reads.append(read.data)
        even, odd = reads

        # What is read comes in the memory's own output register, and over a long way from there: it
        # is looked at only then.
        begin, end = even, odd
        if self.output_registers:
            even_pointer, odd_pointer, begin, end = (
                Signal(self.pointer_width, name=name, reset_less=True)
                for name in ("even_pointer", "odd_pointer", "begin", "end"))
            with m.If(self.advance):
                m.d.sync += [
                    even_pointer.eq(even),
                    odd_pointer.eq(odd),
                    begin.eq(Mux(self.odd, odd_pointer, even_pointer)),
                    end.eq(Mux(self.odd, even_pointer, odd_pointer)),
                ]
        m.d.comb += self.empty.eq(begin == end)
        if not self.output_registers:
            begin, end = Mux(self.odd, odd, even), Mux(self.odd, even, odd)
        with m.If(self.advance):
            m.d.sync += [self.first.eq(begin), self.last.eq(end - 1)]

        return m
