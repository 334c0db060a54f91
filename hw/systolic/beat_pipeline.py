"""Follows the reads of the activation unit to its output stages."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..common.pipeline import register
from .activation_sequencer import BEAT

__all__ = ["BeatPipeline"]


class BeatPipeline(wiring.Component):
    """What goes with a read, in each of the cycles until its result is in the output stages.

    Reads of several kinds take different times on their way. Only one kind is on its way at a time.

    Timing: ``ahead[n]`` is what will be in the output stages in n cycles: of a read of kind k,
    ``ahead[cycles[k]]`` in the cycle of `issued`.

    Parameters
    ----------
    cycles : sequence of int
        For each kind of read, cycles until its result is in the output stages.

    Members
    -------
    issued : In(len(cycles))
        A read is issued; one bit for each kind.
    beat : In(BEAT)
        What goes with it.
    ahead : Out(StructLayout({valid: 1, beat: BEAT})).array(max(cycles) + 1)
    """

    def __init__(self, *, cycles):
        self.cycles = tuple(cycles)
        super().__init__({
            "issued": In(len(self.cycles)),
            "beat": In(BEAT),
            "ahead": Out(data.StructLayout({"valid": 1, "beat": BEAT})).array(max(self.cycles) + 1),
        })

    def elaborate(self, platform):
        m = Module()

        before = None
        for distance, read in reversed(list(enumerate(self.ahead))):
            if before is not None:
                valid = Signal(name=f"valid_{distance}")
                m.d.sync += valid.eq(before.valid)
                m.d.comb += [
                    read.valid.eq(valid),
                    read.beat.eq(register(m, before.beat.as_value(), f"beat_{distance}")),
                ]
            for kind, cycles in enumerate(self.cycles):
                if distance == cycles:
                    with m.If(self.issued[kind]):
                        m.d.comb += [read.valid.eq(1), read.beat.eq(self.beat)]
            before = read

        return m
