"""Training: gradients, masks and centroids of PyTorch's trainer, and of the one without it."""

import numpy as np
import pytest

from golden.compression.codebook import kmeans_codebook
from golden.compression.float_network import FloatLayer, forward
from golden.network import Window
from scripts.compression.numpy_trainer import NumpyTrainer
from scripts.compression.subjects import Subject
from scripts.compression.weight_training import train_ternary
from scripts.compression.torch_trainer import TorchTrainer

WINDOW = Window(1, 8, 8, 3, 3, pool=2)


def layers(dtype=np.float32):
    rng = np.random.default_rng(0)
    kernels, weights = (rng.normal(0, 0.3, shape).astype(dtype) for shape in ((4, 9), (3, 36)))
    return [FloatLayer("conv", kernels, np.zeros(4, dtype), WINDOW),
            FloatLayer("fc", weights, np.zeros(3, dtype))]


def data():
    """Images whose brightest third is the label."""
    rng, count = np.random.default_rng(1), 256
    images = rng.integers(0, 100, (count, 8, 8))
    labels = rng.integers(0, 3, count)
    for image, label in zip(images, labels, strict=True):
        image[:, 1 + 2 * label:3 + 2 * label] += 100
    return images.reshape(count, 64).astype(np.uint8), labels


def error(trainer, trained):
    inputs, labels = data()
    return np.mean(trainer.outputs(trained, inputs).argmax(1) != labels)


@pytest.fixture
def torch_trainer():
    pytest.importorskip("torch", reason="trains by PyTorch: pip install 'weft[train]'")
    inputs, labels = data()
    return lambda seed=0: TorchTrainer(inputs, labels, scale=1 / 255, seed=seed, batch=32)


def test_torch_computes_the_network_that_golden_does(torch_trainer):
    inputs, _ = data()
    *_, expected = forward(layers(), inputs / np.float32(255))
    np.testing.assert_allclose(torch_trainer().outputs(layers(), inputs), expected, atol=1e-5)


def test_training_learns_and_is_repeatable(torch_trainer):
    runs = []
    for seed in (0, 0, 1):
        trainer, trained = torch_trainer(seed), layers()
        before = error(trainer, trained)
        trainer.train(trained, epochs=6, rate=1e-2, dropout=0.1)
        assert error(trainer, trained) < 0.1 < before
        runs.append(np.concatenate([layer.weights.ravel() for layer in trained]))
    np.testing.assert_array_equal(runs[0], runs[1])
    assert (runs[0] != runs[2]).any()


def test_masks_hold(torch_trainer):
    trainer, trained = torch_trainer(), layers()
    masks = [np.abs(layer.weights) > 0.2 for layer in trained]
    for layer, mask in zip(trained, masks, strict=True):
        layer.weights[~mask] = 0
    start = [layer.weights.copy() for layer in trained]
    trainer.train(trained, epochs=2, rate=1e-2, masks=masks, decay=1e-3, constant=True)
    for layer, mask, before in zip(trained, masks, start, strict=True):
        assert not layer.weights[~mask].any()
        assert (layer.weights[mask] != before[mask]).mean() > 0.9


def test_centroids_move_by_the_sum_of_their_members_gradients(torch_trainer):
    """One step of Adam moves every centroid by its rate, against the sign of that sum."""
    trainer, trained = torch_trainer(), layers()
    codebooks, codes = zip(*(kmeans_codebook(layer.weights, 3) for layer in trained), strict=True)
    codebooks = [codebook.astype(np.float32) for codebook in codebooks]
    inputs, labels = (array[:32] for array in data())
    trainer.inputs, trainer.labels = trainer.inputs[:32], trainer.labels[:32]

    def loss(tables):
        shared = [FloatLayer(layer.name, table[code], layer.bias, layer.window)
                  for layer, table, code in zip(layers(), tables, codes, strict=True)]
        *_, outputs = forward(shared, inputs / 255)
        outputs = outputs - outputs.max(axis=1, keepdims=True)
        return np.mean(np.log(np.exp(outputs).sum(1)) - outputs[np.arange(32), labels])

    slopes = []
    for number, table in enumerate(codebooks):
        for entry in range(1, 4):
            ends = []
            for step in (1e-5, -1e-5):
                moved = [other.astype(float) for other in codebooks]
                moved[number][entry] = table[entry] + step
                ends.append(loss(moved))
            slopes.append((ends[0] - ends[1]) / 2e-5)
    before = [codebook.copy() for codebook in codebooks]
    trainer.train(trained, epochs=1, rate=1e-3, constant=True, codebooks=codebooks, codes=codes)
    moves = np.concatenate([(after - start)[1:]
                            for after, start in zip(codebooks, before, strict=True)])
    np.testing.assert_allclose(moves, -1e-3 * np.sign(slopes), rtol=0.02)
    assert all(codebook[0] == 0 for codebook in codebooks)


def test_a_teacher_is_followed(torch_trainer):
    """With the teacher's outputs as the only target, a copy of it with noise becomes it again."""
    trainer, teacher = torch_trainer(), layers()
    trainer.train(teacher, epochs=6, rate=1e-2)
    trainer.teach(teacher, 1.0)
    inputs, _ = data()
    expected = trainer.outputs(teacher, inputs)
    rng = np.random.default_rng(2)
    pupil = [FloatLayer(layer.name, layer.weights + rng.normal(0, 0.2, layer.weights.shape).astype(
        np.float32), layer.bias.copy(), layer.window) for layer in teacher]

    def distance():
        found = trainer.outputs(pupil, inputs)
        return np.abs((found - found.mean(1, keepdims=True))
                      - (expected - expected.mean(1, keepdims=True))).mean()

    before = distance()
    trainer.train(pupil, epochs=30, rate=1e-2)
    assert distance() < 0.25 * before


def test_ternary_weights_learn_too(torch_trainer):
    """A convolution and a layer behind it, both with two values; the trained floats stay."""
    trainer, trained = torch_trainer(), layers()
    trainer.train(trained, epochs=6, rate=1e-2)
    before = [layer.weights.copy() for layer in trained]
    subject = Subject("drawn", "drawn", trained, 1 / 255, trainer=trainer)
    ternary, codebooks, codes = train_ternary(
        subject, trained, epochs=6, rate=1e-2, share=(0.05, 0.2))
    assert error(trainer, ternary) < 0.1
    for layer, codebook, code in zip(ternary, codebooks, codes, strict=True):
        np.testing.assert_allclose(layer.weights, codebook[code], rtol=1e-6)
        assert codebook[1] > 0 > codebook[2] and set(np.unique(code)) == {0, 1, 2}
        assert layer.weights.dtype == np.float32
    for layer, weights in zip(trained, before, strict=True):
        np.testing.assert_array_equal(layer.weights, weights)


def test_without_pytorch():
    inputs, labels = data()
    rng = np.random.default_rng(0)
    trained = [FloatLayer("fc", rng.normal(0, 0.1, (3, 64)), np.zeros(3))]
    trainer = NumpyTrainer(inputs / 255, labels, scale=1 / 255, seed=0)
    masks = [rng.random((3, 64)) < 0.8]
    trained[0].weights[~masks[0]] = 0
    trainer.train(trained, epochs=20, rate=1e-2, masks=masks)
    assert error(trainer, trained) < 0.1 and not trained[0].weights[~masks[0]].any()
    codebook, codes = kmeans_codebook(trained[0].weights, 3)
    before = codebook.copy()
    trainer.train(trained, epochs=1, rate=1e-3, codebooks=[codebook], codes=[codes])
    assert codebook[0] == 0 and (codebook[1:] != before[1:]).all()
