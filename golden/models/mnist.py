"""MNIST, 28 x 28 pixels of handwritten digits, read from its files (LeCun, Cortes and Burges).

The images do not ship with the project. Their four files, ``train-images-idx3-ubyte.gz`` and so
on, are read from a folder ``mnist``; they may be compressed or not.
"""

import gzip
import math
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

__all__ = ["INPUT_SCALE", "MnistData", "has_mnist", "load_mnist", "read_idx"]

#: Real value of one unit of an input: pixels from 0 to 255 are the real numbers 0.0 to 1.0.
INPUT_SCALE = 1 / 255

#: Third byte of an idx file.
_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte",
          "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


class MnistData(NamedTuple):
    """The images, as their files split them.

    Parameters
    ----------
    train_images, test_images : ndarray of uint8, shape (60000, 784) and (10000, 784)
        Pixels by row, 0 the background.
    train_labels, test_labels : ndarray of int64, shape (60000,) and (10000,)
        The digit of each image.
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


def read_idx(path):
    """Read an array from an idx file, the format of MNIST.

    Parameters
    ----------
    path : path-like
        Compressed by gzip or not, whatever its name.

    Returns
    -------
    ndarray
        In the shape and type that the file states, in the byte order of the machine.

    Raises
    ------
    ValueError
        If it is no idx file, or holds fewer or more numbers than it states.
    OSError
        If it can't be read.
    """
    data = Path(path).read_bytes()
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(f"is damaged gzip: {error}") from error
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in _TYPES:
        raise ValueError(f"is no idx file: it starts with {data[:4].hex(' ') or 'nothing'}")
    dtype, dimensions = np.dtype(_TYPES[data[2]]), data[3]
    start = 4 + 4 * dimensions
    if len(data) < start:
        raise ValueError(f"ends within its {dimensions} dimensions")
    shape = tuple(np.frombuffer(data, ">u4", dimensions, 4).tolist())
    expected = start + dtype.itemsize * math.prod(shape)
    if len(data) != expected:
        raise ValueError(f"has {len(data)} bytes; shape {shape} of {dtype.name} takes {expected}")
    return np.frombuffer(data, dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="))


def has_mnist(folder):
    """Whether the four files are in the folder `mnist` of a data folder, which may be None."""
    return folder is not None and all(_find(folder, name) for name in _FILES)


def load_mnist(folder):
    """Read the four files.

    Parameters
    ----------
    folder : path-like
        The data folder, of which `mnist` is a folder.

    Returns
    -------
    MnistData

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    ValueError
        If one is not what it should be; the message names it.
    """
    arrays = []
    for name in _FILES:
        path = _find(folder, name)
        if path is None:
            raise FileNotFoundError(2, "no such file, compressed or not",
                                    str(Path(folder) / "mnist" / f"{name}.gz"))
        try:
            arrays.append(_checked(read_idx(path), name))
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
    for images, labels, name in ((*arrays[:2], _FILES[0]), (*arrays[2:], _FILES[2])):
        if len(images) != len(labels):
            raise ValueError(f"{folder}/mnist/{name}: {len(images)} images, but {len(labels)} "
                             f"labels")
    return MnistData(*arrays)


def _find(folder, name):
    for suffix in (".gz", ""):
        path = Path(folder) / "mnist" / f"{name}{suffix}"
        if path.is_file():
            return path
    return None


def _checked(array, name):
    """Images by row, or labels as int64."""
    if "labels" in name:
        if array.dtype != np.uint8 or array.ndim != 1 or array.max(initial=0) > 9:
            raise ValueError(f"holds no labels, but {array.dtype} of shape {array.shape}")
        return array.astype(np.int64)
    if array.dtype != np.uint8 or array.shape[1:] != (28, 28):
        raise ValueError(f"holds no images of 28 x 28 bytes, but {array.dtype} of shape "
                         f"{array.shape}")
    return array.reshape(len(array), 784)
