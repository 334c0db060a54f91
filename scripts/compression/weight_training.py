"""Training of networks whose weights have one or two bits: BWN, TWN, TTQ, and others likewise."""

import dataclasses

import numpy as np

from ..train_digits import BATCH, Adam, gradients_of
from .quantisers import TrainedTernary
from .torch_trainer import TorchTrainer

__all__ = ["NumpyModel", "TorchModel", "model_of", "quantised_layers", "train_quantised",
           "train_ternary"]


class NumpyModel:
    """Gradients of a fully connected network by NumPy.

    Parameters
    ----------
    trainer : scripts.compression.numpy_trainer.NumpyTrainer
    layers : sequence of golden.compression.float_network.FloatLayer

    Attributes
    ----------
    others : list of ndarray
        What is trained beside weights and biases.
    """

    def __init__(self, trainer, layers):
        self.trainer, self.others = trainer, []

    def batches(self, epochs):
        """Numbers of the images of every step."""
        count = len(self.trainer.labels)
        orders = (self.trainer.rng.permutation(count) for _ in range(epochs))
        return (order[first:first + BATCH] for order in orders
                for first in range(0, count - BATCH + 1, BATCH))

    def gradients(self, weights, biases, batch):
        """Gradients of the loss of a step by weights, by biases and by `others`: three lists."""
        return *gradients_of(weights, biases, self.trainer.inputs[batch],
                             self.trainer.labels[batch]), []


class TorchModel:
    """The same by PyTorch, in float32, convolutions too; as `NumpyModel`.

    Parameters
    ----------
    trainer : TorchTrainer
    layers : sequence of golden.compression.float_network.FloatLayer
    """

    def __init__(self, trainer, layers):
        self.trainer, self.layers, self.others = trainer, layers, []

    def batches(self, epochs):
        return self.trainer.batches(epochs)

    def loss(self, weights, biases, others, batch):
        """Of tensors; what `gradients` differentiates."""
        return self.trainer.loss(self.layers, weights, biases, batch)

    def gradients(self, weights, biases, batch):
        torch = self.trainer.torch
        groups = [[torch.from_numpy(np.asarray(array, np.float32)).requires_grad_()
                   for array in arrays] for arrays in (weights, biases, self.others)]
        self.loss(*groups, batch).backward()
        return tuple([tensor.grad.numpy() for tensor in group] for group in groups)


def model_of(trainer, layers):
    """What computes the gradients of a subject's network."""
    kind = TorchModel if isinstance(trainer, TorchTrainer) else NumpyModel
    return kind(trainer, layers)


def train_quantised(model, quantisers, biases, *, epochs, rate, advance=lambda: None):
    """Train latent weights through the quantised ones, with Adam.

    Every step makes quantised weights from the latent ones, computes the network and its gradients
    with them, and changes the latent weights, the biases and whatever else is trained.

    Parameters
    ----------
    model : NumpyModel or TorchModel
        Its `others` are changed in place.
    quantisers : sequence of scripts.compression.quantisers.Floats
        One a layer; changed in place.
    biases : sequence of ndarray of float
        Changed in place.
    epochs : int
    rate : float
        Adam's step at the start; it falls to zero along a cosine.
    advance : callable
        Called after every epoch.
    """
    trained = [pair for quantiser in quantisers for pair in quantiser.trained]
    trained += [(array, 1.0) for array in (*biases, *model.others)]
    adams = [(Adam([array]), factor) for array, factor in trained]
    batches = list(model.batches(epochs))
    for step, batch in enumerate(batches):
        by_weights, by_biases, by_others = model.gradients(
            [quantiser.weights() for quantiser in quantisers], biases, batch)
        gradients = [part for quantiser, gradient in zip(quantisers, by_weights, strict=True)
                     for part in quantiser.gradients(gradient)]
        step_rate = rate * (1 + np.cos(np.pi * step / len(batches))) / 2
        for (adam, factor), gradient in zip(
                adams, [*gradients, *by_biases, *by_others], strict=True):
            adam.step([gradient], step_rate * factor)
        for quantiser in quantisers:
            quantiser.constrain()
        if (step + 1) % (len(batches) // epochs) == 0:
            advance()


def quantised_layers(layers, quantisers, biases):
    """Layers with the weights and biases that training came to, of the layers' own type."""
    return [dataclasses.replace(layer, weights=quantiser.weights().astype(layer.weights.dtype),
                                bias=bias.astype(layer.bias.dtype))
            for layer, quantiser, bias in zip(layers, quantisers, biases, strict=True)]


def train_ternary(subject, layers, *, epochs, rate, share, advance=lambda: None):
    """Turn a trained network into one of ternary weights in all layers, by TTQ.

    Zhu et al., ICLR 2017, section 3: see `scripts.compression.quantisers.TrainedTernary`.

    Parameters
    ----------
    subject : scripts.compression.subjects.Subject
        Whose trainer computes gradients.
    layers : sequence of golden.compression.float_network.FloatLayer
        Trained; they are not changed.
    epochs, rate, advance
        As of `train_quantised`.
    share : sequence of float
        Threshold of each layer, as a share of its largest latent weight.

    Returns
    -------
    layers : list of FloatLayer
        With ternary weights.
    codebooks : list of ndarray of float64, shape (4,)
    codes : list of ndarray of uint8
    """
    quantisers = [TrainedTernary(layer.weights, part)
                  for layer, part in zip(layers, share, strict=True)]
    biases = [layer.bias.copy() for layer in layers]
    train_quantised(model_of(subject.trainer, layers), quantisers, biases, epochs=epochs,
                    rate=rate, advance=advance)
    codes, codebooks = zip(*(quantiser.coded() for quantiser in quantisers), strict=True)
    return quantised_layers(layers, quantisers, biases), list(codebooks), list(codes)
