"""Image files: resized as Pillow does, refused in one line."""

import sys

import numpy as np
import pytest
from PIL import Image

from scripts.errors import ToolMissing, UsageError
from scripts.images import read_pixels


def test_pixels(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "image.png")
    np.testing.assert_array_equal(
        read_pixels(tmp_path / "image.png"),
        np.asarray(Image.fromarray(pixels).resize((256, 256), Image.Resampling.BILINEAR)))
    Image.fromarray(pixels[:, :, 0]).save(tmp_path / "grey.png")
    grey = read_pixels(tmp_path / "grey.png", 30)
    assert grey.shape == (30, 30, 3) and (grey == grey[:, :, :1]).all()


def test_what_is_no_image(tmp_path, monkeypatch):
    (tmp_path / "text.jpg").write_bytes(b"no image")
    for name, message in (("text.jpg", "cannot identify"), ("absent.jpg", "No such file")):
        with pytest.raises(UsageError, match=f"{name}: {message}.*; fetch it again"):
            read_pixels(tmp_path / name)
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ToolMissing, match="pip install pillow"):
        read_pixels(tmp_path / "text.jpg")
