"""Events and area of cores that multiply a matrix by a vector: dense ones, EIE, and ours.

All have the same parts, so that what differs is what compression changes: `weights` (entries of
the matrix), `pointers`, `codebook`, `activations`, `queues` of them, `multiply`, and `sums`
(additions, and the memory of the accumulators, which is read and written for each). Batch 1: every
weight is read for one input.
"""

from dataclasses import dataclass

from .events import Accesses, DramReads, Operations
from .technology import add_area, memory_area, multiply_area

__all__ = ["EIE_MEMORIES", "SparseMemories", "dense_events", "sparse_area", "sparse_events"]

#: Dense core: as many multipliers and bytes for activations and weights as EIE's 64 elements.
_ELEMENTS, _BUFFER_BYTES, _WEIGHT_BYTES, _WEIGHT_READ_BITS = 64, 2048, 128 * 1024, 64
_ACCUMULATORS = 64


@dataclass(frozen=True, kw_only=True)
class SparseMemories:
    """Memories of a sparse core, in bytes, and the widths in bits of what they give.

    Parameters
    ----------
    pes : int
        Processing elements (PEs), each with all of these, but for the activations.
    entries, entry_width : int
        Memory of the matrix; width of a word.
    pointers, pointer_width : int
        One of two banks.
    codebook, weight_width : int
        Shared weights; width of an operand of the multiplier.
    accumulators, sum_width : int
    queue, queue_width : int
        Queue of activations; width of what waits in it for one column.
    activations, activation_width : int
        One bank; width of an operand of the multiplier.
    activation_banks : int
        Banks of activations in the core, source and destination.
    waiting, waiting_width : int
        Words of entries that wait between their memory and the multiplier, 0 if they do not.
    """

    pes: int
    entries: int
    entry_width: int
    pointers: int
    pointer_width: int
    codebook: int
    weight_width: int
    accumulators: int
    sum_width: int
    queue: int
    queue_width: int
    activations: int
    activation_width: int
    activation_banks: int
    waiting: int = 0
    waiting_width: int = 0


#: EIE as published (section IV): 128 KB of entries in words of 64 bits, 32 KB of pointers in two
#: banks, a codebook of 16 weights of 16 bits, register files of 64 activations of 16 bits as source
#: and as accumulators, a queue of 8 activations of 16 bits with the index of a column.
EIE_MEMORIES = SparseMemories(
    pes=64, entries=128 * 1024, entry_width=64, pointers=16 * 1024, pointer_width=16, codebook=32,
    weight_width=16, accumulators=128, sum_width=16, queue=28, queue_width=28, activations=128,
    activation_width=16, activation_banks=64)


def dense_events(rows, columns, *, width, floating=False, dram=True, positions=1):
    """Events of a dense layer, in which nothing is skipped.

    64 elements take a row each; an activation is read from a buffer of 2 KB for every 64 rows.

    Parameters
    ----------
    rows, columns : int
        Of the matrix; of a convolution: filters, and weights of a filter.
    width : int
        Bits of a weight and of an activation: 8, 16 or 32.
    floating : bool
        Sums are of the same floats; of integers they have 32 bits.
    dram : bool
        Weights come from DRAM, or else from 128 KB of SRAM beside each element.
    positions : int
        Vectors that the matrix is multiplied by: output pixels of a convolution. Weights are read
        once for all of them, but from SRAM for each.

    Returns
    -------
    list of Operations, Accesses and DramReads
    """
    macs = rows * columns * positions
    sum_width = width if floating else 32
    reads = positions * columns * -(-rows // _ELEMENTS)
    word = (DramReads("weights", rows * columns * width) if dram else
            Accesses("weights", _WEIGHT_BYTES, _WEIGHT_READ_BITS,
                     -(-macs * width // _WEIGHT_READ_BITS)))
    return [
        word,
        Accesses("activations", _BUFFER_BYTES, width, reads + rows * positions),
        Operations("multiply", "multiply", width, macs, floating),
        Operations("sums", "add", sum_width, macs, floating),
        Accesses("sums", _ACCUMULATORS * sum_width // 8, sum_width, 2 * macs),
    ]


def sparse_events(memories, *, rows, columns, groups, busy, reads, keeps_word=False):
    """Events of a layer on a sparse core, by its counters.

    Parameters
    ----------
    memories : SparseMemories
    rows : int
        Outputs.
    columns : int
        Activations that are not zero.
    groups : int
        Column groups, whose sums are added.
    busy : int
        Multiplications, padding included, see `golden.formats.Counter`.
    reads : golden.sparse.reads.MemoryReads
    keeps_word : bool
        The reader keeps its last word of entries, instead of reading it again.

    Returns
    -------
    list of Operations and Accesses
    """
    m = memories
    words = reads.distinct_words if keeps_word else reads.entry_words
    waiting = [Accesses("queues", m.waiting, m.waiting_width, 2 * words)] if m.waiting else []
    return [
        Accesses("weights", m.entries, m.entry_width, words),
        *waiting,
        Accesses("pointers", m.pointers, m.pointer_width, reads.pointers),
        Accesses("codebook", m.codebook, m.weight_width, busy),
        Accesses("activations", m.activations, m.activation_width, columns + rows),
        Accesses("queues", m.queue, m.queue_width, 2 * reads.queued),
        Operations("multiply", "multiply", m.weight_width, busy),
        Operations("sums", "add", m.sum_width, busy + (groups - 1) * rows),
        Accesses("sums", m.accumulators, m.sum_width, 2 * busy + groups * rows),
    ]


def sparse_area(memories):
    """Area of a sparse core, in um2, by part; without control, wires and output stage.

    Parameters
    ----------
    memories : SparseMemories

    Returns
    -------
    dict of str to float

    Examples
    --------
    EIE published 40.8 mm2 for its 64 elements:

    >>> round(sum(sparse_area(EIE_MEMORIES).values()) / 1e6, 1)
    38.2
    """
    m = memories
    element = {
        "weights": memory_area(m.entries), "pointers": 2 * memory_area(m.pointers),
        "codebook": memory_area(m.codebook),
        "queues": memory_area(m.queue) + memory_area(m.waiting),
        "multiply": multiply_area(m.weight_width),
        "sums": add_area(m.sum_width) + memory_area(m.accumulators),
    }
    whole = {part: m.pes * area for part, area in element.items()}
    whole["activations"] = m.activation_banks * memory_area(m.activations)
    return whole
