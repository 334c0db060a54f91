"""Networks of ternary weights, trained and on the sparse core's RTL."""

from importlib import resources

import numpy as np
import pytest

from golden.compression.integer import infer
from golden.container import dumps, write_network
from golden.models.digits import load_digits_data, load_ternary_digits
from golden.models.lenet import LENETS, load_ternary_lenet
from golden.models.mnist import has_mnist, load_mnist
from golden.network import SparseNetwork
from scripts import api
from scripts.paths import data_dir
from scripts.train_ternary import make_ternary

DIGITS = 12


def check_ternary(network):
    """All weights are 0, Wp or -Wn, and all three occur."""
    for layer in network.layers:
        zero, positive, negative, unused = layer.codebook
        assert zero == unused == 0 and positive > 0 > negative
        assert set(np.unique(layer.codes)) == {0, 1, 2}


def test_the_network_that_ships():
    network, data = load_ternary_digits(), load_digits_data()
    check_ternary(network)
    assert [layer.codes.shape for layer in network.layers] == [(64, 64), (32, 64), (10, 32)]
    wrong = infer(network, data.test_inputs).argmax(axis=1) != data.test_labels
    assert f"{wrong.mean():.4f}" == network.metadata["compressed error"] <= "0.0200"
    # Two bits for 32, but for biases and what the file says of itself.
    assert len(dumps(network, huffman=True)) * 14 < 4 * (64 * 64 + 64 * 32 + 32 * 10 + 106)


@pytest.mark.parametrize(("name", "most", "ratio"), [
    ("lenet-300-100", 0.017, 49), ("lenet-5", 0.009, 24)])
def test_the_lenets_that_ship(name, most, ratio):
    """Zhu et al. lose some tenths of a point, if anything."""
    network = load_ternary_lenet(name)
    check_ternary(network)
    assert [layer.codes.shape for layer in network.layers] == [
        (shape.rows, shape.columns) for shape in LENETS[name]]
    errors = [float(network.metadata[f"{stage} error"]) for stage in ("float", "compressed")]
    assert errors[1] < errors[0] + 0.005 and errors[0] <= most
    parameters = sum(layer.codes.size + layer.bias.size for layer in network.layers)
    assert len(dumps(network, huffman=True)) * ratio < 4 * parameters
    with pytest.raises(ValueError, match="not 'lenet'"):
        load_ternary_lenet("lenet")


@pytest.mark.skipif(not has_mnist(data_dir()), reason="MNIST is not here: set WEFT_DATA")
@pytest.mark.parametrize("name", LENETS)
def test_lenets_on_mnist(name):
    network, data = load_ternary_lenet(name), load_mnist(data_dir())
    wrong = 0
    for first in range(0, 10000, 100):
        outputs = infer(network, data.test_images[first:first + 100].astype(np.int16))
        wrong += np.count_nonzero(outputs.argmax(1) != data.test_labels[first:first + 100])
    assert network.metadata["compressed error"] == f"{wrong / 10000:.4f}"


def test_training_in_short():
    """One tenth of the epochs; the same seed gives the same network."""
    network = make_ternary("digits", effort=0.05, quiet=True)
    check_ternary(network)
    assert float(network.metadata["ternary error"]) < 0.1
    assert dumps(network) == dumps(make_ternary("digits", effort=0.05, quiet=True))


@pytest.mark.cosim
def test_every_layer_is_exact_on_the_rtl(tmp_path):
    file = resources.files("golden.models").joinpath("digits_ternary.weft")
    result = api.simulate(api.configuration("weft"), model=str(file), inputs="digits",
                          count=DIGITS, out_dir=tmp_path)
    result.outcome.check()
    assert [layer.name for layer in result.outcome.layers] == ["fc1", "fc2", "fc3"]
    assert all(layer.equal_outputs == DIGITS for layer in result.outcome.layers)
    inputs = load_digits_data().test_inputs[:DIGITS]
    np.testing.assert_array_equal(result.outcome.golden, infer(load_ternary_digits(), inputs))


@pytest.mark.cosim
def test_lenet_5_behind_its_convolutions_is_exact_on_the_rtl(tmp_path):
    """400,000 and 5,000 weights, a third of them kept; drawn images go through the convolutions."""
    network = load_ternary_lenet("lenet-5")
    images = np.random.default_rng(0).integers(0, 256, (4, 784)).astype(np.int16)
    images[:, np.random.default_rng(1).random(784) < 0.8] = 0
    inputs = infer(SparseNetwork(network.layers[:2]), images)
    assert 0.2 < np.mean(inputs != 0) < 0.9
    behind = SparseNetwork(network.layers[2:])
    write_network(behind, tmp_path / "behind.weft", huffman=True)
    np.save(tmp_path / "inputs.npy", inputs)
    result = api.simulate(api.configuration("ulx3s", entry_words=2048),
                          model=str(tmp_path / "behind.weft"),
                          inputs=str(tmp_path / "inputs.npy"), out_dir=tmp_path)
    result.outcome.check()
    assert [layer.name for layer in result.outcome.layers] == ["ip1", "ip2"]
    assert all(layer.equal_outputs == 4 for layer in result.outcome.layers)
    np.testing.assert_array_equal(np.load(result.outputs), infer(network, images))
