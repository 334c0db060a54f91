"""Assignment of weights to centroids that keeps the sum of every filter.

Weights that are replaced by their nearest centroids err by a little each, and the errors of a
filter do not sum to zero. Behind a ReLU inputs are never negative, so that such a sum shifts the
filter's output for every input: the error that Nagel et al. (Data-free quantization through weight
equalization and bias correction, ICCV 2019) take out of the bias again. Here it does not arise:
some weights go to the centroid on their other side.
"""

import numpy as np

from .codebook import assign

__all__ = ["assign_balanced"]


def assign_balanced(weights, codebook):
    """Index of a centroid next to each weight, such that the sums of filters stay.

    Of each filter (all weights with the same first index), those weights move on to the next
    centroid, in the direction in which the sum errs, that add the least squared error for what
    they correct; as long as that brings the sum nearer.

    Parameters
    ----------
    weights : array_like of float, shape (filters, ...)
    codebook : array_like of float, shape (entries,)
        At most 256 entries; entry 0 stands for zeros only, the others ascend.

    Returns
    -------
    ndarray of uint8, shape of `weights`
        0 where a weight is zero.

    Raises
    ------
    ValueError
        If the centroids do not ascend.

    Examples
    --------
    Each weight is nearest to 1.0, but then half of the sum is missing:

    >>> assign_balanced([[1.4, 1.4, 1.3, 0.9]], [0.0, 1.0, 2.0])
    array([[2, 1, 1, 1]], dtype=uint8)
    """
    weights, codebook = np.asarray(weights, np.float64), np.asarray(codebook, np.float64)
    codes = assign(weights, codebook)
    for filter_, indices in zip(weights.reshape(len(weights), -1),
                                codes.reshape(len(weights), -1), strict=True):
        _balance(filter_, indices, codebook)
    return codes


def _balance(weights, indices, codebook):
    """Move indices of one filter, in place."""
    errors = weights - codebook[indices]
    missing = errors.sum()
    step = 1 if missing > 0 else -1
    others = np.clip(indices.astype(np.int64) + step, 1, len(codebook) - 1)
    gains = np.abs(codebook[others] - codebook[indices])
    movable = np.flatnonzero((indices > 0) & (gains > 0))
    costs = (weights - codebook[others])[movable] ** 2 - errors[movable] ** 2
    missing = abs(missing)
    for place in movable[np.argsort(costs / gains[movable], kind="stable")]:
        if missing <= 0:            # moved beyond what was missing, but nearer to it than before
            break
        if gains[place] < 2 * missing:
            indices[place] = others[place]
            missing -= gains[place]
