"""Carries out Read_Weights: from the weight memory to the weight FIFO."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from golden.formats import WEIGHT_FIFO_TILES

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
    read : Out(1)
        `address` is to be read.
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
            "read": Out(1),
            "address": Out(range(depth)),
            "begins": Out(1),
        })

    def elaborate(self, platform):
        m = Module()

        rows = self.rows
        address_width = len(self.address)
        # An instruction waits as the address that it reads first, and its tiles less one.
        waiting_layout = data.StructLayout({"address": address_width, "more": 16, "single": 1})
        write, (waiting,) = register_file(m, "queue", shape=waiting_layout,
                                          depth=WEIGHT_FIFO_TILES)
        write_at = Signal(range(WEIGHT_FIFO_TILES))
        read_at = Signal(range(WEIGHT_FIFO_TILES))
        level = Signal(range(WEIGHT_FIFO_TILES + 1))
        accepted = self.operations.valid & self.operations.ready
        taken = Signal()
        m.d.comb += [
            self.operations.ready.eq(level != WEIGHT_FIFO_TILES),
            # Before it is known whether there is one: that comes late.
            write.en.eq(self.operations.ready),
            write.addr.eq(write_at),
            write.data.address.eq(self.operations.payload.address + (rows - 1)),
            write.data.more.eq(self.operations.payload.tiles - 1),
            write.data.single.eq(self.operations.payload.tiles == 1),
            waiting.addr.eq(read_at),
        ]
        m.d.sync += [
            write_at.eq(write_at + accepted),
            read_at.eq(read_at + taken),
            level.eq(level + accepted - taken),
        ]

        # `active`: row `address` is the next to read, `first` or `last` of its tile; after this
        # tile come `more`, none of which is `last_tile`.
        active = Signal()
        first = Signal(init=1)
        last = Signal()
        rest = Signal(range(rows), init=rows - 1)
        more = Signal(16, reset_less=True)
        last_tile = Signal(reset_less=True)
        m.d.comb += [
            self.read.eq(active & (~first | self.room)),
            self.begins.eq(active & first & self.room),
        ]
        with m.If(self.read):
            m.d.sync += [
                first.eq(last),
                last.eq(rest == 1),
                rest.eq(Mux(last, rows - 1, rest - 1)),
                self.address.eq(self.address + Mux(last, 2 * rows - 1, -1)),
            ]
            with m.If(last):
                m.d.sync += [more.eq(more - 1), last_tile.eq(more == 1)]

        with m.If(~active | self.read & last & last_tile):
            m.d.comb += taken.eq(level != 0)
            m.d.sync += active.eq(level != 0)
            with m.If(level != 0):
                m.d.sync += [
                    self.address.eq(waiting.data.address),
                    more.eq(waiting.data.more),
                    last_tile.eq(waiting.data.single),
                ]

        return ResetInserter(self.clear)(m)
