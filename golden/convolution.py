"""What turns a convolution into a matrix product: patches as rows, and pooling behind it."""

from functools import reduce

import numpy as np

__all__ = ["im2col", "max_pool", "output_size"]


def output_size(size, kernel, stride=1, padding=0):
    """Places that a kernel takes along one axis: those at which it lies inside, padding included.

    Examples
    --------
    >>> output_size(28, 5), output_size(24, 2, stride=2), output_size(7, 3, stride=2, padding=1)
    (24, 12, 4)
    """
    return (size + 2 * padding - kernel) // stride + 1


def im2col(images, kernel, *, stride=1, padding=0):
    """Patches of images, each as one row in the order of a kernel's weights.

    ``im2col(x, (kh, kw)) @ w.reshape(d, -1).T`` is the convolution (as networks mean it: the kernel
    isn't mirrored) of images x by d kernels w of shape (d, channels, kh, kw).

    Parameters
    ----------
    images : ndarray of any type, shape (batch, channels, height, width)
    kernel : tuple of int
        Height and width of the kernel.
    stride : int
        Step from one patch to the next, on both axes.
    padding : int
        Zeros around the images, on every side.

    Returns
    -------
    ndarray, shape (batch, rows, columns, channels * kernel height * kernel width)
        `rows` and `columns` are the places that the kernel takes, see `output_size`.

    Raises
    ------
    ValueError
        If the images have other than four dimensions or are smaller than the kernel, or a number
        is out of its range.

    Examples
    --------
    >>> im2col(np.arange(9).reshape(1, 1, 3, 3), (2, 2))[0, 0]
    array([[0, 1, 3, 4],
           [1, 2, 4, 5]])
    """
    images = np.asarray(images)
    if images.ndim != 4:
        raise ValueError(f"Images have 4 dimensions, not shape {images.shape}")
    if min(kernel) < 1 or stride < 1 or padding < 0:
        raise ValueError(f"kernel={kernel}, stride={stride} and padding={padding} make no patch")
    if padding:
        edge = (padding, padding)
        images = np.pad(images, ((0, 0), (0, 0), edge, edge))
    if images.shape[2] < kernel[0] or images.shape[3] < kernel[1]:
        raise ValueError(f"Images of {images.shape[2]} x {images.shape[3]}, padding included, are "
                         f"smaller than the kernel of {kernel[0]} x {kernel[1]}")
    patches = np.lib.stride_tricks.sliding_window_view(images, kernel, axis=(2, 3))
    patches = patches[:, :, ::stride, ::stride].transpose(0, 2, 3, 1, 4, 5)
    return patches.reshape(*patches.shape[:3], -1)


def max_pool(images, size, *, stride=None, partial=False):
    """Largest element of every window.

    Parameters
    ----------
    images : ndarray, shape (batch, channels, height, width)
    size : int
        Height and width of the windows; 1 changes nothing.
    stride : int, optional
        Step between windows, not above `size`; by default `size`, so that they don't overlap.
    partial : bool
        Whether what is left over at the bottom and right has windows too, which reach over the
        border, as in Caffe. Otherwise it belongs to no window.

    Returns
    -------
    ndarray of the same type, shape (batch, channels, rows, columns)

    Examples
    --------
    >>> max_pool(np.arange(16).reshape(1, 1, 4, 4), 2)[0, 0]
    array([[ 5,  7],
           [13, 15]])
    >>> max_pool(np.arange(16).reshape(1, 1, 4, 4), 3, stride=2, partial=True)[0, 0]
    array([[10, 11],
           [14, 15]])
    """
    stride = size if stride is None else stride
    if min(images.shape[2:]) < size:
        raise ValueError(f"Images of {images.shape[2]} x {images.shape[3]} are smaller than "
                         f"windows of {size}")
    missing = [(0, (size - length) % stride) for length in images.shape[2:]]
    if partial and np.any(missing):
        # The first pixel of a window is never beyond the border: to repeat it changes no maximum.
        images = np.pad(images, ((0, 0), (0, 0), *missing), mode="edge")
    # Along one axis after the other, which takes 2 size instead of size**2 comparisons.
    for axis in (2, 3):
        last = stride * (output_size(images.shape[axis], size, stride) - 1)
        before = (slice(None),) * axis
        images = reduce(np.maximum, (images[*before, shift:shift + last + 1:stride]
                                     for shift in range(size)))
    return images
