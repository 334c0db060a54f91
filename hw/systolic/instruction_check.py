"""What is wrong with an instruction in itself."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.formats import Fault

from ..common.pipeline import delay, register
from ..memory import Style, rom
from .instruction_fetch import arrival_layout
from .instruction_rules import CONFIGURED, USES, InstructionRules

__all__ = ["FLAGS", "InstructionCheck"]

#: Faults that show without a sum.
FLAGS = Fault.BAD_PARAMETERS + 1


class InstructionCheck(wiring.Component):
    """The faults of an instruction that show without a sum, looked for in each part as it arrives.

    A table says what each look is for: bits of the part that must be 0, or must not all be. So a
    length in a register is looked at when it is configured, and remembered until it is used.

    Timing: `flags` follows three cycles after each part. No flag is cleared but by a reset: after
    an instruction that has one comes no other.

    Parameters
    ----------
    geometry : DenseGeometry

    Members
    -------
    arrival : In(arrival_layout())
    flags : Out(FLAGS)
        One bit for each `golden.formats.Fault`, set if it applies.
    """

    def __init__(self, geometry):
        self.geometry = geometry
        super().__init__({
            "arrival": In(arrival_layout()),
            "flags": Out(FLAGS),
        })

    def elaborate(self, platform):
        m = Module()

        rules = InstructionRules(self.geometry)
        layout = data.StructLayout({
            "mask": 32, "invert": 1, "above": len(rules.bounds), "uses": len(USES),
            "fault": FLAGS, "configured": len(CONFIGURED), "binary": 1})
        arrival = self.arrival
        table = rom(m, "table", shape=layout, init=rules.table(), style=Style.BLOCK)
        m.d.comb += table.addr.eq(Cat(arrival.early_look, arrival.kind[:8]))
        rule = data.View(layout, register(m, table.data.as_value(), "rule"))

        # Of each length of a register: it is 0, as all are at first.
        missing = {name: Signal(name=f"missing_{name}", init=1) for name in CONFIGURED}
        used = [Cat(missing[name] for name in names).any() for names in USES]
        used[-1] = used[-1] & arrival.kind[8]

        # Bits that are set, in four groups, and what else is wrong.
        masked = arrival.part & rule.mask
        found = register(m, Cat(masked[at:at + 8].any() for at in range(0, 32, 8)), "found")
        other = register(m, Cat(
            *(which & value for which, value in zip(rule.uses, used, strict=True)),
            *(which & (arrival.part[at:at + width] >= limit) for which, (at, width, limit)
              in zip(rule.above, rules.bounds, strict=True))).any(), "other")
        invert = register(m, rule.invert, "invert")
        counts = register(m, ~(rule.binary & arrival.kind[8]), "counts")
        bad = register(m, counts & (found.any() ^ invert | other), "bad")

        def told(value, name):
            """Two cycles later, if there is a part. A reset forgets it."""
            return delay(m, Mux(arrival.valid, value, 0), 2, name, resets=True)

        faults, configured = told(rule.fault, "faults"), told(rule.configured, "configured")
        m.d.sync += self.flags.eq(self.flags | faults & bad.replicate(FLAGS))
        for which, flag in zip(configured, missing.values(), strict=True):
            with m.If(which):
                m.d.sync += flag.eq(bad)

        return m
