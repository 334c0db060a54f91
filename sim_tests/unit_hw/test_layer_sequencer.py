# amaranth: UnusedElaboratable=no

"""LayerSequencer against the list of events that a run consists of, cycle by cycle."""

import random
from types import SimpleNamespace

import pytest

from golden.formats import LAYER
from hw.sparse.arithmetic_unit import ArithmeticUnit
from hw.sparse.layer_sequencer import LayerSequencer
from sim_tests.bench.simulate import simulate

SIZES = {"layer_count": 4, "pes": 8, "groups": 2, "lanes": 2, "accumulator_depth": 4,
         "activation_depth": 32, "pointer_depth": 36, "bias_depth": 48, "codebook_count": 2}
FITS = {"columns": 32, "rows": 16, "pointer_base": 2, "bias_base": 32, "multiplier": 0x8000_0000,
        "left_shift": 31, "right_shift": 17, "groups_log2": 1, "codebook": 1, "saturate": 1,
        "reserved": 0, "low": -32768, "high": 32767, "padding": 0}
#: Each breaks one condition by one; the ones beside them are at the edge and fit.
MISFITS = [{"columns": 0}, {"columns": 33}, {"rows": 0}, {"rows": 17}, {"bias_base": 34},
           {"groups_log2": 2}, {"groups_log2": 3}, {"codebook": 2}, {"codebook": 15},
           {"groups_log2": 0, "rows": 33, "bias_base": 0}, {"columns": 65535}, {"rows": 65535},
           {"bias_base": 65535}, {"pointer_base": 20}, {"pointer_base": 20, "columns": 31},
           {"pointer_base": 65534}, {"pointer_base": 4, "groups_log2": 0}, {"pointer_base": 1},
           {"bias_base": 31}, {"multiplier": 0x8000_0001}, {"low": 5, "high": 4}]
EDGES = [{}, {"columns": 1}, {"rows": 2, "bias_base": 46}, {"codebook": 0},
         {"groups_log2": 0, "rows": 32, "bias_base": 16}, {"pointer_base": 18},
         {"pointer_base": 20, "columns": 30}, {"pointer_base": 2, "groups_log2": 0},
         {"multiplier": 0x7FFF_FFFF}, {"low": 4, "high": 4}]
#: From `run`, or the last result of a layer, to the next `start`.
DESCRIBE = 13


class Core:
    """A sequencer with the rest of the core made of Python, which takes any time it likes."""

    def __init__(self, **changes):
        self.dut = LayerSequencer(**{**SIZES, **changes})
        self.events = []        # (cycle, what, values)
        self.cycle = 0
        self.multiply = self.drain = 0      # cycles until quiet, until drained; 0 if not at it

    async def tick(self, ctx, **inputs):
        """One cycle with these inputs high; the core does its part and notes what it is told."""
        dut = self.dut
        for name, value in inputs.items():
            ctx.set(getattr(dut, name), value)
        drained = self.drain == 1
        ctx.set(dut.drained, drained)
        ctx.set(dut.quiet, self.multiply <= 1)
        _, _, start, start_drain, clear, row, multiplying, running, fault, layer, page = \
            await ctx.tick().sample(dut.start, dut.start_drain, dut.clear, dut.clear_row,
                                    dut.multiplying, dut.running, dut.fault, dut.layer.as_value(),
                                    dut.page)
        self.multiply = max(0, self.multiply - 1)
        self.drain = max(0, self.drain - 1)
        for name, happens in (("start", start), ("start_drain", start_drain),
                              ("drained", drained)):
            if happens:
                self.events.append((self.cycle, name, LAYER.unpack(layer), page))
        if clear:
            self.events.append((self.cycle, "clear", row, page))
        if start:
            self.multiply = self.times.pop(0)
        if start_drain:
            self.drain = self.times.pop(0)
        self.cycle += 1
        for name in inputs:
            ctx.set(getattr(dut, name), 0)
        return SimpleNamespace(multiplying=multiplying, running=running, fault=fault)

    async def load(self, ctx, number, fields):
        for index, word in enumerate(LAYER.pack_words(**fields)):
            await self.tick(ctx, load=1, load_address=number * LAYER.words() + index,
                            load_data=word)

    async def settle(self, ctx):
        """Wait for the end of a run or of the reset; return in how many cycles it multiplied."""
        multiplied = 0
        while (seen := await self.tick(ctx)).running:
            multiplied += seen.multiplying
        return multiplied

    async def run(self, ctx, first, count, times):
        """Run layers whose multiplication and drain take `times`; return events from then on."""
        self.times = list(times)
        before, start = len(self.events), self.cycle
        assert not (await self.tick(ctx, run=1, first=first, count=count)).running
        self.multiplied = await self.settle(ctx)
        return [(cycle - start, *rest) for cycle, *rest in self.events[before:]]


def test_reset_clears_every_row_once():
    core = Core()

    async def bench(ctx):
        await core.settle(ctx)
        assert [event[1:3] for event in core.events] == [("clear", row) for row in range(4)]
        assert [event[0] for event in core.events] == list(range(4))
        # `running` falls when the last cleared row is in its memory.
        assert core.cycle - 1 == 4 + ArithmeticUnit.latency + 1

    simulate(core.dut, bench)


@pytest.mark.parametrize("seed, output_registers", [(0, True), (1, True), (2, False), (3, False)])
def test_layers_run_one_after_the_other(seed, output_registers):
    core = Core(output_registers=output_registers)
    rng = random.Random(seed)
    layers = [{**FITS, "columns": number + 1, "rows": 16 - number,
               "bias_base": rng.randrange(0, 32, 2),
               "multiplier": rng.randint(0, 1 << 31), "left_shift": rng.getrandbits(5),
               "right_shift": rng.getrandbits(5), "pointer_base": rng.randrange(0, 30, 2),
               "codebook": rng.randrange(2), "low": rng.randrange(-32768, 0),
               "high": rng.randrange(32768)} for number in range(4)]

    async def bench(ctx):
        page, runs = 0, 0
        await core.settle(ctx)
        for number in rng.sample(range(4), 4):
            await core.load(ctx, number, layers[number])
        for first, count in [(0, 4), (2, 1), (1, 3), (3, 1), (0, 2)]:
            times = [rng.choice([1, 2, 3, 30, rng.randint(1, 60)]) for _ in range(2 * count)]
            expected, cycle = [], 0
            for index in range(count):
                # Not quiet for `multiply` cycles after `start`; looked at from the second one on.
                multiply, drain = times[2 * index:2 * index + 2]
                start = cycle + DESCRIBE
                start_drain = start + max(2, multiply) + ArithmeticUnit.latency
                cycle = start_drain + drain
                for at, what in ((start, "start"), (start_drain, "start_drain"),
                                 (cycle, "drained")):
                    expected.append((at, what, layers[first + index], page))
                page ^= 1
            assert await core.run(ctx, first, count, times) == expected
            spans = [end[0] - start[0] for start, end in zip(expected[::3], expected[1::3],
                                                            strict=True)]
            assert core.multiplied == sum(spans), "from the cycle after `start` on"
            runs += 1
            for _ in range(rng.randrange(3)):
                await core.tick(ctx)
        assert runs == 5

    simulate(core.dut, bench)


def test_misfits_end_the_run():
    core = Core()

    async def bench(ctx):
        page = ended = 0
        await core.settle(ctx)
        for change in MISFITS:
            await core.load(ctx, 0, FITS)
            await core.load(ctx, 1, {**FITS, **change})
            events = await core.run(ctx, 0, 3, [1] * 6)
            assert [event[1] for event in events] == ["start", "start_drain", "drained"], change
            page ^= 1
            assert (await core.tick(ctx)).fault
            # It stays until it is cleared, and then is gone.
            assert (await core.tick(ctx, fault_clear=1)).fault
            assert not (await core.tick(ctx)).fault
            # A run that begins with the bad layer does nothing at all; the next one works, in the
            # page that the last good layer has left.
            assert await core.run(ctx, 1, 1, []) == []
            assert (await core.tick(ctx, fault_clear=1)).fault
            events = await core.run(ctx, 0, 1, [1, 1])
            assert [event[1:] for event in events] == [
                (what, FITS, page) for what in ("start", "start_drain", "drained")]
            page ^= 1
            assert not (await core.tick(ctx)).fault
            ended += 1
        assert ended == len(MISFITS)

    simulate(core.dut, bench)


@pytest.mark.parametrize("change", EDGES)
def test_layers_that_just_fit(change):
    core = Core()

    async def bench(ctx):
        await core.settle(ctx)
        await core.load(ctx, 3, {**FITS, **change})
        assert [event[1] for event in await core.run(ctx, 3, 1, [4, 4])] == [
            "start", "start_drain", "drained"]
        assert not (await core.tick(ctx)).fault

    simulate(core.dut, bench)


def test_a_core_of_one_group_refuses_more():
    core = Core(groups=1, lanes=1)

    async def bench(ctx):
        await core.settle(ctx)
        faults = []
        for groups_log2 in range(4):
            await core.load(ctx, 0, {**FITS, "groups_log2": groups_log2})
            await core.run(ctx, 0, 1, [1, 1])
            faults.append((await core.tick(ctx, fault_clear=1)).fault)
        assert faults == [0, 1, 1, 1]

    simulate(core.dut, bench)


def test_parameters_are_checked():
    with pytest.raises(ValueError, match="Groups must be a power of two, not 3"):
        Core(groups=3)
