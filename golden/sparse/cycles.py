"""Cycle model of the sparse core: when each processing element does what, to the cycle.

Cycles are not simulated one by one. The times at which columns are broadcast, taken from queues and
finished follow from each other by maxima and sums, so the model walks over the columns once, all
processing elements (PEs) of a column group at a time.
"""

from dataclasses import dataclass

import numpy as np

__all__ = ["LayerCycles", "layer_cycles"]

#: Cycles of advance between the detection of a non-zero activation and its broadcast.
_BROADCAST_STAGES = 5
#: Cycles from the last thing to be seen at work to the end of the multiplication: one in which
#: that is noticed, and those in which the last sum gets to its memory.
_SETTLE_CYCLES = 8
#: Cycles of a layer before its multiplication: descriptor, comparison, start.
_DESCRIBE_CYCLES = 11
#: Cycles from the end of the multiplication to the first result, but for the tree over groups.
_DRAIN_CYCLES = 16


@dataclass(frozen=True, eq=False)
class LayerCycles:
    """What a layer costs; the names are those of `golden.formats.Counter`.

    Parameters
    ----------
    cycles : int
        Cycles of matrix times vector, the fill and drain of the pipeline included.
    total_cycles : int
        Cycles with the layer's descriptor and the writing of its results.
    columns : int
        Non-zero activations.
    queue_full : int
        Cycles in which a broadcast waited for a full queue, summed over column groups.
    busy, wasted, escapes : int
        See `golden.formats.Counter`; summed over PEs.
    pe_busy : ndarray of int64, shape (pes,)
        Cycles in which each PE multiplied.
    pe_last : ndarray of int64, shape (pes,)
        Cycle in which each PE issued its last operation, 0 if it had none.
    """

    cycles: int
    total_cycles: int
    columns: int
    queue_full: int
    busy: int
    wasted: int
    escapes: int
    pe_busy: np.ndarray
    pe_last: np.ndarray

    @property
    def starved(self):
        """PE-cycles in which nothing was multiplied."""
        return len(self.pe_busy) * self.cycles - self.busy


class _Ticks:
    """Cycles in which the broadcast of one column group advanced.

    Until the last one that is known they may have gaps; after it they come one a cycle.
    """

    def __init__(self):
        self.known = [0]

    def __getitem__(self, tick):
        past = tick - len(self.known) + 1
        return self.known[tick] if past <= 0 else self.known[-1] + past

    def fix(self, tick, cycle):
        """Tick number `tick`, no earlier than any known one, happens in `cycle`."""
        while len(self.known) < tick:
            self.known.append(self.known[-1] + 1)
        self.known.append(cycle)

    def first_from(self, tick, cycle):
        """First tick from number `tick` on that happens in `cycle` or later."""
        if self[tick] >= cycle:
            return tick
        if tick < len(self.known):
            tick += int(np.searchsorted(self.known[tick:], cycle))
        return max(tick, len(self.known) - 1 + cycle - self.known[-1])


class _Scan:
    """One bank of activations: when its non-zero ones are found."""

    def __init__(self, columns, words, map_width):
        self.columns = columns                  # positions in the bank, ascending
        word = columns // map_width
        before = np.diff(word, prepend=-1) - 1  # words without any before each column's
        self.zero_words = np.where(before > 0, before, 0)
        self.trailing = words - 1 - (word[-1] if len(word) else -1)
        self.words = words


def layer_cycles(encoded, nonzero, *, lanes, queue_depth, lookahead, map_width, offsets=None):
    """Predict the counters of the core for one layer.

    Parameters
    ----------
    encoded : EncodedLayer
    nonzero : ndarray of bool, shape (columns,)
        Which activations are not zero, by input position.
    lanes, queue_depth, lookahead, map_width
        See `hw.config.SparseConfig`.
    offsets : ndarray of int, shape (pes,), optional
        Entries of other layers before this one's in each PE's memory; they decide which entries
        share a word.

    Returns
    -------
    LayerCycles
    """
    geometry, groups = encoded.geometry, encoded.groups
    pes, banks = geometry.pes, geometry.groups
    rows, columns = encoded.shape
    offsets = np.zeros(pes, dtype=np.int64) if offsets is None else np.asarray(offsets)
    nonzero = np.asarray(nonzero, dtype=bool)
    words = -(-columns // (map_width * banks))
    reader = (_FusedReader if geometry.escape else _PublishedReader)

    ends, queue_full = [], 0
    pe_last = np.zeros(pes, dtype=np.int64)
    for group in range(groups):
        elements = np.arange(group, pes, groups)
        part = reader(encoded, elements, offsets[elements], queue_depth, lookahead)
        ticks, tick, stalls = _Ticks(), -1, 0
        found, current = 2, 1       # when the scanner first shows something, and the bank is chosen
        for bank in range(group, banks, groups):
            scan = _Scan(np.flatnonzero(nonzero[bank::banks]), words, map_width)
            ready = found + (scan.zero_words[0] if len(scan.columns) else 0)
            for index, zeros in zip(scan.columns.tolist(), scan.zero_words.tolist(), strict=True):
                if tick >= 0 and index != scan.columns[0]:
                    ready = ticks[tick] + 1 + zeros
                tick = ticks.first_from(tick + 1, max(ready, current))
                arrival = ticks[tick + _BROADCAST_STAGES]
                cycle = part.push((index * banks + bank) // groups, arrival)
                stalls += cycle - arrival
                ticks.fix(tick + _BROADCAST_STAGES, cycle)
            exhausted = (ticks[tick] + max(1, scan.trailing) if len(scan.columns)
                         else words + 1)
            current = max(current, exhausted) + 1
        ends.append(max(current - 1, ticks[tick + _BROADCAST_STAGES] + 1 if tick >= 0 else 0,
                        part.idle))
        queue_full += stalls
        pe_last[elements] = part.last_operation

    active = _active_columns(encoded, nonzero)
    plain = ~encoded.is_escape
    pe_busy = _sum_over(encoded, active, plain)
    cycles = int(max(ends)) + _SETTLE_CYCLES
    beats = -(-rows // lanes)
    return LayerCycles(
        cycles=cycles,
        total_cycles=(_DESCRIBE_CYCLES + cycles + _DRAIN_CYCLES + banks.bit_length() - 1
                      + beats),
        columns=int(nonzero.sum()),
        queue_full=int(queue_full),
        busy=int(pe_busy.sum()),
        wasted=int(_sum_over(encoded, active, plain & (encoded.indices == 0)).sum()),
        escapes=int(_sum_over(encoded, active, encoded.is_escape).sum()),
        pe_busy=pe_busy,
        pe_last=pe_last,
    )


def _active_columns(encoded, nonzero):
    """Which local columns of each PE meet a non-zero activation, shape (pes, local_columns)."""
    active = np.zeros((encoded.groups, encoded.local_columns), dtype=bool)
    for group in range(encoded.groups):
        mine = nonzero[group::encoded.groups]
        active[group, :len(mine)] = mine
    return active[np.arange(encoded.geometry.pes) % encoded.groups]


def _sum_over(encoded, active, mask):
    """Entries with `mask` in the active columns of each PE, shape (pes,)."""
    sums = np.concatenate([[0], np.cumsum(mask)])
    pointers = encoded.starts[:-1, None] + encoded.pointers
    return (np.diff(sums[pointers], axis=1) * active).sum(axis=1)


class _Reader:
    """Queues and entry readers of the PEs of one column group."""

    def __init__(self, encoded, elements, offsets, queue_depth, lookahead):
        self.pointers = encoded.pointers[elements]
        self.offsets = offsets
        self.lookahead = lookahead
        self.queue_depth = queue_depth
        self.pushed = np.zeros(len(elements), dtype=np.int64)
        self.taken = np.full((len(elements), queue_depth), -1, dtype=np.int64)
        self.every = np.arange(len(elements))
        self.last_operation = np.zeros(len(elements), dtype=np.int64)

    def push(self, column, arrival):
        """Broadcast a local column that arrives in cycle `arrival`; return when it got through."""
        first, end = self.pointers[:, column], self.pointers[:, column + 1]
        wanted = np.flatnonzero(end > first) if self.lookahead else self.every
        if not len(wanted):
            return arrival
        place = self.pushed[wanted] % self.queue_depth
        cycle = max(arrival, int(self.taken[wanted, place].max()) + 1)
        self.taken[wanted, place] = self.read(wanted, first[wanted], end[wanted], cycle)
        self.pushed[wanted] += 1
        return cycle


class _PublishedReader(_Reader):
    """`hw.sparse.entry_reader`."""

    def __init__(self, *args):
        super().__init__(*args)
        self.free = np.zeros(len(self.every), dtype=np.int64)   # when the next can be accepted

    def read(self, which, first, end, cycle):
        """Return when each PE takes the column pushed in `cycle` from its queue."""
        accepted = np.maximum(self.free[which], cycle + 1)
        self.free[which] = accepted + np.maximum(end - first, 1)
        self.last_operation[which] = np.where(end > first, accepted + end - first,
                                              self.last_operation[which])
        return accepted

    @property
    def idle(self):
        """Cycle in which no PE has anything to do any more."""
        return int(self.free.max()) + 1 if self.pushed.any() else 1


class _FusedReader(_Reader):
    """`hw.sparse.fused_entry_reader`."""

    def __init__(self, encoded, elements, offsets, queue_depth, lookahead):
        super().__init__(encoded, elements, offsets, queue_depth, lookahead)
        self.word_entries = encoded.geometry.word_entries
        self.plain_before = np.concatenate([[0], np.cumsum(~encoded.is_escape)])
        self.starts = encoded.starts[elements]
        self.left = np.zeros(len(elements), dtype=np.int64)     # when the last word was moved on

    def read(self, which, first, end, cycle):
        """Return when each PE takes the column pushed in `cycle` from its queue."""
        size, offset, start = self.word_entries, self.offsets[which], self.starts[which]
        word = (first + offset) // size
        last_word = (end - 1 + offset) // size
        begin = first
        request = np.maximum(cycle + 1, self.left[which])
        finished = self.last_operation[which]
        left = self.left[which]
        going = np.ones(len(which), dtype=bool)
        while going.any():
            stop = np.minimum((word + 1) * size - offset, end)
            operations = self.plain_before[start + stop] - self.plain_before[start + begin]
            operations = np.maximum(operations, 1)      # an escape that is alone takes a cycle
            moved = np.maximum(request + 1, finished)
            finished = np.where(going, moved + operations, finished)
            left = np.where(going, moved, left)
            going &= word < last_word
            # The next word is requested in the cycle in which this one moves on.
            request = np.where(going, moved, request)
            begin = np.where(going, stop, begin)
            word = word + going
        self.last_operation[which] = finished
        self.left[which] = left
        return request

    @property
    def idle(self):
        """Cycle in which no PE has anything to do any more."""
        return int(self.last_operation.max()) + 1 if self.pushed.any() else 1
