"""SqueezeNet v1.0 (Iandola et al., arXiv 1602.07360), and the compressed one that was published.

The weights do not ship with the project: they are in ``squeezenet/compressed_SqueezeNet.net``,
from github.com/songhan/SqueezeNet-Deep-Compression (BSD licence).
"""

from pathlib import Path

import numpy as np

from ..networks.graph import Concat, Conv, GlobalAverage, Graph, MaxPool
from .deep_compression_net import NetShape, loads_net

__all__ = ["CROP", "FILE", "MEAN", "SQUEEZENET", "has_squeezenet", "load_squeezenet", "net_shapes",
           "preprocess", "views"]

#: Where the file is, in the folder of the data.
FILE = Path("squeezenet", "compressed_SqueezeNet.net")
#: Inputs are images of so many pixels each way, resized to 256 and cropped.
CROP, _RESIZED = 227, 256
#: What is subtracted of blue, green and red.
MEAN = (104, 117, 123)


def _fire(name, source, inputs, squeeze, expand):
    """A squeeze layer of 1 x 1, and expand layers of 1 x 1 and 3 x 3 beside each other."""
    return [
        Conv(f"{name}/conv1x1_1", source, inputs, squeeze, 1),
        Conv(f"{name}/conv1x1_2", f"{name}/conv1x1_1", squeeze, expand, 1),
        Conv(f"{name}/conv3x3_2", f"{name}/conv1x1_1", squeeze, expand, 3, padding=1),
        Concat(f"{name}/concat", (f"{name}/conv1x1_2", f"{name}/conv3x3_2")),
    ]


#: Every convolution has a ReLU behind it, the last one too. Pooling is Caffe's: the last window may
#: reach over the border. `conv_final` has a border of zeros, which its bias fills.
SQUEEZENET = Graph("squeezenet", (3, CROP, CROP), (
    Conv("conv1", "data", 3, 96, 7, stride=2),
    MaxPool("pool1", "conv1", 3, 2),
    *_fire("fire2", "pool1", 96, 16, 64),
    *_fire("fire3", "fire2/concat", 128, 16, 64),
    *_fire("fire4", "fire3/concat", 128, 32, 128),
    MaxPool("pool4", "fire4/concat", 3, 2),
    *_fire("fire5", "pool4", 256, 32, 128),
    *_fire("fire6", "fire5/concat", 256, 48, 192),
    *_fire("fire7", "fire6/concat", 384, 48, 192),
    *_fire("fire8", "fire7/concat", 384, 64, 256),
    MaxPool("pool8", "fire8/concat", 3, 2),
    *_fire("fire9", "pool8", 512, 64, 256),
    Conv("conv_final", "fire9/concat", 512, 1000, 1, padding=1),
    GlobalAverage("pool_final", "conv_final"),
))


def net_shapes():
    """Layers of the published file, in its order.

    Returns
    -------
    list of NetShape
    """
    return [NetShape(conv.name, conv.weight_shape) for conv in SQUEEZENET.convolutions]


def has_squeezenet(folder):
    """Whether the published file is in a folder of data, or of None."""
    return folder is not None and (Path(folder) / FILE).is_file()


def load_squeezenet(folder):
    """Read the published file.

    Parameters
    ----------
    folder : path-like
        Where ``squeezenet/compressed_SqueezeNet.net`` is.

    Returns
    -------
    list of NetLayer

    Raises
    ------
    OSError
        If it can't be read.
    ContainerError
        If it is another file.
    """
    return loads_net((Path(folder) / FILE).read_bytes(), net_shapes())


def preprocess(pixels):
    """Make an input of an image.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (256, 256, 3)
        Red, green and blue, resized from an image of any shape.

    Returns
    -------
    ndarray of float32, shape (3, 227, 227)
        The middle; blue, green and red less `MEAN`.
    """
    pixels = np.asarray(pixels)
    if pixels.shape != (_RESIZED, _RESIZED, 3) or pixels.dtype != np.uint8:
        raise ValueError(f"An image must be uint8 of shape ({_RESIZED}, {_RESIZED}, 3), not "
                         f"{pixels.dtype} of shape {pixels.shape}")
    start = (_RESIZED - CROP) // 2
    return _crop(pixels, start, start)


def views(pixels):
    """Make ten inputs of an image: its corners and its middle, each mirrored too.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (256, 256, 3)

    Returns
    -------
    ndarray of float32, shape (10, 3, 227, 227)
        The first is that of `preprocess`.
    """
    ends = 0, _RESIZED - CROP
    crops = [preprocess(pixels)]
    crops += [_crop(pixels, row, column) for row in ends for column in ends]
    return np.stack([*crops, *(crop[:, :, ::-1] for crop in crops)])


def _crop(pixels, row, column):
    crop = pixels[row:row + CROP, column:column + CROP, ::-1].astype(np.float32)
    return np.ascontiguousarray((crop - np.array(MEAN, np.float32)).transpose(2, 0, 1))
