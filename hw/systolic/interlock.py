"""Holds an instruction until nothing before it is in its way."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from .region_memory import RegionMemory, region_layout
from .region_queue import RegionQueue

__all__ = ["Interlock", "kind_layout"]


def kind_layout():
    """Which unit an instruction is for; at most one bit is set."""
    return data.StructLayout({"multiplies": 1, "activates": 1, "vector": 1, "from_host": 1,
                              "to_host": 1})


class Interlock(wiring.Component):
    """Compares what an instruction touches with what those before it have yet to read or write.

    ========== ================================ ====================================
    kind       reads                            writes
    ========== ================================ ====================================
    multiplies `region` of the unified buffer   `rows` of the accumulators
    activates  `rows`, with a ticket of its own `region`
    vector     anything, and alone              `region`
    from_host                                   `region`
    to_host    `region`
    ========== ================================ ====================================

    A vector instruction takes the one read port of the unified buffer, so it waits for all before
    it, and the multiplications after it wait for it.

    Timing: `compared` comes with `decoded`, or `compare_cycles` later if there is anything that the
    candidate has to be compared with. From two cycles after it on, `blocked` and `awaits_write`
    hold for the candidate; they are registers, and follow the strobes of the units two cycles
    later. `issue` may be as late as the candidate stays, for the next one comes many cycles later.

    Parameters
    ----------
    width : int
        Bits of the end of a region.

    Members
    -------
    clear : In(1)
        Forget all.
    kind : In(kind_layout())
    region : In(region_layout(width))
        The candidate's, a part after the other; `kind` has to hold from two cycles before the
        first one on.
    decoded : In(1)
        Strobe: it is complete.
    compared : Out(1)
        Strobe: it has been compared.
    issue : In(1)
        Strobe: the candidate is under way from now on.
    blocked : Out(1)
    awaits_write : Out(1)
        It is, because what it reads has yet to be written.
    fed, accumulators_read, activated : In(1)
        Strobes of the units, see `Dispatcher`.
    host_idle : In(1)
    """

    #: Cycles from `decoded` to `compared`, if there is something to compare.
    compare_cycles = 7

    def __init__(self, *, width):
        self.width = width
        super().__init__({
            "clear": In(1),
            "kind": In(kind_layout()),
            "region": In(region_layout(width)),
            "decoded": In(1),
            "compared": Out(1),
            "issue": In(1),
            "blocked": Out(1),
            "awaits_write": Out(1),
            "fed": In(1),
            "accumulators_read": In(1),
            "activated": In(1),
            "host_idle": In(1),
        })

    def elaborate(self, platform):
        m = Module()

        kind = self.kind
        for_activation = kind.activates | kind.vector
        for_host = kind.from_host | kind.to_host
        reads, results = RegionQueue(), RegionQueue()
        m.submodules.reads = ResetInserter(self.clear)(reads)
        m.submodules.results = ResetInserter(self.clear)(results)
        m.d.comb += [
            reads.push.eq(self.issue & kind.multiplies),
            reads.pop.eq(self.fed),
            results.push.eq(self.issue & for_activation),
            results.pop.eq(self.activated),
        ]

        # Accumulators that the operations in `results` have yet to read.
        sums = Signal(2)
        for bit in range(2):
            with m.If((self.accumulators_read | self.activated) & (results.oldest == bit)):
                m.d.sync += sums[bit].eq(0)
            with m.If(self.issue & kind.activates & (results.tail[0] == bit)):
                m.d.sync += sums[bit].eq(1)
        # The host has one region at a time, and the next one another place.
        host_place, host_sends = Signal(), Signal()
        host_active, host_began, vector_active = Signal(), Signal(), Signal()
        m.d.sync += host_began.eq(host_active)
        with m.If(host_active & host_began & self.host_idle):
            m.d.sync += [host_active.eq(0), host_began.eq(0)]
        with m.If(self.activated):
            m.d.sync += vector_active.eq(0)
        with m.If(self.issue):
            with m.If(kind.vector):
                m.d.sync += vector_active.eq(1)
            with m.If(for_host):
                m.d.sync += [host_active.eq(1), host_sends.eq(kind.to_host),
                             host_place.eq(~host_place)]
        with m.If(self.clear):
            m.d.sync += [host_active.eq(0), vector_active.eq(0), sums.eq(0)]

        # The candidate is compared with the two of one unit, the two of another, and the host's:
        # Activate with what is read, else first with what is written, then a multiplication with
        # rows that are read, the host with elements that are.
        m.submodules.memory = memory = RegionMemory(width=self.width, depth=16)
        m.d.comb += memory.region.eq(self.region)
        own = Signal(4, reset_less=True)
        m.d.comb += memory.own.eq(own)
        m.d.sync += own.eq(Cat(
            Mux(for_host, host_place, Mux(kind.multiplies, reads.tail, results.tail)),
            kind.multiplies, for_host))
        held = results.held.any() | reads.held.any() | host_active
        starts = self.decoded & held & (kind.multiplies | kind.activates | for_host)
        stages = [starts]
        for cycle in range(self.compare_cycles):
            stage = Signal(name=f"stage_{cycle + 1}")
            m.d.sync += stage.eq(stages[-1])
            stages.append(stage)
        m.d.comb += self.compared.eq(stages[-1] | self.decoded & ~starts)
        second = stages[2] | stages[3]
        with_reads = Mux(second, ~kind.multiplies, kind.activates)
        later = stages[1] | stages[3]
        places = [Mux(with_reads, theirs, ours)
                  for theirs, ours in zip(reads.places, results.places, strict=True)]
        m.d.comb += memory.compare_rows.eq(second & kind.multiplies)
        with m.If(stages[4]):
            m.d.comb += memory.other.eq(Cat(~host_place, Const(0b100, 3)))
        with m.Else():
            m.d.comb += memory.other.eq(Cat(Mux(later, places[1], places[0]), with_reads, 0))
        met = Signal(5)
        for number, flag in enumerate(met):
            with m.If(stages[number + 3]):
                m.d.sync += flag.eq(memory.overlap)

        # What was met counts for as long as it is held.
        meets = (met[:2] & Mux(kind.activates, reads.held, results.held)).any()
        meets_more = (met[2:4] & Mux(kind.multiplies, sums, reads.held)).any()
        meets_host = met[4] & host_active
        unwritten = meets | meets_host & ~host_sends
        awaits_write, blocked = Signal(), Signal()
        m.d.sync += [self.awaits_write.eq(awaits_write), self.blocked.eq(blocked)]
        with m.If(kind.multiplies):
            m.d.comb += awaits_write.eq(unwritten)
            m.d.comb += blocked.eq(unwritten | vector_active | meets_more)
        with m.Elif(kind.activates):
            m.d.comb += blocked.eq(meets | meets_host)
        with m.Elif(kind.vector):
            m.d.comb += awaits_write.eq(results.held.any() | host_active & ~host_sends)
            m.d.comb += blocked.eq(held)
        with m.Elif(for_host):
            m.d.comb += awaits_write.eq(kind.to_host & meets)
            m.d.comb += blocked.eq(host_active | meets | kind.from_host & (
                meets_more | vector_active))

        return m
