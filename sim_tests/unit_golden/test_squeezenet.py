"""The published SqueezeNet: its definition, its file, and what it computes in float32."""

import numpy as np
import pytest

from golden.models.deep_compression_net import dumps_net, loads_net_with_spans
from golden.models.squeezenet import (
    CROP,
    SQUEEZENET,
    has_squeezenet,
    load_squeezenet,
    net_shapes,
    preprocess,
    views,
)
from golden.networks.forward import forward
from sim_tests.bench.squeezenet_data import (
    expected,
    file_bytes,
    layers,
    needs_squeezenet,
    samples,
)


def test_definition():
    """Sizes that the paper and Caffe's definition give."""
    assert len(SQUEEZENET.convolutions) == 26
    assert sum(int(np.prod(conv.weight_shape)) for conv in SQUEEZENET.convolutions) == 1_244_448
    # The border of zeros around the input of conv_final costs nothing: 13 x 13 pixels, not 15 x 15.
    macs = {conv.name: SQUEEZENET.macs(conv) for conv in SQUEEZENET.convolutions}
    macs["conv_final"] = macs["conv_final"] * 13**2 // 15**2
    assert round(sum(macs.values()) / 1e6, 1) == 832.7
    shapes = SQUEEZENET.shapes
    assert shapes["conv1"] == (96, 111, 111) and shapes["pool1"] == (96, 55, 55)
    assert shapes["pool4"] == (256, 27, 27) and shapes["pool8"] == (512, 13, 13)
    assert shapes["fire9/concat"] == (512, 13, 13) and shapes["conv_final"] == (1000, 15, 15)
    assert shapes["pool_final"] == (1000, 1, 1)


def test_preprocessing():
    pixels = np.zeros((256, 256, 3), np.uint8)
    pixels[14, 14] = 10, 20, 30                     # the first pixel of the crop: red, green, blue
    pixels[240, 240] = 255
    pixels[13, :] = pixels[241, :] = 99             # beyond it
    image = preprocess(pixels)
    assert image.shape == (3, CROP, CROP) and image.dtype == np.float32
    assert image[:, 0, 0].tolist() == [30 - 104, 20 - 117, 10 - 123]
    assert image[:, -1, -1].tolist() == [255 - 104, 255 - 117, 255 - 123]
    assert (image == 99 - np.array([104, 117, 123])[:, None, None]).sum() == 0
    ten = views(pixels)
    assert ten.shape == (10, 3, CROP, CROP)
    np.testing.assert_array_equal(ten[0], image)
    np.testing.assert_array_equal(ten[5:], ten[:5, :, :, ::-1])
    assert ten[1, :, 14, 14].tolist() == [30 - 104, 20 - 117, 10 - 123]
    assert ten[4, :, 226 - 15, 226 - 15].tolist() == [255 - 104, 255 - 117, 255 - 123]
    for wrong in (pixels[:-1], pixels.astype(np.float32)):
        with pytest.raises(ValueError, match="uint8 of shape"):
            preprocess(wrong)


def test_a_folder_without_the_file(tmp_path):
    assert not has_squeezenet(None) and not has_squeezenet(tmp_path)
    with pytest.raises(FileNotFoundError):
        load_squeezenet(tmp_path)


@needs_squeezenet
def test_file_round_trip():
    data = file_bytes()
    read, spans = loads_net_with_spans(data, net_shapes())
    assert len(data) == sum(size for _, size in spans) == 675_763
    assert dumps_net(read) == data
    assert [layer.name for layer in read] == [conv.name for conv in SQUEEZENET.convolutions]


@needs_squeezenet
def test_what_the_file_holds():
    """422,083 entries, 6,162 of them padding; weights with a run of 15; a filter with none."""
    entries = padding = longest = kept = 0
    for layer in layers():
        indices, runs = layer.entries
        entries += len(indices)
        padding += int((indices == 0).sum())
        longest += int(((runs == 15) & (indices != 0)).sum())
        kept += int(np.count_nonzero(layer.weights))
        assert layer.codebook[0] == 0 and (layer.codebook[1:] != 0).all()
        assert layer.weights.dtype == layer.bias.dtype == np.float32
    assert (entries, padding, longest) == (422_083, 6_162, 1_383)
    assert kept == entries - padding
    empty = {(layer.name, filter_) for layer in layers()
             for filter_ in np.flatnonzero(~layer.codes.any(axis=(1, 2, 3))).tolist()}
    assert {name for name, _ in empty} == {"fire7/conv1x1_2"} and len(empty) == 1


@needs_squeezenet
def test_logits_and_top_5():
    facts, logits = expected()
    names, images = samples()
    weights = {layer.name: (layer.weights, layer.bias) for layer in layers()}
    outputs, kept = forward(SQUEEZENET, weights, images, keep=("conv1", "conv_final"))
    assert outputs.shape == (len(names), 1000, 1, 1) and outputs.dtype == np.float32
    for name, output in zip(names, outputs[:, :, 0, 0], strict=True):
        # Relative to the largest one: that of the file's authors is some 1e-6 away.
        np.testing.assert_allclose(output, logits[name], rtol=1e-3,
                                   atol=1e-5 * np.abs(logits[name]).max())
        top = np.argsort(-output)[:5].tolist()
        assert top == [label for label, *_ in facts["images"][name]["float_top5"]], name
    assert kept["conv1"].shape == (len(names), 96, 111, 111)
    np.testing.assert_allclose(kept["conv_final"].mean(axis=(2, 3)), outputs[:, :, 0, 0], rtol=1e-4,
                               atol=1e-5)
