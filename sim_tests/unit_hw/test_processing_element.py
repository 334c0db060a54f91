# amaranth: UnusedElaboratable=no

"""ProcessingElement against sums of encoded columns, with a broadcast that waits for its queue."""

import random
from collections import deque

import numpy as np
import pytest

from golden.sparse.encode import encode
from golden.sparse.geometry import SparseGeometry
from golden.sparse.image import pack_entries
from hw.sparse.arithmetic_unit import ArithmeticUnit
from hw.sparse.processing_element import ProcessingElement
from sim_tests.bench.column_feed import ColumnFeed
from sim_tests.bench.simulate import simulate

ROWS, COLUMNS = 64, 31


def make_element(**changes):
    return ProcessingElement(**{
        "queue_depth": 2, "lookahead": True, "escape": True, "lockstep": True,
        "entry_words": 256, "word_entries": 4, "pointer_depth": 64, "accumulator_depth": ROWS,
        "codebook_count": 2, "index_width": 4, "run_width": 2, "weight_width": 16,
        "activation_width": 16, "sum_width": 32, **changes})


def random_codes(rng, density):
    codes = rng.integers(1, 16, (ROWS, COLUMNS)) * (rng.random((ROWS, COLUMNS)) < density)
    codes[:, rng.random(COLUMNS) < .3] = 0      # empty columns
    return codes.astype(np.uint8)


class Bench:
    """One element, its memories loaded with `codes` from pointer `base` on, and what it counted."""

    def __init__(self, dut, codes, *, escape, base=6, first_entry=5):
        geometry = SparseGeometry(pes=1, run_width=2, word_entries=4, escape=escape)
        self.dut, self.codes, self.base = dut, codes, base
        self.encoded = encode(codes, geometry=geometry)
        # Entries of another layer before these decide which of them share a word.
        self.words = pack_entries(*(np.pad(values, (first_entry, 0)) for values in (
            self.encoded.indices, self.encoded.runs)), geometry)
        self.pointers = self.encoded.pointers[0] + first_entry
        rng = np.random.default_rng(0)
        self.weights = rng.integers(-2**15, 2**15, (2, 16))
        self.weights[:, 0] = 0
        self.counts = dict.fromkeys(("busy", "wasted", "escapes", "saturated"), 0)
        self.busy_cycles, self.idle_cycles, self.cycle, self.blocked = [], [], 0, 0

    async def tick(self, ctx):
        _, _, idle, *values = await ctx.tick().sample(
            self.dut.idle, *(getattr(self.dut, name) for name in self.counts))
        for name, value in zip(self.counts, values, strict=True):
            self.counts[name] += value
        if values[0]:
            self.busy_cycles.append(self.cycle)
        if idle:
            self.idle_cycles.append(self.cycle)
        self.cycle += 1

    async def load(self, ctx):
        dut = self.dut
        for port, base, values in (
                (dut.load_pointer, self.base, self.pointers), (dut.load_entries, 0, self.words),
                (dut.load_weight, 0, self.weights.ravel() & 0xFFFF)):
            ctx.set(port, 1)
            for address, value in enumerate(values.ravel()):
                ctx.set(dut.load_address, base + address)
                ctx.set(dut.load_data, int(value))
                await self.tick(ctx)
            ctx.set(port, 0)

    async def multiply(self, ctx, activations, codebook, *, rng, pause=0., bubbles=0.):
        """Broadcast the non-zero activations; return the sums, which then are clear."""
        dut, columns = self.dut, []
        for number, activation in enumerate(activations.tolist()):
            if activation:
                columns += [None] * (rng.random() < bubbles) + [(self.base + number, activation)]
        ctx.set(dut.codebook, codebook)
        feed = ColumnFeed(dut, columns)
        # Without lock step the broadcast stops late: the next cycle takes nothing any more, and
        # what is taken is presented 2 cycles after that.
        heard = deque([0] * 3, maxlen=3)
        while not feed.done:
            moves = rng.random() >= pause
            if not dut.lockstep and (heard[0] or not moves):
                feed.skip()
            offered = feed.show(ctx)
            blocked = ctx.get(dut.blocked)
            heard.append(blocked)
            assert offered or not (blocked and dut.lockstep), "only a column can find it full"
            self.blocked += blocked
            feed.advance(ctx, not dut.lockstep or not blocked and moves)
            await self.tick(ctx)
        ctx.set(dut.advance, 0)
        while not ctx.get(dut.idle):
            await self.tick(ctx)
        for _ in range(ArithmeticUnit.latency):
            await self.tick(ctx)
        sums = []
        for row in range(ROWS + ArithmeticUnit.drain_latency):
            if row >= ArithmeticUnit.drain_latency:
                sums.append(ctx.get(dut.drained))
            ctx.set(dut.drain, row < ROWS)
            ctx.set(dut.drain_row, row % ROWS)
            await self.tick(ctx)
        for _ in range(ArithmeticUnit.latency):
            await self.tick(ctx)
        return sums


@pytest.mark.parametrize("pause, bubbles", [(0, 0), (.3, .5)])
@pytest.mark.parametrize("escape, lookahead, queue_depth, lockstep", [
    (True, True, 1, True), (True, True, 7, True), (False, True, 2, True), (False, False, 3, True),
    (True, True, 10, False), (False, True, 11, False), (False, False, 10, False)])
@pytest.mark.parametrize("density", [.02, .3])
def test_sums_of_columns(density, escape, lookahead, queue_depth, lockstep, pause, bubbles):
    dut = make_element(escape=escape, lookahead=lookahead, queue_depth=queue_depth,
                       lockstep=lockstep)
    rng = np.random.default_rng(queue_depth)
    bench = Bench(dut, random_codes(rng, density), escape=escape)
    expected = dict.fromkeys(("busy", "wasted", "escapes"), 0)

    async def run(ctx):
        await bench.load(ctx)
        encoded, spans = bench.encoded, bench.encoded.pointers[0]
        plain = ~encoded.is_escape
        for codebook, share in ((0, 1), (1, .6), (1, 0), (0, .3)):
            activations = rng.integers(-2**6, 2**6, COLUMNS) * (rng.random(COLUMNS) < share)
            sums = await bench.multiply(ctx, activations, codebook, rng=random.Random(3),
                                        pause=pause, bubbles=bubbles)
            assert sums == (bench.weights[codebook][bench.codes] @ activations).tolist()
            for column in np.flatnonzero(activations):
                own = slice(*spans[column:column + 2])
                expected["busy"] += int(plain[own].sum())
                expected["wasted"] += int((plain[own] & (encoded.indices[own] == 0)).sum())
                expected["escapes"] += int(encoded.is_escape[own].sum())

    simulate(dut, run)
    assert {name: bench.counts[name] for name in expected} == expected
    assert bench.counts["saturated"] == 0 and expected["busy"] > 30
    assert (expected["escapes"] > 5) == escape
    if density == .3 and not bubbles:
        assert bench.blocked > 20


def test_saturations_are_told():
    dut = make_element(sum_width=20)
    codes = np.zeros((ROWS, COLUMNS), dtype=np.uint8)
    codes[::8] = 15
    bench = Bench(dut, codes, escape=True)

    async def run(ctx):
        await bench.load(ctx)
        activations = np.full(COLUMNS, 2**15 - 1)
        sums = await bench.multiply(ctx, activations, 0, rng=random.Random(1))
        top = 2**19 - 1 if bench.weights[0][15] > 0 else -2**19
        assert sums == [0 if row % 8 else top for row in range(ROWS)]

    simulate(dut, run)
    assert bench.counts["saturated"] == ROWS // 8 * COLUMNS


@pytest.mark.parametrize("escape, lookahead, cycles", [(True, True, 11), (False, True, 8),
                                                      (False, False, 8)])
def test_timing_is_as_documented(escape, lookahead, cycles):
    """A column alone: 4 advances to the queue, a cycle there, 2 or 5 to the operation, 1 to busy.

    Empty columns before it take no time with look-ahead, and else a cycle each.
    """
    dut = make_element(escape=escape, lookahead=lookahead, queue_depth=4)
    codes = np.zeros((ROWS, COLUMNS), dtype=np.uint8)
    codes[:3, 0] = codes[5, 4] = 1
    bench = Bench(dut, codes, escape=escape)

    async def run(ctx):
        await bench.load(ctx)
        for number in range(2):
            bench.busy_cycles.clear()
            start = bench.cycle
            await bench.multiply(ctx, np.array([1, 1, 1, 1, 1] + [0] * 26), 0,
                                 rng=random.Random(number))
            # The first column is read for 3 cycles; the last is broadcast 4 cycles after it, and
            # waits for the three empty ones if they are queued.
            last = start + cycles + (4 if lookahead else 6)
            # Beyond the longest run of 3 it has a padding entry, or an escape that takes no cycle.
            assert bench.busy_cycles == [start + cycles, start + cycles + 1, start + cycles + 2,
                                         last, *([] if escape else [last + 1])]
            # From the cycle in which the first column is queued to that of the last operation.
            span = range(start + 5, bench.busy_cycles[-1])
            assert not set(span) & set(bench.idle_cycles)
            assert {span.start - 1, span.stop} <= set(bench.idle_cycles)

    simulate(dut, run)


def test_parameters_are_checked():
    with pytest.raises(ValueError, match="The escape format needs look-ahead"):
        make_element(lookahead=False)
    with pytest.raises(ValueError, match="must hold at least 10 columns, not 9"):
        make_element(lockstep=False, queue_depth=9)
