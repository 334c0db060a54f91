"""`weft compress`: files of weights, networks that are trained, and what it says of mistakes."""

import json

import numpy as np
import pytest

from golden.compression.float_network import FloatLayer, forward
from golden.compression.integer import infer
from golden.container import dumps, read_network
from scripts.cli import main
from scripts.compression.pruning import pruned_bytes
from scripts.compression.weights_file import read_weights
from sim_tests.bench.command_line import weft


def weights():
    """A convolution and a fully connected layer, as a file holds them."""
    rng = np.random.default_rng(0)
    return {"conv.weight": rng.normal(0, 0.3, (4, 1, 3, 3)), "conv.bias": rng.normal(0, 0.1, 4),
            "conv.window": np.array([8, 8, 1, 0, 2]),
            "fc.weight": rng.normal(0, 0.3, (10, 36)), "fc.bias": rng.normal(0, 0.1, 10)}


def test_weights_of_a_user(tmp_path, capsys):
    inputs = np.random.default_rng(1).integers(0, 17, (300, 64))
    layers = [FloatLayer("conv", weights()["conv.weight"].reshape(4, 9), weights()["conv.bias"],
                         read_weights_of(tmp_path, weights()).layers[0].window),
              FloatLayer("fc", weights()["fc.weight"], weights()["fc.bias"])]
    *_, outputs = forward(layers, inputs / 16)
    np.savez(tmp_path / "net.npz", **weights(), inputs=inputs, labels=outputs.argmax(1),
             input_scale=1 / 16)
    code = main(["compress", str(tmp_path / "net.npz"), "-o", str(tmp_path / "new" / "net.weft"),
                 "--prune", "0.8", "--prune", "conv=1", "--bits", "fc=6", "--bits", "conv=8",
                 "--json", str(tmp_path / "r.json")])
    assert code == 0
    shown = capsys.readouterr().out
    network = read_network(tmp_path / "new" / "net.weft")
    conv, full = network.layers
    assert (np.count_nonzero(conv.codes), np.count_nonzero(full.codes)) == (36, 288)
    assert (conv.index_width, full.index_width, conv.input_scale) == (8, 6, 1 / 16)
    error = float(np.mean(infer(network, inputs).argmax(1) != outputs.argmax(1)))
    records = json.loads((tmp_path / "r.json").read_text())
    assert [record["stage"] for record in records] == ["float", "pruned", "shared", "Huffman"]
    assert records[0]["bytes"] == 4 * (36 + 4 + 360 + 10) and records[0]["ratio"] == 1
    assert records[0]["error_compressed"] == records[-1]["error_float"] == 0
    assert records[-1]["error_compressed"] == error < 0.5
    assert records[-1]["bytes"] == (tmp_path / "new" / "net.weft").stat().st_size
    assert records[2]["bytes"] == len(dumps(network)) >= records[-1]["bytes"]
    for record in records:
        assert record["stage"] in shown and f"{record['bytes']:,}" in shown


def read_weights_of(folder, arrays):
    np.savez(folder / "a.npz", **arrays)
    return read_weights(folder / "a.npz")


@pytest.mark.parametrize("options", [
    ["--rule", "global", "--prune", "0.3"], ["--rule", "sensitivity", "--prune", "1"],
    ["--rule", "balanced", "--pes", "4", "--prune", "0.25"], ["--no-huffman"],
    ["--init", "random", "--seed", "3"], ["--init", "density"]], ids=" ".join)
def test_rules_and_centroids(options, tmp_path):
    np.savez(tmp_path / "net.npz", **weights())
    command = ["compress", str(tmp_path / "net.npz"), *options, "-o"]
    for name in "ab":
        assert main([*command, str(tmp_path / name)]) == 0
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    codes = [layer.codes != 0 for layer in read_network(tmp_path / "a").layers]
    kept = [code.sum() for code in codes]
    if "global" in options:
        assert sum(kept) == round(0.3 * 396)
    elif "balanced" in options:
        assert [code.sum() for code in (codes[1][slot::4] for slot in range(4))] == [
            27, 27, 18, 18]
    elif "sensitivity" in options:
        for code, layer in zip(codes, read_weights(tmp_path / "net.npz").layers, strict=True):
            np.testing.assert_array_equal(code, np.abs(layer.weights) >= layer.weights.std())
    else:
        assert kept == [4, 36]              # a tenth, unless it is said otherwise
    assert (tmp_path / "a").read_bytes()[4] == 2


def test_digits_are_trained_at_every_stage(tmp_path):
    done = [weft("compress", "digits", "--retrain", "--effort", "0.05", "-o",
                 str(tmp_path / name), "--json", "-") for name in "ab"]
    assert [run.returncode for run in done] == [0, 0], done[0].stderr
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    records = json.loads(done[0].stdout)
    sizes = [record["bytes"] for record in records]
    assert sizes == sorted(sizes, reverse=True) and sizes[0] == 26280
    assert records[-1]["error_compressed"] < 0.1
    network = read_network(tmp_path / "a")
    assert network.metadata["compressed error"] == f"{records[-1]['error_compressed']:.4f}"
    assert float(network.metadata["density"]) == pytest.approx(947 / 6464, abs=1e-4)
    assert "test error %" in done[0].stderr


def test_figures(tmp_path):
    pytest.importorskip("matplotlib", reason="figures need matplotlib")
    inputs = np.arange(640).reshape(10, 64) % 17
    np.savez(tmp_path / "net.npz", **weights(), inputs=inputs, labels=np.arange(10))
    folder = tmp_path / "figures"
    assert main(["compress", str(tmp_path / "net.npz"), "-o", str(tmp_path / "a"), "--plots",
                 str(folder)]) == 0
    assert {path.name for path in folder.iterdir()} == {
        f"{name}.{kind}" for name in ("stages", "weights", "bits", "sparsity")
        for kind in ("png", "svg")}
    assert all(path.stat().st_size > 5000 for path in folder.iterdir())


def test_bytes_of_pruned_floats_by_hand():
    """Runs of 1 bit: 3 weights and no padding in 3 * 33 bits, and 2 biases."""
    layer = FloatLayer("a", np.array([[1.0, 0, 2.0], [0, 3.0, 0]]), np.zeros(2))
    assert pruned_bytes([layer]) == -(-3 * 33 // 8) + 8


REFUSED = [
    ({}, "no array is called NAME.weight"),
    ({"a.weight": np.ones((2, 3), int), "a.bias": np.ones(2)}, "a.weight must be real numbers"),
    ({"a.weight": np.ones(3), "a.bias": np.ones(3)}, "2 or 4 dimensions, not float64 of shape"),
    ({"a.weight": np.ones((2, 3))}, "a.bias is missing; it must be 2 real numbers"),
    ({"a.weight": np.ones((2, 3)), "a.bias": np.ones(3)}, "a.bias is float64 of shape (3,)"),
    ({"a.weight": np.full((2, 3), np.nan), "a.bias": np.ones(2)}, "not finite"),
    ({"conv.window": None}, "conv.window must be there for a convolution"),
    ({"fc.window": np.ones(5, int)}, "fc.window must be there for a convolution, and only for one"),
    ({"conv.window": np.ones(4, int)}, "conv.window must be 5 integers"),
    ({"conv.window": np.array([2, 2, 1, 0, 1])}, "conv.window: "),
    ({"conv.window": np.array([9, 8, 1, 0, 1])}, "fc.weight takes 36 inputs, but the layer before"),
    ({"input_scale": np.array(0.0)}, "input_scale must be a positive number, not 0.0"),
    ({"inputs": np.zeros((3, 64))}, "inputs must be integers of 16 bits of shape (count, 64)"),
    ({"inputs": np.full((3, 64), 40000)}, "inputs must be integers of 16 bits"),
    ({"labels": np.zeros(3, int)}, "labels must be an integer for each of the inputs"),
    ({"extra": np.zeros(3)}, "nothing is known of the array 'extra'"),
]


@pytest.mark.parametrize(("changes", "message"), REFUSED, ids=[m for _, m in REFUSED])
def test_a_file_that_is_no_network(changes, message, tmp_path, capsys):
    whole = {} if not changes or any(key.startswith("a.") for key in changes) else weights()
    arrays = {key: value for key, value in {**whole, **changes}.items() if value is not None}
    np.savez(tmp_path / "net.npz", **arrays)
    assert main(["compress", str(tmp_path / "net.npz"), "-o", str(tmp_path / "a")]) == 2
    error = capsys.readouterr().err
    assert message in error and "weft compress --help" in error and error.count("\n") == 1
    assert not (tmp_path / "a").exists()


def test_files_that_are_no_npz(tmp_path, capsys):
    np.save(tmp_path / "single.npy", np.ones(3))
    (tmp_path / "single.npy").rename(tmp_path / "single.npz")
    (tmp_path / "text.npz").write_text("no such thing")
    (tmp_path / "empty.npz").touch()
    for name, message in (("single", "holds a single array"), ("text", "npz"), ("empty", "is no"),
                          ("none", "No such file")):
        assert main(["compress", str(tmp_path / f"{name}.npz"), "-o", str(tmp_path / "a")]) == 2
        error = capsys.readouterr().err
        assert message in error and error.count("\n") == 1


@pytest.mark.parametrize(("arguments", "message"), [
    (["lenet-300"], "MODEL lenet-300: is neither an .npz file nor a network that is trained here, "
                    "did you mean lenet-300-100"),
    (["digits"], "digits is made by training it, which takes minutes: add --retrain"),
    (["net.npz", "--retrain"], "has no training data; only lenet-300-100, lenet-5, digits"),
    (["net.npz", "--rule", "largest"], "--rule largest: known are balanced, global, layer"),
    (["net.npz", "--init", "liner"], "--init liner: did you mean linear?"),
    (["net.npz", "--prune", "2"], "--prune 2: expected a number from 0 to 1, or LAYER=NUMBER"),
    (["net.npz", "--bits", "fc=9"], "--bits fc=9: expected an integer from 1 to 8"),
    (["net.npz", "--bits", "4.5"], "expected an integer"),
    (["net.npz", "--bits", "cnv=3"], "--bits cnv=3: no layer is called 'cnv', did you mean conv?"),
    (["net.npz", "--rule", "global", "--prune", "fc=0.3"], "--rule global: has one density"),
    (["net.npz", "--rule", "sensitivity", "--prune", "fc=1"], "--rule sensitivity: give every"),
])
def test_mistakes(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    np.savez("net.npz", **weights())
    assert main(["compress", *arguments, "-o", "a"]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_without_mnist(tmp_path):
    done = weft("compress", "lenet-5", "--retrain", "-o", str(tmp_path / "a"),
                WEFT_DATA=str(tmp_path))
    assert done.returncode == 2
    assert "lenet-5 is trained on MNIST, which is not in the data folder: set WEFT_DATA" in (
        done.stderr)
