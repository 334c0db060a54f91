"""Winograd's minimal filtering with 3 x 3 kernels: its matrices, and what they ask of hardware.

Source: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR'16. A tile of
m x m outputs is ``Y = At [(G g Gt) * (Bt d B)] A``, summed over channels before At and A:
(m + 2)**2 multiplications instead of 9 m**2, 2.25 times fewer for m = 2 and 4 times for m = 4.

G has fractions. With every row i of G scaled by an integer s_i, all of it happens in integers, and
the result comes out S**2 times too large, where S is 2 for m = 2 and 24 for m = 4; the division is
exact (by 4 a shift; by 576 a shift by 6 and the product with the inverse of 9 modulo any power of
two), so that integers give what direct convolution gives, bit for bit. The rows can all be
scaled by S ("uniform"), or each by the least integer that makes it whole ("rows"), while At takes
the rest, S / s_i. The second needs narrower multipliers, see `operand_widths`.
"""

from typing import NamedTuple

import numpy as np

__all__ = ["KERNEL", "OperandWidths", "Transforms", "integer_transforms", "multiplications",
           "operand_widths", "transforms"]

#: Height and width of the kernels.
KERNEL = 3
#: Common denominator S of G for each tile size.
_SCALES = {2: 2, 4: 24}
_BT = {
    2: [[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]],
    4: [[4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0], [0, 2, -1, -2, 1, 0], [0, 4, 0, -5, 0, 1]],
}
#: S times G.
_SCALED_G = {
    2: [[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]],
    4: [[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]],
}
_AT = {
    2: [[1, 1, 1, 0], [0, 1, -1, -1]],
    4: [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]],
}


class Transforms(NamedTuple):
    """Matrices of F(m x m, 3 x 3), m = `tile`.

    Parameters
    ----------
    data : ndarray, shape (m + 2, m + 2)
        Bt, from a tile of the input.
    weights : ndarray, shape (m + 2, 3)
        G, from a kernel.
    outputs : ndarray, shape (m, m + 2)
        At, to a tile of the output.
    scale : int
        By how much the outputs come out too large.
    """

    data: np.ndarray
    weights: np.ndarray
    outputs: np.ndarray
    scale: int


class OperandWidths(NamedTuple):
    """Bits, sign included, of what a multiplier gets and gives.

    Parameters
    ----------
    weights, data : int
        Operands: a transformed weight, a transformed input.
    product : int
        Of one multiplication.
    """

    weights: int
    data: int
    product: int


def transforms(tile):
    """Transforms of the paper, in float64 (section 4.1 for 2, 4.3 for 4); the scale is 1.

    Parameters
    ----------
    tile : 2 or 4
        Outputs of a tile, each way.

    Returns
    -------
    Transforms

    Raises
    ------
    ValueError
        If there are none for that tile.
    """
    scale = _scale(tile)
    return Transforms(np.array(_BT[tile], float), np.array(_SCALED_G[tile]) / scale,
                      np.array(_AT[tile], float), 1)


def integer_transforms(tile, scaling="rows"):
    """Transforms in integers only.

    Parameters
    ----------
    tile : 2 or 4
    scaling : "rows" or "uniform"
        Scale every row of G by the least integer that makes it whole, or all by S = 2 or 24.

    Returns
    -------
    Transforms
        Of int64; the scale is S**2, 4 or 576.

    Raises
    ------
    ValueError
        If there are none for that tile, or no such scaling.

    Examples
    --------
    >>> integer_transforms(4).weights.tolist()
    [[1, 0, 0], [-1, -1, -1], [-1, 1, -1], [1, 2, 4], [1, -2, 4], [0, 0, 1]]
    """
    scale = _scale(tile)
    weights, outputs = np.array(_SCALED_G[tile]), np.array(_AT[tile])
    if scaling == "rows":
        divisors = np.gcd.reduce(weights, axis=1)
        weights, outputs = weights // divisors[:, None], outputs * divisors
    elif scaling != "uniform":
        raise ValueError(f"scaling must be 'rows' or 'uniform', not {scaling!r}")
    return Transforms(np.array(_BT[tile]), weights, outputs, scale**2)


def _scale(tile):
    if tile not in _SCALES:
        raise ValueError(f"tile must be 2 or 4, not {tile}")
    return _SCALES[tile]


def operand_widths(tile, *, data_width=8, weight_width=8, scaling="rows"):
    """Least widths that hold every operand, whatever the data and weights.

    Each is the width of an extreme that is reached: a sum of inputs with fixed coefficients is
    largest where every input with a positive one is the largest and every other the smallest.

    Parameters
    ----------
    tile : 2 or 4
    data_width, weight_width : int
        Bits of an input and of a weight, two's complement.
    scaling : "rows" or "uniform"
        See `integer_transforms`.

    Returns
    -------
    OperandWidths

    Examples
    --------
    Both fit an 18 x 18 multiplier; with rows scaled one by one, they fit one of 16 x 16:

    >>> operand_widths(2), operand_widths(4)
    (OperandWidths(weights=12, data=10, product=21), OperandWidths(weights=14, data=15, product=26))
    >>> operand_widths(4, scaling="uniform")
    OperandWidths(weights=18, data=15, product=31)
    """
    matrices = integer_transforms(tile, scaling)
    weights = _extremes(matrices.weights, weight_width)
    data = _extremes(matrices.data, data_width)
    # Element by element: the widest weight does not meet the widest input.
    corners = np.stack([w * d for w in weights for d in data])
    return OperandWidths(*(_signed_width(int(np.min(values)), int(np.max(values)))
                           for values in (weights, data, corners)))


def _extremes(matrix, width):
    """Smallest and largest value of every element of ``matrix x matrix.T``, for x of `width`."""
    if not 2 <= width <= 16:
        raise ValueError(f"A width must be from 2 to 16, not {width}")
    coefficients = np.einsum("ik,jl->ijkl", matrix, matrix)
    positive = np.maximum(coefficients, 0).sum(axis=(2, 3))
    negative = np.minimum(coefficients, 0).sum(axis=(2, 3))
    low, high = -(1 << width - 1), (1 << width - 1) - 1
    return positive * low + negative * high, positive * high + negative * low


def _signed_width(low, high):
    """Bits of a two's complement number that holds both."""
    return 1 + max((-low - 1).bit_length() if low < 0 else 0, max(high, 0).bit_length())


def multiplications(height, width, *, tile=None, channels=1, filters=1):
    """Multiplications of a 3 x 3 convolution, stride 1, for one image.

    Tiles that reach over the border are computed whole, as hardware does.

    Parameters
    ----------
    height, width : int
        Of the output, in pixels.
    tile : 2, 4 or None
        None counts direct convolution.
    channels, filters : int
        Input and output channels.

    Returns
    -------
    int

    Examples
    --------
    >>> direct = multiplications(56, 56)
    >>> [direct / multiplications(56, 56, tile=tile) for tile in (2, 4)]
    [2.25, 4.0]
    """
    if tile is None:
        return height * width * KERNEL**2 * channels * filters
    _scale(tile)
    return -(-height // tile) * -(-width // tile) * (tile + KERNEL - 1)**2 * channels * filters
