"""Weight sharing by one-dimensional k-means (Han, Mao, Dally, Deep Compression, ICLR 2016, sec. 3).

Every weight that pruning left becomes the index of one of a few centroids. Index 0 is not a
centroid: it is 0.0 and stands for the pruned weights. Everything takes weights of any shape.
"""

import numpy as np

__all__ = ["INITS", "assign", "centroid_gradients", "kmeans_codebook", "sharing_rate",
           "squared_error"]

#: Where centroids may start.
INITS = ("linear", "density", "random")


def kmeans_codebook(weights, clusters, init="linear", *, rng=None, iterations=300):
    """Share weights: minimise the within-cluster sum of squares over the non-zero ones.

    Parameters
    ----------
    weights : array_like of float, any shape
        Finite; zeros are pruned weights.
    clusters : int
        Centroids, 1 to 255: a 16-entry codebook has 15, and entry 0.
    init : "linear", "density" or "random"
        Where centroids start: evenly over [min, max], which the paper found best; evenly over the
        cumulated distribution; or at random weights.
    rng : numpy.random.Generator, optional
        Only needed for ``init="random"``.
    iterations : int
        Lloyd's iterations at most; it ends as soon as nothing changes.

    Returns
    -------
    codebook : ndarray of float64, shape (clusters + 1,)
        Entry 0 is 0.0, the others ascend. A cluster without members keeps its last centroid.
    codes : ndarray of uint8, shape of `weights`
        Index of each weight, 0 where it is zero.

    Raises
    ------
    ValueError
        If a weight is not finite or another argument is out of its range.

    Examples
    --------
    >>> codebook, codes = kmeans_codebook([[0.0, 1.0], [1.2, -2.0]], 2)
    >>> codebook, codes
    (array([ 0. , -2. ,  1.1]), array([[0, 2],
           [2, 1]], dtype=uint8))
    """
    weights = np.asarray(weights, np.float64)
    if not 1 <= clusters <= 255:
        raise ValueError(f"clusters must be from 1 to 255, not {clusters}")
    if not np.isfinite(weights).all():
        raise ValueError("A weight is not finite")
    values = np.sort(weights[weights != 0])
    if not values.size:
        return np.zeros(clusters + 1), np.zeros(weights.shape, np.uint8)
    centroids = _initial(values, clusters, init, rng)
    # In one dimension a cluster is an interval of the sorted values, so that prefix sums give the
    # sum of any cluster; taken from the mean, they lose no precision to a common offset.
    middle = values.mean()
    sums = np.concatenate([[0.0], np.cumsum(values - middle)])
    bounds = None
    for _ in range(iterations):
        previous = bounds
        bounds = np.searchsorted(values, (centroids[1:] + centroids[:-1]) / 2)
        if previous is not None and np.array_equal(bounds, previous):
            break
        edges = np.concatenate([[0], bounds, [values.size]])
        counts = np.diff(edges)
        means = np.diff(sums[edges]) / np.maximum(counts, 1) + middle
        # An empty cluster may have been overtaken, and rounding may swap means that are equal.
        centroids = np.sort(np.where(counts, means, centroids))
    codebook = np.concatenate([[0.0], centroids])
    return codebook, assign(weights, codebook)


def _initial(values, clusters, init, rng):
    """Ascending initial centroids for sorted values."""
    if init == "linear":
        return np.linspace(values[0], values[-1], clusters)
    if init == "density":
        return np.quantile(values, (np.arange(clusters) + 0.5) / clusters)
    if init == "random":
        if rng is None:
            raise ValueError("init='random' needs an rng")
        return np.sort(rng.choice(values, clusters, replace=clusters > values.size))
    raise ValueError(f"init must be one of {', '.join(INITS)}, not {init!r}")


def assign(weights, codebook):
    """Index of the centroid nearest to each weight, 0 for a weight that is zero.

    Parameters
    ----------
    weights : array_like of float, any shape
    codebook : array_like of float, shape (entries,)
        At most 256 entries; entry 0 stands for zeros only, the others ascend.

    Returns
    -------
    ndarray of uint8, shape of `weights`
        Of two centroids equally near, the upper one.
    """
    weights, centroids = np.asarray(weights, np.float64), np.asarray(codebook, np.float64)[1:]
    if (np.diff(centroids) < 0).any():
        raise ValueError("The centroids of a codebook must ascend")
    middles = (centroids[1:] + centroids[:-1]) / 2
    codes = 1 + np.searchsorted(middles, weights, side="right")
    return np.where(weights == 0, 0, codes).astype(np.uint8)


def squared_error(weights, codebook, codes):
    """Within-cluster sum of squares of shared weights.

    Examples
    --------
    >>> squared_error([0.0, 1.0, 3.0], [0.0, 2.0], [0, 1, 1])
    2.0
    """
    difference = np.asarray(weights, np.float64) - np.asarray(codebook, np.float64)[codes]
    return float(np.sum(difference**2))


def centroid_gradients(gradients, codes, entries):
    """Gradient of each centroid: the sum of those of its members (Deep Compression, section 3.3).

    Parameters
    ----------
    gradients : array_like of float, any shape
        Of the loss by each weight.
    codes : array_like of int, same shape
        Indices of the centroids.
    entries : int
        Size of the codebook.

    Returns
    -------
    ndarray of float64, shape (entries,)
        Entry 0 is 0.0: what is pruned stays so.

    Examples
    --------
    >>> centroid_gradients([[1.0, 2.0], [4.0, 8.0]], [[0, 1], [1, 2]], 4)
    array([0., 6., 8., 0.])
    """
    gradients, codes = np.asarray(gradients, np.float64), np.asarray(codes)
    if gradients.shape != codes.shape:
        raise ValueError(f"{gradients.shape} gradients don't match {codes.shape} codes")
    if codes.size and codes.max() >= entries:
        raise ValueError(f"codes must be below {entries}, not {codes.max()}")
    sums = np.bincount(codes.ravel(), weights=gradients.ravel(), minlength=entries)
    sums[0] = 0
    return sums


def sharing_rate(weights, clusters, bits=32):
    """How many times smaller weights get by sharing alone (Deep Compression, equation 1).

    ``n b / (n log2(k) + k b)`` for n weights of b bits and k centroids, whose indices take a whole
    number of bits each.

    Parameters
    ----------
    weights, clusters : int
        At least 1 each.
    bits : int
        Of a weight that is not shared.

    Returns
    -------
    float

    Examples
    --------
    The paper's example, 4 x 4 weights and 4 centroids:

    >>> sharing_rate(16, 4)
    3.2
    """
    if weights < 1 or clusters < 1:
        raise ValueError(f"{weights} weights and {clusters} clusters; at least 1 of each is needed")
    return weights * bits / (weights * (clusters - 1).bit_length() + clusters * bits)
