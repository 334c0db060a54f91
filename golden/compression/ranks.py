"""What layers of low rank cost, and which rank to choose.

k x k is a kernel, c and d the channels of its input and output, d' or r the rank. MACs are
multiplications with accumulation.
"""

import math

import numpy as np

__all__ = ["channel_cost", "rank_for_energy", "rank_for_ratio", "spatial_cost", "svd_cost"]


def svd_cost(rows, columns, rank=None):
    """Weights, and MACs, of a fully connected layer: mn, or r (m + n).

    Examples
    --------
    >>> svd_cost(4096, 25088), svd_cost(4096, 25088, 64)
    (102760448, 1867776)
    """
    return rows * columns if rank is None else rank * (rows + columns)


def channel_cost(kernel, channels, filters, rank=None):
    """Weights, and MACs per output pixel: k2cd, or k2cd' + d'd (Zhang et al., section 3.1).

    Examples
    --------
    >>> channel_cost(3, 256, 256), channel_cost(3, 256, 256, 64)
    (589824, 163840)
    """
    if rank is None:
        return kernel**2 * channels * filters
    return kernel**2 * channels * rank + rank * filters


def spatial_cost(kernel, channels, filters, rank=None):
    """Weights, and MACs per output pixel: k2cd, or kcd' + kd'd (Jaderberg et al., section 2).

    Examples
    --------
    >>> spatial_cost(3, 256, 256, 64)
    98304
    """
    if rank is None:
        return kernel**2 * channels * filters
    return kernel * rank * (channels + filters)


def rank_for_ratio(cost, ratio):
    """Largest rank at which a layer costs at least `ratio` times less, at least 1.

    Parameters
    ----------
    cost : callable
        Of a rank, linear in it, or of nothing: `svd_cost` and its like with the sizes filled in.
    ratio : float
        Positive.

    Returns
    -------
    int

    Examples
    --------
    >>> from functools import partial
    >>> rank_for_ratio(partial(channel_cost, 3, 256, 256), 4)
    57
    """
    if not ratio > 0:
        raise ValueError(f"ratio must be positive, not {ratio}")
    return max(1, math.floor(cost() / (ratio * cost(rank=1))))


def rank_for_energy(singular_values, energy):
    """Least rank that keeps a share of the sum of squares (Zhang et al., section 3.3).

    Parameters
    ----------
    singular_values : array_like of float, shape (values,)
        Descending.
    energy : float
        From 0 to 1.

    Returns
    -------
    int
        At least 1.

    Examples
    --------
    >>> rank_for_energy([3.0, 1.0], 0.9), rank_for_energy([3.0, 1.0], 0.91)
    (1, 2)
    """
    if not 0 <= energy <= 1:
        raise ValueError(f"energy must be from 0 to 1, not {energy}")
    kept = np.cumsum(np.square(np.asarray(singular_values, np.float64)))
    return min(int(np.searchsorted(kept, energy * kept[-1])) + 1, len(kept))
