"""Activation functions of activations of up to 8 bits."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from ..common.pipeline import delay, register
from ..memory import Collision, block_ram

__all__ = ["FunctionTable"]


class FunctionTable(wiring.Component):
    """One lane: the input itself, or what a table says of it.

    Timing: a result `latency` cycles after its input.

    Parameters
    ----------
    width : int
        Bits of an activation, 2 to 8.
    tables : int
        At least 1.

    Members
    -------
    selection : In(3)
        0: none; n: table n - 1. Stable while inputs are under way.
    argument : In(signed(width))
    result : Out(signed(width))
    load : In(1)
        Write a table, while nothing is under way: `load_data` at `load_address`, which is, from
        the lowest bits on, the input + 2**(width - 1), and the table.
    load_address : In
    load_data : In(16)
    """

    latency = 3

    def __init__(self, *, width, tables):
        if not 2 <= width <= 8:
            raise ValueError(f"Inputs of a table must have from 2 to 8 bits, not {width}")
        if tables < 1:
            raise ValueError(f"There must be a table at least, not {tables}")
        self.width = width
        self.tables = tables
        super().__init__({
            "selection": In(3),
            "argument": In(signed(width)),
            "result": Out(signed(width)),
            "load": In(1),
            "load_address": In(ceil_log2(tables << width)),
            "load_data": In(16),
        })

    def elaborate(self, platform):
        m = Module()

        write, read = block_ram(m, "values", shape=self.width, depth=self.tables << self.width,
                                collision=Collision.NEVER)
        table = register(m, self.selection - 1, "table")
        m.d.comb += [
            write.en.eq(self.load), write.addr.eq(self.load_address),
            write.data.eq(self.load_data),
            read.en.eq(~self.load),
            read.addr.eq(Cat(self.argument[:-1], ~self.argument[-1], table)),
        ]
        found = register(m, read.data, "found")
        passed = delay(m, self.argument, 2, "passed")
        result = register(m, Mux(self.selection == 0, passed.as_unsigned(), found), "chosen")
        m.d.comb += self.result.eq(result)

        return m
