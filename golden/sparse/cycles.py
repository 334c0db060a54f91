"""Cycle model of the sparse core: when each processing element does what, to the cycle.

Cycles are not simulated one by one. The times at which columns are broadcast, taken from queues and
finished follow from each other by maxima and sums, so the model walks over the columns once; what
their readers do it works out for all processing elements (PEs) of a column group, and as many
columns as a queue holds, at a time (`.reader_cycles`).
"""

from dataclasses import dataclass

import numpy as np

from .broadcast_cycles import BankScan, broadcast
from .reader_cycles import ColumnReaders

__all__ = ["LayerCycles", "layer_cycles"]

#: Cycles from the last thing to be seen at work to the end of the multiplication: two in which
#: that is noticed, and those in which the last sum gets to its memory.
_SETTLE_CYCLES = 9
#: Cycles of a layer before its multiplication: descriptor, comparison, start.
_DESCRIBE_CYCLES = 13
#: Cycles from the end of the multiplication to the first result, if there is one group.
_DRAIN_CYCLES = 20


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
        Cycles in which a broadcast waited for a queue, summed over column groups.
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


def layer_cycles(encoded, nonzero, *, lanes, queue_depth, lookahead, lockstep, map_width,
                 offsets=None):
    """Predict the counters of the core for one layer.

    Parameters
    ----------
    encoded : EncodedLayer
    nonzero : ndarray of bool, shape (columns,)
        Which activations are not zero, by input position.
    lanes, queue_depth, lookahead, lockstep, map_width
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
        scans = [BankScan(np.flatnonzero(nonzero[bank::banks]), words, map_width)
                 for bank in range(group, banks, groups)]
        mine = np.concatenate([(scan.columns * banks + bank) // groups for bank, scan
                               in zip(range(group, banks, groups), scans, strict=True)])
        readers = ColumnReaders(encoded, elements, offsets[elements], mine,
                                queue_depth=queue_depth, lookahead=lookahead)
        end, stalls = broadcast(scans, readers, queue_depth, words, lockstep=lockstep)
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
        total_cycles=(_DESCRIBE_CYCLES + cycles + _DRAIN_CYCLES
                      + (banks.bit_length() if banks > 1 else 0) + beats),
        columns=int(nonzero.sum()),
        queue_full=int(queue_full),
        busy=busy,
        wasted=busy - products if padded else 0,
        escapes=entries - busy,
        pe_busy=pe_busy,
        pe_last=pe_last,
    )
