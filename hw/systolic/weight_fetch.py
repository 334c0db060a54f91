"""Carries out Read_Weights: from the weight memory to the weight FIFO."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from golden.formats import WEIGHT_FIFO_TILES

from ..common.shift_counts import queue_rows, round_trip, shift_codes
from ..memory import register_file

__all__ = ["WeightFetch"]


class WeightFetch(wiring.Component):
    """Addresses of the weight memory, a tile at a time, the last row of a tile first.

    Read_Weights wait in a queue of WEIGHT_FIFO_TILES. A tile is begun when there is `room` for it,
    and then takes `rows` consecutive cycles.

    Timing: the first address of an instruction that finds nothing before it is there in the second
    cycle after its acceptance. Tiles that find `room` follow each other without a gap, those of the
    next instruction too. `room` is looked at in the first cycle of a tile only.

    Parameters
    ----------
    rows : int
        Rows of a tile, at least 2.
    depth : int
        Rows in the weight memory.
    operation : StructLayout
        See `hw.systolic.operations.weight_operation`.

    Members
    -------
    clear : In(1)
        Forget everything.
    operations : In(stream.Signature(operation))
        `tiles` is not 0.
    room : In(1)
    active : Out(1)
        `address` is to be read, now or when there is room.
    read : Out(1)
        It is, now.
    address : Out(range(depth))
    begins : Out(1)
        It is the first of a tile.
    """

    def __init__(self, *, rows, depth, operation):
        if rows < 2:
            raise ValueError(f"A tile has at least 2 rows, not {rows}")
        self.rows = rows
        self.depth = depth
        super().__init__({
            "clear": In(1),
            "operations": In(stream.Signature(operation)),
            "room": In(1),
            "active": Out(1),
            "read": Out(1),
            "address": Out(range(depth)),
            "begins": Out(1),
        })

    def elaborate(self, platform):
        m = Module()

        rows = self.rows
        # An instruction waits as it came.
        write, (waiting,) = register_file(m, "queue", shape=self.operations.payload.shape(),
                                          depth=WEIGHT_FIFO_TILES)
        accepted, taken, counts = Signal(), Signal(), Signal()
        m.d.sync += counts.eq(taken)
        # It leaves the queue in the cycle after it was taken: the next one is not taken in that.
        head, tail, some, free = queue_rows(m, depth=WEIGHT_FIFO_TILES, write=accepted, read=counts)
        m.d.comb += [
            self.operations.ready.eq(free),
            accepted.eq(self.operations.valid & self.operations.ready),
            # Before it is known whether there is one: that comes late.
            write.en.eq(self.operations.ready),
            write.addr.eq(tail),
            write.data.eq(self.operations.payload),
            waiting.addr.eq(head),
        ]

        # `active`: row `address` is the next to read, `first` or `last` of its tile. From the
        # second row of a tile on, `more` is the number of tiles behind it, less 1.
        active, first, last = self.active, Signal(init=1), Signal()
        more = Signal(signed(17), init=-2)
        adds = Signal(signed(17), init=-1)
        row = round_trip(m, "row", length=rows, advance=self.read)
        ends = self.read & last
        m.d.comb += [
            self.read.eq(active & (~first | self.room)),
            self.begins.eq(active & first & self.room),
            taken.eq(some & (~active | (ends & more[-1]))),
        ]
        with m.If(self.read):
            m.d.sync += [first.eq(last), last.eq(row == shift_codes(len(row))[rows - 2])]
        with m.If(taken):
            m.d.sync += active.eq(1)
        with m.Elif(ends & more[-1]):
            m.d.sync += active.eq(0)

        # From row to row, to the last one of the next tile, to the last one of an instruction, if
        # there is one: that comes late, and matters no more.
        anew = ~active | (last & more[-1])
        with m.If(self.read | ~active):
            m.d.sync += self.address.eq(
                Mux(anew, waiting.data.address, self.address)
                + Mux(anew, rows - 1, Mux(last, 2 * rows - 1, -1)))
        # A tile is counted with its last row, and those of an instruction when it has been taken.
        m.d.sync += adds.eq(Mux(anew, waiting.data.tiles, -1))
        with m.If(ends | counts):
            m.d.sync += more.eq(more + adds)

        return ResetInserter(self.clear)(m)
