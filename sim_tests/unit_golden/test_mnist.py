"""The reader of MNIST's files: hand-made ones, damaged ones, and the real ones."""

import gzip
import hashlib
import struct

import numpy as np
import pytest

from golden.models.mnist import has_mnist, load_mnist, read_idx
from scripts.paths import data_dir

IMAGES = np.arange(2 * 784, dtype=np.uint8).reshape(2, 28, 28)
TYPES = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}


def idx(array):
    """Bytes of an idx file, written by its description rather than by our reader."""
    header = bytes([0, 0, TYPES[array.dtype.str[1:]], array.ndim])
    return header + struct.pack(f">{array.ndim}I", *array.shape) + array.astype(
        array.dtype.newbyteorder(">")).tobytes()


@pytest.fixture
def folder(tmp_path):
    """A data folder with two images to train with and two to test with, half of it compressed."""
    (tmp_path / "mnist").mkdir()
    labels = np.array([3, 9], np.uint8)
    for part, images in (("train", IMAGES), ("t10k", IMAGES[::-1])):
        (tmp_path / "mnist" / f"{part}-images-idx3-ubyte.gz").write_bytes(
            gzip.compress(idx(images)))
        (tmp_path / "mnist" / f"{part}-labels-idx1-ubyte").write_bytes(idx(labels))
    return tmp_path


@pytest.mark.parametrize("kind", TYPES)
def test_every_type_and_shape(kind, tmp_path):
    for shape in ((5,), (2, 3), (2, 3, 4), (0, 3)):
        array = np.arange(np.prod(shape)).astype(kind).reshape(shape) * 3
        (tmp_path / "a").write_bytes(idx(array))
        read = read_idx(tmp_path / "a")
        assert read.dtype == np.dtype(kind) and read.dtype.isnative
        np.testing.assert_array_equal(read, array)
        (tmp_path / "a").write_bytes(gzip.compress(idx(array)))
        np.testing.assert_array_equal(read_idx(tmp_path / "a"), array)


def test_the_four_files(folder):
    assert has_mnist(folder) and not has_mnist(None) and not has_mnist(folder / "mnist")
    data = load_mnist(folder)
    np.testing.assert_array_equal(data.train_images, IMAGES.reshape(2, 784))
    np.testing.assert_array_equal(data.test_images, IMAGES[::-1].reshape(2, 784))
    assert data.test_labels.tolist() == [3, 9] and data.test_labels.dtype == np.int64


@pytest.mark.parametrize(("data", "message"), [
    (b"", "is no idx file: it starts with nothing"),
    (b"PK\3\4", "is no idx file: it starts with 50 4b 03 04"),
    (b"\0\0\x0a\1" + bytes(4), "is no idx file"),
    (b"\0\0\x08\3\0\0\0", "ends within its 3 dimensions"),
    (idx(IMAGES)[:-1], r"has 1583 bytes; shape \(2, 28, 28\) of uint8 takes 1584"),
    (idx(IMAGES) + b"\0", "has 1585 bytes"),
    (b"\0\0\x0e\3" + b"\xff" * 12, "has 16 bytes; shape"),
    (gzip.compress(idx(IMAGES))[:-9], "is damaged gzip"),
    (b"\x1f\x8b\x08" + bytes(40), "is damaged gzip"),
])
def test_refuses(data, message, tmp_path):
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(ValueError, match=message):
        read_idx(tmp_path / "a")


@pytest.mark.parametrize(("name", "array", "message"), [
    ("train-labels-idx1-ubyte", np.array([1], np.uint8), "2 images, but 1 labels"),
    ("train-labels-idx1-ubyte", np.array([1, 10], np.uint8), "labels-idx1-ubyte: holds no labels"),
    ("t10k-labels-idx1-ubyte", np.array([1, 2], np.int32), "holds no labels, but int32"),
    ("train-images-idx3-ubyte.gz", IMAGES[:, 1:], "gz: holds no images of 28 x 28 bytes"),
])
def test_refuses_other_contents(name, array, message, folder):
    (folder / "mnist" / name).write_bytes(idx(array))
    with pytest.raises(ValueError, match=message):
        load_mnist(folder)


def test_a_missing_file_is_named(folder):
    (folder / "mnist" / "t10k-images-idx3-ubyte.gz").unlink()
    assert not has_mnist(folder)
    with pytest.raises(FileNotFoundError) as caught:
        load_mnist(folder)
    assert caught.value.filename == str(folder / "mnist" / "t10k-images-idx3-ubyte.gz")


@pytest.mark.skipif(not has_mnist(data_dir()), reason="MNIST is not in the data folder: set "
                                                      "WEFT_DATA (see weft doctor)")
def test_the_real_files():
    data = load_mnist(data_dir())
    assert data.train_images.shape == (60000, 784) and data.test_images.shape == (10000, 784)
    assert np.bincount(data.train_labels).tolist() == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]     # as everybody counts them
    assert data.test_labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    raw = idx(data.train_images.reshape(-1, 28, 28))
    assert hashlib.md5(raw).hexdigest() == "6bbc9ace898e44ae57da46a324031adb"
