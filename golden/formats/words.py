"""Words made of bit fields, and how they are packed."""

from dataclasses import dataclass

__all__ = ["Field", "WordFormat"]


@dataclass(frozen=True)
class Field:
    """One field of a word: `width` bits, two's complement if `signed`."""

    name: str
    width: int
    signed: bool = False

    def __post_init__(self):
        if self.width < 1:
            raise ValueError(f"Field {self.name!r} must be at least 1 bit wide, not {self.width}")

    @property
    def range(self):
        """Values that the field can hold."""
        if self.signed:
            return range(-(1 << self.width - 1), 1 << self.width - 1)
        return range(1 << self.width)


@dataclass(frozen=True)
class WordFormat:
    """A word made of consecutive fields, least significant first."""

    fields: tuple[Field, ...]

    @property
    def width(self):
        """Width of the word, in bits."""
        return sum(field.width for field in self.fields)

    def pack(self, **values):
        """Pack one value per field into an unsigned word.

        Raises
        ------
        TypeError
            If the names are not exactly those of the fields.
        ValueError
            If a value does not fit its field.
        """
        if values.keys() != {field.name for field in self.fields}:
            raise TypeError(f"Expected fields {[f.name for f in self.fields]}, not {list(values)}")
        word, offset = 0, 0
        for field in self.fields:
            value = int(values[field.name])
            if value not in field.range:
                raise ValueError(f"{field.name}={value} does not fit {field}")
            word |= (value & (1 << field.width) - 1) << offset
            offset += field.width
        return word

    def unpack(self, word):
        """Unpack an unsigned word into a dictionary of field values, the inverse of `pack`."""
        values = {}
        for field in self.fields:
            value = word & (1 << field.width) - 1
            if field.signed and value >> field.width - 1:
                value -= 1 << field.width
            values[field.name] = value
            word >>= field.width
        return values

    def words(self, width=32):
        """Number of `width`-bit words that hold one word of this format."""
        return -(-self.width // width)

    def pack_words(self, **values):
        """Pack like `pack`, as a list of 32-bit words, least significant first."""
        word = self.pack(**values)
        return [word >> 32 * index & 0xFFFFFFFF for index in range(self.words())]
