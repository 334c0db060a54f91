"""Image files as the networks' inputs are made of them."""

import numpy as np

from .errors import ToolMissing
from .files import reading

__all__ = ["read_pixels"]


def read_pixels(path, size=256):
    """Read an image and resize it, whatever its shape, bilinearly.

    Parameters
    ----------
    path : path-like
    size : int
        Pixels each way.

    Returns
    -------
    ndarray of uint8, shape (size, size, 3)
        Red, green and blue.

    Raises
    ------
    ToolMissing
        If Pillow is not installed.
    UsageError
        If the file can't be read.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise ToolMissing("images are read with Pillow: pip install pillow") from error
    with reading(path, remedy="fetch it again"), Image.open(path) as image:
        resized = image.convert("RGB").resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(resized)
