"""What the sparse core computes, bit for bit, saturations and their number included."""

from dataclasses import dataclass

import numpy as np

from ..fixed import requantise, saturate
from .encode import check_groups
from .partition import check_order
from .plan import plan_network

__all__ = ["LayerTrace", "overflow_proof", "run_layer", "run_network"]

_INT32_MAX = (1 << 31) - 1

#: Weights that are expanded at a time, so that large layers don't need gigabytes.
_BLOCK = 1 << 22


@dataclass(frozen=True, eq=False)
class LayerTrace:
    """What one layer did with one input.

    Parameters
    ----------
    sums : ndarray of int64, shape (rows,)
        ``W a + bias``, saturated to 32 bits; in the layer's own order of rows.
    outputs : ndarray of int16, shape (rows,)
        Centred activations, in the same order.
    saturations : int
        Additions to an accumulator, totals, and left shifts that were saturated.
    proof : bool
        Whether bounds alone prove, for this input, that nothing could saturate.
    """

    sums: np.ndarray
    outputs: np.ndarray
    saturations: int
    proof: bool


def _proven(bounds, layer, geometry):
    """Rows that can't saturate if ``sum |w a|`` is at most `bounds`, shape (rows, groups)."""
    totals = bounds.sum(axis=1) + np.abs(layer.bias.astype(np.int64))
    return ((bounds <= (1 << geometry.sum_width - 1) - 1).all(axis=1)
            & (totals <= _INT32_MAX >> layer.left_shift))


def _blocks(layer, columns):
    """Slices of rows with the weights of `columns` in them, as float64 (which holds them)."""
    codebook = np.asarray(layer.codebook, dtype=np.float64)
    step = max(1, _BLOCK // max(1, len(columns)))
    for first in range(0, layer.rows, step):
        rows = slice(first, first + step)
        yield rows, codebook[layer.codes[rows][:, columns]]


def overflow_proof(layer, *, geometry, groups=1, activation_bound=None, input_order=None):
    """Prove from the weights that a layer never saturates.

    No partial sum of products, in whatever order, exceeds ``activation_bound * sum |w|``.

    Parameters
    ----------
    layer : SparseLayer
    geometry : SparseGeometry
    groups : int
        Column groups of the layer.
    activation_bound : int, optional
        Largest magnitude of an activation; by default that of ``geometry.activation_width``.
    input_order : array_like of int, shape (columns,), optional
        Column at each input position; by default every column has its own.

    Returns
    -------
    ndarray of bool, shape (rows,)
        Whether neither accumulators, nor the total with its bias, nor the left shift of the row
        can saturate.
    """
    check_groups(groups, geometry)
    if activation_bound is None:
        activation_bound = 1 << geometry.activation_width - 1
    order = check_order(input_order, layer.columns)
    bounds = np.empty((layer.rows, groups), dtype=np.int64)
    for rows, weights in _blocks(layer, order):
        np.abs(weights, out=weights)
        for group in range(groups):
            bounds[rows, group] = weights[:, group::groups].sum(axis=1)
    return _proven(bounds * activation_bound, layer, geometry)


def _saturating_sums(weights, activations, width):
    """Add products to accumulators of `width` bits, one column after the other.

    Parameters
    ----------
    weights : ndarray of float64, shape (rows, columns)
    activations : ndarray of int64, shape (columns,)
    width : int

    Returns
    -------
    sums : ndarray of int64, shape (rows,)
    saturations : int
    """
    half = 1 << width - 1
    sums = np.zeros(len(weights), dtype=np.int64)
    saturations = 0
    for column, activation in zip(weights.T.astype(np.int64), activations, strict=True):
        wide = sums + column * activation
        sums = np.clip(wide, -half, half - 1)
        saturations += int(np.count_nonzero(sums != wide))
    return sums, saturations


def run_layer(layer, activations, *, geometry, groups=1, input_order=None):
    """Compute one layer as the core does.

    A processing element adds ``weight * activation`` to a signed accumulator of
    ``geometry.sum_width`` bits, which saturates. It meets its columns bank by bank, the banks being
    those of ``geometry.groups``: for b = g, g + groups, ... the input positions j with
    ``j % geometry.groups == b``, ascending; zero activations never. The sums of the column groups
    and the bias are then added exactly, saturate to 32 bits, and are requantised and clamped.

    Parameters
    ----------
    layer : SparseLayer
    activations : array_like of int, shape (columns,)
        Centred activations, in the layer's own order of columns.
    geometry : SparseGeometry
    groups : int
        Column groups of the layer.
    input_order : array_like of int, shape (columns,), optional
        Column at each input position; by default every column has its own. Where nothing
        saturates it makes no difference.

    Returns
    -------
    LayerTrace

    Raises
    ------
    ValueError
        If the activations are not one per column within ``geometry.activation_width`` bits.
    """
    check_groups(groups, geometry)
    activations = _check_activations(layer, activations, geometry)
    order = check_order(input_order, layer.columns)

    # Non-zero activations, group after group, each group in the order in which its PEs meet them.
    position = np.flatnonzero(activations[order])
    position = position[np.lexsort((position, position % geometry.groups, position % groups))]
    columns = order[position]
    active = activations[columns]
    borders = np.searchsorted(position % groups, np.arange(groups + 1))
    spans = [slice(*borders[group:group + 2]) for group in range(groups)]

    partial = np.empty((layer.rows, groups), dtype=np.int64)
    bounds = np.empty((layer.rows, groups), dtype=np.int64)
    limit = (1 << geometry.sum_width - 1) - 1
    saturations = 0
    for rows, weights in _blocks(layer, columns):
        for group, span in enumerate(spans):
            own, vector = weights[:, span], active[span]
            # Exact: 65535 products of 30 bits stay below 2**53.
            partial[rows, group] = own @ vector.astype(np.float64)
            bounds[rows, group] = np.abs(own) @ np.abs(vector).astype(np.float64)
            risky = np.flatnonzero(bounds[rows, group] > limit)
            if len(risky):
                partial[rows.start + risky, group], count = _saturating_sums(
                    own[risky], vector, geometry.sum_width)
                saturations += count

    sums, count = saturate(partial.sum(axis=1) + layer.bias, 32)
    scaled, shifted = requantise(sums, layer.multiplier, layer.left_shift, layer.right_shift)
    outputs = np.clip(scaled, layer.low, layer.high).astype(np.int16)
    return LayerTrace(sums, outputs, saturations + count + shifted,
                      bool(_proven(bounds, layer, geometry).all()))


def run_network(network, inputs, *, geometry, groups=None, balance=True, plans=None):
    """Compute a network as the core does, layer by layer.

    Parameters
    ----------
    network : SparseNetwork
    inputs : array_like of int, shape (columns,)
        Centred activations of the first layer.
    geometry : SparseGeometry
    groups, balance
        As for `plan_network`.
    plans : sequence of LayerPlan, optional
        Layout of the layers, instead of a new one from `groups` and `balance`.

    Returns
    -------
    list of LayerTrace
        One per layer, rows in the layers' own order whatever the plan.
    """
    if plans is None:
        plans = plan_network(network, geometry, groups, balance)
    traces = []
    for layer, plan in zip(network.layers, plans, strict=True):
        trace = run_layer(layer, inputs, geometry=geometry, groups=plan.groups,
                          input_order=plan.input_order)
        traces.append(trace)
        inputs = trace.outputs
    return traces


def _check_activations(layer, activations, geometry):
    activations = np.asarray(activations)
    if activations.shape != (layer.columns,) or activations.dtype.kind not in "iu":
        raise ValueError(f"Layer {layer.name!r} takes {layer.columns} integers, not "
                         f"{activations.dtype} of shape {activations.shape}")
    half = 1 << geometry.activation_width - 1
    if activations.min() < -half or activations.max() >= half:
        raise ValueError(f"Layer {layer.name!r}: activations from {activations.min()} to "
                         f"{activations.max()} do not fit activation_width="
                         f"{geometry.activation_width}")
    return activations.astype(np.int64)
