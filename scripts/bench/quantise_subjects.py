"""Networks that `weft bench quantise` rounds, with inputs and what they should make of them."""

import hashlib
import json
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

from golden.models.squeezenet import SQUEEZENET, has_squeezenet, load_squeezenet, views
from golden.networks.forward import forward
from golden.networks.graph import Graph
from golden.networks.rounded import activation_samples, graph_of

from ..compression.recipes import RECIPES
from ..compression.subjects import load_subject
from ..compression.weights_file import read_weights
from ..errors import UsageError
from ..images import read_pixels
from ..paths import build_dir, data_dir

__all__ = ["NAMES", "QuantiseSubject", "available", "load"]

#: Networks that can be rounded, in the order of the table.
NAMES = ("digits", "lenet-5", "squeezenet")
#: Inputs that scales are chosen by; of SqueezeNet, the middles of the images at hand.
_CALIBRATION = 1000
#: Pixels that are computed at a time, all channels counted: so much work stays within the cache.
_PIXELS = 100 * 28 * 28


@dataclass(frozen=True, eq=False)
class QuantiseSubject:
    """A network of real numbers, with what it is measured on.

    Parameters
    ----------
    name : str
    graph : Graph
    weights : dict of str to (ndarray, ndarray)
        Weights and bias of every convolution.
    data : ndarray of float32, shape (images, channels, height, width)
    labels : ndarray of int, shape (images,), or None
        The right classes, where they are known.
    outputs : ndarray of float32, shape (images, classes)
        Of the real network.
    samples : dict of str to ndarray
        See `golden.networks.rounded.activation_samples`.
    """

    name: str
    graph: Graph
    weights: dict
    data: np.ndarray
    labels: np.ndarray | None
    outputs: np.ndarray
    samples: dict

    def run(self, function):
        """Outputs, (images, classes), of a function of images, some at a time."""
        size = max(1, _PIXELS // self.data[0].size)
        return np.concatenate([function(self.data[first:first + size])[:, :, 0, 0]
                               for first in range(0, len(self.data), size)])


def lenet_file():
    """Where the real weights of LeNet-5 are kept once they have been trained by this recipe."""
    recipe = hashlib.sha256(repr(RECIPES["lenet-5"]).encode()).hexdigest()
    return build_dir("quantise") / f"lenet-5-{recipe[:8]}.npz"


def available():
    """Networks that are there, or can be trained.

    Returns
    -------
    names : list of str
    left_out : list of str
        A sentence on each of the others.
    """
    reasons = {}
    if not (data_dir() and (data_dir() / "mnist").is_dir()):
        reasons["lenet-5"] = "lenet-5 is left out: mnist is not in the data folder (see WEFT_DATA)"
    elif not (lenet_file().is_file() or find_spec("torch")):
        reasons["lenet-5"] = ("lenet-5 is left out: it has not been trained here, which takes "
                              "PyTorch: pip install 'weft[train]'")
    if not has_squeezenet(data_dir()):
        reasons["squeezenet"] = ("squeezenet is left out: squeezenet/compressed_SqueezeNet.net is "
                                 "not in the data folder (see WEFT_DATA)")
    return [name for name in NAMES if name not in reasons], list(reasons.values())


def load(name, *, count, retrain, steps):
    """Read or train a network.

    Parameters
    ----------
    name : str
        One of `NAMES`.
    count : int or None
        Test inputs to measure on, at most; None is all.
    retrain : bool
        Whether to train LeNet-5 anew, even if it has been trained here.
    steps : scripts.progress.Steps

    Returns
    -------
    QuantiseSubject

    Raises
    ------
    UsageError
        If its data are not there.
    ToolMissing
        If PyTorch is needed and not installed.
    """
    rng = np.random.default_rng(0)
    if name == "squeezenet":
        if not has_squeezenet(data_dir()):
            raise UsageError("squeezenet/compressed_SqueezeNet.net is not in the data folder: "
                             "set WEFT_DATA")
        weights = {layer.name: (layer.weights, layer.bias) for layer in
                   load_squeezenet(data_dir())}
        names = list(json.loads((data_dir() / "squeezenet" / "expected_top5.json").read_text())
                     ["images"])
        crops = np.stack([views(read_pixels(data_dir() / "images" / image)) for image in names])
        # The middle of every image first, by which the scales are chosen.
        data = np.concatenate(crops.swapaxes(0, 1))
        return _subject(name, SQUEEZENET, weights, data[:count], None, data[:len(names)], rng)
    # Digits are trained in seconds; LeNet-5's subject brings its data even where it is not trained.
    trained = load_subject(name)
    layers = trained.layers
    if name == "lenet-5" and lenet_file().is_file() and not retrain:
        layers = read_weights(lenet_file()).layers
    else:
        with steps.step(f"Training {name}"):
            trained.trainer.train(layers, epochs=trained.recipe.epochs, rate=trained.recipe.rate,
                                  **trained.recipe.options)
        if name == "lenet-5":
            _keep(layers, trained.input_scale)
    graph, weights = graph_of(name, layers)
    data, calibration = (
        (inputs * trained.input_scale).astype(np.float32).reshape(-1, *graph.input_shape)
        for inputs in (trained.test_inputs[:count], trained.calibration[:_CALIBRATION]))
    return _subject(name, graph, weights, data, trained.test_labels[:count], calibration, rng)


def _subject(name, graph, weights, data, labels, calibration, rng):
    samples = activation_samples(graph, weights, calibration, rng=rng)
    subject = QuantiseSubject(name, graph, weights, data, labels, None, samples)
    outputs = subject.run(lambda images: forward(graph, weights, images)[0])
    return QuantiseSubject(name, graph, weights, data, labels, outputs, samples)


def _keep(layers, input_scale):
    """Write weights as `weft compress` reads them."""
    arrays = {"input_scale": np.float64(input_scale)}
    for layer in layers:
        window, weights = layer.window, layer.weights
        if window is not None:
            weights = weights.reshape(-1, window.channels, window.kernel_height,
                                      window.kernel_width)
            arrays[f"{layer.name}.window"] = np.array(
                [window.height, window.width, window.stride, window.padding, window.pool])
        arrays[f"{layer.name}.weight"], arrays[f"{layer.name}.bias"] = weights, layer.bias
    lenet_file().parent.mkdir(parents=True, exist_ok=True)
    np.savez(lenet_file(), **arrays)
