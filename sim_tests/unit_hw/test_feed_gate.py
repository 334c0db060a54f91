# amaranth: UnusedElaboratable=no

"""FeedGate: every row goes as soon as it may, by the definition, and no sooner."""

import random
from collections import Counter as Tally

import pytest

from hw.systolic.feed_gate import FeedGate
from sim_tests.bench.simulate import simulate

CYCLES = 3000


@pytest.mark.parametrize("rows, accumulate_cycles", [
    (2, 6), (4, 6), (6, 6), (9, 6), (3, 4), (8, 5)])
def test_rows_go_when_they_may(rows, accumulate_cycles):
    dut = FeedGate(rows=rows, accumulate_cycles=accumulate_cycles)
    rng = random.Random(rows)
    seen = Tally()

    def row():
        """A row's `first` and `settles`, or none: there are tiles of one row and bubbles."""
        first = rng.random() < .5
        return (first, first and rng.random() < .4) if rng.random() < .8 else None

    async def bench(ctx):
        shown, coming, ready = None, None, False
        fed_at = taken_at = -accumulate_cycles
        for cycle in range(CYCLES):
            first, settles = shown or (rng.random() < .5, rng.random() < .5)
            fed = bool(shown) and (not first or (
                ready and (not settles or cycle >= fed_at + accumulate_cycles)
                and (rows >= accumulate_cycles or cycle >= taken_at + accumulate_cycles)))
            taken = fed and first
            # Another tile comes when there is none any more.
            readies = (not ready or taken) and rng.random() < .4
            clear = rng.random() < .01
            ctx.set(dut.first, first)
            ctx.set(dut.settles, settles)
            ctx.set(dut.coming, coming is not None)
            for name, value in zip(("coming_first", "coming_settles"), coming or (
                    rng.random() < .5, rng.random() < .5), strict=True):
                ctx.set(getattr(dut, name), value)
            ctx.set(dut.weights_ready, ready)
            ctx.set(dut.weights_readies, readies)
            ctx.set(dut.clear, clear)
            await ctx.delay(1e-8)
            assert (ctx.get(dut.fed), ctx.get(dut.waits), ctx.get(dut.taken)) == (
                fed, bool(shown) and not fed, taken), cycle
            await ctx.tick()

            seen["fed"] += fed
            seen["taken"] += taken
            seen["next to each other"] += taken and taken_at == cycle - 1
            seen["settled"] += fed and settles
            seen["waits"] += bool(shown) and not fed
            if fed:
                fed_at = cycle
            if taken:
                taken_at = cycle
            if fed or not shown:
                shown, coming = coming, row()
            ready = ready and not taken or readies
            if clear:
                shown, fed_at, taken_at = None, -accumulate_cycles, -accumulate_cycles
                coming = None

    simulate(dut, bench, max_cycles=4 * CYCLES)
    assert min(seen[name] for name in ("fed", "taken", "settled", "waits")) > 80, seen
    assert (seen["next to each other"] > 20) == (rows >= accumulate_cycles), seen
