"""The network that ships with the project: handwritten digits, 64-64-32-10.

`scripts/train_digits.py` made it, from the data that comes with scikit-learn: 1797 images of 8 x 8
pixels, each from 0 to 16 (Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI,
1998). Of the images of each class, in the order of the data, every fifth is held out: neither
training nor any choice made on the way has seen it.
"""

from importlib import resources
from typing import NamedTuple

import numpy as np

from ..container import read_network

__all__ = [
    "INPUT_SCALE", "DigitsData", "load_digits_data", "load_digits_network", "load_ternary_digits"]

#: Real value of one unit of an input: pixels from 0 to 16 are the real numbers 0.0 to 1.0.
INPUT_SCALE = 1 / 16

#: One of so many images of a class is held out.
_HOLD_OUT = 5


class DigitsData(NamedTuple):
    """The images, split.

    Parameters
    ----------
    train_inputs, test_inputs : ndarray of int16, shape (images, 64)
        Activations as the network takes them (zero point 0, scale `INPUT_SCALE`).
    train_labels, test_labels : ndarray of int64, shape (images,)
        The digit of each image.
    """

    train_inputs: np.ndarray
    train_labels: np.ndarray
    test_inputs: np.ndarray
    test_labels: np.ndarray


def load_digits_network():
    """Read the network that ships with the project.

    Returns
    -------
    SparseNetwork
        Layers fc1, fc2 and fc3; the largest of the ten outputs names the digit. Its metadata
        say how accurate it is.
    """
    return _shipped("digits.weft")


def load_ternary_digits():
    """Read the network of the same shape whose weights are ternary.

    `scripts/train_ternary.py` made it, by trained ternary quantisation.

    Returns
    -------
    SparseNetwork
        Layers fc1, fc2 and fc3; each has the codebook (0, Wp, -Wn, 0), whose last entry is unused.
    """
    return _shipped("digits_ternary.weft")


def _shipped(name):
    with resources.files(__package__).joinpath(name).open("rb") as file:
        return read_network(file)


def load_digits_data():
    """Load the images, held-out ones apart.

    Returns
    -------
    DigitsData
        1442 images to train with and 355 to test with.

    Raises
    ------
    ImportError
        If scikit-learn, which brings the images, is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError("the digits come with scikit-learn, which is not installed; install it "
                          "with: pip install scikit-learn") from error
    pixels, labels = load_digits(return_X_y=True)
    number_in_class = np.empty(len(labels), np.int64)
    for digit in range(10):
        members = labels == digit
        number_in_class[members] = np.arange(np.count_nonzero(members))
    test = number_in_class % _HOLD_OUT == _HOLD_OUT - 1
    inputs, labels = pixels.astype(np.int16), labels.astype(np.int64)
    return DigitsData(inputs[~test], labels[~test], inputs[test], labels[test])
