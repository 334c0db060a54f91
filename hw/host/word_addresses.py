"""Where the words of a command go to or come from, and when."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..common.stepper import stepper

__all__ = ["WordAddresses"]


class WordAddresses(wiring.Component):
    """Goes through memory words, part by part.

    Timing: `address` is right from the second cycle after the one with `take` on; both are the next
    ones in the cycle after `advance`. `arrives` is high `read_latency` cycles after `fetch`, or as
    many more as the memory is `later`.

    Parameters
    ----------
    memories : dict of int to MemoryPort
    address_width, part_width : int
    read_latency : int

    Members
    -------
    first : In(address_width)
    take : In(1)
        Strobe: start at word `first`; until then, it is looked at while `takes`.
    takes : In(1)
    memory : In(4)
    last_part : In(part_width)
        Parts of a word, less 1.
    advance : In(1)
        On to the next part. A command that ends with the last one finds `part` at 0 again.
    fetch : In(1)
        Strobe: the word here is fetched.
    address : Out(address_width)
    part : Out(part_width)
    ends_word : Out(1)
        This is the last part of a word.
    arrives : Out(1)
    """

    def __init__(self, *, memories, address_width, part_width, read_latency):
        self.memories = memories
        self.read_latency = read_latency
        super().__init__({
            "first": In(address_width),
            "take": In(1),
            "takes": In(1),
            "memory": In(4),
            "last_part": In(part_width),
            "advance": In(1),
            "fetch": In(1),
            "address": Out(address_width),
            "part": Out(part_width),
            "ends_word": Out(1),
            "arrives": Out(1),
        })

    def elaborate(self, platform):
        m = Module()

        taken = Signal()
        m.d.sync += taken.eq(self.take)
        m.d.comb += [
            self.ends_word.eq(self.part == self.last_part),
            self.address.eq(stepper(
                m, "word_address", width=len(self.address), start=0, first=self.first, step=1,
                load=self.takes, advance=taken | (self.advance & self.ends_word))),
        ]
        with m.If(self.advance):
            m.d.sync += self.part.eq(self.part + 1)
            with m.If(self.ends_word):
                m.d.sync += self.part.eq(0)

        # A strobe goes through registers until what was fetched is there; much follows from the
        # last one.
        way = Signal(self.read_latency)
        steps = Cat(self.fetch, way)
        m.d.sync += way.eq(steps)
        arrives = steps[-2]
        for cycles in sorted({port.later for port in self.memories.values() if port.later}):
            longer = Cat(self.memory == number for number, port in self.memories.items()
                         if port.later == cycles).any()
            rest = Signal(cycles, name=f"way_{cycles}")
            more_steps = Cat(way[-1] & longer, rest)
            m.d.sync += rest.eq(more_steps)
            arrives = (arrives & ~longer) | more_steps[-2]
        m.d.sync += self.arrives.eq(arrives)

        return m
