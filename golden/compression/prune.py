"""Magnitude pruning (Han et al., Learning both weights and connections, NIPS 2015).

Train, drop the weights of smallest magnitude, train the ones that are left, drop again. These
functions only choose what is dropped, as boolean masks of the shape of the weights (any number of
dimensions), True for a weight that stays; training is the caller's.
"""

import numpy as np

__all__ = ["density", "density_schedule", "magnitude_masks"]


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
    densities = [density] * len(weights) if np.ndim(density) == 0 else list(density)
    if len(densities) != len(weights):
        raise ValueError(f"{len(weights)} layers need as many densities, not {len(densities)}")
    return [_largest(layer.ravel(), part).reshape(layer.shape)
            for layer, part in zip(weights, densities, strict=True)]


def _largest(flat, density):
    """Mask of the largest magnitudes of a vector."""
    if not 0 <= density <= 1:
        raise ValueError(f"density must be from 0 to 1, not {density}")
    if not np.isfinite(flat).all():
        raise ValueError("A weight is not finite")
    magnitude = np.abs(flat)
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


def density_schedule(final, steps):
    """Densities of iterative pruning: much is dropped at first, little at the end.

    The cubic of Zhu and Gupta (To prune, or not to prune, 2017, equation 1): after step t of n,
    ``final + (1 - final) * (1 - t / n)**3``.

    Parameters
    ----------
    final : float
        Density after the last step, 0 to 1.
    steps : int
        At least 1.

    Returns
    -------
    list of float, of length `steps`
        Decreasing; the last is `final`.

    Examples
    --------
    >>> density_schedule(0.5, 2)
    [0.5625, 0.5]
    """
    if not 0 <= final <= 1:
        raise ValueError(f"final must be from 0 to 1, not {final}")
    if steps < 1:
        raise ValueError(f"steps must be at least 1, not {steps}")
    return [final + (1 - final) * (1 - step / steps) ** 3 for step in range(1, steps + 1)]
