"""Networks of one or two bits a weight: trained, and what is left of them."""

from dataclasses import dataclass, replace

import numpy as np

from golden.compression.xnor_network import forward, xnor_bytes

from .quantisers import quantisers_for
from .stages import float_error
from .torch_trainer import TorchTrainer
from .weight_training import model_of, quantised_layers, train_quantised
from .xnor_training import train_xnor

__all__ = ["TRAINING", "LowBits", "train_low_bits"]

#: Of each network: epochs of training with few bits, Adam's step at the start, and TTQ's threshold
#: of each layer as a share of its largest weight: more than the paper's 0.05 where zeros cost
#: little, as the core skips them.
TRAINING = {
    "digits": (120, 3e-3, (0.25, 0.25, 0.1)),
    "lenet-300-100": (15, 1e-3, (0.25, 0.2, 0.1)),
    "lenet-5": (8, 1e-3, (0.05, 0.15, 0.2, 0.1)),
}

#: Images that are computed at a time.
_BATCH = 100


@dataclass(frozen=True)
class LowBits:
    """One network, trained by one method.

    Parameters
    ----------
    method : str
        One of `scripts.compression.quantisers.METHODS`.
    ends : bool
        Whether its first and last layer have few bits too.
    bytes : int
        1 or 2 bits a weight, 4 bytes for every other number, nothing coded.
    kept : float
        Share of the weights that is not zero.
    error : float
        Share of the test inputs that it classifies wrongly: of XNOR counted in bits, else with
        real activations.
    """

    method: str
    ends: bool
    bytes: int
    kept: float
    error: float

def train_low_bits(subject, layers, method, *, ends, epochs, rate, share, advance=lambda: None):
    """Train a network of real weights further, as one of few bits, and test it.

    Parameters
    ----------
    subject : scripts.compression.subjects.Subject
        With a trainer of its own, as that moves on.
    layers : sequence of golden.compression.float_network.FloatLayer
        Trained; they are not changed.
    method : str
        One of `scripts.compression.quantisers.METHODS`.
    ends : bool
        Whether the first and the last layer get few bits too.
    epochs, rate, advance
        As of `scripts.compression.weight_training.train_quantised`.
    share : sequence of float
        TTQ's threshold of each layer.

    Returns
    -------
    LowBits

    Raises
    ------
    ToolMissing
        If the method is XNOR and PyTorch is not installed.
    """
    quantisers = quantisers_for(method, layers, ends=ends, share=share)
    options = {"epochs": epochs, "rate": rate, "advance": advance}
    if method == "XNOR":
        made = train_xnor(replace(subject, trainer=_by_torch(subject)), layers, quantisers,
                          **options)
        size, trained = xnor_bytes(made), [item.layer for item in made]
        error = _xnor_error(made, subject)
    else:
        biases = [layer.bias.copy() for layer in layers]
        train_quantised(model_of(subject.trainer, layers), quantisers, biases, **options)
        trained = quantised_layers(layers, quantisers, biases)
        size, error = _bytes(quantisers, biases), float_error(trained, subject)
    weights = sum(layer.weights.size for layer in trained)
    kept = sum(np.count_nonzero(layer.weights) for layer in trained) / weights
    return LowBits(method, ends, size, float(kept), error)


def _bytes(quantisers, biases):
    return sum(-(-quantiser.latent.size * quantiser.bits // 8)
               + 4 * (quantiser.values() + bias.size)
               for quantiser, bias in zip(quantisers, biases, strict=True))


def _by_torch(subject):
    """The subject's trainer, or one by PyTorch in its place."""
    trainer = subject.trainer
    if isinstance(trainer, TorchTrainer):
        return trainer
    stored = np.rint(trainer.inputs / subject.input_scale).astype(np.uint8)
    return TorchTrainer(stored, trainer.labels, scale=subject.input_scale, seed=subject.seed)


def _xnor_error(made, subject):
    inputs, wrong = subject.test_inputs * np.float32(subject.input_scale), 0
    for first in range(0, len(inputs), _BATCH):
        part = slice(first, first + _BATCH)
        *_, outputs = forward(made, inputs[part])
        wrong += int(np.count_nonzero(outputs.argmax(axis=1) != subject.test_labels[part]))
    return wrong / len(inputs)
