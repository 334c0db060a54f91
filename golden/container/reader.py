"""Taking the fields of a container file from its bytes, one after the other."""

import struct

import numpy as np

from .layout import ContainerError, number_problem, text_problem

__all__ = ["Reader"]


class Reader:
    """Takes fields from the front of some bytes, and never more than there are.

    Parameters
    ----------
    data : memoryview
    offset : int
        Byte at which the first field starts.

    Attributes
    ----------
    offset : int
        Byte at which the next field starts.
    spans : list of (str, int)
        Fields that have been taken, and their bytes.
    """

    def __init__(self, data, offset):
        self.data = data
        self.offset = offset
        self.spans = []

    def take(self, field, length):
        """Take some bytes."""
        left = len(self.data) - self.offset
        if length > left:
            raise ContainerError(field, self.offset, f"takes {length} bytes, but {left} are left")
        self.offset += length
        self.spans.append((field, length))
        return self.data[self.offset - length:self.offset]

    def finish(self, field):
        """Check that nothing follows the last field, which belonged to `field`."""
        if left := len(self.data) - self.offset:
            raise ContainerError(field, self.offset, f"{left} bytes follow the last one")

    def number(self, field, type_):
        """Take a number of a type of `struct`."""
        return struct.unpack("<" + type_, self.take(field, struct.calcsize("<" + type_)))[0]

    def checked(self, field, name, type_, low, high):
        """Take one of `golden.container.layout.LAYER_FIELDS`."""
        offset = self.offset
        value = self.number(f"{field}.{name}", type_)
        if problem := number_problem(name, value, low, high):
            raise ContainerError(f"{field}.{name}", offset, problem)
        return value

    def text(self, field, *, lines=False):
        """Take a text."""
        offset = self.offset
        data = self.take(field, self.number(field, "H"))
        try:
            text = str(data, "utf-8")
        except UnicodeDecodeError as error:
            raise ContainerError(field, offset + 2 + error.start, "is no UTF-8") from None
        if problem := text_problem(text, lines=lines):
            raise ContainerError(field, offset, problem)
        return text

    def array(self, field, type_, count):
        """Take numbers of a type of NumPy."""
        # The length is checked by `take` before NumPy sees it.
        data = self.take(field, count * np.dtype(type_).itemsize)
        return np.frombuffer(data, type_).astype(np.dtype(type_).newbyteorder("="))
