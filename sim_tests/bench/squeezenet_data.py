"""The published SqueezeNet and its sample images, where the data are."""

import json
from functools import cache

import numpy as np
import pytest

from golden.models.squeezenet import FILE, has_squeezenet, load_squeezenet, preprocess
from scripts.images import read_pixels
from scripts.paths import data_dir

__all__ = ["expected", "file_bytes", "layers", "needs_squeezenet", "samples"]

#: Marks a test that can't run without the file.
needs_squeezenet = pytest.mark.skipif(
    not has_squeezenet(data_dir()), reason="the published SqueezeNet is not here: point WEFT_DATA "
                                           f"at the folder that holds {FILE}")


def file_bytes():
    """The file as it is."""
    return (data_dir() / FILE).read_bytes()


@cache
def layers():
    """What is in it."""
    return load_squeezenet(data_dir())


@cache
def expected():
    """What was computed from it elsewhere: the JSON file, and logits of each image by its name."""
    folder = data_dir() / "squeezenet"
    facts = json.loads((folder / "expected_top5.json").read_text())
    with np.load(folder / "expected_logits_float32.npz") as file:
        logits = {name: file[name.replace(".", "_")] for name in facts["images"]}
    return facts, logits


@cache
def samples():
    """Names of the sample images, and inputs made of them, (images, 3, 227, 227)."""
    names = list(expected()[0]["images"])
    return names, np.stack([preprocess(read_pixels(data_dir() / "images" / name))
                            for name in names])
