"""Selects columns of accumulators, and takes the largest sum of each over a window."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..common.pipeline import delay, register

__all__ = ["PoolingUnit"]

#: Values that one look-up table can merge.
_MERGED = 4


class PoolingUnit(wiring.Component):
    """Maximum of lanes of columns over consecutive rows, those of a window.

    With beat number b of the columns, lane l has column b * lanes + l::

        largest[l] = max of sums[b * lanes + l] over the rows from one with `first` on

    A column that is not selected is cleared as it is taken over, so that a lane's columns can be
    merged by OR: a fourth of the logic of a multiplexer.

    Timing: `largest` includes a row `latency` cycles after `valid`, and stays until the next.

    Parameters
    ----------
    columns, lanes : int
    width : int
        Bits of a sum.

    Attributes
    ----------
    latency : int
        2, and 1 for each factor of 4 from `lanes` to `columns`, rounded up.

    Members
    -------
    sums : In(ArrayLayout(signed(width), columns))
    valid : In(1)
        `sums` are those of a row to be taken: the first of a window if `first`; of its columns,
        beat number `beat`.
    first : In(1)
    beat : In
    clear : In(1)
        `largest` are 0 from the next cycle on, whatever comes.
    largest : Out(ArrayLayout(signed(width), lanes))
    """

    def __init__(self, *, columns, lanes, width):
        if not 1 <= lanes <= columns:
            raise ValueError(f"Lanes must be from 1 to the columns, {columns}, not {lanes}")
        self.columns = columns
        self.lanes = lanes
        self.width = width
        self.beats = -(-columns // lanes)
        self._levels, left = 0, self.beats
        while left > 1:
            self._levels, left = self._levels + 1, -(-left // _MERGED)
        self.latency = 2 + self._levels
        super().__init__({
            "sums": In(data.ArrayLayout(signed(width), columns)),
            "valid": In(1),
            "first": In(1),
            "beat": In(range(max(2, self.beats))),
            "clear": In(1),
            "largest": Out(data.ArrayLayout(signed(width), lanes)),
        })

    def elaborate(self, platform):
        m = Module()

        # Take over the columns of the beat, and zeros for the others.
        taken = []
        for column in range(self.columns):
            own = Signal(self.width, name=f"column_{column}", reset_less=True)
            m.d.sync += own.eq(self.sums[column])
            if self.beats > 1:
                with m.If(self.beat != column // self.lanes):
                    m.d.sync += own.eq(0)
            taken.append(own)
        valid = Signal()
        m.d.sync += valid.eq(self.valid)
        first = register(m, self.first & self.valid, "taken_first")

        # Merge what a lane has taken.
        merged = [taken[lane::self.lanes] for lane in range(self.lanes)]
        for level in range(self._levels):
            following = []
            for lane, values in enumerate(merged):
                following.append([])
                for at in range(0, len(values), _MERGED):
                    value = 0
                    for part in values[at:at + _MERGED]:
                        value = value | part
                    following[-1].append(register(m, value, f"merged_{level}_{lane}_{at}"))
            merged = following
        valid = delay(m, valid, self._levels, "merged_valid", resets=True)
        first = delay(m, first, self._levels, "merged_first")

        # Keep the largest. One subtraction tells whether to take the next: above all it matters
        # that it is the `first`, then that it is valid at all. The signs of both have changed
        # places, which makes a comparison of signed numbers one of unsigned ones.
        for lane, (value,) in enumerate(merged):
            largest = Signal(self.width, name=f"largest_{lane}", reset_less=True)
            difference = (Cat(largest[:-1], value[-1], Const(1, 1), Const(0, 1))
                          - Cat(value[:-1], largest[-1], valid, first))
            with m.If(difference[-1]):
                m.d.sync += largest.eq(value)
            with m.If(self.clear):
                m.d.sync += largest.eq(0)
            m.d.comb += self.largest[lane].eq(largest.as_signed())

        return m
