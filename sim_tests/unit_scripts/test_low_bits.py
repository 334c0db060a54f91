"""Training of weights of one or two bits: what a step does, and that it learns."""

import json
from dataclasses import replace

import numpy as np
import pytest

from golden.compression.binary import binary_gradient
from golden.compression.float_network import FloatLayer
from golden.compression.xnor_network import XnorLayer, forward, normalised
from golden.network import Window
from scripts.bench import ternary
from scripts.compression.low_bits import LowBits, train_low_bits
from scripts.compression.quantisers import (
    METHODS,
    Binary,
    Floats,
    Ternary,
    TrainedTernary,
    quantisers_for,
)
from scripts.compression.subjects import Subject
from scripts.compression.torch_trainer import TorchTrainer
from scripts.compression.weight_training import TorchModel, train_quantised
from scripts.compression.xnor_training import XnorModel
from scripts.errors import UsageError
from scripts.progress import Steps

SHARE = (0.05, 0.1, 0.1)


def layers():
    """A convolution and two layers behind it."""
    rng = np.random.default_rng(0)
    shapes = ((4, 9), (20, 36), (3, 20))
    windows = (Window(1, 8, 8, 3, 3, pool=2), None, None)
    return [FloatLayer(f"layer{number}", rng.normal(0, .3, shape).astype(np.float32),
                       np.zeros(shape[0], np.float32), window)
            for number, (shape, window) in enumerate(zip(shapes, windows, strict=True))]


def data():
    """Images whose brightest third is the label."""
    rng, count = np.random.default_rng(1), 256
    images, labels = rng.integers(0, 100, (count, 8, 8)), rng.integers(0, 3, count)
    for image, label in zip(images, labels, strict=True):
        image[:, 1 + 2 * label:3 + 2 * label] += 100
    return images.reshape(count, 64).astype(np.uint8), labels


@pytest.fixture
def subject():
    """Makes one with a trainer of its own; the data that it is tested on are those of training."""
    pytest.importorskip("torch", reason="trains by PyTorch: pip install 'weft[train]'")
    inputs, labels = data()
    return lambda: Subject(
        "drawn", "drawn", layers(), 1 / 255, inputs, inputs, labels,
        TorchTrainer(inputs, labels, scale=1 / 255, seed=0, batch=32))


def test_what_is_quantised():
    kinds = {(method, ends): [type(item) for item in quantisers_for(
        method, layers(), ends=ends, share=SHARE)] for method in METHODS for ends in (False, True)}
    assert kinds["BWN", False] == kinds["XNOR", False] == [Floats, Binary, Floats]
    assert kinds["TWN", True] == [Ternary] * 3
    assert kinds["TTQ", False] == [Floats, TrainedTernary, Floats]
    assert [(method, left) for method, (_, left) in METHODS.items()] == [
        ("BWN", True), ("XNOR", True), ("TWN", False), ("TTQ", True)]


def test_weights_of_a_step_by_hand():
    real = np.array([[0.5, -0.25, 0.25, 0.0], [2.0, -2.0, 1.0, -1.0]])
    binary, ternary_ = Binary(real), Ternary(real)
    assert binary.weights().tolist() == [[.25, -.25, .25, .25], [1.5, -1.5, 1.5, -1.5]]
    gradients = np.arange(8.0).reshape(2, 4)
    np.testing.assert_array_equal(binary.gradients(gradients)[0], binary_gradient(gradients, real))
    binary.constrain()
    assert binary.latent.max() == 1 and binary.latent.min() == -1 and real.max() == 2
    # The mean magnitude is 0.875: what is above 0.6125 is kept, in the mean 1.5.
    assert ternary_.weights().tolist() == [[0, 0, 0, 0], [1.5, -1.5, 1.5, -1.5]]
    assert ternary_.gradients(gradients)[0] is gradients
    trained = TrainedTernary(real, 0.2)
    assert trained.weights()[0].tolist() == [trained.pair[0], 0, 0, 0]
    assert trained.pair.tolist() == [3.5 / 3, 1.5]
    trained.pair[:] = -1
    trained.constrain()
    assert (trained.pair > 0).all()


def test_latent_weights_move_against_the_gradient_of_the_quantised(subject):
    """One step of Adam moves everything by its rate, by the gradients at the ternary weights."""
    real, made = layers(), subject()
    made.trainer.batch = 256
    model = TorchModel(made.trainer, real)
    quantisers = quantisers_for("TWN", real, ends=True, share=SHARE)
    biases = [layer.bias.copy() for layer in real]
    batch = np.arange(256)
    by_weights, _, _ = model.gradients([item.weights() for item in quantisers], biases, batch)
    train_quantised(model, quantisers, biases, epochs=1, rate=1e-3)
    for item, layer, gradient in zip(quantisers, real, by_weights, strict=True):
        moved = np.abs(gradient) > 1e-4
        assert moved.mean() > 0.2           # behind a ReLU that is 0, nothing moves
        np.testing.assert_allclose((item.latent - layer.weights)[moved],
                                   -1e-3 * np.sign(gradient[moved]), rtol=0.02)


def test_latent_weights_stay_where_signs_pass_gradients(subject):
    quantisers = [Binary(10 * layer.weights) for layer in layers()]
    assert all(np.abs(item.latent).max() > 1.5 for item in quantisers)
    train_quantised(TorchModel(subject().trainer, layers()), quantisers,
                    [layer.bias for layer in layers()], epochs=1, rate=1e-3)
    assert all(np.abs(item.latent).max() == 1 for item in quantisers)


@pytest.mark.parametrize("ends", [False, True])
def test_the_loss_of_xnor_is_that_of_counted_bits(subject, ends):
    """With the statistics of a batch, PyTorch's forward pass is the golden one."""
    made, batch = subject(), np.arange(64)
    quantisers = quantisers_for("XNOR", layers(), ends=ends, share=SHARE)
    model = XnorModel(made.trainer, layers(), [ends, True, ends])
    rng = np.random.default_rng(3)
    for array in model.others:
        array += rng.normal(0, .3, array.shape).astype(np.float32)
    weights, biases = [item.weights() for item in quantisers], [layer.bias for layer in layers()]
    tensors = [[made.trainer.torch.from_numpy(np.float32(array)) for array in group]
               for group in (weights, biases, model.others)]
    found = float(model.loss(*tensors, batch))
    inputs, others = made.test_inputs[batch] / 255, iter(model.others)
    for layer, weight, binary, channels in zip(layers(), weights, model.binary, model.channels,
                                               strict=True):
        layer = replace(layer, weights=weight)
        item = XnorLayer(layer, binary, *(
            normalised(next(others), next(others), inputs) if channels else ()))
        inputs = next(forward([item], inputs))
    inputs -= inputs.max(axis=1, keepdims=True)
    expected = np.mean(np.log(np.exp(inputs).sum(1)) - inputs[batch, made.test_labels[batch]])
    assert found == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("method", "ends", "size"), [
    ("BWN", False, 36 * 4 + 90 + 20 * 4 + 60 * 4), ("TWN", True, 9 + 4 + 180 + 4 + 15 + 4),
    ("XNOR", False, 36 * 4 + 90 + 20 * 4 + 60 * 4 + 4 * 2 * (4 + 20)),
    ("TTQ", False, 36 * 4 + 180 + 8 + 60 * 4), ("TTQ", True, 9 + 8 + 180 + 8 + 15 + 8)])
def test_every_method_learns_and_is_repeatable(subject, method, ends, size):
    real = layers()
    subject().trainer.train(real, epochs=6, rate=1e-2)
    before = [layer.weights.copy() for layer in real]
    runs = [train_low_bits(subject(), real, method, ends=ends, epochs=8, rate=1e-2, share=SHARE)
            for _ in range(2)]
    assert runs[0] == runs[1] and (runs[0].method, runs[0].ends) == (method, ends)
    assert runs[0].error < 0.1
    assert runs[0].bytes == size + 4 * (4 + 20 + 3)
    assert (runs[0].kept == 1) == (method in ("BWN", "XNOR"))
    for layer, weights in zip(real, before, strict=True):
        np.testing.assert_array_equal(layer.weights, weights)


def test_the_bench_keeps_what_it_has_trained(monkeypatch, tmp_path):
    pytest.importorskip("torch", reason="trains by PyTorch: pip install 'weft[train]'")
    monkeypatch.setattr(ternary, "build_dir", lambda label: tmp_path / label)
    steps = Steps(quiet=True)
    before = ternary.bench(["digits"], steps=steps)
    assert [row.label for row in before.rows] == ["TTQ, all layers, ships"]
    assert before.left_out == ["digits has not been trained here by BWN, XNOR, TWN, TTQ: "
                               "--train does it"]
    result = ternary.bench(["digits"], train=True, effort=0.01, steps=steps)
    assert [row.label for row in result.rows] == [
        "BWN", "XNOR", "TWN, all layers", "TTQ", "TTQ, all layers, ships"]
    assert not result.left_out
    file, = (tmp_path / "ternary").iterdir()
    kept = json.loads(file.read_text())
    kept[1][1]["error"] = 0.125
    file.write_text(json.dumps(kept))
    again = ternary.bench(["digits"], train=True, effort=0.01, steps=steps)
    assert again.rows[1].made.error == 0.125 and again.rows[2:] == result.rows[2:]
    shipped = again.records[-1]
    assert (shipped["bench"], shipped["network"]) == ("ternary", "digits")
    assert shipped["ratio"] > 14 and shipped["error_compressed"] <= 0.02
    assert isinstance(again.rows[0].made, LowBits)
    with pytest.raises(UsageError, match="did you mean lenet-5"):
        ternary.bench(["lenet5"], steps=steps)
