"""Ways to train weights of one or two bits: what a step of training does to one layer.

A quantiser keeps latent weights of full precision. In every step it makes the weights that the
layer is computed with, and takes the gradients by them back to what is trained.
"""

import numpy as np

from golden.compression.binary import binary_gradient, binary_weights
from golden.compression.ternary import (
    ternary_codebook,
    ttq_codes,
    ttq_gradients,
    twn_weights,
)

__all__ = ["METHODS", "Binary", "Floats", "Ternary", "TrainedTernary", "quantisers_for"]

#: Adam's step for the two values of TTQ, as a share of that for latent weights, which are up to 1.
_VALUE_RATE = 0.1
#: No value gets below this share of the one it started with: its sign would turn.
_LEAST = 0.05


class Floats:
    """A layer that keeps its full precision.

    Parameters
    ----------
    weights : ndarray of float, shape (rows, columns)
        Trained ones to start with; they are not changed.

    Attributes
    ----------
    latent : ndarray of float, shape (rows, columns)
    trained : list of (ndarray, float)
        What is trained, and by which factor its steps differ from Adam's.
    bits : int
        Of a stored weight.
    """

    bits = 32

    def __init__(self, weights):
        self.latent = np.array(weights)
        self.trained = [(self.latent, 1.0)]

    def weights(self):
        """Weights to compute with, shape (rows, columns)."""
        return self.latent

    def gradients(self, by_weights):
        """Gradients by everything in `trained`, from those by the weights of this step."""
        return [by_weights]

    def constrain(self):
        """Put what a step has moved too far back."""

    def values(self):
        """Numbers that are stored beside the weights' bits."""
        return 0


class Binary(Floats):
    """BWN and the weights of XNOR-Net: signs, times the mean magnitude of a filter.

    Rastegari et al., arXiv 1603.05279, section 3.1; latent weights stay within -1 .. 1, where the
    sign passes gradients, as in the authors' program.
    """

    bits = 1

    def weights(self):
        binary, scale = binary_weights(self.latent)
        return scale * binary

    def gradients(self, by_weights):
        return [binary_gradient(by_weights, self.latent)]

    def constrain(self):
        np.clip(self.latent, -1, 1, out=self.latent)

    def values(self):
        return len(self.latent)


class Ternary(Floats):
    """TWN: 0 or one magnitude a layer (Li, Zhang and Liu, arXiv 1605.04711, equations 5 and 6).

    The gradient by a ternary weight is taken for that by the latent one (section 2.4).
    """

    bits = 2

    def coded(self):
        """Codes and codebook of this step."""
        codes, scale = twn_weights(self.latent)
        return codes, ternary_codebook(scale, scale)

    def weights(self):
        codes, codebook = self.coded()
        return codebook[codes]

    def values(self):
        return 1


class TrainedTernary(Ternary):
    """TTQ: 0 or one of two values a layer, which are trained (Zhu et al., arXiv 1612.01064).

    Parameters
    ----------
    weights : ndarray of float, shape (rows, columns)
        The latent ones are these, scaled to a largest magnitude of 1 (section 3.1).
    share : float
        Threshold, as a share of the largest latent weight.
    """

    def __init__(self, weights, share):
        super().__init__(weights / np.abs(weights).max())
        self.share = share
        codes = ttq_codes(self.latent, share)
        # Mean magnitudes of the positives and of the negatives.
        self.pair = np.array([float(np.abs(weights[codes == code]).mean())
                              if (codes == code).any() else 1e-3 for code in (1, 2)])
        self._least = _LEAST * self.pair
        self.trained = [(self.latent, 1.0), (self.pair, _VALUE_RATE)]

    def coded(self):
        return ttq_codes(self.latent, self.share), ternary_codebook(*self.pair)

    def gradients(self, by_weights):
        codes = ttq_codes(self.latent, self.share)
        *by_pair, by_latent = ttq_gradients(by_weights, codes, *self.pair)
        return [by_latent, np.array(by_pair)]

    def constrain(self):
        np.maximum(self.pair, self._least, out=self.pair)

    def values(self):
        return 2


#: By name: what quantises a layer's weights, and whether the paper leaves the first and the last
#: layer as they are. XNOR-Net and BWN do (section 4.1, and the authors' program for both), TTQ does
#: (section 5), TWN makes all layers ternary.
METHODS = {"BWN": (Binary, True), "XNOR": (Binary, True), "TWN": (Ternary, False),
           "TTQ": (TrainedTernary, True)}


def quantisers_for(method, layers, *, ends, share):
    """A quantiser for each layer of a network.

    Parameters
    ----------
    method : str
        One of `METHODS`.
    layers : sequence of golden.compression.float_network.FloatLayer
        Trained.
    ends : bool
        Whether the first and the last layer are quantised too.
    share : sequence of float
        TTQ's threshold of each layer.

    Returns
    -------
    list of Floats
    """
    kind, _ = METHODS[method]
    inner = range(len(layers)) if ends else range(1, len(layers) - 1)
    return [(kind(layer.weights, part) if kind is TrainedTernary else kind(layer.weights))
            if number in inner else Floats(layer.weights)
            for number, (layer, part) in enumerate(zip(layers, share, strict=True))]
