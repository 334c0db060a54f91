# amaranth: UnusedElaboratable=no

"""Emitted Verilog: reproducible, readable, and one module for many equal components."""

import re

import numpy as np
import pytest
from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.emission import Emission, EmissionError, emit_verilog, replicate
from hw.memory import Collision, block_ram
from scripts.lint import lint_verilog
from sim_tests.bench.echo import Echo
from sim_tests.bench.simulate import simulate
from sim_tests.bench.streams import get_all, put_all


class Stage(wiring.Component):
    """Adds to each word what it has in its row of a small table, which the words also change."""

    words: In(stream.Signature(32))
    sums: Out(stream.Signature(32))

    def elaborate(self, platform):
        m = Module()
        write, read = block_ram(m, "table", shape=32, depth=16, collision=Collision.NEVER,
                                init=[3, 1, 4, 1, 5])
        word = Signal(32)
        with m.FSM(name="phase"):
            with m.State("Take"):
                m.d.comb += [self.words.ready.eq(1), read.addr.eq(self.words.payload),
                             read.en.eq(self.words.valid)]
                with m.If(self.words.valid):
                    m.d.sync += word.eq(self.words.payload)
                    m.next = "Give"
            with m.State("Give"):
                m.d.comb += [self.sums.valid.eq(1), self.sums.payload.eq(word + read.data)]
                with m.If(self.sums.ready):
                    m.d.comb += [write.en.eq(1), write.addr.eq(word), write.data.eq(word)]
                    m.next = "Take"
        m.d.comb += read.en.eq(self.words.valid & self.words.ready)
        return m


class Chain(wiring.Component):
    """A chain of stages, as a core with a host port."""

    commands: In(stream.Signature(32))
    responses: Out(stream.Signature(32))

    def __init__(self, count):
        self.count = count
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        stages = replicate(m, "stage", Stage(), Stage, self.count, platform)
        source = wiring.flipped(self.commands)
        for stage in stages:
            wiring.connect(m, source, stage.words)
            source = stage.sums
        wiring.connect(m, source, wiring.flipped(self.responses))
        return m


def chained(words, count):
    """What `Chain(count)` answers."""
    words = words.copy()
    for _ in range(count):
        table = np.zeros(16, dtype=np.uint32)
        table[:5] = [3, 1, 4, 1, 5]
        for position, word in enumerate(words):
            words[position] = (int(word) + int(table[word % 16])) % 2**32
            table[word % 16] = word
    return words


WORDS = np.random.default_rng(5).integers(1 << 32, size=200, dtype=np.uint32)


def test_replicas_are_submodules_in_the_amaranth_simulator():
    dut = Chain(3)

    async def put(ctx):
        await put_all(ctx, dut.commands, WORDS.tolist())

    async def get(ctx):
        assert await get_all(ctx, dut.responses, WORDS.size) == chained(WORDS, 3).tolist()

    simulate(dut, put, get)


@pytest.mark.cosim
def test_replicas_are_instances_in_verilog():
    from sim_tests.bench.player import build_simulator
    result = build_simulator(Chain(3), name="chain").run(WORDS, responses=WORDS.size, stall=0.2)
    np.testing.assert_array_equal(result.responses, chained(WORDS, 3))


def modules(verilog):
    return dict(re.findall(r"^module (\w+)(.*?)^endmodule", verilog, re.M | re.S))


def test_many_replicas_are_one_module():
    verilog = emit_verilog(Chain(64), name="chain")
    assert list(modules(verilog)) == ["chain_stage", "chain"]
    assert len(re.findall(r"^  chain_stage stage_\d+ \(", verilog, re.M)) == 64


def test_replicas_have_the_ports_of_the_component():
    """The header of a shared module is that of the component emitted alone."""
    shared = modules(emit_verilog(Chain(2), name="chain"))["chain_stage"]
    alone = modules(emit_verilog(Stage(), name="stage"))["stage"]
    assert shared == alone
    assert shared.startswith("(clk, rst, sums__payload, sums__ready, sums__valid, "
                             "words__payload, words__ready, words__valid);\n")


def test_equal_submodules_become_one_module():
    """Without `replicate`: an array of submodules is emitted module by module, then merged."""
    class Pair(wiring.Component):
        commands: In(stream.Signature(32))
        responses: Out(stream.Signature(32))

        def elaborate(self, platform):
            m = Module()
            m.submodules.first = first = Echo(depth=4)
            m.submodules.second = second = Echo(depth=4)
            m.submodules.third = third = Echo(depth=8)
            wiring.connect(m, wiring.flipped(self.commands), first.commands)
            wiring.connect(m, first.responses, second.commands)
            wiring.connect(m, second.responses, third.commands)
            wiring.connect(m, third.responses, wiring.flipped(self.responses))
            return m

    verilog = emit_verilog(Pair(), name="pair")
    assert list(modules(verilog)) == ["pair_first", "pair_third", "pair"]
    assert "  pair_first second (\n" in verilog


@pytest.mark.parametrize("assertions", [False, True])
def test_verilog_is_reproducible_and_plain(assertions):
    verilog = emit_verilog(Chain(2), name="chain", assertions=assertions)
    assert verilog == emit_verilog(Chain(2), name="chain", assertions=assertions)
    assert "\\" not in verilog and "src" not in verilog
    assert ("assert (" in verilog) == assertions
    assert "table_check" not in verilog or assertions


def test_memories_start_in_loops():
    body = modules(emit_verilog(Stage(), name="stage"))["stage"]
    assert "  initial begin\n    \\table" not in body
    rows = re.findall(r"(\w+)\[(\d+|row_index)\] = (\S+);", body)
    assert [(row, value) for _, row, value in rows] == [
        ("0", "32'd3"), ("1", "32'd1"), ("2", "32'd4"), ("3", "32'd1"), ("4", "32'd5"),
        ("row_index", "32'd0")]
    assert "for (row_index = 5; row_index < 16; row_index = row_index + 1)" in body


@pytest.mark.cosim
def test_a_memory_behind_a_long_list_of_ports(tmp_path):
    """Yosys breaks the list into lines, of which the first is not where a module's body begins."""
    class Wide(wiring.Component):
        def __init__(self):
            super().__init__({f"word_{number}": In(8) for number in range(60)} | {"sum": Out(8)})

        def elaborate(self, platform):
            m = Module()
            write, read = block_ram(m, "table", shape=8, depth=64, collision=Collision.NEVER)
            m.d.comb += [write.addr.eq(self.word_0), write.data.eq(self.word_1),
                         write.en.eq(self.word_2[0]), read.en.eq(~self.word_2[0]),
                         read.addr.eq(self.word_3)]
            others = [getattr(self, f"word_{number}") for number in range(4, 60)]
            m.d.comb += self.sum.eq(sum(others, read.data))
            return m

    verilog = emit_verilog(Wide(), name="wide")
    header, = re.findall(r"^module wide\(.*$", verilog, re.M)
    assert header.endswith(");") and "word_59" in header
    assert "integer row_index;" in verilog
    source = tmp_path / "wide.v"
    source.write_text(verilog)
    found = lint_verilog(source)
    assert all(warning.startswith("UNUSEDSIGNAL") for warning in found), found


def test_a_stray_assertion_is_refused():
    class Stray(wiring.Component):
        value: In(1)

        def elaborate(self, platform):
            m = Module()
            m.d.sync += Assert(self.value)
            return m

    with pytest.raises(EmissionError, match=r"stray has an Assert or Print outside of hw\.check"):
        emit_verilog(Stray(), name="stray")
    assert "assert (" in emit_verilog(Stray(), name="stray", assertions=True)


def test_a_shared_component_has_one_clock():
    class Other(wiring.Component):
        value: Out(1)

        def elaborate(self, platform):
            m = Module()
            m.domains.sync = ClockDomain()
            m.d.other += self.value.eq(~self.value)
            return m

    with pytest.raises(EmissionError, match="part has clocks of its own: other_clk, other_rst"):
        replicate(Module(), "part", Other(), Other, 2, Emission("top"))


@pytest.mark.cosim
def test_emitted_verilog_passes_lint(tmp_path):
    source = tmp_path / "chain.v"
    source.write_text(emit_verilog(Chain(2), name="chain"))
    assert lint_verilog(source) == []


@pytest.mark.cosim
def test_lint_finds_what_no_waiver_covers(tmp_path):
    source = tmp_path / "broken.v"
    source.write_text("module broken(input wire a, output wire b);\nendmodule\n")
    found = lint_verilog(source)
    assert sorted(warning.partition(" ")[0] for warning in found) == ["UNDRIVEN", "UNUSEDSIGNAL"]
    source.write_text("module broken(;\n")
    assert lint_verilog(source)[0].startswith("ERROR line 1: syntax error")
