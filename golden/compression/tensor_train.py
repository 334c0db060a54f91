"""Tensor-train layers (Novikov et al., Tensorizing Neural Networks, NIPS 2015, arXiv 1509.06569).

A matrix of ``prod(m) x prod(n)`` weights is written as a tensor with d pairs of modes (m_k, n_k),
and that as a chain of cores G_k of shape (r_{k-1}, m_k, n_k, r_k), r_0 = r_d = 1::

    W[i_1 ... i_d, j_1 ... j_d] = G_1[:, i_1, j_1, :] G_2[:, i_2, j_2, :] ... G_d[:, i_d, j_d, :]

with the indices of rows and columns in C order (the last mode fastest). The chain is found by
TT-SVD (Oseledets, Tensor-Train Decomposition, SIAM J. Sci. Comput. 33(5), 2011, algorithm 1).
"""

import math

import numpy as np

__all__ = ["tt_matrix", "tt_parameters", "tt_svd", "tt_weights"]


def tt_svd(tensor, *, rank=None, error=0.0):
    """Decompose a tensor into a train of cores, one mode after the other.

    Parameters
    ----------
    tensor : array_like of float, shape (n_1, ..., n_d)
    rank : int, optional
        Largest rank between any two cores; None does not limit it.
    error : float
        Relative Frobenius norm of what may be lost to truncation beyond `rank`, from 0.

    Returns
    -------
    list of ndarray of float64, shape (r_{k-1}, n_k, r_k) each
        Without a limit, they differ from the tensor by at most `error`; with one, by at most the
        root of the sum of squares of the singular values that each unfolding
        ``(n_1 ... n_k, n_{k+1} ... n_d)`` has beyond the rank (theorem 2.2).

    Raises
    ------
    ValueError
        If a number is not finite, or another argument is out of its range.

    Examples
    --------
    >>> [core.shape for core in tt_svd(np.ones((2, 3, 4)), error=1e-9)]
    [(1, 2, 1), (1, 3, 1), (1, 4, 1)]
    """
    tensor = np.asarray(tensor, np.float64)
    if tensor.ndim < 1 or not tensor.size or not np.isfinite(tensor).all():
        raise ValueError(f"A tensor must be finite and not empty; its shape is {tensor.shape}")
    if rank is not None and rank < 1:
        raise ValueError(f"rank must be at least 1, not {rank}")
    if not error >= 0:
        raise ValueError(f"error must not be negative, not {error}")
    allowed = error * np.linalg.norm(tensor) / math.sqrt(max(tensor.ndim - 1, 1))
    cores, before, rest = [], 1, tensor
    for size in tensor.shape[:-1]:
        left, values, right = np.linalg.svd(rest.reshape(before * size, -1), full_matrices=False)
        # tails[r] is what is lost if r singular values are kept.
        tails = np.sqrt(np.append(np.cumsum(values[::-1]**2)[::-1], 0))
        kept = max(1, int(np.argmax(tails <= allowed)))
        kept = min(kept, rank or kept)
        cores.append(left[:, :kept].reshape(before, size, kept))
        before, rest = kept, values[:kept, None] * right[:kept]
    return [*cores, rest.reshape(before, tensor.shape[-1], 1)]


def tt_matrix(weights, row_modes, column_modes, *, rank=None, error=0.0):
    """Decompose the weights of a fully connected layer.

    Parameters
    ----------
    weights : array_like of float, shape (prod(row_modes), prod(column_modes))
    row_modes, column_modes : sequence of int, of equal length d
    rank, error
        See `tt_svd`.

    Returns
    -------
    list of ndarray of float64, shape (r_{k-1}, m_k, n_k, r_k) each

    Raises
    ------
    ValueError
        If the modes are not those of the weights, and as `tt_svd`.
    """
    weights = np.asarray(weights, np.float64)
    _require_modes(row_modes, column_modes)
    if weights.shape != (math.prod(row_modes), math.prod(column_modes)):
        raise ValueError(f"Weights of shape {weights.shape} are not {list(row_modes)} by "
                         f"{list(column_modes)}")
    count = len(row_modes)
    paired = weights.reshape(*row_modes, *column_modes).transpose(
        [axis for pair in range(count) for axis in (pair, count + pair)])
    cores = tt_svd(paired.reshape([m * n for m, n in zip(row_modes, column_modes, strict=True)]),
                   rank=rank, error=error)
    return [core.reshape(core.shape[0], m, n, core.shape[2])
            for core, m, n in zip(cores, row_modes, column_modes, strict=True)]


def tt_weights(cores):
    """The matrix that a train of cores stands for, the inverse of `tt_matrix`.

    Parameters
    ----------
    cores : sequence of ndarray, shape (r_{k-1}, m_k, n_k, r_k) each

    Returns
    -------
    ndarray, shape (prod(m), prod(n))
    """
    matrix = np.ones((1, 1, 1))
    for core in cores:
        rows, columns = matrix.shape[0] * core.shape[1], matrix.shape[1] * core.shape[2]
        matrix = np.einsum("xyr,rmns->xmyns", matrix, core, optimize=True)
        matrix = matrix.reshape(rows, columns, core.shape[3])
    return matrix[:, :, 0]


def tt_parameters(row_modes, column_modes, rank):
    """Weights of a train all of whose inner ranks are `rank`.

    Parameters
    ----------
    row_modes, column_modes : sequence of int
    rank : int

    Returns
    -------
    int

    Examples
    --------
    VGG's fc6, of 25,088 inputs and 4,096 outputs, which has 102,760,448 weights:

    >>> modes = (4, 4, 4, 4, 4, 4), (2, 7, 8, 8, 7, 4)
    >>> [tt_parameters(*modes, rank) for rank in (1, 2, 4)]
    [144, 528, 2016]
    """
    _require_modes(row_modes, column_modes)
    if rank < 1:
        raise ValueError(f"rank must be at least 1, not {rank}")
    last = len(row_modes) - 1
    return sum(m * n * (rank if place > 0 else 1) * (rank if place < last else 1)
               for place, (m, n) in enumerate(zip(row_modes, column_modes, strict=True)))


def _require_modes(row_modes, column_modes):
    if len(row_modes) != len(column_modes) or not len(row_modes):
        raise ValueError(f"{len(row_modes)} row modes don't pair with {len(column_modes)} column "
                         f"modes")
    if min(*row_modes, *column_modes) < 1:
        raise ValueError(f"Modes must be at least 1, not {list(row_modes)} and "
                         f"{list(column_modes)}")
