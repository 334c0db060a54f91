"""The main job: from the compressed network that ships to bit-exact hardware."""

import json

import numpy as np
import pytest

from golden.formats import RESPONSE, Opcode
from golden.models.digits import load_digits_network
from golden.systolic.execute import execute as run_instructions
from hw.sparse.core import SparseCore
from scripts import api
from scripts.cli import main
from scripts.errors import Mismatch
from scripts.execution import execute, fit
from scripts.progress import Steps
from scripts.simulate import inputs_of
from sim_tests.bench import player
from sim_tests.bench.command_line import weft

pytestmark = pytest.mark.cosim

#: Enough to tell a mistake from luck; `make demo` runs all of them.
DIGITS = 12


@pytest.mark.parametrize("preset", ["weft", "eie", "icebreaker"])
def test_every_layer_is_exact(preset, tmp_path):
    result = api.simulate(api.configuration(preset), model="digits", inputs="digits",
                          count=DIGITS, out_dir=tmp_path)
    result.outcome.check()
    assert [layer.name for layer in result.outcome.layers] == ["fc1", "fc2", "fc3"]
    assert all(layer.equal_outputs == DIGITS for layer in result.outcome.layers)
    np.testing.assert_array_equal(np.load(result.outputs), result.outcome.golden)
    # Useful work is what is multiplied without the padding.
    for layer in result.outcome.layers:
        counters = {counter.name: count for counter, count in layer.counters.items()}
        assert layer.products == counters["BUSY"] - counters["WASTED"]


def test_the_demo_reports_and_writes_what_it_promises(tmp_path):
    done = weft("demo", "--digits", str(DIGITS), "-o", str(tmp_path), "--json", "-", timeout=900)
    assert done.returncode == 0, done.stderr
    *records, mlp, mlp_golden, cnn, cnn_golden = json.loads(done.stdout)
    assert [(r["source"], r.get("layer")) for r in records] == [
        (source, layer) for layer in ("fc1", "fc2", "fc3") for source in ("rtl", "model")
    ] + [("rtl", None), ("golden", None)]
    rtl = [record for record in records if record["source"] == "rtl"]
    assert all(record["bit_exact"] for record in rtl)
    assert all(0 < record["useful"] <= 1 for record in rtl[:-1])
    assert rtl[-1]["accuracy"] == records[-1]["accuracy"] > 0.9
    for name in ("sparse_core.v", "sparse_core.json", "demo.vcd"):
        assert str(tmp_path / name) in done.stderr
        assert (tmp_path / name).stat().st_size > 1000
    assert done.stderr.count("exact") >= 4 + 3
    for name, hardware, golden in (("mlp", mlp, mlp_golden), ("cnn", cnn, cnn_golden)):
        for item, source in ((hardware, "rtl"), (golden, "golden")):
            assert (item["bench"], item["config"], item["source"], item["network"]) == (
                "demo", "dense", source, f"digits-{name}")
            assert item["inputs"] == DIGITS
        assert hardware["bit_exact"] and hardware["accuracy"] == golden["accuracy"] > 0.9
        assert 0 < hardware["utilisation"] < 1
        row, = [line for line in done.stderr.splitlines() if line.startswith(f"dense  {name},")]
        assert f"{hardware['cycles'] / DIGITS:.1f}" in row and row.endswith("exact")


def test_the_dense_core_may_stay_out(tmp_path):
    result = api.demo(api.configuration("weft"), digits=1, out_dir=tmp_path, dense=False)
    assert result.bit_exact and result.dense == []
    assert [item["source"] for item in result.records[-2:]] == ["rtl", "golden"]
    assert not any("network" in item for item in result.records)


def test_a_dense_core_that_differs_ends_the_demo(monkeypatch, tmp_path):
    monkeypatch.setattr("scripts.dense_run.execute", _another_result)
    with pytest.raises(Mismatch, match="mlp: 1 elements of the unified buffer differ, the first is "
                                       "7"):
        api.demo(api.configuration("weft"), digits=1, out_dir=tmp_path)


def _another_result(memories, **options):
    result = run_instructions(memories, **options)
    result.unified[7] ^= 1
    return result


def test_the_same_run_twice_gives_the_same_verilog_and_figures(tmp_path):
    def run(folder):
        result = api.simulate(api.configuration("weft"), model="digits", inputs="digits", count=2,
                              out_dir=tmp_path / folder)
        return result.files.verilog.read_bytes(), [
            {key: value for key, value in record.items() if key != "sim_hz"}
            for record in result.records]
    assert run("a") == run("b")


def tampered(monkeypatch, number, word):
    """Change one payload word of the n-th answer to a read on its way to the host."""
    original = player.Simulator.run

    def run(self, *arguments, **options):
        result = original(self, *arguments, **options)
        at, reads = 0, 0
        while True:
            is_read = RESPONSE.unpack(int(result.responses[at]))["opcode"] == Opcode.READ
            if is_read and reads == number:
                break
            reads += is_read
            at += 2 + int(result.responses[at + 1])
        result.responses[at + 2 + word] ^= 1
        return result
    monkeypatch.setattr(player.Simulator, "run", run)


@pytest.fixture(scope="module")
def bench():
    """What `execute` needs: simulator, image, network, two inputs and the configuration."""
    config = api.configuration("weft").config
    network = load_digits_network()
    simulator = player.build_simulator(SparseCore(config), name="sparse_core")
    inputs = inputs_of("digits", network, 2)
    return (simulator, fit(network, config, inputs), network, inputs, config)


@pytest.mark.parametrize("read, word, message", [
    (0, 63, "layer fc1: outputs of 1 of 2 inputs differ from the golden model"),
    (1, 0, "layer fc1: counter CYCLES is"),
    (3, 7, "layer fc2: counter SATURATIONS is 1, the model says 0"),
    (4, 0, "layer fc3: outputs of 1 of 2"),
    (6, 9, "the layers agree one by one, but runs of the whole network do not"),
    (8 + 2, 5, "layer fc2: outputs of 1 of 2"),     # of the second input
])
def test_one_wrong_bit_is_noticed(bench, monkeypatch, read, word, message):
    tampered(monkeypatch, read, word)
    outcome = execute(*bench, steps=Steps(quiet=True))
    assert not outcome.bit_exact
    with pytest.raises(Mismatch, match=message):
        outcome.check()


def test_a_command_that_is_refused_is_named(bench, monkeypatch):
    original = player.Simulator.run

    def run(self, commands, **options):
        commands = np.array(commands)
        commands[1] = 0x7FFFFFFF            # the address of the first command
        return original(self, commands, **options)
    monkeypatch.setattr(player.Simulator, "run", run)
    with pytest.raises(Mismatch, match=r"command 0 \(WRITE .* was refused: BAD_ADDRESS"):
        execute(*bench, steps=Steps(quiet=True))


def test_a_mismatch_ends_with_exit_code_1(monkeypatch, tmp_path, capsys):
    tampered(monkeypatch, 0, 63)
    code = main(["simulate", "sparse", "digits", "--inputs", "digits", "--count", "2",
                 "-o", str(tmp_path), "--json", str(tmp_path / "records.json")])
    captured = capsys.readouterr()
    assert code == 1
    assert captured.err.splitlines()[-1].startswith("weft: error: layer fc1: outputs of 1 of 2")
    assert "MISMATCH" in captured.out
    # The records are written all the same, and do not claim otherwise.
    records = json.loads((tmp_path / "records.json").read_text())
    exact = {record.get("layer"): record["bit_exact"] for record in records
             if record["source"] == "rtl"}
    assert exact == {"fc1": False, "fc2": True, "fc3": True, None: False}
