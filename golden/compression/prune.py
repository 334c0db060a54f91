"""Magnitude pruning (Han et al., Learning both weights and connections, NIPS 2015).

Train, drop the weights of smallest magnitude, train the ones that are left, drop again. These
functions only choose what is dropped, as boolean masks of the shape of the weights (any number of
dimensions), True for a weight that stays. `golden.compression.iterative` goes through the steps.
"""

import numpy as np

__all__ = ["balanced_masks", "density", "magnitude_masks", "sensitivity_masks"]


def magnitude_masks(weights, density, *, scope="layer"):
    """Keep the weights of largest magnitude.

    Parameters
    ----------
    weights : sequence of array_like of float, each of any shape
        Weights of every layer.
    density : float or sequence of float
        Fraction to keep, 0 to 1; with ``scope="layer"`` it may be one per layer.
    scope : "layer" or "global"
        Keep that fraction of each layer, or of all layers together, by one threshold.

    Returns
    -------
    list of ndarray of bool
        A mask for each layer, of its shape. Exactly ``floor(density * size + 0.5)`` weights are
        kept (in scope "global": of all), of equal ones the first; but a weight that is zero never
        is.

    Raises
    ------
    ValueError
        If a density or the scope is none, or a weight is not finite.

    Examples
    --------
    >>> layers = [np.array([[3.0, -1.0]]), np.array([2.0, -4.0])]
    >>> magnitude_masks(layers, 0.5)
    [array([[ True, False]]), array([False,  True])]
    >>> magnitude_masks(layers, 0.25, scope="global")
    [array([[False, False]]), array([False,  True])]
    """
    weights = [np.asarray(layer) for layer in weights]
    if scope == "global":
        together = np.concatenate([layer.ravel() for layer in weights]) if weights else np.zeros(0)
        mask = _largest(together, density)
        ends = np.cumsum([layer.size for layer in weights])[:-1]
        parts = np.split(mask, ends) if weights else []
        return [part.reshape(layer.shape) for part, layer in zip(parts, weights, strict=True)]
    if scope != "layer":
        raise ValueError(f"scope must be 'layer' or 'global', not {scope!r}")
    return [_largest(layer.ravel(), part).reshape(layer.shape)
            for layer, part in zip(weights, _one_each(weights, density, "densities"), strict=True)]


def sensitivity_masks(weights, quality):
    """Keep the weights beyond a threshold that follows the spread of their layer.

    The threshold of a layer is `quality` times the standard deviation of its weights (NIPS 2015,
    section 3): a layer whose weights are small because its inputs are large isn't emptied, as it
    would be by one threshold for all layers. Weights that are zero have been pruned before and are
    not counted, so that pruning again is as severe as pruning at first.

    Parameters
    ----------
    weights : sequence of array_like of float, each of any shape
        Weights of every layer.
    quality : float or sequence of float
        Not negative; it may be one per layer.

    Returns
    -------
    list of ndarray of bool
        A mask for each layer, of its shape.

    Raises
    ------
    ValueError
        If a quality is negative or a weight is not finite.

    Examples
    --------
    The standard deviation of 5 and 1 is 2:

    >>> sensitivity_masks([np.array([5.0, 1.0, 0.0])], 1)
    [array([ True, False, False])]
    """
    masks = []
    for layer, times in zip(weights, _one_each(weights, quality, "qualities"), strict=True):
        if not times >= 0:
            raise ValueError(f"quality must not be negative, but is {times}")
        magnitude = _magnitude(np.asarray(layer))
        left = np.asarray(layer)[magnitude > 0]
        threshold = times * left.std() if left.size else 0.0
        masks.append((magnitude > 0) & (magnitude >= threshold))
    return masks


def balanced_masks(weights, density, *, pes, groups=1):
    """Keep the same fraction of the weights of every processing element.

    Load-balance-aware pruning (Han et al., ESE, FPGA 2017, section 3.1): rows are dealt out over
    processing elements, which wait for the one that has most to do. Where each keeps equally many
    weights of its own, none is waited for. Rows are dealt out in their own order, so the gain is
    kept by an encoder that doesn't permute them.

    Parameters
    ----------
    weights : sequence of array_like of float, each with at least 2 dimensions
        Weights of every layer; the first axis counts rows (outputs), the others are its columns.
    density : float or sequence of float
        Fraction to keep, 0 to 1; it may be one per layer.
    pes : int
        Processing elements, a multiple of `groups`.
    groups : int
        Column groups: element ``slot * groups + group`` has the rows r with ``r % (pes / groups)
        == slot`` and the columns c with ``c % groups == group``, see
        `golden.sparse.geometry.SparseGeometry`.

    Returns
    -------
    list of ndarray of bool
        A mask for each layer, of its shape. Of the n weights of an element
        ``floor(density * n + 0.5)`` are kept, but none that is zero.

    Raises
    ------
    ValueError
        If a density is none, a layer has no rows and columns, or the elements can't be grouped.

    Examples
    --------
    By magnitude alone, both weights of row 0 would stay and row 1 lose all:

    >>> balanced_masks([np.array([[9.0, -8.0], [2.0, 1.0]])], 0.5, pes=2)
    [array([[ True, False],
           [ True, False]])]
    """
    if groups < 1 or pes < 1 or pes % groups:
        raise ValueError(f"pes={pes} must be a positive multiple of groups={groups}")
    slots, masks = pes // groups, []
    for layer, part in zip(weights, _one_each(weights, density, "densities"), strict=True):
        layer = np.asarray(layer)
        if layer.ndim < 2:
            raise ValueError(f"A layer needs rows and columns, not shape {layer.shape}")
        matrix = layer.reshape(len(layer), -1)
        mask = np.zeros(matrix.shape, bool)
        for slot in range(min(slots, len(matrix))):
            for group in range(groups):
                own = (slice(slot, None, slots), slice(group, None, groups))
                mask[own] = _largest(matrix[own].ravel(), part).reshape(mask[own].shape)
        masks.append(mask.reshape(layer.shape))
    return masks


def _one_each(weights, values, what):
    """`values` as a list with one for each layer."""
    values = [values] * len(weights) if np.ndim(values) == 0 else list(values)
    if len(values) != len(weights):
        raise ValueError(f"{len(weights)} layers need as many {what}, not {len(values)}")
    return values


def _magnitude(weights):
    """Absolute values, all of them finite."""
    if not np.isfinite(weights).all():
        raise ValueError("A weight is not finite")
    return np.abs(weights)


def _largest(flat, density):
    """Mask of the largest magnitudes of a vector."""
    if not 0 <= density <= 1:
        raise ValueError(f"density must be from 0 to 1, not {density}")
    magnitude = _magnitude(flat)
    count = int(np.floor(density * flat.size + 0.5))
    mask = np.zeros(flat.shape, bool)
    mask[np.argsort(-magnitude, kind="stable")[:count]] = True
    return mask & (magnitude > 0)


def density(masks):
    """Fraction of True over all masks; of no weights at all, 0.0.

    Examples
    --------
    >>> density([np.array([True, False]), np.array([[False, False]])])
    0.25
    """
    size = sum(np.size(mask) for mask in masks)
    return sum(int(np.count_nonzero(mask)) for mask in masks) / size if size else 0.0
