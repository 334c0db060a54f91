"""Energy of a layer from the events that were counted in it."""

from dataclasses import dataclass

from .technology import (
    DRAM_WORD_BITS,
    access_energy,
    add_energy,
    dram_energy,
    multiply_energy,
)

__all__ = ["Accesses", "DramReads", "Operations", "energy_by_part", "total_energy"]


@dataclass(frozen=True)
class Operations:
    """Additions or multiplications.

    Parameters
    ----------
    part : str
        What they are for; parts of one name are summed.
    kind : "add" or "multiply"
    width : int
        Bits of the operands.
    count : int
    floating : bool
        Floats of 16 or 32 bits rather than integers.
    """

    part: str
    kind: str
    width: int
    count: int
    floating: bool = False

    @property
    def energy(self):
        """In pJ."""
        if self.kind not in ("add", "multiply"):
            raise ValueError(f"kind must be 'add' or 'multiply', not {self.kind!r}")
        cost = add_energy if self.kind == "add" else multiply_energy
        return self.count * cost(self.width, floating=self.floating)


@dataclass(frozen=True)
class Accesses:
    """Reads and writes of an on-chip memory.

    Parameters
    ----------
    part : str
    capacity : int
        Bytes of one bank of the memory.
    width : int
        Bits of an access.
    count : int
    """

    part: str
    capacity: int
    width: int
    count: int

    @property
    def energy(self):
        """In pJ."""
        return self.count * access_energy(self.capacity, self.width)


@dataclass(frozen=True)
class DramReads:
    """Bits read from DRAM, one behind the other.

    Parameters
    ----------
    part : str
    bits : int
    """

    part: str
    bits: int

    @property
    def words(self):
        """DRAM words, read whole."""
        return -(-self.bits // DRAM_WORD_BITS)

    @property
    def energy(self):
        """In pJ."""
        return dram_energy(self.bits)


def energy_by_part(events):
    """Energy of events, summed by part.

    Parameters
    ----------
    events : iterable of Operations, Accesses or DramReads

    Returns
    -------
    dict of str to float
        In pJ, in the order in which the parts occur.

    Examples
    --------
    >>> energy_by_part([DramReads("weights", 64), Operations("sums", "add", 32, 10)])
    {'weights': 1280.0, 'sums': 1.0}
    """
    parts = {}
    for event in events:
        parts[event.part] = parts.get(event.part, 0.0) + event.energy
    return parts


def total_energy(events):
    """Energy of events, in pJ.

    Examples
    --------
    >>> total_energy([DramReads("weights", 64), Operations("sums", "add", 32, 10)])
    1281.0
    """
    return float(sum(event.energy for event in events))
