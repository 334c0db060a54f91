"""Choice of a layer's column groups by the cycle model."""

import numpy as np

from ..network import SparseNetwork
from .compute import run_network
from .cycles import layer_cycles
from .encode import encode
from .fill import fill_words
from .partition import greedy_order
from .plan import plan_network

__all__ = ["choose_all_groups", "choose_groups", "encode_alone"]


def encode_alone(layer, geometry, *, groups=1, balance=True, order=None):
    """Encode a layer that is the first of its network, as `build_image` does.

    Parameters
    ----------
    layer : SparseLayer
    geometry : SparseGeometry
    groups, balance
        As for `plan_network`.
    order : array_like of int, shape (rows,), optional
        Row at each position, instead of a plan.

    Returns
    -------
    EncodedLayer
    """
    if order is None:
        order = plan_network(SparseNetwork((layer,)), geometry, groups, balance)[0].order
    encoded = encode(layer.codes, geometry=geometry, groups=groups, order=order)
    return fill_words(encoded, np.zeros(geometry.pes, dtype=np.int64))


def choose_groups(layer, nonzero, geometry, *, allowed=None, **core):
    """Choose the column groups with which a layer takes the fewest cycles.

    More column groups make columns longer and broadcasts rarer, but each group works off its own
    share of the columns, whose sizes differ. What weighs more depends on the layer. The choice is
    made on greedily dealt rows: `balanced_order` takes longer than all the rest, and what it gains
    hardly depends on the groups. What groups lose depends on how many columns of each an input
    happens to activate, so a few inputs should be there to choose by.

    Parameters
    ----------
    layer : SparseLayer
    nonzero : ndarray of bool, shape (inputs, columns)
        Activity to choose by. It should not be the one that is measured afterwards.
    geometry : SparseGeometry
    allowed : sequence of int, optional
        Numbers of groups to choose from; by default all that the geometry has.
    **core
        `lanes`, `queue_depth`, `lookahead`, `lockstep` and `map_width` of `layer_cycles`.

    Returns
    -------
    int
        The fewest of them among equals.
    """
    counts = allowed or [1 << n for n in range(geometry.groups.bit_length())]
    if len(counts) == 1:
        return counts[0]
    load = np.count_nonzero(layer.codes, axis=1)
    inputs, times = np.unique(np.asarray(nonzero, dtype=bool), axis=0, return_counts=True)

    def cycles(groups):
        order = greedy_order(load, geometry.pes // groups)
        encoded = encode_alone(layer, geometry, groups=groups, order=order)
        return sum(count * layer_cycles(encoded, active, **core).cycles
                   for active, count in zip(inputs, times.tolist(), strict=True))

    def broadcasts(groups):
        """Cycles that it takes at least: each column group sends one column a cycle."""
        return times @ np.max([inputs[:, group::groups].sum(axis=1) for group in range(groups)],
                              axis=0)

    chosen, fewest = None, np.inf
    for groups in sorted(counts, reverse=True):
        # Encoding takes long, so those that can't be the best are not even tried.
        if broadcasts(groups) <= fewest and (found := cycles(groups)) <= fewest:
            chosen, fewest = groups, found
    return chosen


def choose_all_groups(network, inputs, geometry, *, accumulator_depth, **core):
    """Choose the column groups of each layer of a network.

    Parameters
    ----------
    network : SparseNetwork
    inputs : ndarray of int, shape (inputs, columns)
        Inputs to choose by; a few are enough.
    geometry : SparseGeometry
    accumulator_depth : int
        Rows of a processing element, of which more groups need more.
    **core
        As for `choose_groups`.

    Returns
    -------
    tuple of int
    """
    activity = [[] for _ in network.layers]
    plans = plan_network(network, geometry, balance=False)
    for activations in inputs:
        traces = run_network(network, activations, geometry=geometry, plans=plans)
        for number, taken in enumerate([activations, *(trace.outputs for trace in traces[:-1])]):
            activity[number].append(np.asarray(taken) != 0)
    chosen = []
    for layer, active in zip(network.layers, activity, strict=True):
        most = accumulator_depth * geometry.pes // layer.rows
        allowed = [1 << n for n in range(geometry.groups.bit_length()) if 1 << n <= max(1, most)]
        chosen.append(choose_groups(layer, active, geometry, allowed=allowed, **core))
    return tuple(chosen)
