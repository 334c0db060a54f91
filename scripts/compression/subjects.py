"""What `weft compress` compresses: a network that is trained here, or a file of weights."""

from dataclasses import dataclass, field

import numpy as np

from golden.compression.float_network import FloatLayer
from golden.models import digits, mnist
from golden.models.lenet import LENETS, Shape

from .. import train_digits
from ..errors import UsageError, did_you_mean
from ..files import reading
from ..paths import data_dir
from .numpy_trainer import NumpyTrainer
from .recipes import RECIPES, Recipe
from .torch_trainer import TorchTrainer
from .weights_file import read_weights

__all__ = ["NAMES", "Subject", "load_subject"]

#: Networks that are trained here.
NAMES = (*LENETS, "digits")

_DIGITS = tuple(Shape(f"fc{number}", rows, columns) for number, (columns, rows) in enumerate(
    zip(train_digits.SIZES, train_digits.SIZES[1:], strict=False), 1))


@dataclass(frozen=True, eq=False)
class Subject:
    """A network with what is needed to compress it.

    Parameters
    ----------
    name, title : str
        What it is called on the command line, and in its file.
    layers : list of golden.compression.float_network.FloatLayer
        Trained, or as training starts with them.
    input_scale : float
        Real value of one unit of an input.
    calibration : ndarray of int, shape (count, inputs), or None
        Inputs by which activations are scaled.
    test_inputs, test_labels : ndarray of int, shape (count, inputs) and (count,), or None
        What errors are measured on.
    trainer : TorchTrainer, NumpyTrainer or None
        None if it can't be trained.
    recipe : Recipe or None
    seed : int
    metadata : dict of str to str
        More of what its file says.
    """

    name: str
    title: str
    layers: list
    input_scale: float
    calibration: np.ndarray | None = None
    test_inputs: np.ndarray | None = None
    test_labels: np.ndarray | None = None
    trainer: object = None
    recipe: Recipe | None = None
    seed: int = 0
    metadata: dict = field(default_factory=dict)

    @property
    def input_limit(self):
        """Largest real magnitude of an input of 16 bits."""
        return 32768 * self.input_scale


def load_subject(model, *, seed=0):
    """The network of a name or file.

    Parameters
    ----------
    model : str
        One of `NAMES`, or an .npz file.
    seed : int
        Of training and of random centroids.

    Returns
    -------
    Subject

    Raises
    ------
    UsageError
        If there is no such network, or its data are not there.
    ToolMissing
        If PyTorch is needed and not installed.
    """
    if model in LENETS:
        return _lenet(model, seed)
    if model == "digits":
        return _digits(seed)
    if not str(model).endswith(".npz"):
        raise UsageError(f"MODEL {model}: is neither an .npz file nor a network that is trained "
                         f"here, {did_you_mean(model, NAMES)}")
    weights = read_weights(model)
    tested = (weights.inputs, weights.labels) if weights.labels is not None else (None, None)
    return Subject(str(model), "-".join(layer.name for layer in weights.layers), weights.layers,
                   weights.input_scale, weights.inputs, *tested, seed=seed)


def _initial(shapes, rng, dtype):
    """Layers with random weights, as deep as their sums (He et al., ICCV 2015), and no biases."""
    return [FloatLayer(
        shape.name,
        rng.normal(0, np.sqrt(2 / shape.columns), (shape.rows, shape.columns)).astype(dtype),
        np.zeros(shape.rows, dtype), shape.window) for shape in shapes]


def _lenet(name, seed):
    if not mnist.has_mnist(data_dir()):
        raise UsageError(f"{name} is trained on MNIST, which is not in the data folder: set "
                         f"WEFT_DATA to the folder that holds mnist/train-images-idx3-ubyte.gz")
    with reading(data_dir() / "mnist", remedy="fetch MNIST again"):
        data = mnist.load_mnist(data_dir())
    trainer = TorchTrainer(data.train_images, data.train_labels, scale=mnist.INPUT_SCALE, seed=seed)
    return Subject(
        name, name, _initial(LENETS[name], np.random.default_rng(seed), np.float32),
        mnist.INPUT_SCALE, data.train_images, data.test_images, data.test_labels, trainer,
        RECIPES[name], seed,
        {"data": "MNIST", "seed": str(seed), "PyTorch": trainer.torch.__version__.split("+")[0]})


def _digits(seed):
    data = digits.load_digits_data()
    inputs, labels = train_digits.augmented(data.train_inputs, data.train_labels)
    return Subject(
        "digits", "handwritten digits, " + "-".join(map(str, train_digits.SIZES)),
        _initial(_DIGITS, np.random.default_rng(seed), np.float64), digits.INPUT_SCALE,
        data.train_inputs, data.test_inputs, data.test_labels,
        NumpyTrainer(inputs, labels, scale=digits.INPUT_SCALE, seed=seed), RECIPES["digits"], seed,
        {"data": "scikit-learn's digits; every fifth image of a class is held out",
         "seed": str(seed)})
