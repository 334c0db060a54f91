"""Trained ternary quantisation: two values a layer are learned beside its latent weights."""

import dataclasses

import numpy as np

from golden.compression.ternary import ternary_codebook, ttq_codes, ttq_gradients

from ..train_digits import BATCH, Adam, gradients_of
from .torch_trainer import TorchTrainer

__all__ = ["train_ternary"]

#: Adam's step for the two values, as a share of that for latent weights, which are up to 1.
_VALUE_RATE = 0.1
#: No value gets below this share of the one it started with: its sign would turn.
_LEAST = 0.05


def train_ternary(subject, layers, *, epochs, rate, share, advance=lambda: None):
    """Turn a trained network into one of ternary weights (Zhu et al., ICLR 2017, section 3).

    Latent weights start as the trained ones, each layer's scaled to a largest magnitude of 1. In
    every step, they are compared with the threshold anew, gradients by the ternary weights go to
    Wp, Wn and the latent weights as `golden.compression.ternary.ttq_gradients` says, and Adam
    changes all of them.

    Parameters
    ----------
    subject : scripts.compression.subjects.Subject
        Whose trainer computes gradients.
    layers : sequence of golden.compression.float_network.FloatLayer
        Trained; they are not changed.
    epochs : int
    rate : float
        Adam's step for the latent weights and the biases at the start; it falls to zero along a
        cosine.
    share : sequence of float
        Threshold of each layer, as a share of its largest latent weight.
    advance : callable
        Called after every epoch.

    Returns
    -------
    layers : list of FloatLayer
        With ternary weights.
    codebooks : list of ndarray of float64, shape (4,)
    codes : list of ndarray of uint8
    """
    gradients = _torch_gradients if isinstance(subject.trainer, TorchTrainer) else _numpy_gradients
    latent = [layer.weights / np.abs(layer.weights).max() for layer in layers]
    biases = [layer.bias.copy() for layer in layers]
    values = np.array([_initial_values(layer.weights, ttq_codes(part, limit))
                       for layer, part, limit in zip(layers, latent, share, strict=True)])
    least = _LEAST * values
    adam, value_adam = Adam([*latent, *biases]), Adam([values])
    batches = list(_batches(subject.trainer, epochs))
    for step, batch in enumerate(batches):
        codes = [ttq_codes(part, limit) for part, limit in zip(latent, share, strict=True)]
        weights = _weights(values, codes)
        by_weights, by_biases = gradients(subject.trainer, layers, weights, biases, batch)
        by_values, by_latent = np.empty_like(values), []
        for number, (gradient, code) in enumerate(zip(by_weights, codes, strict=True)):
            *by_values[number], scaled = ttq_gradients(gradient, code, *values[number])
            by_latent.append(scaled)
        step_rate = rate * (1 + np.cos(np.pi * step / len(batches))) / 2
        adam.step([*by_latent, *by_biases], step_rate)
        value_adam.step([by_values], step_rate * _VALUE_RATE)
        np.maximum(values, least, out=values)
        if (step + 1) % (len(batches) // epochs) == 0:
            advance()
    codes = [ttq_codes(part, limit) for part, limit in zip(latent, share, strict=True)]
    ternary = [dataclasses.replace(layer, weights=weight.astype(layer.weights.dtype),
                                   bias=bias.astype(layer.bias.dtype))
               for layer, weight, bias in zip(layers, _weights(values, codes), biases, strict=True)]
    return ternary, [ternary_codebook(*pair) for pair in values], codes


def _initial_values(weights, codes):
    """Mean magnitudes of the positives and of the negatives."""
    return [float(np.abs(weights[codes == code]).mean()) if (codes == code).any() else 1e-3
            for code in (1, 2)]


def _weights(values, codes):
    return [ternary_codebook(*pair)[code] for pair, code in zip(values, codes, strict=True)]


def _batches(trainer, epochs):
    """Numbers of the images of every step."""
    if isinstance(trainer, TorchTrainer):
        return trainer.batches(epochs)
    count = len(trainer.labels)
    orders = (trainer.rng.permutation(count) for _ in range(epochs))
    return (order[first:first + BATCH] for order in orders
            for first in range(0, count - BATCH + 1, BATCH))


def _numpy_gradients(trainer, layers, weights, biases, batch):
    return gradients_of(weights, biases, trainer.inputs[batch], trainer.labels[batch])


def _torch_gradients(trainer, layers, weights, biases, batch):
    """By PyTorch, in float32."""
    weights, biases = ([trainer.torch.from_numpy(np.asarray(array, np.float32)).requires_grad_()
                        for array in arrays] for arrays in (weights, biases))
    trainer.loss(layers, weights, biases, batch).backward()
    return [[tensor.grad.numpy() for tensor in tensors] for tensors in (weights, biases)]
