"""`weft simulate dense`: networks and inputs from files, and what is said of them."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from golden.formats import DenseCounter
from golden.systolic.archive import write_dense_network
from golden.systolic.integer_layers import integer_product
from golden.systolic.layers import Add, Ending, FullyConnected
from golden.systolic.network import DenseNetwork
from scripts import dense_network_run
from scripts.errors import Mismatch, UsageError
from scripts.progress import Steps
from scripts.settings import configuration
from scripts.simulate_dense import inputs_of, simulate
from sim_tests.bench.command_line import weft

#: Small, so that it is soon built.
SMALL = {"rows": 4, "columns": 4, "unified_depth": 512, "accumulator_depth": 64,
         "weight_depth": 64, "parameter_depth": 32, "program_depth": 64}
SCALE = 1 / 32
README = Path(__file__).parents[2] / "README.md"


def fully_connected(name, taken, rows, columns, seed):
    rng = np.random.default_rng(seed)
    return FullyConnected(name=name, inputs=(taken,), **integer_product(
        rng.normal(size=(rows, columns)), rng.normal(size=rows), input_scale=SCALE,
        output_scale=1 / 8, relu=True))


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    """Two layers, and the file of them."""
    network = DenseNetwork(
        inputs={"x": (6,)}, scales={"x": (SCALE, 3)},
        layers=(fully_connected("hidden", "x", 9, 6, 1), fully_connected("out", "hidden", 5, 9, 2)))
    file = tmp_path_factory.mktemp("chain") / "chain.npz"
    write_dense_network(network, file)
    return network, file


@pytest.fixture(scope="module")
def sum_of_two(tmp_path_factory):
    """A network of two inputs, in a file."""
    ending = Ending(multiplier=1 << 30, left_shift=1, right_shift=0, zero_point=0, low=-128,
                    high=127)
    network = DenseNetwork(inputs={"a": (4,), "b": (4,)}, layers=(
        Add(name="sum", inputs=("a", "b"),
            operands=np.stack([np.arange(-128, 128)] * 2), ending=ending),))
    file = tmp_path_factory.mktemp("sum") / "sum.npz"
    write_dense_network(network, file)
    return network, file


def run(file, inputs, tmp_path, **options):
    return simulate(configuration("dense", core="dense", **SMALL), model=file, inputs=inputs,
                    steps=Steps(quiet=True), out_dir=tmp_path / "out", **options)


@pytest.mark.cosim
def test_a_network_of_ones_own(chain, tmp_path):
    network, file = chain
    real = np.random.default_rng(5).normal(size=(11, 6))
    np.save(tmp_path / "x.npy", real)
    done = weft("simulate", "dense", str(file), "--inputs", str(tmp_path / "x.npy"), "-o",
                str(tmp_path / "out"), "--json", str(tmp_path / "r.json"),
                *(part for item in SMALL.items() for part in ("--set", "{}={}".format(*item))))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("exact") == 2 + 1 and "11 inputs, 11 a run" in done.stdout
    stored = np.clip(np.copysign(np.floor(np.abs(real / SCALE) + .5), real) + 3, -128, 127)
    expected = network.run({"x": stored.astype(int)})[0]["out"]
    with np.load(tmp_path / "out" / "outputs.npz") as outputs:
        assert np.array_equal(outputs["out"], expected) and np.ptp(expected) > 20
    record, = json.loads((tmp_path / "r.json").read_text())
    assert record["bit_exact"] and record["network"] == "chain" and record["inputs"] == 11
    assert record["cycles"] == sum(record[kind] for kind in (
        "active", "weight_stall", "weight_shift", "non_matrix"))
    assert record["useful_macs"] == 11 * network.macs


@pytest.mark.cosim
def test_inputs_that_need_several_runs(chain, tmp_path):
    """Of each input 20 elements are kept, of 512: two runs, the last of them shorter."""
    network, file = chain
    stored = np.random.default_rng(6).integers(-128, 128, (50, 6))
    np.save(tmp_path / "x.npy", stored)
    result = run(file, tmp_path / "x.npy", tmp_path, count=49)
    assert (result.run.inputs, result.run.batch, result.run.modelled) == (49, 25, True)
    assert result.run.tensors == ("x", "hidden", "out")
    assert np.array_equal(result.run.outputs["out"], network.run({"x": stored[:49]})[0]["out"])
    assert result.run.counters[DenseCounter.USEFUL_MACS] == 49 * network.macs
    assert result.most == 34
    halves = run(file, tmp_path / "x.npy", tmp_path, count=4, batch=2)
    assert (halves.run.batch, halves.most) == (2, 2)
    crowded = run(file, tmp_path / "x.npy", tmp_path, batch=30)
    assert crowded.run.tensors == ("out",) and crowded.run.batch == 30
    assert np.array_equal(crowded.run.outputs["out"], network.run({"x": stored})[0]["out"])
    with pytest.raises(UsageError, match="--batch 40: a run has room for 34; leave it out"):
        run(file, tmp_path / "x.npy", tmp_path, batch=40)


@pytest.mark.cosim
def test_two_inputs(sum_of_two, tmp_path):
    network, file = sum_of_two
    a, b = np.random.default_rng(7).integers(-60, 60, (2, 3, 4))
    np.savez(tmp_path / "ab.npz", b=b, a=a)
    result = run(file, tmp_path / "ab.npz", tmp_path)
    assert np.array_equal(result.run.outputs["sum"], a + b)


@pytest.mark.cosim
def test_the_network_of_the_readme(tmp_path, monkeypatch):
    block, = (block for block in re.findall(r"```python\n(.*?)```", README.read_text(), re.S)
              if "write_dense_network" in block)
    monkeypatch.chdir(tmp_path)
    exec(compile(block, README, "exec"), {})
    result = run("dense.npz", "x.npy", tmp_path)
    assert result.run.inputs == 100 and np.ptp(result.run.outputs["fc"]) > 20


@pytest.mark.cosim
def test_a_wrong_cycle_is_noticed(chain, tmp_path, monkeypatch):
    original = dense_network_run.dense_cycles

    def late(*arguments, **options):
        predicted = original(*arguments, **options)
        return predicted | {DenseCounter.RAW_STALL: predicted[DenseCounter.RAW_STALL] + 1}
    monkeypatch.setattr(dense_network_run, "dense_cycles", late)
    np.save(tmp_path / "x.npy", np.zeros((2, 6), dtype=int))
    with pytest.raises(Mismatch, match="chain: counter RAW_STALL is .*, the cycle model says"):
        run(chain[1], tmp_path / "x.npy", tmp_path)


@pytest.mark.cosim
@pytest.mark.parametrize("name", ["allow_pickle", "file", "a/../b", "[red]"])
def test_any_name_is_that_of_an_array(name, tmp_path):
    network = DenseNetwork(inputs={"x": (3,)}, layers=(fully_connected(name, "x", 2, 3, 4),))
    write_dense_network(network, tmp_path / "[bold]net.npz")
    np.save(tmp_path / "x.npy", np.ones((2, 3), int))
    result = run(tmp_path / "[bold]net.npz", tmp_path / "x.npy", tmp_path)
    with np.load(result.outputs) as outputs:
        assert outputs.files == [name] and outputs[name].shape == (2, 2)


WRONG = {
    "channels first": (np.zeros((4, 3, 2), int), "but the network takes numbers of shape"),
    "integers of another shape": (np.zeros((2, 5), int), "but the network takes numbers of shape"),
    "integers that do not fit": (np.full((1, 6), 128), "x is from 128 to 128, but .* -128 to 127"),
    "no number": (np.full((1, 6), np.nan), "holds a NaN"),
    "words": (np.full((1, 6), "a"), "but the network takes numbers of shape"),
    "nothing": (np.zeros((0, 6), int), "holds 0 inputs"),
    "one number": (np.array(1), "but the network takes numbers of shape"),
}


@pytest.mark.parametrize("name", WRONG)
def test_inputs_that_are_none(chain, tmp_path, name):
    array, message = WRONG[name]
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(UsageError, match=message):
        inputs_of(tmp_path / "x.npy", "chain.npz", chain[0])


def test_files_that_are_none(chain, sum_of_two, tmp_path):
    network, file = chain
    (tmp_path / "text.npy").write_text("1 2 3")
    (tmp_path / "broken.npz").write_bytes(file.read_bytes()[:300])
    np.save(tmp_path / "x.npy", np.zeros((2, 6), int))
    np.savez(tmp_path / "uneven.npz", a=np.zeros((2, 4), int), b=np.zeros((3, 4), int))
    for asked, source, message in (
            (network, tmp_path / "text.npy", "no .npy and no .npz file; --inputs takes"),
            (network, tmp_path / "broken.npz", "it is broken"),
            (network, tmp_path / "absent.npy", "No such file or directory; --inputs takes"),
            (network, file, "holds other arrays than the network takes: x"),
            (network, "digits", "--inputs digits are those of digits-mlp"),
            (sum_of_two[0], tmp_path / "x.npy", "one array, but the network takes a, b"),
            (sum_of_two[0], tmp_path / "uneven.npz", "holds 2 and 3 inputs")):
        with pytest.raises(UsageError, match=message):
            inputs_of(source, "chain.npz", asked)
    with pytest.raises(UsageError, match="does not say what real numbers stand for"):
        np.savez(tmp_path / "real.npz", a=np.zeros((2, 4)), b=np.zeros((2, 4)))
        inputs_of(tmp_path / "real.npz", "sum.npz", sum_of_two[0])
    with pytest.raises(UsageError, match="has 2 inputs, not 3"):
        inputs_of(tmp_path / "x.npy", "chain.npz", network, count=3)


def test_networks_that_do_not_fit(chain, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((2, 6), int))
    for changes, message in (({"weight_depth": 4}, "Layer 'hidden'.* set weight_depth=64$"),
                             ({"weight_depth": 24, "parameter_depth": 8}, "all of it would fit "
                              "--set parameter_depth=16 --set weight_depth=64$"),
                             ({"program_depth": 4}, "The program has .* set program_depth=16$"),
                             ({"activation_width": 9, "operand_tables": 0, "function_tables": 0},
                              "activations of 8 bits; use --set activation_width=8")):
        settings = configuration("dense", core="dense", **SMALL | changes)
        with pytest.raises(UsageError, match=message):
            simulate(settings, model=chain[1], inputs=tmp_path / "x.npy", out_dir=tmp_path,
                     steps=Steps(quiet=True))
