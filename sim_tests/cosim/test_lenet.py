"""LeNet-300-100 as it ships, on the sparse core: every output of every layer, every counter."""

import numpy as np
import pytest

from golden.compression.integer import infer
from golden.models.lenet import load_lenet
from golden.models.mnist import has_mnist, load_mnist
from scripts import api
from scripts.paths import data_dir

pytestmark = pytest.mark.cosim

#: 16 elements with memories that hold all of it.
CONFIG = "ulx3s"
IMAGES = 100


def drawn(count):
    """Images of strokes as wide as a pen's, about as many dark pixels as MNIST has."""
    rng = np.random.default_rng(0)
    rows, columns = np.indices((28, 28))
    images = np.zeros((count, 28, 28))
    for image in images:
        place, step = rng.uniform(8, 20, 2), rng.normal(0, 1, 2)
        for _ in range(45):
            distance = (rows - place[0]) ** 2 + (columns - place[1]) ** 2
            np.maximum(image, 255 * np.exp(-distance / 2.5), out=image)
            step = step + rng.normal(0, 0.5, 2)
            place = np.clip(place + step / max(1, np.hypot(*step)), 4, 23)
    return np.where(images < 20, 0, images).astype(np.int16).reshape(count, 784)


def run(images, folder):
    """Outputs of the core, once all of them, layer by layer, are known to be exact."""
    np.save(folder / "images.npy", images)
    result = api.simulate(api.configuration(CONFIG), model="lenet-300-100",
                          inputs=str(folder / "images.npy"), out_dir=folder)
    result.outcome.check()
    assert result.outcome.bit_exact and result.outcome.inputs == len(images)
    assert [layer.name for layer in result.outcome.layers] == ["ip1", "ip2", "ip3"]
    assert all(layer.equal_outputs == len(images) for layer in result.outcome.layers)
    return np.load(result.outputs)


def test_drawn_images(tmp_path):
    images = drawn(10)
    assert 0.1 < np.mean(images != 0) < 0.3         # of MNIST's pixels, 19 % are not 0
    outputs = run(images, tmp_path)
    np.testing.assert_array_equal(outputs, infer(load_lenet("lenet-300-100"), images))
    assert len(np.unique(outputs, axis=0)) == len(images)


@pytest.mark.skipif(not has_mnist(data_dir()), reason="MNIST is not in the data folder: set "
                                                      "WEFT_DATA (see weft doctor)")
def test_a_hundred_test_images(tmp_path):
    data = load_mnist(data_dir())
    images = data.test_images[:IMAGES].astype(np.int16)
    outputs = run(images, tmp_path)
    np.testing.assert_array_equal(outputs, infer(load_lenet("lenet-300-100"), images))
    assert np.mean(outputs.argmax(1) == data.test_labels[:IMAGES]) >= 0.97
