"""Dense networks that ship with the project: handwritten digits, read in three ways.

`scripts/train_dense_digits.py` made them, from the images of `golden.models.digits` and with the
same ones held out.

``mlp``: 64-64-32-10, activations and weights of 8 bits.

``cnn``: two convolutions of 3 x 3, each pooled by 2 x 2, and a fully connected layer, of 8 bits.

``lstm``: a recurrent cell that reads a digit in 16 steps of 4 pixels, half a line each, and names
it by its last state; activations of 16 bits, weights of 8. Its gates are sigmoid and tanh of
TensorFlow Lite's 16-bit kernels, at the end of the products; the state is kept in units of 2**-12.
"""

from importlib import resources

import numpy as np

from ..systolic.archive import read_dense_network

__all__ = ["DENSE_DIGITS", "dense_digits_inputs", "load_dense_digits"]

#: Names of the networks.
DENSE_DIGITS = ("mlp", "cnn", "lstm")

#: Pixels of a step of the recurrent network.
STEP_PIXELS = 4
#: Stored number of a blank pixel, of 0 to 16, in the networks of 8 bits.
ZERO_POINT = -8
#: Units of a pixel for the recurrent network, whose inputs are pixels / 32.
PIXEL_UNITS = 1 << 10


def load_dense_digits(name):
    """Read one of the networks.

    Parameters
    ----------
    name : str
        One of `DENSE_DIGITS`.

    Returns
    -------
    DenseNetwork
        Ten outputs, of which the largest names the digit; its metadata say how accurate it is.
    """
    if name not in DENSE_DIGITS:
        raise ValueError(f"There is no dense network {name!r}, only {', '.join(DENSE_DIGITS)}")
    file = resources.files(__package__).joinpath(f"digits_{name}.npz")
    with resources.as_file(file) as path:
        return read_dense_network(path)


def dense_digits_inputs(name, pixels):
    """Images as one of the networks takes them.

    Parameters
    ----------
    name : str
        One of `DENSE_DIGITS`.
    pixels : ndarray of int, shape (images, 64)
        From 0 to 16, see `golden.models.digits.load_digits_data`.

    Returns
    -------
    dict of str to ndarray of int64, shape (images, *shape)
        Stored numbers by input.
    """
    pixels = np.asarray(pixels, dtype=np.int64)
    if name == "lstm":
        steps = (pixels * PIXEL_UNITS).reshape(len(pixels), -1, STEP_PIXELS)
        return {f"x{step}": steps[:, step] for step in range(steps.shape[1])}
    stored = pixels + ZERO_POINT
    return {"pixels": stored.reshape(-1, 8, 8, 1) if name == "cnn" else stored}
