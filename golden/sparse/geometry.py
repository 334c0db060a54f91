"""The numbers that fix how a layer is laid out over the processing elements."""

from dataclasses import dataclass

__all__ = ["BROADCAST_STAGES", "IN_FLIGHT", "STOP_CYCLES", "WORDS_AHEAD", "SparseGeometry"]

#: Cycles of advance between the detection of a non-zero activation and its broadcast.
BROADCAST_STAGES = 7
#: Cycles from the one in which a queue has grown too long to the one in which nothing is taken any
#: more, of a core that is not in lock step.
STOP_CYCLES = 2
#: Columns that may be on their way to such a queue.
IN_FLIGHT = BROADCAST_STAGES + 1 + STOP_CYCLES
#: Words of entries that a reader of the escape format may have asked for ahead of what it issues.
WORDS_AHEAD = 16


@dataclass(frozen=True, kw_only=True)
class SparseGeometry:
    """Partition and number formats of a sparse core: everything that changes an encoded bit.

    A layer runs with G = 1, 2, 4 ... column groups, at most `groups`. Its outputs are numbered by
    *position* q: processing elements k = slot * G + g hold the rows with q mod S = slot, where
    S = pes / G, each at its local row q // S; the G of them differ in their columns: group g has
    the columns j with j mod G = g, and calls them j // G. The order in which the rows of a layer
    take the positions is the encoder's choice. With G = 1 this is EIE's partition (section III-C).

    Parameters
    ----------
    pes : int
        Processing elements, a power of two from 1 to 256.
    groups : int
        Largest number of column groups, a power of two with ``groups**2 <= pes``, at most 8.
    index_width, run_width : int
        Bits of a codebook index and of a run of zeros.
    word_entries : int
        Entries in one word of the entry memory, a power of two.
    escape : bool
        Whether gaps longer than a run are escapes, see `golden.formats.entry_format`; otherwise
        they are padding entries, as published.
    weight_width, activation_width, sum_width : int
        Bits of a codebook weight, an activation and an accumulator, all signed.
    """

    pes: int = 4
    groups: int = 1
    index_width: int = 4
    run_width: int = 4
    word_entries: int = 8
    escape: bool = True
    weight_width: int = 16
    activation_width: int = 16
    sum_width: int = 32

    def __post_init__(self):
        for name, top in (("pes", 256), ("groups", 8), ("word_entries", 16)):
            value = getattr(self, name)
            if not (1 <= value <= top and value.bit_count() == 1):
                raise ValueError(f"{name} must be a power of two from 1 to {top}, not {value}")
        if self.groups**2 > self.pes:
            raise ValueError(f"groups={self.groups} needs at least {self.groups**2} processing "
                             f"elements, not {self.pes}")
        for name, low, high in (("index_width", 2, 8), ("run_width", 1, 8), ("weight_width", 2, 16),
                                ("activation_width", 2, 16), ("sum_width", 8, 40)):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name} must be from {low} to {high}, not {value}")

    @property
    def entry_width(self):
        """Bits of one entry."""
        return self.index_width + self.run_width

    @property
    def word_width(self):
        """Bits of one word of the entry memory."""
        return self.entry_width * self.word_entries
