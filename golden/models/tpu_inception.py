"""CNN1, the workload of TPU v1 that the paper says is Inception, as a program without weights.

Printed are 72 convolutions, 13 poolings and 4 fully connected layers, 100 million weights, each of
which is used 1750 times for a batch of 32, and that some layers have few channels. Of the Inception
networks, that with batch normalisation (Ioffe and Szegedy, ICML'15, in the depths of its published
implementations) has 69 convolutions and 13 poolings: it is taken as it is. Ours are

- pictures of 376 x 376, so large that the multiplications are as many as printed;
- three more convolutions, 1 x 1 and 1024 deep, behind the last module;
- the fully connected layers, 1024 - 6144 - 6144 - 6144 - 1000, which bring the weights to 100
  million;
- windows of the largest for means in all poolings, and no padding where the stride is 2;
- the first layer, 7 x 7 with a stride of 2 on 3 channels, as 4 x 4 on 12: squares of 2 x 2 pixels
  side by side. The weights that are zero then count neither as weights nor as multiplications.

Convolutions run for a part of the batch at a time, as the unified buffer has room: four pictures up
to the module 3c, eight up to 4e.
"""

from ..systolic.outline import Rows, even_cuts
from ..systolic.outline_pictures import convolve, largest, pictures

__all__ = ["put_inception"]

#: Modules by name: channels of 1 x 1; of 3 x 3 and in front of it; of two times 3 x 3 and in front
#: of them; of 1 x 1 behind the pooling. Those without the first and the last have a stride of 2.
_MODULES = {
    "3a": (64, 64, 64, 64, 96, 32), "3b": (64, 64, 96, 64, 96, 64), "3c": (0, 128, 160, 64, 96, 0),
    "4a": (224, 64, 96, 96, 128, 128), "4b": (192, 96, 128, 96, 128, 128),
    "4c": (160, 128, 160, 128, 160, 128), "4d": (96, 128, 192, 160, 192, 128),
    "4e": (0, 128, 192, 192, 256, 0),
    "5a": (352, 192, 320, 160, 224, 128), "5b": (352, 192, 320, 192, 224, 128),
}
_SIDE = 376
_FIRST_PART, _SECOND_PART = 4, 8
_FULLY_CONNECTED = (6144, 6144, 6144, 1000)


def put_inception(outline, batch):
    """Put CNN1 into an outline, for a batch of pictures."""
    thirds, fourths = {}, {}
    for start, count in even_cuts(batch, _SECOND_PART):
        for first, some in even_cuts(count, _FIRST_PART):
            tensor = _stem(outline, some)
            for name in ("3a", "3b"):
                tensor = _module(outline, name, tensor)
            _module(outline, "3c", tensor, (thirds, count, first))
        tensor = thirds.pop("into")
        for name in ("4a", "4b", "4c", "4d"):
            tensor = _module(outline, name, tensor)
        _module(outline, "4e", tensor, (fourths, batch, start))
    tensor = fourths.pop("into")
    for name in ("5a", "5b"):
        tensor = _module(outline, name, tensor)
    for number in range(3):
        tensor = _then(outline, tensor, convolve(outline, f"last{number}", tensor, 1024))
    single = pictures(outline, batch, 1, 1, tensor.channels, gap=0)
    tensor = _then(outline, tensor, largest(outline, "pool", tensor, size=tensor.height,
                                            into=single))
    vectors = Rows(tensor.address, batch, tensor.channels)
    for number, size in enumerate(_FULLY_CONNECTED):
        vectors = _then(outline, vectors, outline.fully_connected(f"fc{number}", [vectors], size))


def _then(outline, before, after):
    """Free one tensor, go on with the other."""
    outline.free(before)
    return after


def _stem(outline, count):
    side = _SIDE // 2
    source = pictures(outline, count, side, side, 12, gap=2)
    tensor = _then(outline, source, convolve(outline, "conv1", source, 64, kernel=4, pool=(3, 2),
                                             weights=7 * 7 * 3 * 64))
    tensor = _then(outline, tensor, convolve(outline, "conv2.reduce", tensor, 64))
    return _then(outline, tensor, convolve(outline, "conv2", tensor, 192, kernel=3, pool=(3, 2)))


def _module(outline, name, source, part=None):
    """A module; those with a stride of 2 fill a part of larger pictures.

    `part` is where those are kept, of how many pictures, and which of them is the first.
    """
    alone, narrow, wide, narrow_twice, wide_twice, behind = _MODULES[name]
    stride = 1 if alone else 2
    same = stride == 1
    channels = wide + wide_twice + (alone + behind if alone else source.channels)
    height, width = ((size if same else (size - 3) // 2 + 1)
                     for size in (source.height, source.width))
    if part is None:
        whole = into = pictures(outline, source.count, height, width, channels)
    else:
        kept, count, first = part
        if "into" not in kept:
            kept["into"] = pictures(outline, count, height, width, channels)
        whole = kept["into"]
        into = whole.some(first, source.count)

    if alone:
        convolve(outline, f"{name}.1x1", source, alone, into=into)
    inner = convolve(outline, f"{name}.reduce", source, narrow)
    convolve(outline, f"{name}.3x3", inner, wide, kernel=3, stride=stride, same=same, into=into,
             channel=alone)
    outline.free(inner)
    inner = convolve(outline, f"{name}.double.reduce", source, narrow_twice)
    inner = _then(outline, inner, convolve(outline, f"{name}.double.first", inner, wide_twice,
                                           kernel=3))
    convolve(outline, f"{name}.double", inner, wide_twice, kernel=3, stride=stride, same=same,
             into=into, channel=alone + wide)
    outline.free(inner)
    if alone:
        inner = largest(outline, f"{name}.pool", source, size=3, same=True)
        convolve(outline, f"{name}.behind", inner, behind, into=into,
                 channel=alone + wide + wide_twice)
        outline.free(inner)
    else:
        largest(outline, f"{name}.pool", source, size=3, stride=2, into=into,
                channel=wide + wide_twice)
    outline.free(source)
    return whole
