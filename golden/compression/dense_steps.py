"""Low-rank layers as plain dense ones, so that a core for matrix products runs them.

Every step is a matrix times many vectors (`positions`), as in a 1 x 1 convolution; before it the
activations are put into another order, which is only addressing.
"""

from dataclasses import dataclass

import numpy as np

__all__ = ["DenseStep", "run_steps", "svd_steps", "tt_steps"]


@dataclass(frozen=True, eq=False)
class DenseStep:
    """``outputs = inputs.ravel()[gather] @ matrix.T``, all of it for one image.

    Parameters
    ----------
    gather : ndarray of int64, shape (positions, columns)
        Which activation of the step before is at each place.
    matrix : ndarray, shape (rows, columns)
        Weights.
    """

    gather: np.ndarray
    matrix: np.ndarray

    @property
    def macs(self):
        """Multiplications with accumulation."""
        return len(self.gather) * self.matrix.size


def run_steps(steps, inputs):
    """Carry the steps out.

    Parameters
    ----------
    steps : sequence of DenseStep
    inputs : array_like, shape (images, inputs)
        Numbers of any type that the matrices go with.

    Returns
    -------
    ndarray, shape (images, outputs)
    """
    activations = np.asarray(inputs)
    for step in steps:
        activations = activations[:, step.gather] @ step.matrix.T
        activations = activations.reshape(len(activations), -1)
    return activations


def svd_steps(factors):
    """The two steps of a fully connected layer that was split.

    Parameters
    ----------
    factors : golden.compression.low_rank.Factors
        Of the kind "fc".

    Returns
    -------
    list of DenseStep

    Raises
    ------
    ValueError
        If they are of a convolution: its two layers are convolutions as they are.
    """
    if factors.kind != "fc":
        raise ValueError(f"Factors of the kind {factors.kind!r} are convolutions, not matrices")
    return [DenseStep(np.arange(matrix.shape[1])[None], matrix)
            for matrix in (factors.first, factors.second)]


def tt_steps(cores):
    """A step for each core of a tensor-train layer, first core first.

    Before the step of core k the activations have the modes
    ``n_k ... n_d, m_1 ... m_{k-1}, r_{k-1}``; the step consumes the first and the last of them, and
    appends m_k and r_k. Whatever has another r_k only lies side by side in both orders, so that a
    core can put it there in one piece.

    Parameters
    ----------
    cores : sequence of ndarray, shape (r_{k-1}, m_k, n_k, r_k) each
        See `golden.compression.tensor_train`.

    Returns
    -------
    list of DenseStep
        From inputs to outputs of the layer, both in C order of their modes.

    Examples
    --------
    >>> steps = tt_steps([np.ones((1, 2, 3, 2)), np.ones((2, 4, 5, 1))])
    >>> [(step.gather.shape, step.matrix.shape) for step in steps]
    [((5, 3), (4, 3)), ((2, 10), (4, 10))]
    """
    modes = [*(core.shape[2] for core in cores), 1]
    steps = []
    for core in cores:
        before, rows, columns, after = core.shape
        places = np.moveaxis(np.arange(np.prod(modes)).reshape(modes), 0, -2)
        matrix = core.transpose(1, 3, 2, 0).reshape(rows * after, columns * before)
        steps.append(DenseStep(places.reshape(-1, before * columns), matrix))
        modes = [*modes[1:-1], rows, after]
    return steps
