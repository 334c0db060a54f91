"""The dense digits networks in integers, from trained float weights."""

import numpy as np

from golden.models.dense_digits import PIXEL_UNITS, STEP_PIXELS, ZERO_POINT
from golden.quantisation import asymmetric_scale
from golden.systolic.integer_layers import integer_product, whole_range
from golden.systolic.layers import (
    Add,
    Concat,
    Conv2D,
    Ending,
    FullyConnected,
    Kernel,
    Lookup,
    MaxPool,
    Multiply,
    Reshape,
)
from golden.systolic.network import DenseNetwork

__all__ = ["cnn_network", "lstm_network", "mlp_network"]

#: Scale and zero point of a pixel in the networks of 8 bits.
PIXEL = (1 / 16, ZERO_POINT)


def _scale(values):
    """Scale and zero point of activations: all but the rarest fit."""
    low, high = np.quantile(values, [1e-4, 1 - 1e-4])
    return asymmetric_scale(low, high, 8)


class _Chain:
    """Layers of 8 bits, each quantised by what the one before it puts out."""

    def __init__(self, name, shape, inputs):
        self.inputs, self.layers = {name: shape}, []
        self.name, self.scale = name, PIXEL
        self.values = inputs.reshape(-1, *shape)

    def add(self, class_, weights, bias, values, *, relu, **fields):
        """A layer whose float outputs, before its ReLU, are `values`."""
        values = np.maximum(values, 0) if relu else values
        scale = _scale(values)
        layer = class_(name=fields.pop("name"), inputs=(self.name,), **fields, **integer_product(
            weights, bias, input_scale=self.scale[0], input_zero_point=self.scale[1],
            output_scale=scale[0], output_zero_point=scale[1], relu=relu))
        self.layers.append(layer)
        self.name, self.scale, self.values = layer.name, scale, values

    def network(self):
        name = next(iter(self.inputs))
        return DenseNetwork(inputs=self.inputs, layers=tuple(self.layers), scales={name: PIXEL})


def mlp_network(weights, inputs):
    """Three fully connected layers; `inputs` calibrate the scales, shape (images, 64)."""
    chain = _Chain("pixels", (64,), inputs)
    for number, key in enumerate((0, 3, 6), 1):
        weight, bias = weights[f"{key}.weight"], weights[f"{key}.bias"]
        chain.add(FullyConnected, weight, bias, chain.values @ weight.T + bias, relu=key < 6,
                  name=f"fc{number}")
    return chain.network()


def cnn_network(weights, inputs):
    """conv, pool, conv, pool, fully connected."""
    chain = _Chain("pixels", (8, 8, 1), inputs)
    same = Kernel(size=(3, 3), padding=((1, 1), (1, 1)))
    pool = Kernel(size=(2, 2), stride=(2, 2))
    for number, key in enumerate((1, 4), 1):
        weight, bias = weights[f"{key}.weight"].transpose(0, 2, 3, 1), weights[f"{key}.bias"]
        values = np.tensordot(same.windows(chain.values), weight, ((4, 5, 3), (1, 2, 3))) + bias
        chain.add(Conv2D, weight, bias, values, relu=True, name=f"conv{number}", kernel=same)
        chain.layers.append(MaxPool(name=f"pool{number}", inputs=(chain.name,), kernel=pool))
        chain.name, chain.values = f"pool{number}", pool.windows(chain.values).max(axis=(4, 5))
    # PyTorch flattens channel by channel, the core pixel by pixel.
    flat = weights["8.weight"].reshape(10, 16, 2, 2).transpose(0, 2, 3, 1).reshape(10, 64)
    chain.layers.append(Reshape(name="flat", inputs=(chain.name,), shape=(64,)))
    chain.name, chain.values = "flat", chain.values.reshape(-1, 64)
    chain.add(FullyConnected, flat, weights["8.bias"], chain.values @ flat.T + weights["8.bias"],
              relu=False, name="fc")
    return chain.network()


def lstm_network(weights, inputs):
    """A cell, step after step, and a layer behind its last state; activations of 16 bits.

    Inputs, gates and outputs of the cell are in units of 2**-15, its state and what goes into the
    gates in units of 2**-12.
    """
    wide = whole_range(0, 16)
    unit, state_unit = 2.0**-15, 2.0**-12
    own, recurrent = weights["cell.weight_ih_l0"], weights["cell.weight_hh_l0"]
    cells = recurrent.shape[1]
    both = np.split(np.concatenate([own, recurrent], axis=1), 4)
    biases = np.split(weights["cell.bias_ih_l0"] + weights["cell.bias_hh_l0"], 4)
    # In PyTorch's order: input, forget, candidate, output.
    gates = {
        gate: integer_product(weight, bias, input_scale=unit, output_scale=state_unit, width=16,
                              function="tanh" if gate == "candidate" else "sigmoid")
        for gate, weight, bias in zip(("input", "forget", "candidate", "output"), both, biases,
                                      strict=True)}

    def product(name, a, b, shift):
        return Multiply(name=name, inputs=(a, b), operands=(0, 0),
                        ending=Ending(right_shift=shift, **wide))

    steps = inputs.shape[1] // STEP_PIXELS
    assert PIXEL_UNITS * unit == 1 / 32
    layers, names = [], {f"x{step}": (STEP_PIXELS,) for step in range(steps)}
    for step in range(steps):
        # The first state is zero: only the pixels' weights count.
        joined, known = f"x{step}", STEP_PIXELS
        if step:
            joined, known = f"joined{step}", STEP_PIXELS + cells
            layers.append(Concat(name=joined, inputs=(f"x{step}", f"hidden{step - 1}")))
        for gate, fields in gates.items():
            if step or gate != "forget":
                layers.append(FullyConnected(name=f"{gate}{step}", inputs=(joined,), **fields | {
                    "weights": fields["weights"][:, :known]}))
        fresh = f"fresh{step}" if step else "state0"
        layers.append(product(fresh, f"input{step}", f"candidate{step}", 18))
        if step:
            layers += [
                product(f"kept{step}", f"forget{step}", f"state{step - 1}", 15),
                Add(name=f"state{step}", inputs=(f"kept{step}", fresh), operands=(0, 0),
                    ending=Ending(scale=state_unit, **wide))]
        layers += [
            Lookup(name=f"shape{step}", inputs=(f"state{step}",), ending=Ending(function="tanh")),
            product(f"hidden{step}", f"output{step}", f"shape{step}", 15)]
    layers.append(FullyConnected(name="fc", inputs=(f"hidden{steps - 1}",), **integer_product(
        weights["out.weight"], weights["out.bias"], input_scale=unit, output_scale=2.0**-10,
        width=16)))
    return DenseNetwork(inputs=names, layers=tuple(layers), width=16,
                        scales={name: (unit, 0) for name in names})
