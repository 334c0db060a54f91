"""Training of networks whose weights and activations are binary (XNOR-Net), by PyTorch."""

import numpy as np

from golden.compression.xnor_network import XnorLayer, forward, normalised

from .quantisers import Binary
from .weight_training import TorchModel, quantised_layers, train_quantised

__all__ = ["XnorModel", "train_xnor"]

#: Added to variances, as in `golden.compression.xnor_network`.
_EPSILON = 1e-4


class XnorModel(TorchModel):
    """Gradients of a network in which inputs are normalised and, of binary layers, signs.

    The sign passes gradients where its argument is within -1 .. 1 (Rastegari et al., arXiv
    1603.05279, section 3.1).

    Parameters
    ----------
    trainer : TorchTrainer
    layers : sequence of golden.compression.float_network.FloatLayer
    binary : sequence of bool
        Of each layer. If the first is, the raw inputs are normalised too, all in one.
    """

    def __init__(self, trainer, layers, binary):
        super().__init__(trainer, layers)
        self.binary = list(binary)
        #: Channels that are normalised in front of each layer; 0 for none.
        self.channels = [int(self.binary[0]), *(len(layer.bias) for layer in layers[:-1])]
        for channels in filter(None, self.channels):
            self.others += [np.ones(channels, np.float32), np.zeros(channels, np.float32)]

    def loss(self, weights, biases, others, batch):
        torch, functional = self.trainer.torch, self.trainer.torch.nn.functional
        inputs, others = self.trainer.inputs[batch].float() * self.trainer.scale, iter(others)
        for layer, weight, bias, binary, channels in zip(
                self.layers, weights, biases, self.binary, self.channels, strict=True):
            if channels:
                grouped = inputs.reshape(len(batch), channels, -1)
                inputs = functional.batch_norm(
                    grouped, None, None, next(others), next(others), training=True,
                    eps=_EPSILON).reshape(inputs.shape)
            if binary:
                within = inputs.clamp(-1, 1)
                signs = torch.where(inputs < 0, -1.0, 1.0)
                inputs = within + (signs - within).detach()
            elif channels:
                inputs = functional.relu(inputs)
            inputs = self.trainer.product(layer, weight, bias, inputs)
        return functional.cross_entropy(inputs, self.trainer.labels[batch])


def train_xnor(subject, layers, quantisers, *, epochs, rate, count=10000, advance=lambda: None):
    """Turn a trained network into one of binary weights and activations.

    Parameters
    ----------
    subject : scripts.compression.subjects.Subject
        Whose trainer is a `TorchTrainer`.
    layers : sequence of golden.compression.float_network.FloatLayer
        Trained; they are not changed.
    quantisers : sequence of scripts.compression.quantisers.Floats
        `Binary` ones where layers become binary.
    epochs, rate, advance
        As of `scripts.compression.weight_training.train_quantised`.
    count : int
        Calibration inputs that the normalisation is settled with after training.

    Returns
    -------
    list of XnorLayer
    """
    binary = [isinstance(quantiser, Binary) for quantiser in quantisers]
    model = XnorModel(subject.trainer, layers, binary)
    biases = [layer.bias.copy() for layer in layers]
    train_quantised(model, quantisers, biases, epochs=epochs, rate=rate, advance=advance)
    inputs = subject.calibration[:count] * np.float32(subject.input_scale)
    made, others = [], iter(model.others)
    for layer, flag, channels in zip(quantised_layers(layers, quantisers, biases), binary,
                                     model.channels, strict=True):
        item = XnorLayer(layer, False)
        if channels:
            item = XnorLayer(layer, flag, *normalised(next(others), next(others), inputs))
        made.append(item)
        inputs = np.concatenate([next(forward([item], inputs[first:first + 100]))
                                 for first in range(0, len(inputs), 100)])
    return made
