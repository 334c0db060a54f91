"""Weight memory and weight FIFO of some columns of the array."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..common.pipeline import register
from ..memory import Collision, Style, block_ram

__all__ = ["WeightBank"]


class WeightBank(wiring.Component):
    """The part of every row of weights that the host writes as one word.

    Timing: a word is in the memory two cycles after `load`. A row of the memory read in cycle t is
    put into row `write_row` of the FIFO in cycle t + 2, if `write` is high then, and may be read
    from it from cycle t + 3 on; `weights` is the row read two cycles before.

    Parameters
    ----------
    width : int
        Bits of the part, up to 32.
    depth, fifo_depth : int
        Rows in the memory and in the FIFO.

    Members
    -------
    load : In(1)
    load_row : In(range(depth))
    load_data : In(32)
    fetch : In(1)
    fetch_row : In(range(depth))
    write : In(1)
    write_row : In(range(fifo_depth))
    read : In(1)
    read_row : In(range(fifo_depth))
    weights : Out(width)
    """

    def __init__(self, *, width, depth, fifo_depth):
        if not 1 <= width <= 32:
            raise ValueError(f"A bank has 1 to 32 bits, not {width}")
        self.width = width
        self.depth = depth
        self.fifo_depth = fifo_depth
        super().__init__({
            "load": In(1),
            "load_row": In(range(depth)),
            "load_data": In(32),
            "fetch": In(1),
            "fetch_row": In(range(depth)),
            "write": In(1),
            "write_row": In(range(fifo_depth)),
            "read": In(1),
            "read_row": In(range(fifo_depth)),
            "weights": Out(width),
        })

    def elaborate(self, platform):
        m = Module()

        memory_write, memory_read = block_ram(
            m, "memory", shape=self.width, depth=self.depth, collision=Collision.NEVER)
        fifo_write, fifo_read = block_ram(
            m, "fifo", shape=self.width, depth=self.fifo_depth, collision=Collision.NEVER,
            style=Style.BLOCK)
        load = Signal()
        m.d.sync += load.eq(self.load)
        m.d.comb += [
            memory_write.addr.eq(register(m, self.load_row, "load_row_held")),
            memory_write.data.eq(register(m, self.load_data[:self.width], "load_data_held")),
            memory_write.en.eq(load),
            memory_read.addr.eq(self.fetch_row),
            memory_read.en.eq(self.fetch),
            fifo_write.addr.eq(self.write_row),
            fifo_write.data.eq(register(m, memory_read.data, "fetched")),
            fifo_write.en.eq(self.write),
            fifo_read.addr.eq(self.read_row),
            fifo_read.en.eq(self.read),
            self.weights.eq(register(m, fifo_read.data, "shown")),
        ]

        return m
