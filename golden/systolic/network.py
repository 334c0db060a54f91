"""Dense networks: layers between named tensors, in integers, ready to be computed bit for bit."""

import math
from dataclasses import dataclass, field

import numpy as np

from .layer_checks import check_layer
from .layers import FullyConnected

__all__ = ["DenseNetwork"]


@dataclass(frozen=True, eq=False, kw_only=True)
class DenseNetwork:
    """Layers that each make one tensor from tensors before it.

    Parameters
    ----------
    inputs : dict of str to tuple of int
        Shape of each input, without the batch: (height, width, channels) or (size,).
    layers : tuple of layers, see `golden.systolic.layers`
        In an order in which they can be computed; each names its output.
    outputs : tuple of str
        Tensors that are wanted; by default that of the last layer.
    width : int
        Bits of an activation.
    scales : dict of str to tuple of (float, int)
        Scale and zero point of inputs, for those who have real numbers.
    metadata : dict of str to str
        What the network is, how it was made, its accuracy.

    Raises
    ------
    ValueError
        If a name is there twice or unknown, or a layer can't take the shapes that it gets, or has
        numbers that it can't have; with the layer's name. If `width` is not from 2 to 16, or a
        scale or shape of an input is none.
    """

    inputs: dict
    layers: tuple
    outputs: tuple = ()
    width: int = 8
    scales: dict = field(default_factory=dict)
    metadata: dict = field(default_factory=dict)
    shapes: dict = field(init=False)

    def __post_init__(self):
        if not (isinstance(self.width, int) and 2 <= self.width <= 16):
            raise ValueError(f"Activations have 2 to 16 bits, not {self.width!r}")
        shapes = {}
        for name, shape in self.inputs.items():
            if not isinstance(shape, tuple | list) or not all(size > 0 for size in shape):
                raise ValueError(f"Input {name!r} has a shape such as (8, 8, 1) or (64,), not "
                                 f"{shape!r}")
            shapes[name] = tuple(shape)
        for name, scale in self.scales.items():
            if name not in shapes:
                raise ValueError(f"There is a scale of {name!r}, which is no input")
            if not (isinstance(scale, tuple | list) and len(scale) == 2
                    and scale[0] > 0 and math.isfinite(scale[0])):
                raise ValueError(f"Input {name!r} has a positive scale and a zero point, not "
                                 f"{scale!r}")
        for name in [*shapes, *(layer.name for layer in self.layers)]:
            # Names are those of files' members, and are printed.
            if not (isinstance(name, str) and name and name.isprintable()):
                raise ValueError(f"A name is text that can be printed, not {name!r}")
        for layer in self.layers:
            unknown = [name for name in layer.inputs if name not in shapes]
            if unknown:
                raise ValueError(f"Layer {layer.name!r} takes {unknown[0]!r}, which is neither an "
                                 "input nor a layer before it")
            if layer.name in shapes:
                raise ValueError(f"There are two tensors of the name {layer.name!r}")
            try:
                check_layer(layer, self.width)
                shapes[layer.name] = layer.output_shape(*(shapes[name] for name in layer.inputs))
            except ValueError as error:
                raise ValueError(f"Layer {layer.name!r}: {error}") from None
        object.__setattr__(self, "shapes", shapes)
        if not self.outputs:
            object.__setattr__(self, "outputs", (self.layers[-1].name,))
        for name in self.outputs:
            if name not in shapes:
                raise ValueError(f"There is no tensor {name!r} to put out")

    def size(self, name):
        """Elements of a tensor, for one of a batch."""
        return math.prod(self.shapes[name])

    @property
    def macs(self):
        """Multiplications with accumulation for one of a batch."""
        return sum(self.layer_macs(layer) for layer in self.layers)

    def layer_macs(self, layer):
        """The same of one layer; 0 if it has no weights."""
        weights = getattr(layer, "weights", None)
        if weights is None:
            return 0
        places = (1 if isinstance(layer, FullyConnected)
                  else math.prod(self.shapes[layer.name][:2]))
        return weights.size * places

    def run(self, inputs):
        """Compute every tensor, layer by layer, in plain NumPy.

        Knows nothing of arrays, tiles or instructions: what a compiled program is compared with.

        Parameters
        ----------
        inputs : dict of str to array_like of int, shape (batch, *shape)
            Stored numbers.

        Returns
        -------
        tensors : dict of str to ndarray of int64, shape (batch, *shape)
            Inputs included.
        saturations : int
            Sums with their bias, and left shifts of them, that left 32 bits.

        Raises
        ------
        ValueError
            If the inputs are not those of the network, or not within its width.
        """
        if inputs.keys() != self.inputs.keys():
            raise ValueError(f"The network takes {sorted(self.inputs)}, not {sorted(inputs)}")
        half = 1 << self.width - 1
        tensors, saturations = {}, 0
        for name, values in inputs.items():
            values = np.asarray(values)
            if values.shape[1:] != self.shapes[name] or values.dtype.kind not in "iu":
                raise ValueError(f"Input {name!r} is a batch of integers of shape "
                                 f"{self.shapes[name]}, not {values.dtype} of {values.shape[1:]}")
            if values.size and not -half <= values.min() <= values.max() < half:
                raise ValueError(f"Input {name!r} is from {values.min()} to {values.max()}, not "
                                 f"within {self.width} bits")
            tensors[name] = values.astype(np.int64)
        for layer in self.layers:
            tensors[layer.name], count = layer.compute(
                *(tensors[name] for name in layer.inputs), width=self.width)
            saturations += count
        return tensors, saturations
