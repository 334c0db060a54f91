"""Cycle model of the sparse core: when each processing element does what, to the cycle.

Cycles are not simulated one by one. The times at which columns are broadcast, taken from queues and
finished follow from each other by maxima and sums, so the model walks over the columns once; what
their readers do it works out for all processing elements (PEs) of a column group, and as many
columns as a queue holds, at a time (`.reader_cycles`).
"""

from dataclasses import dataclass

import numpy as np

from .reader_cycles import ColumnReaders

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

    padded = encoded.operations[-1] > np.count_nonzero(encoded.indices)

    ends, queue_full, entries, products = [], 0, 0, 0
    pe_busy, pe_last = np.zeros((2, pes), dtype=np.int64)
    for group in range(groups):
        elements = np.arange(group, pes, groups)
        scans = [_Scan(np.flatnonzero(nonzero[bank::banks]), words, map_width)
                 for bank in range(group, banks, groups)]
        mine = np.concatenate([(scan.columns * banks + bank) // groups for bank, scan
                               in zip(range(group, banks, groups), scans, strict=True)])
        readers = ColumnReaders(encoded, elements, offsets[elements], mine,
                                queue_depth=queue_depth, lookahead=lookahead)
        end, stalls = _broadcast(scans, readers, queue_depth, words)
        ends.append(end)
        queue_full += stalls
        pe_busy[elements], pe_last[elements] = readers.busy, readers.last_operation
        entries += int(readers.entries.sum())
        if padded:
            begins = encoded.starts[elements, None] + encoded.pointers[elements]
            products += int((encoded.products[begins[:, mine + 1]]
                             - encoded.products[begins[:, mine]]).sum())

    busy = int(pe_busy.sum())
    cycles = int(max(ends)) + _SETTLE_CYCLES
    beats = -(-rows // lanes)
    return LayerCycles(
        cycles=cycles,
        total_cycles=(_DESCRIBE_CYCLES + cycles + _DRAIN_CYCLES + banks.bit_length() - 1
                      + beats),
        columns=int(nonzero.sum()),
        queue_full=int(queue_full),
        busy=busy,
        wasted=busy - products if padded else 0,
        escapes=entries - busy,
        pe_busy=pe_busy,
        pe_last=pe_last,
    )


def _broadcast(scans, readers, queue_depth, words):
    """Broadcast what the banks of one column group hold, one bank after the other.

    Parameters
    ----------
    scans : list of _Scan
    readers : ColumnReaders
    queue_depth : int
    words : int
        Of the non-zero map of each bank.

    Returns
    -------
    end : int
        Cycle in which nothing is at work any more.
    stalls : int
        Cycles in which a broadcast waited for a full queue.
    """
    ticks, tick, stalls = _Ticks(), -1, 0
    found, current = 2, 1       # when the scanner first shows something, and the bank is chosen
    total = sum(len(scan.columns) for scan in scans)
    start, room, cycles = 0, [], []
    for scan in scans:
        first = True
        for zeros in scan.zero_words.tolist():
            if len(cycles) == len(room):
                if cycles:
                    readers.read(start, start + len(cycles), cycles)
                start += len(cycles)
                room, cycles = readers.room(start, min(start + queue_depth, total)), []
            ready = (found if first else ticks[tick] + 1) + zeros
            first = False
            tick = ticks.first_from(tick + 1, max(ready, current))
            arrival = ticks[tick + _BROADCAST_STAGES]
            cycle = max(arrival, room[len(cycles)])
            cycles.append(cycle)
            stalls += cycle - arrival
            ticks.fix(tick + _BROADCAST_STAGES, cycle)
        exhausted = (ticks[tick] + max(1, scan.trailing) if len(scan.columns) else words + 1)
        current = max(current, exhausted) + 1
    if cycles:
        readers.read(start, start + len(cycles), cycles)
    return max(current - 1, ticks[tick + _BROADCAST_STAGES] + 1 if tick >= 0 else 0,
               readers.idle), stalls
