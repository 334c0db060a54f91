"""The LeNets that ship: their size, what they reach, and the layers that the papers count."""

import numpy as np
import pytest

from golden.compression.integer import infer
from golden.container import dumps, loads
from golden.models.lenet import LENETS, load_lenet, read_lenet
from golden.models.mnist import INPUT_SCALE, has_mnist, load_mnist
from golden.sparse.compute import overflow_proof, run_network
from golden.sparse.geometry import SparseGeometry
from scripts.paths import data_dir

#: Bytes as 32-bit floats, the ratio and bytes to reach, and the largest error before compression.
GOALS = {"lenet-300-100": (1_066_440, 50, 27 * 1024, 0.017),
         "lenet-5": (1_724_320, 50, 44 * 1024, 0.009)}


def test_sizes_are_those_of_the_papers():
    """266 K and 431 K weights (Deep Compression, tables 3 and 4), 4 bytes each with the biases."""
    for name, (size, *_) in GOALS.items():
        assert 4 * sum(s.rows * s.columns + s.rows for s in LENETS[name]) == size
        for before, after in zip(LENETS[name], LENETS[name][1:], strict=False):
            outputs = before.rows * (np.prod(before.window.output_shape) if before.window else 1)
            assert outputs == (after.window.inputs if after.window else after.columns)
    weights = {name: [s.rows * s.columns for s in shapes] for name, shapes in LENETS.items()}
    assert weights == {"lenet-300-100": [235200, 30000, 1000],
                       "lenet-5": [500, 25000, 400000, 5000]}


@pytest.mark.parametrize("name", LENETS)
def test_what_ships(name):
    data, network = read_lenet(name), load_lenet(name)
    size, ratio, most, error = GOALS[name]
    assert len(data) <= most and size / len(data) >= ratio
    assert dumps(network, huffman=True) == data
    for layer, shape in zip(network.layers, LENETS[name], strict=True):
        assert (layer.name, layer.codes.shape, layer.window) == (
            shape.name, (shape.rows, shape.columns), shape.window)
        assert layer.low == (0 if layer is not network.layers[-1] else -32768)
        assert overflow_proof(layer, geometry=SparseGeometry(index_width=8)).all()
    for before, after in zip(network.layers, network.layers[1:], strict=False):
        assert before.output_scale == after.input_scale
    assert network.layers[0].input_scale == INPUT_SCALE
    stated = {key: float(network.metadata[key]) for key in ("float error", "compressed error")}
    assert stated["float error"] <= error
    assert stated["compressed error"] <= stated["float error"] + 0.001
    assert network.metadata["test inputs"] == "10000"
    kept = sum(np.count_nonzero(layer.codes) for layer in network.layers)
    weights = sum(layer.codes.size for layer in network.layers)
    assert network.metadata["density"] == f"{kept / weights:.4f}"
    assert loads(data).metadata == network.metadata


@pytest.mark.skipif(not has_mnist(data_dir()), reason="MNIST is not in the data folder: set "
                                                      "WEFT_DATA (see weft doctor)")
@pytest.mark.parametrize("name", LENETS)
def test_it_reaches_what_it_states(name):
    data, network = load_mnist(data_dir()), load_lenet(name)
    wrong = 0
    for first in range(0, 10000, 100):
        outputs = infer(network, data.test_images[first:first + 100].astype(np.int16))
        wrong += np.count_nonzero(outputs.argmax(1) != data.test_labels[first:first + 100])
    assert network.metadata["compressed error"] == f"{wrong / 10000:.4f}"


def test_the_core_computes_the_same_layer_by_layer():
    """The plain matrix products, and the golden model of the core that saturates."""
    network = load_lenet("lenet-300-100")
    images = np.random.default_rng(0).integers(0, 256, (3, 784)).astype(np.int16)
    images[:, ::3] = 0
    for image, outputs in zip(images, infer(network, images), strict=True):
        traces = run_network(network, image, geometry=SparseGeometry(pes=16, groups=2))
        np.testing.assert_array_equal(traces[-1].outputs, outputs)
        assert not any(trace.saturations for trace in traces)


def test_other_names_are_refused():
    with pytest.raises(ValueError, match="name must be one of lenet-300-100, lenet-5, not 'lenet'"):
        load_lenet("lenet")
