"""From a dense network to a program and memories."""

from dataclasses import dataclass

import numpy as np

from ..formats import Operation
from .geometry import DenseGeometry
from .layers import Conv2D, DepthwiseConv2D, MaxPool
from .lower import Lowering
from .memories import DenseMemories
from .network import DenseNetwork
from .places import place_tensors
from .schedule import Step, schedule
from .storage import Storage
from .too_small import TooSmall

__all__ = ["CompiledNetwork", "compile_network"]


@dataclass(frozen=True, eq=False)
class CompiledNetwork:
    """A network as a core runs it.

    Parameters
    ----------
    network : DenseNetwork
    geometry : DenseGeometry
    batch : int
        Inputs that one run computes.
    memories : DenseMemories
        Everything but the inputs.
    places : dict of str to Place
        Where each tensor lies, while it is there.
    """

    network: DenseNetwork
    geometry: DenseGeometry
    batch: int
    memories: DenseMemories
    places: dict

    def load(self, inputs):
        """Memories with inputs in the unified buffer.

        Parameters
        ----------
        inputs : dict of str to array_like of int, shape (batch, *shape)

        Returns
        -------
        DenseMemories
        """
        memories = self.memories
        unified = memories.unified.copy()
        for name in self.network.inputs:
            values = np.asarray(inputs[name])
            if values.shape != (self.batch, *self.network.shapes[name]):
                raise ValueError(f"Input {name!r} must be of shape "
                                 f"{(self.batch, *self.network.shapes[name])}, not {values.shape}")
            unified[self._elements(name)] = values.reshape(self.batch, -1)
        return DenseMemories(self.geometry, memories.program, memories.parameters,
                             memories.functions, memories.operands, memories.weights, unified)

    def read(self, unified, name):
        """A tensor, from a unified buffer.

        Parameters
        ----------
        unified : ndarray of int, shape (unified_depth,)
        name : str
            An output, or any tensor of a network compiled with ``keep=True``.

        Returns
        -------
        ndarray of int, shape (batch, *shape)
        """
        return unified[self._elements(name)].reshape(self.batch, *self.network.shapes[name])

    def _elements(self, name):
        place = self.places[name]
        return (place.address + place.pitch * np.arange(self.batch)[:, None]
                + np.arange(self.network.size(name)))


def compile_network(network, geometry, *, batch=1, keep=False, stream=False, least_rows=None):
    """Compile a network for a core.

    Weights stay where they are for all layers; tensors share the unified buffer. Columns are
    computed in blocks as wide as the array, rows in as many parts as the accumulators ask for,
    which are used in turns, so that one part is drained while the next one is multiplied.

    Parameters
    ----------
    network : DenseNetwork
    geometry : DenseGeometry
    batch : int
        Inputs that one run computes, with weights read once for all.
    keep : bool
        Whether all tensors are still in the unified buffer at the end, as far as they ever are: a
        convolution that is pooled at once is not.
    stream : bool
        Whether the program takes the inputs from the host and sends it the outputs, input by
        input and output by output with their number as the tag; else they are left in the buffer.
    least_rows : int, optional
        Rows of the shortest product that a block is cut into to overlap it with its neighbours.

    Returns
    -------
    CompiledNetwork

    Raises
    ------
    TooSmall
        If a memory of the core has no room.
    ValueError
        If something else does not fit, with the layer's name and what would help.
    """
    if network.width != geometry.activation_width:
        raise ValueError(f"The network has activations of {network.width} bits, the core "
                         f"activation_width={geometry.activation_width}")
    pools = _pools_at_once(network)
    places = place_tensors(network, geometry, batch=batch, keep=keep, pools=pools)
    storage = Storage(geometry)
    lowering = Lowering(network, geometry, places, batch, storage,
                        least_rows or max(geometry.rows, 16))
    steps = []
    for layer in network.layers:
        if layer not in pools.values():
            try:
                steps += lowering.lower(layer, pools.get(layer.name))
            except ValueError as error:
                if str(error).startswith("Layer "):
                    raise
                raise ValueError(f"Layer {layer.name!r}: {error}") from None
    if stream:
        steps = [*_transfers(network, places, batch, network.inputs, Operation.READ_HOST_MEMORY),
                 *steps,
                 *_transfers(network, places, batch, network.outputs, Operation.WRITE_HOST_MEMORY)]
    words = schedule(steps, rows=geometry.rows)
    if len(words) > geometry.program_depth:
        raise TooSmall(f"The program has {len(words)} instructions of program_depth="
                       f"{geometry.program_depth}", "program_depth",
                       1 << (len(words) - 1).bit_length())
    storage.memories.program = words
    return CompiledNetwork(network, geometry, batch, storage.memories, places)


def _pools_at_once(network):
    """Pooling layers by the name of the convolution whose only results they are."""
    makers = {layer.name: layer for layer in network.layers}
    takers = {}
    for layer in network.layers:
        for name in layer.inputs:
            takers.setdefault(name, []).append(layer)
    pools = {}
    for name, maker in makers.items():
        taker = takers.get(name, [])
        if (isinstance(maker, (Conv2D, DepthwiseConv2D)) and len(taker) == 1
                and type(taker[0]) is MaxPool and name not in network.outputs
                and maker.ending.monotone):
            pools[name] = taker[0]
    return pools


def _transfers(network, places, batch, names, operation):
    reading = operation == Operation.READ_HOST_MEMORY
    for number, name in enumerate(names):
        size, place = network.size(name), places[name]
        spans = [(place.address, size * batch)]
        if place.pitch != size:
            spans = [(place.address + image * place.pitch, size) for image in range(batch)]
        for address, length in spans:
            yield Step(operation, {
                "length": length, **({"destination": address} if reading else
                                     {"source": address, "tag": number % 256})})
