"""Random dense networks: graphs of all kinds of layers, small and odd shapes."""

import math

import numpy as np

from golden.fixed import MULTIPLIER_ONE
from golden.systolic.layers import (
    Add,
    AveragePool,
    Concat,
    Conv2D,
    DepthwiseConv2D,
    Ending,
    FullyConnected,
    Kernel,
    Lookup,
    MaxPool,
    Multiply,
    Reshape,
)
from golden.systolic.network import DenseNetwork
from golden.systolic.tables import average_multiplier

__all__ = ["random_dense_inputs", "random_dense_network"]


class _Builder:
    def __init__(self, rng, geometry):
        self.rng, self.width = rng, geometry.activation_width
        self.weight_width = geometry.weight_width
        self.half = 1 << self.width - 1
        self.layers, self.shapes = [], {}
        self.tables = [rng.integers(-self.half, self.half, 1 << self.width)
                       for _ in range(geometry.function_tables)] if self.width <= 8 else [
                           "sigmoid", "tanh"][:geometry.function_tables]
        if self.tables and self.width <= 8:
            self.tables[0] = np.sort(self.tables[0])
        self.operands = [rng.integers(-1 << 15, 1 << 15, (2, 1 << self.width))
                         for _ in range(geometry.operand_tables)]

    def add(self, class_, inputs, **fields):
        layer = class_(name=f"{class_.__name__.lower()}{len(self.layers)}", inputs=inputs, **fields)
        self.shapes[layer.name] = layer.output_shape(*(self.shapes[name] for name in inputs))
        self.layers.append(layer)
        return layer.name

    def zero_point(self):
        # 16 bits leave no room above the activations for one.
        return 0 if self.width == 16 else int(self.rng.integers(-self.half, self.half))

    def ending(self, channels, bits):
        """Requantisation of sums of about so many bits, of all channels alike for `channels` 0."""
        rng, zero_point = self.rng, self.zero_point()
        low, high = sorted(rng.integers(-self.half, self.half, 2).tolist())
        if rng.random() < .7:
            low, high = -self.half, self.half - 1
        shape = (channels,) if channels and rng.random() < .7 else ()
        multiplier = rng.integers(1 << 30, MULTIPLIER_ONE + 1, shape)
        right = rng.integers(max(0, bits - self.width - 1), max(1, bits - self.width + 2), shape)
        if not shape:
            multiplier, right = int(multiplier), int(right)
        tables = [None, *self.tables]
        return Ending(multiplier=multiplier, right_shift=right, zero_point=zero_point,
                      left_shift=int(rng.choice([0, 0, 0, 2])),
                      low=low - zero_point, high=high - zero_point,
                      function=tables[rng.integers(len(tables))])

    def product(self, shape, inputs):
        """What all products have, for weights of a shape of which the last axis is outputs."""
        room = 31 - self.width - math.prod(shape[:-1]).bit_length()
        limit = 1 << min(self.weight_width, room) - 1
        bits = self.width + limit.bit_length() + inputs.bit_length() // 2
        return self.rng.integers(-limit, limit, shape), {
            "bias": self.rng.integers(-1 << bits, 1 << bits, shape[-1]),
            "input_zero_point": self.zero_point(), "ending": self.ending(shape[-1], bits)}

    def kernel(self, shape, most=3, padding=True):
        rng, size = self.rng, [int(self.rng.integers(1, min(most, n) + 1)) for n in shape[:2]]
        dilation = [1 if (n - 1) * 2 + 1 > length or not padding else int(rng.integers(1, 3))
                    for n, length in zip(size, shape, strict=False)]
        pads = tuple(tuple(rng.integers(0, n if padding else 1, 2).tolist()) for n in size)
        return Kernel(size=tuple(size), stride=tuple(rng.integers(1, 3, 2).tolist()),
                      dilation=tuple(dilation), padding=pads)

    def fully_connected(self, name):
        size = math.prod(self.shapes[name])
        weights, rest = self.product((size, int(self.rng.integers(1, 20))), size)
        return self.add(FullyConnected, (name,), weights=weights.T, **rest)

    def convolution(self, name):
        shape = self.shapes[name]
        kernel = self.kernel(shape)
        weights, rest = self.product((*kernel.size, shape[2], int(self.rng.integers(1, 12))),
                                     math.prod(kernel.size) * shape[2])
        return self.add(Conv2D, (name,), weights=weights.transpose(3, 0, 1, 2), kernel=kernel,
                        **rest)

    def depthwise(self, name):
        shape = self.shapes[name]
        kernel = self.kernel(shape)
        weights, rest = self.product((*kernel.size, shape[2]), math.prod(kernel.size))
        return self.add(DepthwiseConv2D, (name,), weights=weights, kernel=kernel, **rest)

    def max_pool(self, name):
        return self.add(MaxPool, (name,), kernel=self.kernel(self.shapes[name], padding=False))

    def average_pool(self, name):
        kernel = self.kernel(self.shapes[name], padding=False)
        multiplier, left, right = average_multiplier(math.prod(kernel.size), width=self.width)
        return self.add(AveragePool, (name,), kernel=kernel, ending=Ending(
            multiplier=multiplier, left_shift=left, right_shift=right, low=-self.half,
            high=self.half - 1))

    def vector(self, name):
        # A partner of the same shape, or itself.
        partners = [other for other, shape in self.shapes.items() if shape == self.shapes[name]]
        class_ = [Add, Multiply][self.rng.integers(2)]
        operands = (0, 0)
        if self.width > 8:
            operands = tuple(self.rng.integers(0, 3 if class_ is Add else 1, 2).tolist())
        elif self.operands:
            operands = self.operands[self.rng.integers(len(self.operands))]
        else:
            return name
        return self.add(class_, (name, partners[self.rng.integers(len(partners))]),
                        operands=operands, bias=int(self.rng.integers(-999, 999)),
                        ending=self.ending(0, 30 if class_ is Multiply else 16))

    def lookup(self, name):
        if not self.tables or self.width <= 8 and not self.operands:
            return name
        # The last set of operands is the one that leaves numbers as they are.
        return self.add(Lookup, (name,), ending=Ending(
            function=self.tables[self.rng.integers(len(self.tables))]))


def random_dense_network(rng, geometry, *, layers=6):
    """A random network that small memories hold.

    Parameters
    ----------
    rng : numpy.random.Generator
    geometry : DenseGeometry
        With an operand table less than is used here, since a `Lookup` needs one of its own.
    layers : int

    Returns
    -------
    DenseNetwork
    """
    b = _Builder(rng, geometry)
    b.operands = b.operands[:-1]
    inputs = {"x": tuple(rng.integers(1, 9, 2).tolist()) + (int(rng.integers(1, 6)),)}
    b.shapes |= inputs
    name, flat = "x", [b.fully_connected, b.fully_connected, b.vector, b.lookup]
    pictures = [b.convolution, b.convolution, b.depthwise, b.max_pool, b.average_pool, b.vector,
                b.lookup]
    while len(b.layers) < layers:
        if len(b.shapes[name]) == 3 and rng.random() < .9:
            name = pictures[rng.integers(len(pictures))](name)
            if "conv" in name and rng.random() < .3:
                name = b.max_pool(name)
        elif len(b.shapes[name]) == 3 and rng.random() < .5:
            name = b.add(Reshape, (name,), shape=(math.prod(b.shapes[name]),))
        elif len(b.shapes[name]) == 3 or rng.random() < .8:
            name = flat[rng.integers(len(flat)) if len(b.shapes[name]) == 1 else 0](name)
        else:
            name = b.add(Concat, (b.fully_connected(name), b.vector(b.fully_connected(name))))
    return DenseNetwork(inputs=inputs, layers=tuple(b.layers), width=geometry.activation_width)


def random_dense_inputs(rng, network, batch):
    """Inputs of any stored numbers, shape (batch, *shape) each."""
    half = 1 << network.width - 1
    return {name: rng.integers(-half, half, (batch, *shape))
            for name, shape in network.inputs.items()}
