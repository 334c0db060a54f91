"""Layers of low rank: one layer becomes two thinner ones, by singular value decomposition.

Each truncation is the best of its rank in the Frobenius norm (Eckart and Young), and its error is
what the singular values left out say. Weights are those of a cross-correlation, filters first;
k x k is the kernel, c and d the input and output channels, d' or r the rank. MACs are
multiplications with accumulation. What ranks cost, and how to choose one, is in
`golden.compression.ranks`.
"""

from dataclasses import dataclass

import numpy as np

__all__ = ["Factors", "channel_factors", "response_factors", "spatial_factors", "svd_factors"]


@dataclass(frozen=True, eq=False)
class Factors:
    """Two layers in place of one, the first applied first.

    Parameters
    ----------
    kind : "fc", "channel" or "spatial"
    first, second : ndarray of float64
        Weights of the two, see the function that made them.
    error : float
        Frobenius norm of the difference over that of the original; 0 for an all-zero layer.
    """

    kind: str
    first: np.ndarray
    second: np.ndarray
    error: float

    @property
    def rank(self):
        """Outputs of the first layer."""
        return len(self.first)

    @property
    def parameters(self):
        """Weights of both. Also the MACs per output (of a convolution: per output pixel, stride 1,
        as Zhang et al. count)."""
        return self.first.size + self.second.size

    @property
    def weights(self):
        """The one layer that both amount to."""
        if self.kind == "fc":
            return self.second @ self.first
        if self.kind == "channel":
            return np.tensordot(self.second[:, :, 0, 0], self.first, axes=1)
        return np.einsum("drj,rci->dcij", self.second[:, :, 0], self.first[:, :, :, 0])

    @property
    def ratio(self):
        """Weights of the one layer over those of both."""
        return self.weights.size / self.parameters


def svd_factors(weights, rank):
    """Split a fully connected layer: (m, n) becomes (r, n), then (m, r).

    Xue et al., "Restructuring of deep neural network acoustic models with singular value
    decomposition", Interspeech 2013. Both halves get the square root of each singular value, so
    that their weights have like ranges.

    Parameters
    ----------
    weights : array_like of float, shape (m, n)
        m outputs, n inputs.
    rank : int
        1 to min(m, n); at the largest nothing is lost.

    Returns
    -------
    Factors

    Raises
    ------
    ValueError
        If the shape or rank is none, or a weight is not finite.

    Examples
    --------
    >>> factors = svd_factors([[2.0, 0.0], [0.0, 1.0]], 1)
    >>> factors.parameters, round(factors.error, 4), factors.weights.round(12).tolist()
    (4, 0.4472, [[2.0, 0.0], [0.0, 0.0]])
    """
    weights = _require(weights, 2)
    first, second, error = _truncate(weights, rank)
    return Factors("fc", first, second, error)


def channel_factors(weights, rank):
    """Split a convolution by channels: k x k, c -> d' and 1 x 1, d' -> d.

    Zhang et al., "Efficient and accurate approximations of nonlinear convolutional networks",
    CVPR 2015, with the filters' own principal components; `response_factors` is what they do.

    Parameters
    ----------
    weights : array_like of float, shape (d, c, k, k)
        Kernels need not be square.
    rank : int
        d', from 1 to min(d, c k k).

    Returns
    -------
    Factors
        Of shapes (d', c, k, k) and (d, d', 1, 1). The stride and padding are the first one's.

    Raises
    ------
    ValueError
        As `svd_factors`.
    """
    weights = _require(weights, 4)
    first, second, error = _truncate(weights.reshape(len(weights), -1), rank)
    return Factors("channel", first.reshape(rank, *weights.shape[1:]), second[:, :, None, None],
                   error)


def response_factors(weights, responses, rank):
    """Split a convolution by channels so that its responses, not its weights, are kept best.

    Zhang et al., section 3.1 (the linear case): with the mean y0 of the responses and the d'
    leading eigenvectors Q of their covariance, ``y = Q Qt (y - y0) + y0``.

    Parameters
    ----------
    weights : array_like of float, shape (d, c, k, k)
    responses : array_like of float, shape (samples, d)
        Outputs of the layer before its non-linearity, without the bias.
    rank : int
        d', from 1 to d.

    Returns
    -------
    factors : Factors
        As those of `channel_factors`; the error is that of the weights.
    bias : ndarray of float64, shape (d,)
        To add to the second layer's: ``y0 - Q Qt y0``.

    Raises
    ------
    ValueError
        As `svd_factors`, or if responses and weights don't match.
    """
    weights, responses = _require(weights, 4), _require(responses, 2)
    if responses.shape[1] != len(weights) or not len(responses):
        raise ValueError(f"Responses of shape {responses.shape} are not of {len(weights)} filters")
    if not 1 <= rank <= len(weights):
        raise ValueError(f"rank must be from 1 to {len(weights)}, not {rank}")
    mean = responses.mean(axis=0)
    centred = responses - mean
    vectors = np.linalg.eigh(centred.T @ centred)[1][:, :-rank - 1:-1]
    first = np.tensordot(vectors.T, weights, axes=1)
    lost = np.linalg.norm(np.tensordot(vectors, first, axes=1) - weights)
    factors = Factors("channel", first, vectors[:, :, None, None],
                      float(lost / (np.linalg.norm(weights) or 1)))
    return factors, mean - vectors @ (vectors.T @ mean)


def spatial_factors(weights, rank):
    """Split a convolution by directions: k x 1, c -> d' and 1 x k, d' -> d.

    Jaderberg et al., "Speeding up convolutional neural networks with low rank expansions", BMVC
    2014, scheme 2; the closed form is Tai et al.'s, ICLR 2016.

    Parameters
    ----------
    weights : array_like of float, shape (d, c, kh, kw)
    rank : int
        d', from 1 to min(c kh, d kw).

    Returns
    -------
    Factors
        Of shapes (d', c, kh, 1) and (d, d', 1, kw). The vertical stride and padding are the first
        one's, the horizontal ones the second's.

    Raises
    ------
    ValueError
        As `svd_factors`.
    """
    weights = _require(weights, 4)
    filters, channels, height, width = weights.shape
    matrix = weights.transpose(0, 3, 1, 2).reshape(filters * width, channels * height)
    first, second, error = _truncate(matrix, rank)
    return Factors("spatial", first.reshape(rank, channels, height, 1),
                   np.ascontiguousarray(second.reshape(filters, width, rank).swapaxes(1, 2)
                                        )[:, :, None], error)


def _require(array, dimensions):
    array = np.asarray(array, np.float64)
    if array.ndim != dimensions or not array.size:
        raise ValueError(f"Expected {dimensions} dimensions, none of them 0, not {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError("A weight is not finite")
    return array


def _truncate(matrix, rank):
    """``second @ first``, the matrix's best approximation of that rank, and its relative error."""
    if not 1 <= rank <= min(matrix.shape):
        raise ValueError(f"rank must be from 1 to {min(matrix.shape)}, not {rank}")
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    root = np.sqrt(values[:rank])
    error = np.linalg.norm(values[rank:]) / (np.linalg.norm(values) or 1)
    return root[:, None] * right[:rank], left[:, :rank] * root, float(error)
