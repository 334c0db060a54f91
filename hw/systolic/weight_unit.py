"""Weight memory, weight FIFO, and the shift of tiles into the array."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from golden.formats import WEIGHT_FIFO_TILES

from ..common.shift_counts import round_trip
from ..emission import replicate
from .operations import weight_operation
from .weight_bank import WeightBank
from .weight_fetch import WeightFetch

__all__ = ["WeightUnit"]


class WeightUnit(wiring.Component):
    """Brings tiles to the array in the order in which Read_Weights ask for them.

    Tiles come out of the weight memory row by row, last row first, wait in a FIFO that holds
    WEIGHT_FIFO_TILES of them, and are shifted into the shadow registers of the array, where one
    waits until the matrix unit has `taken` it with the first row of activations that it multiplies.

    A tile is shifted while the matrix unit still works on what comes before it. Everything is a
    known number of cycles away from the array: a row of activations `feed_cycles`, a tile less; so
    its shift is decided on first, in cycle v, and done ``feed_cycles - 3`` cycles later.

    Timing, for tile n, in cycles; `taken` is the first row's, and the row is at the array in
    ``taken(n) + feed_cycles``:

    * ``begin(n) >= accepted + 2`` for the first tile of a Read_Weights (`operations` transferred in
      cycle `accepted`), ``begin(n) >= begin(n-1) + rows``, and
      ``begin(n) >= v(n-4) + feed_cycles - 2``, when a place in the FIFO is free;
    * ``v(n) = max(begin(n) + 1 + max(0, 5 - feed_cycles), taken(n-1) + 1)``; without the second for
      the first tile of a run;
    * ``taken(n) >= v(n) + rows - 1``: `ready` is high from then on, until `taken`.

    So tiles that wait in the FIFO can be taken every `rows` cycles.

    Parameters
    ----------
    config : hw.config.DenseConfig
        Array, weights, and size of the weight memory.
    feed_cycles : int
        Cycles from `taken` until the row is at the array, at least 3.

    Attributes
    ----------
    parts : int
        32-bit parts of a row of a tile.

    Members
    -------
    load : In(1)
        Write `load_data` as part `load_part` of row `load_address` of the weight memory, one cycle
        later. Not while tiles are being read.
    load_address, load_part, load_data : In
    clear : In(1)
        Forget all tiles and all Read_Weights. Memories keep what they hold.
    operations : In(stream.Signature(weight_operation(config)))
        Read_Weights; at most WEIGHT_FIFO_TILES wait.
    ready : Out(1)
        A tile can be taken.
    readies : Out(1)
        Another can from the next cycle on, whether or not one is taken now.
    taken : In(1)
        It is. Only while `ready`.
    stalled : Out(1)
        No tile is ready, being shifted or about to be: it has yet to come out of the weight memory.
    weights : Out(ArrayLayout(signed(weight_width), columns))
    shift, shift_first : Out(1)
        See `SystolicArray`.
    """

    def __init__(self, *, config, feed_cycles):
        if feed_cycles < 3:
            raise ValueError(f"A row must be fed 3 cycles before it is multiplied, at least, not "
                             f"{feed_cycles}")
        self.rows = config.rows
        self.feed_cycles = feed_cycles
        self.depth = config.weight_depth
        self.width = config.columns * config.weight_width
        self.parts = config.weight_words
        operation = weight_operation(config)
        self.fetch = WeightFetch(rows=config.rows, depth=config.weight_depth, operation=operation)
        super().__init__({
            "load": In(1),
            "load_address": In(ceil_log2(config.weight_depth)),
            "load_part": In(range(max(2, self.parts))),
            "load_data": In(32),
            "clear": In(1),
            "operations": In(stream.Signature(operation)),
            "ready": Out(1),
            "readies": Out(1),
            "taken": In(1),
            "stalled": Out(1),
            "weights": Out(data.ArrayLayout(signed(config.weight_width), config.columns)),
            "shift": Out(1),
            "shift_first": Out(1),
        })

    def elaborate(self, platform):
        m = Module()

        rows, capacity = self.rows, WEIGHT_FIFO_TILES

        m.submodules.fetch = fetch = self.fetch
        wiring.connect(m, wiring.flipped(self.operations), fetch.operations)

        # The FIFO: rows of tiles, as they are to be shifted. A row is written as soon as it comes
        # out of the memory's register, and may be read in the cycle after it; both in the order of
        # `shift_codes`.
        arriving = Signal(2)
        m.d.sync += arriving.eq(Cat(fetch.read, arriving))
        shifts = Signal()
        write_row = round_trip(m, "write_row", length=capacity * rows, advance=arriving[1])
        read_row = round_trip(m, "read_row", length=capacity * rows, advance=shifts)

        # The decision to shift: `present` tiles will be there in time.
        delay = self.feed_cycles - 3
        begins = Signal(max(0, 2 - delay) + 1)
        present = Signal(range(capacity + 1))
        shadow_free = Signal(init=1)
        start = Signal()
        m.d.sync += begins[1:].eq(begins)
        m.d.comb += [begins[0].eq(fetch.begins), start.eq(shadow_free & (present != 0))]
        m.d.sync += present.eq(present + begins[-1] - start)

        # `left` more cycles of the shift that has been decided on. The tile can be taken with the
        # last of them, since its first row of activations is a cycle behind.
        left = Signal(range(rows))
        with m.If(start):
            m.d.sync += [left.eq(rows - 1), shadow_free.eq(0)]
        with m.Elif(left != 0):
            m.d.sync += left.eq(left - 1)
        with m.If(self.taken):
            m.d.sync += shadow_free.eq(1)
        m.d.comb += [
            self.stalled.eq(shadow_free & (present == 0)),
        ]
        if rows == 2:
            m.d.comb += self.readies.eq(start)
        else:
            m.d.sync += self.readies.eq(start if rows == 3 else left == 3)
        m.d.sync += self.ready.eq(self.ready & ~self.taken | self.readies)

        # The shift, when the rows of activations before it have come as far as the array.
        steps, firsts = Signal(delay + 3), Signal(delay + 3)
        m.d.comb += [steps[0].eq(start | (left != 0)), firsts[0].eq(start)]
        m.d.sync += [steps[1:].eq(steps), firsts[1:].eq(firsts)]
        m.d.comb += [
            shifts.eq(steps[delay]),
            self.shift.eq(steps[-1]),
            self.shift_first.eq(firsts[-1]),
        ]

        banks = self._banks(m, platform)
        for part, bank in enumerate(banks):
            m.d.comb += [
                bank.load.eq(self.load & (self.load_part == part)),
                bank.load_row.eq(self.load_address),
                bank.load_data.eq(self.load_data),
                bank.fetch.eq(fetch.active),
                bank.fetch_row.eq(fetch.address),
                bank.write.eq(arriving[1]),
                bank.write_row.eq(write_row),
                bank.read.eq(shifts),
                bank.read_row.eq(read_row),
            ]
        m.d.comb += Value.cast(self.weights).eq(Cat(bank.weights for bank in banks))

        # Places taken in the FIFO, from a tile's first address to the first row that leaves.
        places = Signal(range(capacity + 1))
        m.d.sync += places.eq(places + fetch.begins - firsts[delay])
        m.d.comb += [fetch.room.eq(places != capacity), fetch.clear.eq(self.clear)]

        with m.If(self.clear):
            m.d.sync += [
                arriving.eq(0), begins[1:].eq(0), present.eq(0), shadow_free.eq(1), left.eq(0),
                self.ready.eq(0), steps[1:].eq(0), firsts[1:].eq(0), places.eq(0),
                write_row.eq(write_row.init), read_row.eq(read_row.init),
            ]
            if rows > 2:
                m.d.sync += self.readies.eq(0)

        return m

    def _banks(self, m, platform):
        """Add the memories, in banks of 32 bits; return them, lowest columns first."""
        def bank(width=32):
            return WeightBank(width=width, depth=self.depth,
                              fifo_depth=1 << ceil_log2(WEIGHT_FIFO_TILES * self.rows))

        count, rest = divmod(self.width, 32)
        banks = replicate(m, "bank", bank(), bank, count, platform) if count else []
        if rest:
            m.submodules.last_bank = last = bank(rest)
            banks = [*banks, last]
        return banks
