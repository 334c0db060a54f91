# amaranth: UnusedElaboratable=no

"""SparseCore as its host sees it: commands during a run, runs that fail, resets at any time."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from amaranth import *

from golden.formats import LAYER, Counter, Memory, Status
from golden.network import SparseLayer, SparseNetwork
from golden.sparse.compute import run_network
from golden.sparse.cycles import layer_cycles
from golden.sparse.image import build_image, from_positions, to_positions
from hw.config import SparseConfig
from hw.host.driver import Program, load_image, parse_responses, signed
from hw.sparse.core import SparseCore
from sim_tests.bench.simulate import simulate

SIZES = {"entry_words": 64, "pointer_depth": 64, "accumulator_depth": 16, "activation_depth": 32,
         "bias_depth": 64, "codebook_count": 4, "layer_count": 4, "queue_depth": 2, "map_width": 8}
SMALL = SparseConfig(pes=1, **SIZES)
GROUPED = SparseConfig(pes=4, groups=2, lanes=2, **SIZES)
PUBLISHED = SparseConfig(pes=2, escape=False, lookahead=False, output_registers=False, **SIZES)


def make_network(rng, sizes, low):
    layers = []
    for number, (columns, rows) in enumerate(zip(sizes, sizes[1:], strict=False)):
        codes = rng.integers(1, 16, (rows, columns)) * (rng.random((rows, columns)) < .4)
        layers.append(SparseLayer(
            name=f"layer{number}", codes=codes.astype(np.uint8),
            codebook=np.concatenate([[0], rng.integers(-99, 100, 15)]).astype(np.int16),
            bias=rng.integers(-999, 1000, rows).astype(np.int32), multiplier=1 << 31,
            right_shift=4, low=low))
    return SparseNetwork(tuple(layers))


class CoreBench:
    """A core with a network; a bench talks to it through `ask`."""

    def __init__(self, config, sizes, groups=1, low=-32768, network=None):
        self.config = config
        self.rng = np.random.default_rng(0)
        self.network = network or make_network(self.rng, sizes, low)
        self.image = build_image(self.network, geometry=config.geometry, groups=groups,
                                 lanes=config.lanes, balance=network is None)
        core = SparseCore(config)
        self.commands, self.responses = core.commands, core.responses
        self.reset = Signal()
        self.dut = ResetInserter(self.reset)(core)
        self.words, self.cycle = [], 0

    def simulate(self, bench, max_cycles=8000):
        async def listen(ctx):
            ctx.set(self.responses.ready, 1)
            async for _, _, valid, payload in ctx.tick().sample(self.responses.valid,
                                                                self.responses.payload):
                if valid:
                    self.words.append((self.cycle, payload))
                self.cycle += 1

        simulate(self.dut, bench, processes=[listen], max_cycles=max_cycles)

    async def send(self, ctx, program):
        for word in program.words.tolist():
            ctx.set(self.commands.payload, word)
            ctx.set(self.commands.valid, 1)
            await ctx.tick().until(self.commands.ready)
        ctx.set(self.commands.valid, 0)

    async def ask(self, ctx, program):
        """Send a program; return the responses, each with the cycle of its first word."""
        self.words.clear()
        await self.send(ctx, program)
        for _ in range(2000):
            words = np.array([word for _, word in self.words], dtype=np.uint32)
            # The length of what has come tells whether it is whole.
            at, starts = 0, []
            while at + 2 <= len(words):
                starts.append(at)
                at += 2 + int(words[at + 1])
            if len(starts) == len(program) and at == len(words):
                return [SimpleNamespace(status=response.status, payload=response.payload,
                                        cycle=self.words[start][0])
                        for response, start in zip(parse_responses(words), starts, strict=True)]
            await ctx.tick()
        raise TimeoutError(f"{len(starts)} of {len(program)} responses: {words}")

    async def load(self, ctx):
        answers = await self.ask(ctx, load_image(self.image))
        assert {answer.status for answer in answers} == {Status.OK}

    def activations(self, share=.7):
        columns = self.network.layers[0].columns
        return self.rng.integers(-99, 100, columns) * (self.rng.random(columns) < share)

    def write(self, values, program=None):
        words = to_positions(values, self.image.plans[0].input_order).astype(np.int32)
        return (program or Program()).write(Memory.ACTIVATIONS, 0, 0, words.view(np.uint32))

    def golden(self, values):
        return run_network(self.network, values, geometry=self.config.geometry,
                           plans=self.image.plans)

    async def infer(self, ctx, count=None):
        """Run the first layers on new activations, and check every output and the cycles."""
        count = count or len(self.network.layers)
        values, rows = self.activations(), self.network.layers[count - 1].rows
        program = self.write(values).run(0, count).read(Memory.ACTIVATIONS, 0, 0, rows)
        program.read(Memory.COUNTERS, 0, 0, len(Counter))
        answers = await self.ask(ctx, program)
        assert {answer.status for answer in answers} == {Status.OK}
        traces = self.golden(values)
        np.testing.assert_array_equal(
            from_positions(signed(answers[2].payload), self.image.plans[count - 1].order),
            traces[count - 1].outputs)
        # Cleared at the start of the run: so not a cycle of an earlier one is left.
        costs = self.costs(values, traces)[:count]
        for counter in (Counter.CYCLES, Counter.TOTAL_CYCLES, Counter.QUEUE_FULL):
            assert answers[3].payload[counter] == sum(
                getattr(cost, counter.name.lower()) for cost in costs)
        assert answers[3].payload[Counter.COLUMNS] == sum(
            np.count_nonzero(vector) for vector in
            [values, *(trace.outputs for trace in traces)][:count])
        return answers

    def costs(self, values, traces):
        inputs, offsets, costs = values, np.zeros(self.config.pes, dtype=np.int64), []
        for plan, encoded, trace in zip(self.image.plans, self.image.encoded, traces, strict=True):
            costs.append(layer_cycles(
                encoded, to_positions(inputs, plan.input_order) != 0, offsets=offsets,
                **{name: getattr(self.config, name)
                   for name in ("lanes", "queue_depth", "lookahead", "lockstep", "map_width")}))
            offsets, inputs = offsets + encoded.entries, trace.outputs
        return costs


@pytest.mark.parametrize("config, groups", [(SMALL, 1), (GROUPED, (2, 1)), (PUBLISHED, 1)])
def test_runs_repeat(config, groups):
    """An odd number of layers swaps pages for the next run, an even one does not."""
    bench = CoreBench(config, (20, 16, 11), groups)

    async def run(ctx):
        await bench.load(ctx)
        for count in (2, 1, 1, 2):
            await bench.infer(ctx, count)

    bench.simulate(run)


@pytest.mark.parametrize("escape, lockstep, queue_depth", [
    (True, True, 2), (False, True, 3), (True, False, 10), (False, False, 10)])
def test_queues_fill_unevenly(escape, lockstep, queue_depth):
    """Elements skip about half of the columns, each others, and are slow with the rest."""
    config = SparseConfig(pes=4, escape=escape, lockstep=lockstep,
                          **{**SIZES, "queue_depth": queue_depth})
    rng = np.random.default_rng(queue_depth)
    codes = np.tile(rng.random((4, 32)) < .5, (6, 1)) * rng.integers(1, 16, (24, 32))
    layer, = make_network(rng, (32, 24), -32768).layers
    network = SparseNetwork((dataclasses.replace(layer, codes=codes.astype(np.uint8)),))
    bench = CoreBench(config, None, network=network)

    async def run(ctx):
        await bench.load(ctx)
        waited = 0
        for _ in range(4):
            waited += (await bench.infer(ctx))[3].payload[Counter.QUEUE_FULL]
        # A reader of escapes asks for 16 words ahead, and so has room for as many short columns.
        assert waited > (10 if escape else 50)

    bench.simulate(run)


def test_the_last_beat_writes_no_more_than_the_rows():
    """An output too many would be clamped to 5, and so be a column of the next layer."""
    bench = CoreBench(GROUPED, (20, 15, 13, 11), (1, 2, 1), low=5)

    async def run(ctx):
        await bench.load(ctx)
        for _ in range(2):
            await bench.infer(ctx)

    bench.simulate(run)


def waiting_commands():
    """(what, program) for everything that has to wait for the end of a run."""
    word = np.ones(1, dtype=np.uint32)
    for memory in (Memory.LAYERS, Memory.BIASES, Memory.CODEBOOKS, Memory.ACTIVATIONS):
        yield memory.name, lambda at, memory=memory: Program().write(memory, 0, at[memory], word)
    for memory in (Memory.ACTIVATIONS, Memory.COUNTERS, Memory.IDENTITY):
        yield f"read {memory.name}", lambda at, memory=memory: Program().read(memory, 0, 0, 1)
    yield "run", lambda at: Program().run(0, 1)


def test_what_waits_for_the_end_of_a_run():
    bench = CoreBench(SMALL, (30, 16))
    # Where a write changes nothing that the layer uses.
    spare = {Memory.LAYERS: 24, Memory.BIASES: 63, Memory.CODEBOOKS: 31, Memory.ACTIVATIONS: 24}
    checked = 0

    async def run(ctx):
        nonlocal checked
        await bench.load(ctx)
        total = int((await bench.infer(ctx))[3].payload[Counter.TOTAL_CYCLES])
        for what, make in waiting_commands():
            values = bench.activations(share=1)
            await bench.ask(ctx, bench.write(values))
            program = Program().run(0, 1).extend(make(spare))
            program.read(Memory.COUNTERS, 0, Counter.TOTAL_CYCLES, 1)
            accepted, answer, counter = await bench.ask(ctx, program)
            assert (accepted.status, answer.status, counter.status) == (Status.OK,) * 3
            if what != "run":       # which clears the counter
                total = int(counter.payload[0])
            # `running` rises within two cycles of the answer to RUN.
            assert answer.cycle - accepted.cycle > total - 5 > 100, what
            checked += 1

    bench.simulate(run, max_cycles=12_000)
    assert checked == 8


def test_the_next_tile_is_loaded_while_one_runs():
    """Entries and pointers go ahead, right behind those in use, and the running layer is exact."""
    bench = CoreBench(SMALL, (30, 16, 14))
    image, config = bench.image, bench.config
    first, second = image.encoded
    # In words: what the first layer uses, and what only the second does.
    border = -(-int(first.entries[0]) // config.word_entries)
    pointer_border = first.pointers.shape[1] + first.pointers.shape[1] % 2

    async def run(ctx):
        parts = image.entries.shape[2]
        program = Program()
        program.write(Memory.ENTRIES, 0, 0, image.entries[0, :border].reshape(-1),
                      word_parts=parts)
        program.write(Memory.POINTERS, 0, 0, image.pointers[0, :pointer_border])
        for memory, values in ((Memory.BIASES, image.biases.view(np.uint32)),
                               (Memory.CODEBOOKS, image.codebooks.astype(np.int32).view(np.uint32)),
                               (Memory.LAYERS, image.layers.reshape(-1))):
            program.write(memory, 0, 0, values)
        await bench.ask(ctx, program)
        values = bench.activations(share=1)
        program = bench.write(values).run(0, 1)
        program.write(Memory.POINTERS, 0, pointer_border, image.pointers[0, pointer_border:])
        program.write(Memory.ENTRIES, 0, border, image.entries[0, border:].reshape(-1),
                      word_parts=parts)
        program.read(Memory.COUNTERS, 0, Counter.TOTAL_CYCLES, 1)
        program.run(1, 1).read(Memory.ACTIVATIONS, 0, 0, 14)
        answers = await bench.ask(ctx, program)
        assert {answer.status for answer in answers} == {Status.OK}
        _, accepted, pointers, entries, counter, _, outputs = answers
        end = accepted.cycle + int(counter.payload[0])
        assert pointers.cycle < entries.cycle < end - 20, "both answered while the layer runs"
        np.testing.assert_array_equal(
            from_positions(signed(outputs.payload), image.plans[1].order),
            bench.golden(values)[1].outputs)

    bench.simulate(run)


@pytest.mark.parametrize("change", [{"pointer_base": 48}, {"groups_log2": 1}, {"bias_base": 60}])
def test_a_bad_layer_is_told_once(change):
    bench = CoreBench(SMALL, (20, 16, 11))

    async def run(ctx):
        await bench.load(ctx)
        good = [int(word) for word in bench.image.layers[1]]
        fields = LAYER.unpack(sum(word << 32 * n for n, word in enumerate(good)))
        bad = LAYER.pack_words(**{**fields, **change})
        for _ in range(2):
            values = bench.activations()
            program = bench.write(values)
            program.write(Memory.LAYERS, 0, 8, np.array(bad, dtype=np.uint32)).run(0, 2)
            # What does not wait neither takes the fault nor loses it; nor does what is wrong.
            program.write(Memory.POINTERS, 0, 63, np.ones(1, dtype=np.uint32))
            program.read(Memory.BIASES, 0, 0, 1)
            program.read(Memory.ACTIVATIONS, 0, 0, 16).read(Memory.ACTIVATIONS, 0, 0, 16)
            program.write(Memory.LAYERS, 0, 8, np.array(good, dtype=np.uint32))
            program.read(Memory.COUNTERS, 0, 0, 1)
            answers = await bench.ask(ctx, program)
            ok = Status.OK
            assert [answer.status for answer in answers] == [
                ok, ok, ok, ok, Status.BAD_MEMORY, Status.BAD_LAYER, ok, ok, ok]
            assert len(answers[5].payload) == 0
            np.testing.assert_array_equal(
                from_positions(signed(answers[6].payload), bench.image.plans[0].order),
                bench.golden(values)[0].outputs)
            await bench.infer(ctx)

    bench.simulate(run)


@pytest.mark.parametrize("config, groups", [(SMALL, 1), (GROUPED, 2)])
def test_reset_in_the_middle_of_a_layer(config, groups):
    """Wherever it hits: accumulators are clear afterwards, and the memories still loaded."""
    bench = CoreBench(config, (30, 16, 14), groups)

    async def run(ctx):
        await bench.load(ctx)
        await bench.infer(ctx)
        # In the fill, the multiplication and the drain of the first layer, and in the second.
        values = bench.activations(share=1)
        total = sum(cost.cycles for cost in bench.costs(values, bench.golden(values)))
        for wait in (1, 14, 20, total // 4, total // 2, total * 3 // 4, total):
            await bench.ask(ctx, bench.write(values).run(0, 2))
            await ctx.tick().repeat(wait)
            ctx.set(bench.reset, 1)
            await ctx.tick()
            ctx.set(bench.reset, 0)
            # A command at once waits until the accumulators are clear.
            answer, = await bench.ask(ctx, Program().read(Memory.COUNTERS, 0, 0, 1))
            assert answer.payload[0] == 0
            await bench.infer(ctx)

    bench.simulate(run, max_cycles=20_000)
