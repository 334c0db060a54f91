"""Holds an instruction until nothing before it is in its way."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from .region_queue import RegionQueue, region_layout

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

    Timing: `blocked` and `awaits_write` are registers. They follow `region`, `rows` and `kind` two
    cycles later, the strobes of the units three; `issue` may be as late as the candidate stays, for
    the next one is asked about many cycles later.

    Parameters
    ----------
    unified_depth, accumulator_depth : int

    Members
    -------
    clear : In(1)
        Forget all.
    kind : In(kind_layout())
    region, rows : In(region_layout(...))
        The candidate's.
    issue : In(1)
        Strobe: the candidate is under way from now on.
    blocked : Out(1)
    awaits_write : Out(1)
        It is, because what it reads has yet to be written.
    fed, accumulators_read, activated : In(1)
        Strobes of the units, see `Dispatcher`.
    host_idle : In(1)
    """

    def __init__(self, *, unified_depth, accumulator_depth):
        self.unified_depth = unified_depth
        self.accumulator_depth = accumulator_depth
        super().__init__({
            "clear": In(1),
            "kind": In(kind_layout()),
            "region": In(region_layout(unified_depth)),
            "rows": In(region_layout(accumulator_depth)),
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

        def regions(name, depth, candidate, *, push, pop):
            queue = RegionQueue(depth=depth)
            m.submodules[name] = ResetInserter(self.clear)(queue)
            m.d.comb += [queue.candidate.eq(candidate), queue.push.eq(self.issue & push),
                         queue.pop.eq(pop)]
            return queue

        for_activation = kind.activates | kind.vector
        for_host = kind.from_host | kind.to_host
        matrix_reads = regions("matrix_reads", self.unified_depth, self.region,
                               push=kind.multiplies, pop=self.fed)
        results = regions("results", self.unified_depth, self.region,
                          push=for_activation, pop=self.activated)
        # A vector instruction has an entry here too, that keeps both of the unit in step.
        sums = regions("sums", self.accumulator_depth, self.rows,
                       push=for_activation, pop=self.activated)
        m.d.comb += sums.release.eq(self.accumulators_read)
        host = Signal(region_layout(self.unified_depth), reset_less=True)
        host_active, host_began, host_sends = Signal(), Signal(), Signal()
        awaits_write, blocked = Signal(), Signal()
        m.d.sync += [self.awaits_write.eq(awaits_write), self.blocked.eq(blocked)]
        vector_active = Signal()

        m.d.sync += host_began.eq(host_active)
        with m.If(host_active & host_began & self.host_idle):
            m.d.sync += [host_active.eq(0), host_began.eq(0)]
        with m.If(self.activated):
            m.d.sync += vector_active.eq(0)
        with m.If(self.issue):
            with m.If(kind.vector):
                m.d.sync += vector_active.eq(1)
            with m.If(for_host):
                m.d.sync += [host.eq(self.region), host_active.eq(1), host_sends.eq(kind.to_host)]
        with m.If(self.clear):
            m.d.sync += [host_active.eq(0), vector_active.eq(0)]

        host_overlaps = Signal()
        m.d.sync += host_overlaps.eq(host_active & (self.region.first < host.end)
                                     & (host.first < self.region.end))
        unwritten = results.overlaps | host_overlaps & ~host_sends

        with m.If(kind.multiplies):
            m.d.comb += awaits_write.eq(unwritten)
            m.d.comb += blocked.eq(unwritten | vector_active | sums.overlaps)
        with m.Elif(kind.activates):
            m.d.comb += blocked.eq(matrix_reads.overlaps | host_overlaps)
        with m.Elif(kind.vector):
            m.d.comb += awaits_write.eq((results.count != 0) | host_active & ~host_sends)
            m.d.comb += blocked.eq((matrix_reads.count != 0) | (results.count != 0)
                                        | host_active)
        with m.Elif(for_host):
            m.d.comb += awaits_write.eq(kind.to_host & results.overlaps)
            m.d.comb += blocked.eq(host_active | results.overlaps | kind.from_host & (
                matrix_reads.overlaps | vector_active))

        return m
