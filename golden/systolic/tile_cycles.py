"""When the dense core reads tiles and when it multiplies by them, to the cycle."""

from collections import deque

from ..formats import WEIGHT_FIFO_TILES

__all__ = ["Multiplication", "TileCycles"]


class Multiplication:
    """When the rows of one multiplication are fed.

    Parameters
    ----------
    accumulator, rows : int
        Rows of accumulators that it writes.
    final : int
        Cycle in which the first row of its last tile is fed; the others follow, one a cycle.
    """

    def __init__(self, accumulator, rows, final):
        self.accumulator = accumulator
        self.rows = rows
        self.final = final

    @property
    def last(self):
        """Cycle in which its last row is fed."""
        return self.final + self.rows - 1


class TileCycles:
    """Weight memory, weight FIFO, shift into the array, and rows fed to it.

    All times of a multiplication are known when it is handed out, since what it waits for was
    handed out before it.

    Parameters
    ----------
    timing : DenseTiming
    weight_cycles : int
        Cycles from one tile to the next that the weight memory takes at least.

    Attributes
    ----------
    active, stall, shift : int
        Cycles so far in which a row was fed, and in which a multiplication waited for a tile to
        come out of the weight memory, or to be shifted.
    """

    def __init__(self, timing, weight_cycles):
        self.timing = timing
        self.array_rows = timing.geometry.rows
        self.weight_cycles = weight_cycles
        self.active = self.stall = self.shift = 0
        self._waiting = deque()     # [accepted, tiles left] of each Read_Weights
        self._queued = deque()      # when those left the queue that tiles have been read for
        self._fresh = True          # the next tile is the first of its Read_Weights
        self._begin = None          # first read of the last tile
        self._shifts = deque(maxlen=WEIGHT_FIFO_TILES)
        self._taken = None          # first row of the last tile
        self._rows = 0              # rows of the last tile
        self._last_row = -1

    def read_ready(self):
        """Cycle from which another Read_Weights is accepted."""
        excess = len(self._queued) + len(self._waiting) - WEIGHT_FIFO_TILES
        if not self._fresh:
            excess -= 1     # the one that is being worked on is in both
        # It is out of the queue in the cycle after it was taken, which shows in the next one.
        return self._queued[excess] + 2 if excess >= 0 else 0

    def read(self, accepted, tiles):
        """A Read_Weights is accepted."""
        self._waiting.append([accepted, tiles])

    def multiply(self, accepted, accumulator, rows, tiles, *, accumulates):
        """A multiplication is accepted.

        Parameters
        ----------
        accepted : int
            Cycle.
        accumulator, rows : int
            Rows of accumulators that it writes.
        tiles : int
            As many have been read.
        accumulates : bool
            Whether the first tile is added to what the accumulators hold.

        Returns
        -------
        Multiplication
        """
        timing, array_rows = self.timing, self.array_rows
        distance = max(array_rows, timing.accumulate_cycles)
        # A slow memory must be ahead of the shift, which takes a row a cycle.
        advance = 1 + max(0, 5 - timing.feed_cycles) + self.weight_cycles - array_rows
        for number in range(tiles):
            present = self._read_tile() + advance
            shift = present if self._taken is None else max(present, self._taken + 1)
            self._shifts.append(shift)
            ready = shift + array_rows - 1
            taken, waits = ready, self._last_row + 1
            if self._taken is not None:
                taken = max(taken, self._taken + max(self._rows, distance))
            if number == 0:
                taken = max(taken, accepted + timing.first_cycles)
                waits = max(waits, accepted + 1)
                if accumulates and self._taken is not None:
                    taken = max(taken, self._last_row + timing.accumulate_cycles)
            self.stall += max(0, present - waits)
            self.shift += max(0, ready - max(waits, present))
            self._taken, self._rows, self._last_row = taken, rows, taken + rows - 1
        self.active += tiles * rows
        return Multiplication(accumulator, rows, self._taken)

    def _read_tile(self):
        """Read the next tile; return the cycle of its first read."""
        read = self._waiting[0]
        begin = 0 if self._begin is None else self._begin + self.weight_cycles
        if self._fresh:
            queued = max(read[0] + 1, begin - 1)
            self._queued.append(queued)
            begin = queued + 1
        if len(self._shifts) == WEIGHT_FIFO_TILES:
            begin = max(begin, self._shifts[0] + self.timing.feed_cycles - 2)
        self._begin = begin
        read[1] -= 1
        self._fresh = read[1] == 0
        if self._fresh:
            self._waiting.popleft()
        return begin
