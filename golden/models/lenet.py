"""LeNet-300-100 and LeNet-5 (LeCun et al., Gradient-based learning, 1998), as networks for MNIST.

Their sizes are those of Caffe's examples, on which pruning and Deep Compression were measured. Both
take 28 x 28 pixels from 0 to 255 and have an output for each digit. ReLU follows all layers but the
last; Caffe's LeNet-5 has none behind its convolutions.
"""

from importlib import resources
from typing import NamedTuple

from ..container import loads
from ..network import Window

__all__ = ["LENETS", "Shape", "load_lenet", "load_ternary_lenet", "read_lenet"]


class Shape(NamedTuple):
    """Size of one layer.

    Parameters
    ----------
    name : str
    rows, columns : int
        Of the matrix of weights.
    window : golden.network.Window, optional
        Of a convolution.
    """

    name: str
    rows: int
    columns: int
    window: Window | None = None


#: Layers of each network, called as in the papers' tables.
LENETS = {
    "lenet-300-100": (Shape("ip1", 300, 784), Shape("ip2", 100, 300), Shape("ip3", 10, 100)),
    "lenet-5": (
        Shape("conv1", 20, 25, Window(1, 28, 28, 5, 5, pool=2)),
        Shape("conv2", 50, 500, Window(20, 12, 12, 5, 5, pool=2)),
        Shape("ip1", 500, 800), Shape("ip2", 10, 500)),
}


def load_lenet(name):
    """Read the compressed network that ships with the project.

    Parameters
    ----------
    name : "lenet-300-100" or "lenet-5"

    Returns
    -------
    SparseNetwork
        Its metadata say how it was made and what it reaches.

    Raises
    ------
    ValueError
        If there is no such network.
    """
    return loads(read_lenet(name))


def read_lenet(name):
    """Bytes of the file of `load_lenet`; errors as there."""
    return _read(name)


def load_ternary_lenet(name):
    """Read a LeNet with ternary weights in all layers, which ships with the project.

    `scripts/train_ternary.py` made it, by trained ternary quantisation.

    Parameters
    ----------
    name : "lenet-300-100" or "lenet-5"

    Returns
    -------
    SparseNetwork
        Each layer has the codebook (0, Wp, -Wn, 0), whose last entry is unused. Its metadata say
        how it was made and what it reaches.

    Raises
    ------
    ValueError
        If there is no such network.
    """
    return loads(_read(name, "_ternary"))


def _read(name, suffix=""):
    if name not in LENETS:
        raise ValueError(f"name must be one of {', '.join(LENETS)}, not {name!r}")
    file = f"{name.replace('-', '_')}{suffix}.weft"
    return resources.files(__package__).joinpath(file).read_bytes()
