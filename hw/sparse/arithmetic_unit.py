"""Codebook, multiplier and accumulators of one processing element."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..common.multiplier import Multiplier
from ..common.pipeline import register
from ..memory import Collision, block_ram
from .operation import operation_layout

__all__ = ["ArithmeticUnit"]


class ArithmeticUnit(wiring.Component):
    """Performs ``sum[row] += codebook[index] * activation`` (EIE, section IV), one per cycle.

    Sums start at zero and saturate to `sum_width` bits; an addition that saturates pulses
    `saturated`. The same row may come any number of cycles in a row. While no operation is in
    flight, `drain` reads sums out and clears them.

    Timing: an operation every cycle; a sum is in the memory `latency` cycles after its operation,
    or a cycle earlier without `output_registers`, when operations have to come from registers.
    `drained` holds the sum of the row drained `drain_latency` cycles before, until another is.

    Parameters
    ----------
    depth : int
        Rows, a power of two.
    codebook_count : int
        Codebooks that are held at once.
    index_width, skip_width, weight_width, activation_width, sum_width : int
        Widths in bits.
    output_registers : bool
        See `hw.config.SparseConfig`.

    Members
    -------
    load : In(1)
        Write weight `load_address`; codebook c begins at ``c * 2**index_width``.
    codebook : In(range(codebook_count))
        The codebook in use.
    valid : In(1)
    operation : In(operation_layout)
    drain : In(1)
        Read row `drain_row` and clear it.
    drained : Out(signed(sum_width))
    saturated : Out(1)
    """

    #: Cycles from an operation to its sum.
    latency = 7
    #: Cycles from `drain` to `drained`.
    drain_latency = 4

    def __init__(self, *, depth, codebook_count, index_width, skip_width, weight_width,
                 activation_width, sum_width, output_registers=True):
        if depth < 2 or depth.bit_count() != 1:
            raise ValueError(f"Accumulator depth must be a power of two and at least 2, "
                             f"not {depth}")
        self.depth = depth
        self.codebook_depth = codebook_count << index_width
        self.index_width = index_width
        self.weight_width = weight_width
        self.sum_width = sum_width
        self.output_registers = output_registers
        super().__init__({
            "load": In(1),
            "load_address": In(range(self.codebook_depth)),
            "load_data": In(signed(weight_width)),
            "codebook": In(range(max(2, codebook_count))),
            "valid": In(1),
            "operation": In(operation_layout(
                index_width=index_width, skip_width=skip_width,
                activation_width=activation_width)),
            "drain": In(1),
            "drain_row": In(range(depth)),
            "drained": Out(signed(sum_width)),
            "saturated": Out(1),
        })

    def elaborate(self, platform):
        m = Module()

        codebook_write, codebook_read = block_ram(
            m, "codebooks", shape=signed(self.weight_width), depth=self.codebook_depth,
            collision=Collision.NEVER)
        # Reads never meet writes of their row: nothing reads a row that is younger than 4 cycles.
        # What it would have read is forwarded instead.
        sums_write, sums_read = block_ram(
            m, "sums", shape=signed(self.sum_width), depth=self.depth, collision=Collision.NEVER)

        row_shape = range(self.depth)
        product_width = self.weight_width + len(self.operation.activation)

        # Stage 1: the operation as it comes.
        valid_1, operation_1 = self.valid, self.operation
        if self.output_registers:
            valid_1 = Signal()
            operation_1 = Signal.like(self.operation, reset_less=True)
            m.d.sync += [valid_1.eq(self.valid), operation_1.eq(self.operation)]
        m.d.comb += [
            codebook_write.addr.eq(self.load_address),
            codebook_write.data.eq(self.load_data),
            codebook_write.en.eq(self.load),
            codebook_read.addr.eq(Cat(operation_1.index, self.codebook)),
            codebook_read.en.eq(valid_1),
        ]

        # Stage 2: `row_2` is the row to be added to, the codebook shows the weight.
        valid_2 = Signal()
        row_2 = Signal(row_shape, reset_less=True)
        activation_2 = Signal.like(self.operation.activation, reset_less=True)
        m.d.sync += [valid_2.eq(valid_1), activation_2.eq(operation_1.activation)]
        with m.If(valid_1):
            m.d.sync += row_2.eq(Mux(operation_1.starts, 0, row_2 + 1) + operation_1.skip)

        # Stages 3 to 8, named before they are filled because sums are forwarded between them. Stage
        # 3 has the operands of the multiplication, in registers of the multiplier. A row to be
        # drained joins there, since nothing else is in flight.
        valid_3, valid_4, valid_5, valid_6, valid_7 = (
            Signal(name=f"valid_{stage}") for stage in range(3, 8))
        row_3, row_4, row_5, row_6, row_7 = (
            Signal(row_shape, name=f"row_{stage}", reset_less=True) for stage in range(3, 8))
        draining_3, draining_4, draining_5, draining_6 = (
            Signal(name=f"draining_{stage}") for stage in range(3, 7))
        product_5, product_6 = (Signal(signed(product_width), name=f"product_{stage}",
                                       reset_less=True) for stage in (5, 6))
        sum_7, sum_8 = (Signal(signed(self.sum_width), name=f"sum_{stage}", reset_less=True)
                        for stage in (7, 8))
        m.submodules.multiply = multiply = Multiplier(
            a_width=len(activation_2), b_width=self.weight_width, summed=False)
        m.d.comb += [
            multiply.a[0].eq(activation_2),
            multiply.b[0].eq(codebook_read.data),
            multiply.load.eq(1),
        ]
        m.d.sync += [
            valid_3.eq(valid_2 | self.drain), valid_4.eq(valid_3), valid_5.eq(valid_4),
            valid_6.eq(valid_5), valid_7.eq(valid_6),
            row_3.eq(Mux(self.drain, self.drain_row, row_2)), row_4.eq(row_3), row_5.eq(row_4),
            row_6.eq(row_5), row_7.eq(row_6),
            draining_3.eq(self.drain), draining_4.eq(draining_3), draining_5.eq(draining_4),
            draining_6.eq(draining_5),
            product_5.eq(multiply.product[0]), product_6.eq(product_5),
        ]

        # Stage 3 reads the row. Which of the operations ahead work on the same one is found out a
        # stage before: one stage ahead, two, three, or four, which is being written then. In stage
        # 5 there is what the row held, from the memory's own output register or from a sum on its
        # way there: the one that is in stage 7 now, or was there or a stage behind it a cycle
        # before.
        reading = Signal()
        held_6 = Signal(signed(self.sum_width), reset_less=True)
        ahead = [(valid_3, row_3), (valid_4, row_4), (valid_5, row_5), (valid_6, row_6)]
        if not self.output_registers:
            del ahead[3:]
        same = [valid_2 & valid & (row_2 == row) for valid, row in ahead]
        same_3 = register(m, Cat(same), "same_3")
        same_4 = register(m, same_3, "same_4")
        same_5 = register(m, Cat(same_4[:2], same_4[2:].any()), "same_5")
        same_6 = register(m, same_5[0], "same_6")
        if self.output_registers:
            m.d.sync += reading.eq((valid_2 & ~same[3]) | self.drain)
            m.d.comb += sums_read.addr.eq(row_3)
            stored_5 = register(m, sums_read.data, "stored_5")
            passed_5 = register(m, Mux(same_4[2], sum_7, sum_8), "passed_5")
            choice = Mux(same_5[1], sum_7, Mux(same_5[2], passed_5, stored_5))
        else:       # stage 4 reads the row, so three stages ahead is being written
            m.d.sync += reading.eq(valid_3 & ~same_3[2])
            m.d.comb += sums_read.addr.eq(row_4)
            younger = Signal(signed(self.sum_width), attrs={"keep": 1})    # one gate to the memory
            m.d.comb += younger.eq(Mux(same_5[1], sum_7, sum_8))
            choice = Mux(register(m, same_4[1:].any(), "same_younger"), younger, sums_read.data)
        m.d.comb += sums_read.en.eq(reading)
        with m.If(valid_5):
            m.d.sync += held_6.eq(choice)
        m.d.comb += self.drained.eq(held_6)

        # Stage 6: the addition, to the sum of the operation just ahead if that has the same row.
        exact = Signal(signed(max(self.sum_width, product_width) + 1))
        top = (1 << self.sum_width - 1) - 1
        over, under = Signal(), Signal()
        m.d.comb += [
            exact.eq(Mux(same_6, sum_7, held_6) + product_6),
            over.eq(~exact[-1] & exact[self.sum_width - 1:-1].any()),
            under.eq(exact[-1] & ~exact[self.sum_width - 1:-1].all()),
        ]
        m.d.sync += [
            self.saturated.eq(valid_6 & ~draining_6 & (over | under)),
            sum_7.eq(Mux(draining_6, 0, Mux(over, top, Mux(under, ~top, exact)))),
            sum_8.eq(sum_7),
        ]

        # Stage 7: the sum goes to memory.
        m.d.comb += [
            sums_write.addr.eq(row_7),
            sums_write.data.eq(sum_7),
            sums_write.en.eq(valid_7),
        ]

        return m
