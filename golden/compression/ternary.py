"""Ternary weights: zero, one positive value and one negative (TWN and TTQ).

Li, Zhang and Liu, "Ternary weight networks", 2016, arXiv 1605.04711: threshold 0.7 of the mean
magnitude, both values the mean magnitude of what is above it. Zhu, Han, Mao and Dally, "Trained
ternary quantization", ICLR 2017, arXiv 1612.01064: threshold a share of the largest magnitude, both
values learned beside the latent weights.

A ternary tensor is codes 0, 1 and 2 and a codebook (0, Wp, -Wn), which is what a sparse core takes.
"""

import numpy as np

__all__ = ["NEGATIVE", "POSITIVE", "TTQ_THRESHOLD", "ternary_codebook", "ternary_codes",
           "ttq_codes", "ttq_gradients", "twn_weights"]

#: Codes; 0 is a zero.
POSITIVE, NEGATIVE = 1, 2
#: Threshold of TTQ as a share of the largest magnitude of a layer (section 5).
TTQ_THRESHOLD = 0.05
#: Threshold of TWN as a share of the mean magnitude (equation 6).
_TWN_THRESHOLD = 0.7


def ternary_codes(weights, threshold):
    """Codes of weights: 1 above the threshold, 2 below its negative, else 0.

    Parameters
    ----------
    weights : array_like of float, any shape
    threshold : float or array_like, broadcast against `weights`
        Not negative.

    Returns
    -------
    ndarray of uint8, same shape

    Raises
    ------
    ValueError
        If a weight is not finite or the threshold negative.

    Examples
    --------
    >>> ternary_codes([0.5, -0.5, 0.1, 0.2], 0.2)
    array([1, 2, 0, 0], dtype=uint8)
    """
    weights = np.asarray(weights, np.float64)
    if not np.isfinite(weights).all():
        raise ValueError("A weight is not finite")
    if not np.all(np.asarray(threshold) >= 0):
        raise ValueError(f"threshold must not be negative, not {threshold}")
    return np.select([weights > threshold, weights < -threshold], [POSITIVE, NEGATIVE], 0
                     ).astype(np.uint8)


def ternary_codebook(positive, negative):
    """Codebook of a layer, with a fourth entry that no code uses, so that it has a power of two.

    Parameters
    ----------
    positive, negative : float
        Wp and Wn, not negative: the weights are Wp and -Wn.

    Returns
    -------
    ndarray of float64, shape (4,)

    Raises
    ------
    ValueError
        If either is negative or not finite.

    Examples
    --------
    >>> ternary_codebook(0.5, 0.25)
    array([ 0.  ,  0.5 , -0.25,  0.  ])
    """
    if not (np.isfinite(positive) and np.isfinite(negative) and min(positive, negative) >= 0):
        raise ValueError(f"Wp and Wn must not be negative, not {positive} and {negative}")
    return np.array([0.0, positive, -negative, 0.0])


def twn_weights(weights):
    """Ternary weights of least squared error, nearly: TWN, equations 5 and 6.

    Parameters
    ----------
    weights : array_like of float, any shape
        Of one layer.

    Returns
    -------
    codes : ndarray of uint8, same shape
    scale : float
        Mean magnitude of the weights that are not 0; 0 if there are none.

    Examples
    --------
    The mean magnitude is 1, so 0.5 is below the threshold:

    >>> twn_weights([2.0, -1.0, 0.5, -0.5])
    (array([1, 2, 0, 0], dtype=uint8), 1.5)
    """
    magnitude = np.abs(np.asarray(weights, np.float64))
    codes = ternary_codes(weights, _TWN_THRESHOLD * magnitude.mean())
    return codes, float(magnitude[codes > 0].mean()) if codes.any() else 0.0


def ttq_codes(latent, share=TTQ_THRESHOLD):
    """Codes of latent weights: TTQ, equations 6 and 9.

    Parameters
    ----------
    latent : array_like of float, any shape
        Full-precision weights of one layer.
    share : float
        Threshold as a share of the largest magnitude, 0 to 1.

    Returns
    -------
    ndarray of uint8, same shape

    Examples
    --------
    >>> ttq_codes([1.0, -0.06, 0.05])
    array([1, 2, 0], dtype=uint8)
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share must be from 0 to 1, not {share}")
    return ternary_codes(latent, share * np.abs(latent).max(initial=0))


def ttq_gradients(gradients, codes, positive, negative):
    """Gradients by the two values and the latent weights: TTQ, equations 7 and 8.

    Parameters
    ----------
    gradients : array_like of float, any shape
        Of the loss by the ternary weights.
    codes : array_like of uint8, same shape
    positive, negative : float
        Wp and Wn.

    Returns
    -------
    by_positive, by_negative : float
        Sum over the positives; minus the sum over the negatives, whose weight is ``-Wn`` (the
        paper leaves the sign to the reader).
    by_latent : ndarray of float64, same shape
        Scaled by Wp, 1 or Wn.

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> ttq_gradients([1.0, 2.0, 4.0], [1, 2, 0], 0.5, 0.25)
    (1.0, -2.0, array([0.5, 0.5, 4. ]))
    """
    gradients, codes = np.asarray(gradients, np.float64), np.asarray(codes)
    if gradients.shape != codes.shape:
        raise ValueError(f"{gradients.shape} gradients don't match {codes.shape} codes")
    by_positive = float(gradients[codes == POSITIVE].sum())
    by_negative = -float(gradients[codes == NEGATIVE].sum())
    return by_positive, by_negative, gradients * np.array([1.0, positive, negative])[codes]
