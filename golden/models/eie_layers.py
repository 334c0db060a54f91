"""The layers that EIE was measured on: nine of its benchmark drawn anew, and one that is real.

Source of sizes, densities and times: Han et al., "EIE: Efficient Inference Engine on Compressed
Deep Neural Network", ISCA'16, tables III and IV. The weights of the nine are not published. Here
they are drawn with the skew that the real one has: its rows hold 1051 +- 139 non-zeros, where
uniform random ones would hold 1051 +- 28 and flatter any design.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..network import SparseLayer

__all__ = ["EIE_LAYERS", "EieLayer", "draw_activity", "draw_layer", "load_fc8"]

#: Spread of the factors by which rows and columns are denser than the mean, and their bounds.
_ROW_SPREAD, _COLUMN_SPREAD, _FACTORS = .133, .08, (.3, 2.)
#: Rows that are drawn at a time: stays within the cache.
_BLOCK = 128


@dataclass(frozen=True)
class EieLayer:
    """A row of tables III and IV.

    Parameters
    ----------
    name : str
    columns, rows : int
        Inputs and outputs.
    weight_density, activation_density : float
        Share that is not zero.
    theoretical_us, actual_us : float
        Time of 64 processing elements at 800 MHz, perfectly balanced and as EIE takes it.
    """

    name: str
    columns: int
    rows: int
    weight_density: float
    activation_density: float
    theoretical_us: float
    actual_us: float


#: The benchmark of the paper, in its order.
EIE_LAYERS = (
    EieLayer("alex-6", 9216, 4096, .09, .351, 28.1, 30.3),
    EieLayer("alex-7", 4096, 4096, .09, .353, 11.7, 12.2),
    EieLayer("alex-8", 4096, 1000, .25, .375, 8.9, 9.9),
    EieLayer("vgg-6", 25088, 4096, .04, .183, 28.1, 34.4),
    EieLayer("vgg-7", 4096, 4096, .04, .375, 7.9, 8.7),
    EieLayer("vgg-8", 4096, 1000, .23, .411, 7.3, 8.4),
    EieLayer("nt-we", 4096, 600, .10, 1., 5.2, 8.0),
    EieLayer("nt-wd", 600, 8791, .11, 1., 13.0, 13.9),
    EieLayer("nt-lstm", 1201, 2400, .10, 1., 6.5, 7.5),
)


def draw_layer(layer):
    """Draw the weights of a layer, always the same ones.

    A weight is there with the layer's density times a factor of its row, from N(1, .133), and one
    of its column, from N(1, .08), both clipped to [.3, 2].

    Parameters
    ----------
    layer : EieLayer

    Returns
    -------
    SparseLayer
        16-entry codebook, all of it in use; no bias; a ReLU.
    """
    rng = _generator(layer, 0)
    row_factors, column_factors = (
        np.clip(rng.normal(1, spread, count), *_FACTORS).astype(np.float32)
        for spread, count in ((_ROW_SPREAD, layer.rows), (_COLUMN_SPREAD, layer.columns)))
    codes = np.empty((layer.rows, layer.columns), dtype=np.uint8)
    for start in range(0, layer.rows, _BLOCK):
        block = codes[start:start + _BLOCK]
        density = layer.weight_density * row_factors[start:start + _BLOCK, None] * column_factors
        there = rng.random(block.shape, dtype=np.float32) < density
        np.multiply(rng.integers(1, 16, block.shape, dtype=np.uint8), there, out=block)
    levels = [0, *range(-7, 0), *range(1, 9)]
    return SparseLayer(
        name=layer.name, codes=codes, codebook=np.array(levels, dtype=np.int16) * np.int16(128),
        bias=np.zeros(layer.rows, dtype=np.int32), multiplier=1 << 31, right_shift=10, low=0)


def draw_activity(layer, seed):
    """Draw centred activations of a layer.

    Parameters
    ----------
    layer : EieLayer
    seed : int
        Number of the input; each is another one.

    Returns
    -------
    ndarray of int64, shape (columns,)
        Positive where active, as after a ReLU; of either sign in layers of which all are active.
    """
    rng = _generator(layer, 1 + seed)
    active = rng.random(layer.columns) < layer.activation_density
    values = rng.integers(1, 2048, layer.columns)
    if layer.activation_density == 1:
        values *= rng.choice([-1, 1], layer.columns)
    return values * active


def _generator(layer, stream):
    return np.random.default_rng([*layer.name.encode(), stream])


def load_fc8(folder):
    """Read the eighth layer of the pruned AlexNet, which EIE's authors publish, with one image.

    Its bias is the paper's: one more column, the first, with the activation 1.

    Parameters
    ----------
    folder : path-like
        Where ``eie/alexnet_fc8.npz`` is.

    Returns
    -------
    layer : SparseLayer
        1000 x 4097; the codebook in units of 2**-15.
    activations : ndarray of int64, shape (4097,)
        Centred, scaled to at most 2000; what is not zero in the file stays so.

    Raises
    ------
    OSError
        If the file can't be read.
    ValueError
        If it does not hold that layer.
    """
    with np.load(Path(folder) / "eie" / "alexnet_fc8.npz", allow_pickle=False) as file:
        missing = {"codes", "codebook", "bias_codes", "activations"} - set(file.files)
        if missing:
            raise ValueError(f"lacks {', '.join(sorted(missing))}")
        codes = np.hstack([file["bias_codes"][:, None], file["codes"]])
        real, codebook = np.concatenate([[1], file["activations"]]), file["codebook"]
    if codes.shape != (1000, 4097) or codes.dtype != np.uint8 or codebook.shape != (16,):
        raise ValueError(f"holds codes of {codes.dtype} and shape {codes.shape} and a codebook of "
                         f"shape {codebook.shape}, not those of 1000 x 4096 with 16 weights")
    scale = 2000 / real.max()
    activations = np.round(real * scale).astype(np.int64)
    activations[(real > 0) & (activations == 0)] = 1
    layer = SparseLayer(
        name="alexnet-fc8", codes=codes, codebook=np.round(codebook * 2**15).astype(np.int16),
        bias=np.zeros(len(codes), dtype=np.int32), multiplier=1 << 31, right_shift=12,
        weight_scale=2**-15, input_scale=1 / scale, output_scale=2**-15 / scale * 2**12)
    return layer, activations
