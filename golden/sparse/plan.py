"""How the layers of a network are laid out on a core: orders of the rows and column groups."""

from dataclasses import dataclass

import numpy as np

from ..formats import LAYER
from .balance import balanced_order
from .encode import check_groups
from .partition import identity_order

__all__ = ["LayerPlan", "check_layer", "plan_network"]

_FIELDS = {field.name: field for field in LAYER.fields}


@dataclass(frozen=True, eq=False)
class LayerPlan:
    """Layout of one layer.

    Parameters
    ----------
    order : ndarray of intp, shape (rows,)
        Row at each output position.
    input_order : ndarray of intp, shape (columns,)
        Column at each input position: the `order` of the layer before.
    groups : int
        Column groups.
    """

    order: np.ndarray
    input_order: np.ndarray
    groups: int


def plan_network(network, geometry, groups=None, balance=True):
    """Choose the layout of every layer.

    Parameters
    ----------
    network : SparseNetwork
    geometry : SparseGeometry
    groups : int or sequence of int, optional
        Column groups of all layers, or of each; 1 by default.
    balance : bool
        Whether rows are dealt out by `balanced_order`; otherwise in their order.

    Returns
    -------
    tuple of LayerPlan

    Raises
    ------
    ValueError
        If a layer does not fit the geometry or the layer before it, with the layer's name.
    """
    layers = network.layers
    if not layers:
        raise ValueError("A network has at least one layer")
    if groups is None or isinstance(groups, (int, np.integer)):
        groups = [1 if groups is None else int(groups)] * len(layers)
    if len(groups) != len(layers):
        raise ValueError(f"{len(groups)} numbers of column groups for {len(layers)} layers")

    plans = []
    for index, (layer, count) in enumerate(zip(layers, groups, strict=True)):
        check_layer(layer, geometry)
        if index and layers[index - 1].rows != layer.columns:
            before = layers[index - 1]
            raise ValueError(f"Layer {layer.name!r}: its {layer.columns} inputs are not the "
                             f"{before.rows} outputs of layer {before.name!r} before it")
        try:
            check_groups(count, geometry)
        except ValueError as error:
            raise ValueError(f"Layer {layer.name!r}: {error}") from None
        input_order = plans[-1].order if plans else identity_order(layer.columns)
        if balance:
            # A copy of a large first layer is not made for nothing.
            codes = layer.codes[:, input_order] if plans else layer.codes
            order = balanced_order(codes, layer.codebook, geometry.pes // count, groups=count)
        else:
            order = identity_order(layer.rows)
        plans.append(LayerPlan(order, input_order, int(count)))
    return tuple(plans)


def check_layer(layer, geometry):
    """Raise ValueError, with the layer's name and a way out, if a core could not compute it."""
    def require(condition, complaint):
        if not condition:
            raise ValueError(f"Layer {layer.name!r}: {complaint}")

    require(layer.window is None, "is a convolution; the sparse core runs fully connected layers")
    codes, codebook, bias = (np.asarray(x) for x in (layer.codes, layer.codebook, layer.bias))
    require(codes.ndim == 2 and codes.size and codes.dtype == np.uint8,
            f"codes must be a matrix of uint8, not {codes.dtype} of shape {codes.shape}")
    for what, count in zip(("rows", "columns"), codes.shape, strict=True):
        top = _FIELDS[what].range[-1]
        require(count <= top, f"its {count} {what} are more than {top}: split it in layers that "
                              f"run one after the other")
    require(codebook.ndim == 1 and codebook.size and codebook.dtype.kind in "iu",
            f"its codebook must be a row of integers, not {codebook.dtype} of shape "
            f"{codebook.shape}")
    require(len(codebook) <= 1 << geometry.index_width,
            f"its codebook of {len(codebook)} weights needs index_width="
            f"{layer.index_width}, the core has {geometry.index_width}: share more weights or "
            f"widen the index")
    require(codebook[0] == 0, f"codebook entry 0 stands for pruned weights and must be 0, not "
                              f"{codebook[0]}")
    require(codes.max() < len(codebook),
            f"code {codes.max()} is beyond its codebook of {len(codebook)} weights")
    half = 1 << geometry.weight_width - 1
    require(codebook.min() >= -half and codebook.max() < half,
            f"weights from {codebook.min()} to {codebook.max()} do not fit weight_width="
            f"{geometry.weight_width}: scale them or widen the weights")
    require(bias.shape == (len(codes),) and bias.dtype.kind in "iu",
            f"its bias must be an integer for each of {len(codes)} rows, not {bias.dtype} of "
            f"shape {bias.shape}")
    require(bias.min() >= -(1 << 31) and bias.max() < 1 << 31,
            f"biases from {bias.min()} to {bias.max()} do not fit 32 bits")
    require(0 <= layer.multiplier <= 1 << 31,
            f"multiplier={layer.multiplier} is not from 0 to 2**31")
    for name in ("left_shift", "right_shift"):
        value = getattr(layer, name)
        require(value in _FIELDS[name].range,
                f"{name}={value} is not from 0 to {_FIELDS[name].range[-1]}")
    half = 1 << geometry.activation_width - 1
    require(-half <= layer.low <= layer.high < half,
            f"the clamp from {layer.low} to {layer.high} is empty or does not fit "
            f"activation_width={geometry.activation_width}")
