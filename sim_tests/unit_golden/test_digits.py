"""The digits network as it ships, its data, and the script that made it."""

import sys
from importlib import resources

import numpy as np
import pytest
from sklearn.datasets import load_digits

from golden.container import dumps
from golden.quantisation import quantise
from golden.compression.integer import infer
from golden.models.digits import INPUT_SCALE, load_digits_data, load_digits_network
from golden.sparse.compute import overflow_proof, run_network
from golden.sparse.geometry import SparseGeometry
from scripts import train_digits


def test_split():
    data = load_digits_data()
    pixels, labels = load_digits(return_X_y=True)
    assert data.train_inputs.shape == (1442, 64) and data.test_inputs.shape == (355, 64)
    for digit in range(10):
        total = np.count_nonzero(labels == digit)
        assert np.count_nonzero(data.test_labels == digit) == total // 5
        # Every fifth of the class, the fifth first.
        np.testing.assert_array_equal(
            data.test_inputs[data.test_labels == digit], pixels[labels == digit][4::5])
    together = np.concatenate([data.train_inputs, data.test_inputs])
    order = np.lexsort(together.T), np.lexsort(pixels.T)
    np.testing.assert_array_equal(together[order[0]], pixels[order[1]])
    q, saturations = quantise(pixels / 16, INPUT_SCALE, low=0, high=16)
    assert saturations == 0
    np.testing.assert_array_equal(np.sort(q, axis=0), np.sort(together, axis=0))
    assert data.train_inputs.dtype == np.int16 and data.train_labels.dtype == np.int64


def test_data_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match="pip install scikit-learn"):
        load_digits_data()
    assert len(load_digits_network().layers) == 3


def test_shipped_network_keeps_its_promises():
    network, data = load_digits_network(), load_digits_data()
    assert [layer.codes.shape for layer in network.layers] == [(64, 64), (32, 64), (10, 32)]
    kept = sum(np.count_nonzero(layer.codes) for layer in network.layers)
    density = kept / sum(layer.codes.size for layer in network.layers)
    assert density <= 0.15
    for layer in network.layers:
        assert layer.index_width == 4 and layer.codebook[0] == 0
        assert layer.codes.max() == 15
        assert layer.low == (-32768 if layer is network.layers[-1] else 0)
    for before, after in zip(network.layers, network.layers[1:], strict=False):
        assert before.output_scale == after.input_scale
    assert network.layers[0].input_scale == INPUT_SCALE

    accuracy = np.mean(infer(network, data.test_inputs).argmax(1) == data.test_labels)
    assert float(network.metadata["float accuracy"]) >= 0.97
    assert accuracy >= float(network.metadata["float accuracy"]) - 0.01
    assert network.metadata["compressed accuracy"] == f"{accuracy:.4f}"
    assert network.metadata["density"] == f"{density:.4f}"
    assert network.metadata["held-out images"] == str(len(data.test_labels))

    shipped = resources.files("golden.models").joinpath("digits.weft").read_bytes()
    assert len(shipped) < 3000
    assert dumps(network) == shipped


@pytest.mark.parametrize("geometry", [
    SparseGeometry(), SparseGeometry(pes=16, groups=4), SparseGeometry(escape=False)])
def test_shipped_network_never_saturates(geometry):
    network, data = load_digits_network(), load_digits_data()
    assert all(overflow_proof(layer, geometry=geometry).all() for layer in network.layers)
    outputs = infer(network, data.test_inputs[:20])
    for image, expected in zip(data.test_inputs[:20], outputs, strict=True):
        traces = run_network(network, image, geometry=geometry)
        np.testing.assert_array_equal(traces[-1].outputs, expected)
        assert sum(trace.saturations for trace in traces) == 0


def test_training_script_in_short():
    """A twentieth of the epochs: the same network but for its accuracy, twice the same bytes."""
    data = load_digits_data()
    first, second = (train_digits.compress(data, effort=0.05, quiet=True) for _ in range(2))
    assert dumps(first) == dumps(second)
    assert [layer.codes.shape for layer in first.layers] == [(64, 64), (32, 64), (10, 32)]
    assert float(first.metadata["density"]) <= 0.15
    assert float(first.metadata["float accuracy"]) > 0.85
    assert float(first.metadata["compressed accuracy"]) > 0.75
    assert first.metadata.keys() == load_digits_network().metadata.keys()
    other = train_digits.compress(data, effort=0.02, seed=1, quiet=True)
    assert dumps(other) != dumps(first)


def test_training_script_writes_what_it_made(tmp_path, monkeypatch, capsys):
    made = load_digits_network()
    monkeypatch.setattr(train_digits, "compress", lambda data: made)
    train_digits.main(["-o", str(tmp_path / "digits.weft")])
    assert (tmp_path / "digits.weft").read_bytes() == dumps(made)
    assert f"digits.weft: {len(dumps(made))} bytes" in capsys.readouterr().out


def test_gradients_of_the_training_script():
    """Against finite differences of the cross-entropy."""
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=(5, 4)), rng.normal(size=(3, 5))]
    biases = [rng.normal(size=5), rng.normal(size=3)]
    inputs, labels = rng.normal(size=(7, 4)), rng.integers(0, 3, 7)

    def loss():
        logits = train_digits.forward(weights, biases, inputs)[-1]
        return np.mean(np.log(np.exp(logits).sum(1)) - logits[np.arange(7), labels])

    by_weights, by_biases = train_digits.gradients_of(weights, biases, inputs, labels)
    for array, gradient in zip([*weights, *biases], [*by_weights, *by_biases], strict=True):
        for place in np.ndindex(array.shape):
            array[place] += 1e-6
            above = loss()
            array[place] -= 2e-6
            below = loss()
            array[place] += 1e-6
            assert gradient[place] == pytest.approx((above - below) / 2e-6, abs=1e-7)


def test_augmentation_moves_by_one_pixel():
    image = np.arange(64).reshape(1, 64)
    images, labels = train_digits.augmented(image, np.array([3]))
    assert labels.tolist() == [3] * 5
    frame = images.reshape(5, 8, 8) / INPUT_SCALE
    np.testing.assert_array_equal(frame[0], image.reshape(8, 8))
    np.testing.assert_array_equal(frame[1][:, :-1], frame[0][:, 1:])
    np.testing.assert_array_equal(frame[2][:, 1:], frame[0][:, :-1])
    np.testing.assert_array_equal(frame[3][:-1], frame[0][1:])
    np.testing.assert_array_equal(frame[4][1:], frame[0][:-1])
    assert not frame[1][:, -1].any() and not frame[4][0].any()
