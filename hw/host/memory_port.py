"""What the host port has to know of a memory."""

from dataclasses import dataclass

from golden.formats import MAX_WRITE_WORDS

__all__ = ["MemoryPort"]


@dataclass(frozen=True)
class MemoryPort:
    """One memory as the host sees it: a row of the memory map.

    Parameters
    ----------
    units : int
        Copies of the memory that are addressed apart, 1 to 65536.
    depth : int
        Memory words in a unit.
    word_parts : int
        32-bit words in a memory word. ``depth * word_parts`` is at most `MAX_WRITE_WORDS`.
    readable, writable : bool
        Commands that the memory takes.
    alignment : int
        A power of two; the address of a write must be a multiple of it.
    while_running : bool
        Whether writes go ahead while layers run; otherwise they wait until the run has ended.
    later : int
        Cycles that a read takes longer than one of other memories.
    """

    units: int
    depth: int
    word_parts: int
    readable: bool
    writable: bool
    alignment: int = 1
    while_running: bool = False
    later: int = 0

    @classmethod
    def written(cls, depth, *, units=1, parts=1, **others):
        """A memory that the host writes, and does not read unless `others` say so."""
        return cls(units=units, depth=depth, word_parts=parts,
                   **{"readable": False, "writable": True} | others)

    @classmethod
    def read_only(cls, depth, *, later=0):
        """`depth` words of 32 bits that the host only reads."""
        return cls(units=1, depth=depth, word_parts=1, readable=True, writable=False, later=later)

    def __post_init__(self):
        if not 1 <= self.units <= 1 << 16:
            raise ValueError(f"Units must be from 1 to 65536, not {self.units}")
        if self.depth < 1 or self.word_parts < 1 or self.depth * self.word_parts > MAX_WRITE_WORDS:
            raise ValueError(f"Depth {self.depth} by {self.word_parts} parts must be from 1 to "
                             f"{MAX_WRITE_WORDS} words")
        if self.alignment < 1 or self.alignment.bit_count() != 1 or self.alignment > self.depth:
            raise ValueError(f"Alignment must be a power of two no more than the depth "
                             f"{self.depth}, not {self.alignment}")
        if not (self.readable or self.writable):
            raise ValueError("A memory must be readable, writable or both")
        if self.while_running and not self.writable:
            raise ValueError("A memory written while layers run must be writable")
        if self.later < 0 or (self.later and not self.readable):
            raise ValueError(f"Only a read can take longer, by some cycles, not {self.later}")
