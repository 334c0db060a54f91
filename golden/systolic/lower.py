"""Layers of a dense network as steps of a program."""

import numpy as np

from ..formats import Operation, Register
from .blocks import Blocks
from .layers import (
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
from .schedule import Step
from .tiles import conv_tiles, depthwise_tiles, folded_bias

__all__ = ["Lowering"]


class Lowering:
    """Turns layers into steps, and lays out weights, parameters and tables on the way.

    Parameters
    ----------
    network : DenseNetwork
    geometry : DenseGeometry
    places : dict of str to Place
    batch : int
    storage : golden.systolic.storage.Storage
    least_rows : int
        Rows of the shortest piece that a block is cut into.
    """

    def __init__(self, network, geometry, places, batch, storage, least_rows):
        self.network, self.geometry, self.places = network, geometry, places
        self.batch, self.storage = batch, storage
        self.blocks = Blocks(geometry, storage, least_rows)

    def lower(self, layer, pool=None):
        """Steps of one layer, and of the pooling behind it, if that needs no layer of its own.

        Parameters
        ----------
        layer : layer, see `golden.systolic.layers`
        pool : MaxPool, optional

        Returns
        -------
        list of Step
        """
        if isinstance(layer, (Reshape, Concat)):
            return []
        if isinstance(layer, FullyConnected):
            return self._fully_connected(layer)
        if isinstance(layer, Conv2D):
            return self._convolution(layer, pool)
        if isinstance(layer, DepthwiseConv2D):
            return self._depthwise(layer, layer.weights, layer.bias, layer.input_zero_point,
                                   layer.kernel, layer.ending, pool)
        if isinstance(layer, MaxPool):
            return self._pooling(layer)
        if isinstance(layer, (Add, Lookup)):
            return self._vector(layer)
        raise TypeError(f"Layer {layer.name!r}: there is no {type(layer).__name__} in this core")

    def _fully_connected(self, layer):
        source, target = self.places[layer.inputs[0]], self.places[layer.name]
        size = self.network.size(layer.inputs[0])
        bias = folded_bias(layer.weights.T, layer.bias, layer.input_zero_point, self.geometry)
        tiles = conv_tiles(layer.weights.T[None, None], self.geometry)
        self._check_line(layer.name, size)
        registers = {Register.SOURCE: {"line_length": size, "line_stride": source.pitch,
                                       "pad": layer.input_zero_point}}

        def step(first, rows, block):
            return Operation.MATRIX_MULTIPLY, {
                "lines": rows, "source": source.address + first * source.pitch}, registers

        return self.blocks.steps(layer.name, layer.ending, tiles, bias, self.geometry.columns, [(
            self.batch, 1, target.address, target.pitch, step)])

    def _convolution(self, layer, pool):
        kernel, (outputs, lines, taps, channels) = layer.kernel, layer.weights.shape
        bias = folded_bias(layer.weights.transpose(1, 2, 3, 0), layer.bias,
                           layer.input_zero_point, self.geometry)
        weights = layer.weights.transpose(1, 2, 3, 0)
        if kernel.dilation[1] == 1:         # the taps of a line lie one behind the other
            weights = weights.reshape(lines, 1, taps * channels, outputs)
        tiles = conv_tiles(weights, self.geometry)
        registers = self._window(layer, kernel, layer.input_zero_point, taps=weights.shape[1],
                                 run=weights.shape[2])
        return self._pictures(layer, layer.ending, tiles, bias, self.geometry.columns, kernel, pool,
                              lambda block: 0, registers)

    def _depthwise(self, layer, weights, bias, zero_point, kernel, ending, pool):
        """Blocks of channels, each of which reads only its own part of every pixel."""
        bias = folded_bias(weights, bias, zero_point, self.geometry)
        size = min(self.geometry.rows, self.geometry.columns)
        channels = weights.shape[-1]
        registers = self._window(layer, kernel, zero_point, taps=kernel.size[1],
                                 run=min(size, channels))
        return self._pictures(layer, ending, depthwise_tiles(weights, self.geometry), bias, size,
                              kernel, pool, lambda block: block * size, registers)

    def _pooling(self, layer):
        """A mean is a convolution of ones; a largest number is looked for among copies."""
        channels = self.network.shapes[layer.name][-1]
        half = 1 << self.network.width - 1
        nothing = np.zeros(channels, dtype=np.int64)
        if isinstance(layer, AveragePool):
            ones = np.ones((*layer.kernel.size, channels), dtype=np.int64)
            return self._depthwise(layer, ones, nothing, 0, layer.kernel, layer.ending, None)
        ones = np.ones((1, 1, channels), dtype=np.int64)
        return self._depthwise(layer, ones, nothing, 0, Kernel(), Ending(low=-half, high=half - 1),
                               layer)

    def _window(self, layer, kernel, zero_point, *, taps, run):
        height, width, channels = self.network.shapes[layer.inputs[0]]
        pixels = kernel.output_size((height, width, channels))[1]
        self._check_line(layer.name, width * channels)
        return {
            Register.SOURCE: {"line_length": width * channels, "line_stride": width * channels,
                              "lines": height, "pad": zero_point, "taps": taps},
            Register.WINDOW: {"pixels": pixels, "x_step": kernel.stride[1] * channels,
                              "y_step": kernel.stride[0], "dilation": kernel.dilation[0],
                              "tap_step": kernel.dilation[1] * channels, "run": run}}

    @staticmethod
    def _check_line(name, length):
        if length > 0xFFFF:
            raise ValueError(f"Layer {name!r}: a line of {length} elements is longer than 65535; "
                             "cut the input into parts")

    def _pictures(self, layer, ending, tiles, bias, size, kernel, pool, offset, registers):
        """Convolutions of a batch of pictures; `offset` is the first channel that a block reads."""
        source = self.places[layer.inputs[0]]
        target = self.places[(pool or layer).name]
        shape = self.network.shapes[layer.inputs[0]]
        lines, pixels = kernel.output_size(shape)
        left = kernel.padding[1][0] * shape[-1]
        stride = bias.shape[0]
        if pool:
            pooled = pool.kernel.output_size((lines, pixels, stride))

        def picture(image):
            def step(first, rows, block):
                if pool:
                    first = first * pool.kernel.stride[0]
                    rows = (rows - 1) * pool.kernel.stride[0] + pool.kernel.size[0]
                return Operation.CONVOLVE, {
                    "lines": rows, "source": source.address + image * source.pitch,
                    "y": first * kernel.stride[0] - kernel.padding[0][0],
                    "x": offset(block) - left}, registers
            return step

        return self.blocks.steps(layer.name, ending, tiles, bias, size, [
            (pooled[0] if pool else lines, pooled[1] if pool else pixels,
             target.address + image * target.pitch, stride, picture(image))
            for image in range(self.batch)], pool, pixels)

    def _vector(self, layer):
        """Two tensors, or one, element by element."""
        width, half = self.network.width, 1 << self.network.width - 1
        operation = (Operation.VECTOR_MULTIPLY if isinstance(layer, Multiply)
                     else Operation.VECTOR_ADD)
        unary, ending, bias = isinstance(layer, Lookup), layer.ending, 0
        if unary:
            ending = Ending(low=-half, high=half - 1, function=ending.function)
            operands = (0, 0) if width > 8 else np.stack([np.arange(-half, half)] * 2)
        else:
            operands, bias = layer.operands, layer.bias
        registers = {Register.DESTINATION: self.blocks.destination(layer.name, ending)}
        fields = {"function": self.storage.function(layer.name, ending), "unary": int(unary)}
        registers[Register.DESTINATION]["parameters"] = self.storage.common(
            layer.name, ending, bias)
        if width > 8:
            registers[Register.OPERANDS] = {"shift_a": operands[0], "shift_b": operands[1]}
        else:
            fields["tables"] = self.storage.operands(layer.name, operands)

        places = [self.places[name] for name in (*layer.inputs, layer.name)]
        size = self.network.size(layer.name)
        spans = [(0, size * self.batch)]
        if any(place.pitch != size for place in places):
            spans = [(image, size) for image in range(self.batch)]
        steps = []
        for image, length in spans:
            for first in range(0, length, 0xFFFF):
                at = [place.address + image * place.pitch + first for place in places]
                steps.append(Step(operation, {
                    **fields, "length": min(0xFFFF, length - first), "a": at[0],
                    "b": at[0] if unary else at[1], "destination": at[-1]}, registers))
        return steps
