"""Training of small fully connected networks without PyTorch."""

import numpy as np

from .. import train_digits

__all__ = ["NumpyTrainer"]


class NumpyTrainer:
    """Trains fully connected layers by `scripts.train_digits`, see there.

    Parameters
    ----------
    inputs : ndarray of float64, shape (images, inputs)
    labels : ndarray of int64, shape (images,)
    scale : float
        Real value of one unit of what `outputs` takes.
    seed : int
        Of the order of the images.
    """

    def __init__(self, inputs, labels, *, scale, seed):
        self.inputs, self.labels, self.scale = inputs, labels, scale
        self.rng = np.random.default_rng(seed)

    def outputs(self, layers, inputs):
        """Outputs of the last of some layers; arguments and result as of `TorchTrainer`'s."""
        return train_digits.forward([layer.weights for layer in layers],
                                    [layer.bias for layer in layers], inputs * self.scale)[-1]

    def train(self, layers, *, epochs, rate, masks=None, codebooks=None, codes=None):
        """Train layers in place, or the codebooks that they share.

        Parameters
        ----------
        layers : sequence of golden.compression.float_network.FloatLayer
            Fully connected, of float64.
        epochs, rate, masks, codes
            As of `scripts.train_digits.train`.
        codebooks : sequence of ndarray of float64, optional
            To be trained instead of the weights.
        """
        train_digits.train(
            codebooks or [layer.weights for layer in layers], [layer.bias for layer in layers],
            self.inputs, self.labels, epochs=epochs, rate=rate, rng=self.rng, masks=masks,
            codes=codes)
