"""Reads results out of the accumulators, adding up what the column groups have summed."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from ..common.pipeline import delay, register
from .processing_array import ProcessingArray

__all__ = ["Drain"]


class Drain(wiring.Component):
    """Turns accumulators into a stream of beats of `lanes` sums, in the order of positions.

    With G column groups, the sum at position q is the sum over g of row q // S of the processing
    elements (q mod S) * G + g, where S = pes / G. Accumulators are cleared as they are read.

    Timing: a beat a cycle. The first leaves `latency` cycles after `start`. `drain` is strobed once
    for each local row, the first time in the cycle after `start`; `drained` is expected
    `ProcessingArray.drain_latency` cycles later, and to stay until the next row's.

    Parameters
    ----------
    pes, groups, lanes : int
        See `hw.config.SparseConfig`.
    sum_width : int
        Width of an accumulator, in bits.
    accumulator_depth : int
        Rows of a processing element.
    depth : int
        Largest number of positions.

    Members
    -------
    start : In(1)
        Read `rows` positions of a layer with ``2**groups_log2`` groups; both stay as they are.
    drain, drain_row : Out
        To every processing element.
    drained : In(ArrayLayout(signed(sum_width), pes))
    fetching : Out(1)
        Beat number `fetch_beat` will leave in 3 cycles: time to read its biases.
    valid : Out(1)
        `sums` is the next beat.
    sums : Out(ArrayLayout(signed(sum_width + log2(groups)), lanes))
    """

    def __init__(self, *, pes, groups, lanes, sum_width, accumulator_depth, depth):
        if not groups <= lanes <= pes // groups:
            raise ValueError(f"Lanes must be from the groups, {groups}, to the slots that so many "
                             f"leave, {pes // groups}, not {lanes}")
        self.pes = pes
        self.groups = groups
        self.lanes = lanes
        self.sum_width = sum_width
        self.total_width = sum_width + exact_log2(groups)
        #: Cycles from `start` to the first beat.
        self.latency = (1 + ProcessingArray.drain_latency + (2 if groups > 1 else 1)
                        + exact_log2(groups))
        super().__init__({
            "start": In(1),
            "rows": In(range(depth + 1)),
            "groups_log2": In(range(exact_log2(groups) + 1)),
            "drain": Out(1),
            "drain_row": Out(range(accumulator_depth)),
            "drained": In(data.ArrayLayout(signed(sum_width), pes)),
            "fetching": Out(1),
            "fetch_beat": Out(range(max(2, depth // lanes))),
            "valid": Out(1),
            "sums": Out(data.ArrayLayout(signed(self.total_width), lanes)),
        })

    def elaborate(self, platform):
        m = Module()

        lanes_log2 = exact_log2(self.lanes)
        chunk_bits = exact_log2(self.pes) - lanes_log2      # with one group

        # Issue: `beat` is the next one to be read; a local row holds S / lanes of them.
        issuing = Signal()
        beat = Signal.like(self.fetch_beat)
        left = Signal.like(self.rows)
        chunk = Signal(chunk_bits)
        final_chunk = Signal()
        with m.Switch(self.groups_log2):
            for mode in range(exact_log2(self.groups) + 1):
                with m.Case(mode):
                    m.d.comb += final_chunk.eq(chunk == (self.pes >> mode >> lanes_log2) - 1)
        with m.If(issuing):
            m.d.sync += [beat.eq(beat + 1), left.eq(left - self.lanes), chunk.eq(chunk + 1)]
            with m.If(final_chunk):
                m.d.sync += [chunk.eq(0), self.drain_row.eq(self.drain_row + 1)]
            with m.If(left <= self.lanes):
                m.d.sync += issuing.eq(0)
        with m.If(self.start):
            m.d.sync += [
                issuing.eq(1), beat.eq(0), left.eq(self.rows), chunk.eq(0), self.drain_row.eq(0)]
        m.d.comb += self.drain.eq(issuing & (chunk == 0))

        def late(value, cycles, name):
            return delay(m, value, cycles, name, resets=True)

        # Select: the G partial sums of each lane, zero for groups that the layer does not have.
        # First the chunk of a row, for any number of groups; then their number.
        reading = late(issuing, ProcessingArray.drain_latency, "reading")
        read_chunk = late(chunk, ProcessingArray.drain_latency, "read_chunk")
        level = []
        for lane in range(self.lanes):
            parts = []
            for group in range(self.groups):
                part = Signal(signed(self.sum_width), name=f"part_{lane}_{group}", reset_less=True)
                with m.Switch(self.groups_log2):
                    for mode in range(exact_log2(self.groups) + 1):
                        count = 1 << mode
                        with m.Case(mode):
                            if group >= count:
                                m.d.sync += part.eq(0)
                                continue
                            slots = range(lane, self.pes // count, self.lanes)
                            chosen = Array(self.drained[slot * count + group] for slot in slots)
                            own = chosen[read_chunk[:exact_log2(len(slots))]]
                            m.d.sync += part.eq(own if self.groups == 1 else register(
                                m, own, f"chosen_{lane}_{group}_{mode}"))
                parts.append(part)
            level.append(parts)
        valid = late(reading, 2 if self.groups > 1 else 1, "selected")

        # Add: a tree over the groups, one register a level.
        width = self.sum_width
        while len(level[0]) > 1:
            width += 1
            sums = []
            for lane, parts in enumerate(level):
                added = []
                for left_part, right_part in zip(parts[::2], parts[1::2], strict=True):
                    total = Signal(signed(width), reset_less=True,
                                   name=f"total_{lane}_{width}_{len(added)}")
                    m.d.sync += total.eq(left_part + right_part)
                    added.append(total)
                sums.append(added)
            level = sums
            valid = late(valid, 1, f"added_{width}")
        m.d.comb += self.valid.eq(valid)
        for lane, (total,) in enumerate(level):
            m.d.comb += self.sums[lane].eq(total)

        ahead = self.latency - 1 - 3
        m.d.comb += [
            self.fetching.eq(late(issuing, ahead, "fetching")),
            self.fetch_beat.eq(late(beat, ahead, "fetch_beat")),
        ]
        return m
