"""Steps through a program, and ends it."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.formats import FAULT, Fault

from ..common.one_hot import OneHot
from ..layouts import struct_layout

__all__ = ["ProgramSequencer"]


class ProgramSequencer(wiring.Component):
    """Takes one instruction after the other, has it checked and issued, and stops at a fault.

    A program ends with an instruction that `ends` it, or before one with a fault; then what is
    under way is completed. When the host is too late it ends at once, and nothing is; that is its
    fault if it has no other.

    Timing: `take` follows `start`, and `issue` of any but the last instruction, by a cycle.
    `is_wrong` is looked at a cycle after `decoded`, and `waiting` rises a cycle after that. `clear`
    is the last cycle of `running`; it comes at the earliest 2 cycles after `issue` of the last
    instruction, and a cycle after `drained`, or after `give_up`. `fault` is valid from the cycle
    after it on.

    Parameters
    ----------
    number_width : int
        Bits of the number of an instruction.

    Members
    -------
    start : In(1)
        Strobe, not while `running`.
    running : Out(1)
    take : Out(1)
        The next instruction can be taken.
    available : In(1)
        There is one; with `take`: it is taken.
    decoded : In(1)
        Strobe: whether it `is_wrong`, and what is `wrong`, holds from the next cycle on.
    is_wrong : In(1)
    wrong : In(Fault)
    refuses : Out(1)
        Strobe: the instruction of the cycle before is wrong; `awaited` has to tell of it from the
        next cycle on.
    waiting : Out(1)
        It may be issued.
    issue, ends : In(1)
        Strobe: it is; it is the last.
    drained : In(1)
        Nothing is under way.
    expired, awaited : In
        See `HostWatch`.
    clear : Out(1)
        Strobe: the program has ended.
    give_up : Out(1)
        Strobe: it ends because the host is too late.
    fault : Out(1)
        Until `fault_clear`: the program before was stopped by what `fault_word` says.
    fault_word : Out(struct_layout(FAULT))
    fault_clear : In(1)
    """

    def __init__(self, *, number_width):
        self.number_width = number_width
        super().__init__({
            "start": In(1),
            "running": Out(1),
            "take": Out(1),
            "available": In(1),
            "decoded": In(1),
            "is_wrong": In(1),
            "wrong": In(Fault),
            "refuses": Out(1),
            "waiting": Out(1),
            "issue": In(1),
            "ends": In(1),
            "drained": In(1),
            "expired": In(1),
            "awaited": In(number_width),
            "clear": Out(1),
            "give_up": Out(1),
            "fault": Out(1),
            "fault_word": Out(struct_layout(FAULT)),
            "fault_clear": In(1),
        })

    def elaborate(self, platform):
        m = Module()

        with m.If(self.fault_clear):
            m.d.sync += self.fault.eq(0)

        # Which instruction was wrong is known two cycles later, and which was too late, one.
        stopped, known = Signal(), Signal()
        m.d.sync += [stopped.eq(0), known.eq(stopped), self.refuses.eq(0)]
        with m.If(stopped | known):
            m.d.sync += [self.fault.eq(1), self.fault_word.instruction.eq(self.awaited)]

        phase = OneHot(m, ("Idle", "Take", "Decode", "Judge", "Issue", "Finish", "Clear"))
        phase.go("Idle", "Take", self.start)
        phase.go("Take", "Decode", self.available)
        phase.go("Decode", "Judge", self.decoded)

        phase.go("Judge", "Issue", ~self.is_wrong)
        phase.go("Judge", "Finish", self.is_wrong)
        refused = Signal()      # the last instruction that was judged
        with m.If(phase["Judge"]):
            m.d.sync += [self.fault_word.fault.eq(self.wrong), stopped.eq(self.is_wrong),
                         self.refuses.eq(self.is_wrong), refused.eq(self.is_wrong)]

        phase.go("Issue", "Take", ~self.expired & self.issue & ~self.ends)
        phase.go("Issue", "Finish", ~self.expired & self.issue & self.ends)
        phase.go("Issue", "Clear", self.expired)
        phase.go("Finish", "Clear", self.expired | self.drained)
        phase.go("Clear", "Idle")
        # What was wrong before that is what the host is told.
        with m.If(self.give_up & ~refused):
            m.d.sync += [stopped.eq(1), self.fault_word.fault.eq(Fault.TIMEOUT)]

        m.d.comb += [
            self.running.eq(~phase["Idle"]),
            self.take.eq(phase["Take"]),
            self.waiting.eq(phase["Issue"]),
            self.give_up.eq(self.expired & (phase["Issue"] | phase["Finish"])),
            self.clear.eq(phase["Clear"]),
        ]
        phase.finish()

        return m
