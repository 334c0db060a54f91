"""Pruning step by step, with training in between (Han et al., NIPS 2015, Figure 2)."""

import numpy as np

__all__ = ["density_schedule", "prune_iteratively"]


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


def prune_iteratively(weights, choose, schedule, retrain):
    """Prune step by step, training what is left after each step (NIPS 2015, Figure 2).

    Parameters
    ----------
    weights : sequence of ndarray of float
        Weights of every layer; not changed.
    choose : callable
        ``choose(weights, step)`` returns the masks of one step; `magnitude_masks` with a density,
        `sensitivity_masks` with a quality, or any other rule. What was dropped stays dropped
        whatever it says.
    schedule : iterable
        What `choose` is called with, step after step; see `density_schedule`.
    retrain : callable
        ``retrain(weights, masks)`` returns trained weights, zero wherever a mask is False.

    Returns
    -------
    weights : list of ndarray of float
    masks : list of ndarray of bool

    Raises
    ------
    ValueError
        If there is no step, or training revives a weight that had been dropped.
    """
    weights, masks = [np.array(layer) for layer in weights], None
    for number, step in enumerate(schedule, 1):
        chosen = choose(weights, step)
        masks = chosen if masks is None else [a & b for a, b in zip(masks, chosen, strict=True)]
        weights = [np.asarray(layer) for layer in retrain(
            [np.where(mask, layer, 0) for layer, mask in zip(weights, masks, strict=True)], masks)]
        for index, (layer, mask) in enumerate(zip(weights, masks, strict=True)):
            if layer[~mask].any():
                raise ValueError(f"step {number}: training revived "
                                 f"{np.count_nonzero(layer[~mask])} weights of layer {index}")
    if masks is None:
        raise ValueError("The schedule of pruning has no step")
    return weights, masks
