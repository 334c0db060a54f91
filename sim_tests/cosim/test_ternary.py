"""Networks of ternary weights, trained and on the sparse core's RTL."""

from importlib import resources

import numpy as np
import pytest

from golden.compression.integer import infer
from golden.container import dumps
from golden.models.digits import load_digits_data, load_ternary_digits
from golden.models.lenet import load_ternary_lenet
from golden.models.mnist import has_mnist, load_mnist
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


def test_lenet_300_100():
    """Zhu et al. lose some tenths of a point; 49 times smaller."""
    network = load_ternary_lenet()
    check_ternary(network)
    assert [layer.codes.shape for layer in network.layers] == [(300, 784), (100, 300), (10, 100)]
    errors = [float(network.metadata[f"{stage} error"]) for stage in ("float", "compressed")]
    assert errors[1] < errors[0] + 0.005 and errors[0] < 0.017
    assert len(dumps(network, huffman=True)) * 49 < 4 * (266_200 + 410)


@pytest.mark.skipif(not has_mnist(data_dir()), reason="MNIST is not here: set WEFT_DATA")
def test_lenet_300_100_on_mnist():
    network, data = load_ternary_lenet(), load_mnist(data_dir())
    wrong = infer(network, data.test_images.astype(np.int16)).argmax(axis=1) != data.test_labels
    assert f"{wrong.mean():.4f}" == network.metadata["compressed error"]


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
