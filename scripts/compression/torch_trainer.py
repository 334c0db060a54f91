"""Training by PyTorch, which computes gradients and nothing else."""

import numpy as np

from golden.compression.codebook import centroid_gradients

from ..errors import ToolMissing

__all__ = ["TorchTrainer"]

#: What the outputs of the teacher are divided by, so that small ones count too.
_TEMPERATURE = 2


class TorchTrainer:
    """Trains layers with Adam on the cross-entropy of their last layer's outputs.

    One thread, and all randomness from one seed: the same versions on the same kind of processor
    give the same bits.

    Parameters
    ----------
    inputs : ndarray of uint8, shape (images, inputs)
    labels : ndarray of int64, shape (images,)
    scale : float
        Real value of one unit of an input.
    seed : int
    batch : int
        Images in a step.

    Raises
    ------
    ToolMissing
        If PyTorch is not installed.
    """

    def __init__(self, inputs, labels, *, scale, seed, batch=128):
        try:
            import torch
        except ImportError as error:
            raise ToolMissing("training LeNet needs PyTorch: pip install 'weft[train]'") from error
        self.torch = torch
        torch.set_num_threads(1)
        self.inputs, self.labels = torch.from_numpy(inputs.copy()), torch.from_numpy(labels)
        self.scale, self.batch = scale, batch
        self.generator = torch.Generator().manual_seed(seed)
        torch.manual_seed(seed)         # of the dropout
        self.targets, self.distillation = None, 0.0

    def teach(self, layers, distillation):
        """From now on, train towards the outputs of a network as well as the labels.

        Parameters
        ----------
        layers : sequence of golden.compression.float_network.FloatLayer
            The teacher.
        distillation : float
            Part of the loss that its outputs are the targets of, 0 to 1.
        """
        outputs = self.torch.from_numpy(self.outputs(layers, self.inputs.numpy()))
        self.targets = self.torch.softmax(outputs / _TEMPERATURE, 1)
        self.distillation = distillation

    def outputs(self, layers, inputs):
        """Outputs of the last of some layers, as `golden.compression.float_network.forward` but
        faster.

        Parameters
        ----------
        layers : sequence of golden.compression.float_network.FloatLayer
        inputs : ndarray of uint8, shape (count, inputs)

        Returns
        -------
        ndarray of float32, shape (count, outputs)
        """
        torch = self.torch
        weights, biases = ([torch.from_numpy(getattr(layer, name)) for layer in layers]
                           for name in ("weights", "bias"))
        with torch.no_grad():
            return torch.cat([
                self._forward(layers, weights, biases, part.float() * self.scale, 0)
                for part in torch.from_numpy(inputs).split(1000)]).numpy()

    def train(self, layers, *, epochs, rate, constant=False, decay=0.0, dropout=0.0, masks=None,
              codebooks=None, codes=None):
        """Train layers in place, or the codebooks that they share.

        Parameters
        ----------
        layers : sequence of golden.compression.float_network.FloatLayer
            Of float32; biases are always trained.
        epochs : int
        rate : float
            Adam's step at the start; it falls to zero along a cosine.
        constant : bool
            Whether it stays as it is instead.
        decay : float
            Pull of the weights towards zero, ``decay / 2 * w**2`` of each in the loss.
        dropout : float
            Fraction of the outputs of hidden fully connected layers that a step does without.
        masks : sequence of ndarray of bool, optional
            True where a weight may differ from zero.
        codebooks : sequence of ndarray of float32, shape (entries,), optional
            To be trained instead of the weights, of which they are the values.
        codes : sequence of ndarray of uint8, optional
            Codebook index of every weight.
        """
        torch = self.torch
        weights = [torch.from_numpy(layer.weights) for layer in layers]
        biases = [torch.from_numpy(layer.bias).requires_grad_() for layer in layers]
        kept = [torch.from_numpy(mask) for mask in masks or []]
        centroids = [torch.from_numpy(codebook) for codebook in codebooks or []]
        indices = [torch.from_numpy(code.astype(np.int64)) for code in codes or []]
        trained = [*(centroids or weights), *biases]
        adam = torch.optim.Adam(trained, lr=rate)
        steps = epochs * (len(self.labels) // self.batch)
        for step, chosen in enumerate(self.batches(epochs)):
            if centroids:
                weights = [centroid[index] for centroid, index in
                           zip(centroids, indices, strict=True)]
            for weight in weights:
                weight.requires_grad_()
                weight.grad = None
            adam.zero_grad()
            self.loss(layers, weights, biases, chosen, dropout=dropout).backward()
            if centroids:
                self._share_gradients(centroids, weights, codes)
            for group in adam.param_groups:
                group["lr"] = rate if constant else rate * (1 + np.cos(np.pi * step / steps)) / 2
            with torch.no_grad():
                if decay:
                    for weight in weights:
                        weight.grad.add_(weight, alpha=decay)
                adam.step()
                for weight, mask in zip(weights, kept, strict=bool(kept)):
                    weight.mul_(mask)

    def batches(self, epochs):
        """Numbers of the images of a step; what doesn't fill a batch is left out of an epoch."""
        for _ in range(epochs):
            order = self.torch.randperm(len(self.labels), generator=self.generator)
            for first in range(0, len(order) - self.batch + 1, self.batch):
                yield order[first:first + self.batch]

    def loss(self, layers, weights, biases, chosen, *, dropout=0.0):
        """Loss of a step, a tensor of one number.

        Parameters
        ----------
        layers : sequence of golden.compression.float_network.FloatLayer
            Their windows.
        weights, biases : sequence of torch.Tensor
            Of each layer, instead of its own.
        chosen : torch.Tensor
            Numbers of the images.
        dropout : float
            As of `train`.
        """
        cross_entropy = self.torch.nn.functional.cross_entropy
        inputs = self.inputs[chosen].float() * self.scale
        outputs = self._forward(layers, weights, biases, inputs, dropout)
        loss = cross_entropy(outputs, self.labels[chosen])
        if self.targets is None:
            return loss
        # Softened by the temperature, gradients shrink by its square, which is made good.
        soft = cross_entropy(outputs / _TEMPERATURE, self.targets[chosen]) * _TEMPERATURE**2
        return (1 - self.distillation) * loss + self.distillation * soft

    def product(self, layer, weight, bias, inputs):
        """Sums of one layer, pooled if it pools; tensors, of which `layer` says the window only."""
        functional, window = self.torch.nn.functional, layer.window
        if window is None:
            return functional.linear(inputs.flatten(1), weight, bias)
        kernel = (window.channels, window.kernel_height, window.kernel_width)
        # With the channels innermost a convolution takes half the time.
        images = inputs.reshape(-1, window.channels, window.height, window.width).to(
            memory_format=self.torch.channels_last)
        images = functional.conv2d(images, weight.view(-1, *kernel), bias,
                                   stride=window.stride, padding=window.padding)
        return functional.max_pool2d(images, window.pool)

    def _forward(self, layers, weights, biases, inputs, dropout):
        functional = self.torch.nn.functional
        last = len(layers) - 1
        for number, (layer, weight, bias) in enumerate(zip(layers, weights, biases, strict=True)):
            inputs = self.product(layer, weight, bias, inputs)
            if number < last:
                inputs = functional.relu(inputs)
                if dropout and layer.window is None:
                    inputs = functional.dropout(inputs, dropout)
        return inputs

    def _share_gradients(self, centroids, weights, codes):
        for centroid, weight, code in zip(centroids, weights, codes, strict=True):
            sums = centroid_gradients(weight.grad.numpy(), code, len(centroid))
            centroid.grad = self.torch.from_numpy(sums.astype(np.float32))
