"""The published SqueezeNet, compressed further: sizes, and how often its first guess stays."""

from dataclasses import dataclass, replace

import numpy as np
from rich.table import Table

from golden.compression.balanced_assign import assign_balanced
from golden.compression.codebook import kmeans_codebook
from golden.models.coded_net import dumps_coded, loads_coded_with_spans
from golden.models.deep_compression_net import loads_net_with_spans
from golden.models.squeezenet import FILE, SQUEEZENET, has_squeezenet, net_shapes, views
from golden.networks.forward import forward

from ..compression.net_sizes import net_layer_sizes
from ..compression.sizes import LayerSize, total_size
from ..errors import UsageError
from ..files import reading
from ..images import read_pixels
from ..paths import data_dir
from ..records import record

__all__ = ["NAME", "STAGES", "SqueezeNet", "Stage", "bench", "report"]

#: Name in the records.
NAME = "squeezenet"
#: Stages, with the bytes that they are known to take: the published file; Huffman codes for each
#: layer's indices and runs, padding included and tables left out; 6-bit indices with 64-entry
#: codebooks, as they are and coded.
STAGES = {"published": 675_763, "Huffman": 556_569, "6 bits": 468_407, "6 bits, Huffman": 375_863}
#: Centroids of a 6-bit codebook; entry 0 is 0.0.
_CLUSTERS = 63


@dataclass(frozen=True, eq=False)
class Stage:
    """The network at one stage.

    Parameters
    ----------
    name : str
        One of `STAGES`.
    layers : list of LayerSize
    total : LayerSize
        Of the whole file.
    agreement, agreement_top5 : float or None
        Share of the inputs whose first guess is the published network's, and the mean share of its
        first five that are among the five here; None if there are no images.
    """

    name: str
    layers: list[LayerSize]
    total: LayerSize
    agreement: float | None = None
    agreement_top5: float | None = None


@dataclass(frozen=True, eq=False)
class SqueezeNet:
    """What `bench` found.

    Parameters
    ----------
    stages : list of Stage
    images, inputs : int
        Sample images, and the inputs that were made of them.
    records : list of dict
        See `scripts.records`.
    """

    stages: list[Stage]
    images: int
    inputs: int
    records: list[dict]


def bench(*, steps):
    """Compress the published network, and compare what it guesses.

    Parameters
    ----------
    steps : scripts.progress.Steps

    Returns
    -------
    SqueezeNet

    Raises
    ------
    UsageError
        If the file is not in the data folder, or is another.
    ToolMissing
        If Pillow, which reads the images, is not installed.
    """
    folder = data_dir()
    if not has_squeezenet(folder):
        raise UsageError(f"{NAME} is the published network, which is not in the data folder: set "
                         f"WEFT_DATA to the folder that holds {FILE}")
    with reading(folder / FILE, remedy="fetch it again"):
        data = (folder / FILE).read_bytes()
        published, spans = loads_net_with_spans(data, net_shapes())
    with steps.step("Sharing and coding weights"):
        shared = [_shared(layer) for layer in published]
        stages = [_stage("published", published, data, spans, coded=False)]
        for name, layers, plain in (("Huffman", published, False), ("6 bits", shared, True),
                                    ("6 bits, Huffman", shared, False)):
            data = dumps_coded(layers, plain=plain)
            read, spans = loads_coded_with_spans(data, net_shapes())
            stages.append(_stage(name, read, data, spans, coded=True, plain=plain))
    images = sorted((folder / "images").glob("*.[jp][pn]g"))
    inputs = [views(read_pixels(path)) for path in images]
    if images:
        guesses = [_guesses(layers, inputs, steps) for layers in (published, shared)]
        same = [_agreement(guesses[0], guess) for guess in guesses]
        stages = [replace(stage, agreement=agreement, agreement_top5=top5)
                  for stage, (agreement, top5) in zip(stages, (*same[:1] * 2, *same[1:] * 2),
                                                      strict=True)]
    count = sum(len(part) for part in inputs)
    return SqueezeNet(stages, len(images), count,
                      [entry for stage in stages for entry in _records(stage, count)])


def _shared(layer):
    """The layer with as many centroids as 6 bits can name, from the weights that it uses."""
    codebook = kmeans_codebook(layer.weights, _CLUSTERS)[0].astype(np.float32)
    return replace(layer, codebook=codebook, codes=assign_balanced(layer.weights, codebook))


def _stage(name, layers, data, spans, **options):
    sizes = net_layer_sizes(layers, spans, **options)
    return Stage(name, sizes, total_size(data, sizes))


def _guesses(layers, inputs, steps):
    """First five classes of each input, shape (inputs, 5)."""
    weights = {layer.name: (layer.weights, layer.bias) for layer in layers}
    found = []
    with steps.step(f"Running {sum(map(len, inputs))} inputs through {NAME}",
                    total=len(inputs)) as advance:
        for images in inputs:
            scores, _ = forward(SQUEEZENET, weights, images)
            found.append(np.argsort(-scores[:, :, 0, 0], axis=1, kind="stable")[:, :5])
            advance()
    return np.concatenate(found)


def _agreement(first, second):
    top5 = np.mean([len(set(a) & set(b)) / 5 for a, b in zip(first.tolist(), second.tolist(),
                                                           strict=True)])
    return float((first[:, 0] == second[:, 0]).mean()), float(top5)


def _records(stage, inputs):
    common = {"bench": "compress", "config": NAME, "source": "golden", "network": NAME,
              "stage": stage.name}
    guessed = {} if stage.agreement is None else {
        "inputs": inputs, "agreement": stage.agreement, "agreement_top5": stage.agreement_top5}
    return [record(
        **common, layer=size.name, weights=size.weights, kept=size.density, bits=size.bits,
        bits_huffman=size.bits_huffman, run_bits=size.run_bits, bytes=size.bytes, ratio=size.ratio,
        **(guessed if size is stage.total else {})) for size in [*stage.layers, stage.total]]


def report(result, console):
    """Print the size of every stage, and where the bytes of the coded file are."""
    shown = Table(title=f"{NAME}, as published and compressed further", title_justify="left",
                  box=None, pad_edge=False)
    for title in ("stage", "bytes", "known", "ratio", "index bits", "run bits", "same first guess",
                  "of the first 5"):
        shown.add_column(title, justify="left" if title == "stage" else "right")
    for stage in result.stages:
        agreement = ("", "") if stage.agreement is None else (
            f"{stage.agreement:.1%}", f"{stage.agreement_top5:.1%}")
        shown.add_row(stage.name, f"{stage.total.bytes:,}", f"{STAGES[stage.name]:,}",
                      f"{stage.total.ratio:.2f}", f"{stage.total.bits_huffman:.2f}",
                      f"{stage.total.run_bits:.2f}", *agreement)
    console.print(shown)
    console.print(
        f"[dim]Everything is counted: codebooks and biases as 32-bit floats, code tables, headers, "
        f"and for Huffman every byte of the published file can be made again. known: of the "
        f"published codes and runs, padding included, code tables left out. Guesses are those for "
        f"the middle and the corners of {result.images} images, mirrored too: {result.inputs} "
        f"inputs, which say little about the accuracy of a network.[/]\n")
    layers = Table(title="Huffman, layer by layer", title_justify="left", box=None, pad_edge=False)
    for title in ("layer", "weights", "kept %", "index bits", "run width", "run bits", "bytes",
                  "ratio"):
        layers.add_column(title, justify="left" if title == "layer" else "right")
    for size in [*result.stages[1].layers, result.stages[1].total]:
        layers.add_row(size.name, f"{size.weights:,}", f"{100 * size.density:.1f}",
                       f"{size.bits_huffman:.2f}", f"{size.run_width:.2g}", f"{size.run_bits:.2f}",
                       f"{size.bytes:,}", f"{size.ratio:.2f}")
    console.print(layers)
