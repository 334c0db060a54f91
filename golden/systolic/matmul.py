"""A matrix product as a program: what the dense core's benchmark runs."""

import numpy as np

from ..fixed import MULTIPLIER_ONE
from .compile import compile_network
from .layers import Ending, FullyConnected
from .network import DenseNetwork

__all__ = ["matmul_geometry", "matmul_program"]


def matmul_program(m, k, n, geometry, *, weights=None, right_shift=None, least_rows=None):
    """Compile ``requantise(a @ b)`` of an m x k matrix of activations and a k x n one of weights.

    Parameters
    ----------
    m, k, n : int
    geometry : DenseGeometry
    weights : ndarray of int, shape (k, n), optional
        By default random ones, always the same.
    right_shift : int, optional
        Of the results, so that they fit their width; by default what random numbers need.
    least_rows : int, optional
        As for `compile_network`.

    Returns
    -------
    CompiledNetwork
        With the input ``a`` and the output ``c``, for a batch of `m`.
    """
    half = 1 << geometry.weight_width - 1
    if weights is None:
        weights = np.random.default_rng(k * n).integers(-half, half, (k, n))
    if right_shift is None:
        right_shift = geometry.weight_width + (k - 1).bit_length() // 2
    half = 1 << geometry.activation_width - 1
    layer = FullyConnected(
        name="c", inputs=("a",), weights=np.asarray(weights).T, bias=np.zeros(n, np.int64),
        ending=Ending(multiplier=MULTIPLIER_ONE, right_shift=right_shift, low=-half, high=half - 1))
    network = DenseNetwork(inputs={"a": (k,)}, layers=(layer,), width=geometry.activation_width)
    return compile_network(network, geometry, batch=m, least_rows=least_rows)


def matmul_geometry(m, k, n, geometry):
    """The geometry with memories that hold the product: what `matmul_program` needs of each.

    Parameters
    ----------
    m, k, n : int
    geometry : DenseGeometry

    Returns
    -------
    dict of str to int
        Parameters to replace, none smaller than it was.
    """
    tiles = -(-k // geometry.rows) * -(-n // geometry.columns)
    needs = {
        "unified_depth": 1 << (m * (k + n) - 1).bit_length(),
        "weight_depth": tiles * geometry.rows,
        "parameter_depth": -(-n // geometry.columns) * -(
            -geometry.columns // geometry.lanes) * geometry.lanes,
        "accumulator_depth": 2 * min(m, 256),
    }
    return {name: max(need, getattr(geometry, name)) for name, need in needs.items()}
