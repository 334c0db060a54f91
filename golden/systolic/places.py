"""Where the tensors of a network lie in the unified buffer."""

from typing import NamedTuple

from .layers import Concat, Reshape
from .too_small import TooSmall

__all__ = ["Place", "place_tensors"]


class Place(NamedTuple):
    """Where a tensor lies.

    Parameters
    ----------
    address : int
        First element.
    pitch : int
        Elements from one of a batch to the next.
    """

    address: int
    pitch: int


def _homes(network):
    """Tensor that each lies in, and how far into it: (root, offset)."""
    homes = {}

    def place(name, root, offset, layer):
        if name in homes:
            raise ValueError(f"Layer {layer.name!r}: {name!r} is already part of "
                             f"{homes[name][0]!r}; put a copy (Lookup) in between")
        homes[name] = root, offset

    for layer in reversed(network.layers):
        root, offset = homes.get(layer.name, (layer.name, 0))
        if isinstance(layer, (Reshape, Concat)):
            for name in layer.inputs:
                place(name, root, offset, layer)
                offset += network.size(name)
    return homes


def place_tensors(network, geometry, *, batch=1, keep=False, pools=None):
    """Give every tensor its elements of the unified buffer.

    A tensor has its place from the layer that makes it (an input: from the beginning) until the
    last one that takes it (an output: to the end); tensors that are never there at the same time
    share elements.

    Parameters
    ----------
    network : DenseNetwork
    geometry : DenseGeometry
    batch : int
    keep : bool
        Whether all keep their place to the end, to be looked at.
    pools : dict of str to MaxPool
        Pooling layers by the convolution at whose end they happen; its own result never is in the
        buffer.

    Returns
    -------
    dict of str to Place

    Raises
    ------
    ValueError
        If they do not fit, with what would help.
    """
    homes, pools = _homes(network), pools or {}
    names = [*network.inputs, *(layer.name for layer in network.layers)]
    names = [name for name in names if name not in pools]
    makers = {name: -1 for name in network.inputs}
    makers.update({layer.name: number for number, layer in enumerate(network.layers)})
    for name, pool in pools.items():
        makers[pool.name] = makers[name]
    ends = dict(makers)
    for number, layer in enumerate(network.layers):
        for name in layer.inputs:
            ends[name] = number
    for name in names if keep else network.outputs:
        ends[name] = len(network.layers)

    spans = {}
    for name in names:
        root = homes.get(name, (name, 0))[0]
        start, end = spans.get(root, (makers[name], ends[name]))
        spans[root] = min(start, makers[name]), max(end, ends[name])

    addresses = {}
    for root in sorted(spans, key=lambda root: spans[root][0]):
        start, end = spans[root]
        size = network.size(root) * batch
        taken = sorted((at, at + network.size(other) * batch) for other, at in addresses.items()
                       if spans[other][0] <= end and start <= spans[other][1])
        at = 0
        for low, high in taken:
            if at + size <= low:
                break
            at = max(at, high)
        addresses[root] = at
        if at + size > geometry.unified_depth:
            raise TooSmall(
                f"Layer {root!r}: its {size} elements do not fit beside those that are still "
                f"needed: they would end at {at + size} of unified_depth={geometry.unified_depth}",
                "unified_depth", 1 << (at + size - 1).bit_length(),
                f" or a smaller batch than {batch}" if batch > 1 else "")
    places = {}
    for name in names:
        root, offset = homes.get(name, (name, 0))
        places[name] = Place(addresses[root] + offset, network.size(root))
    return places
