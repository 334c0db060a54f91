"""Convolutions in `weft bench energy`: as products of a matrix with one patch after the other."""

import json
from dataclasses import dataclass, fields
from importlib.util import find_spec

import numpy as np
from rich.table import Table

from golden.compression.integer import infer
from golden.convolution import im2col
from golden.models.lenet import LENETS, load_lenet
from golden.models.mnist import has_mnist, load_mnist
from golden.models.squeezenet import SQUEEZENET, has_squeezenet, load_squeezenet, preprocess
from golden.network import SparseLayer, SparseNetwork
from golden.networks.forward import forward
from golden.sparse.cycles import layer_cycles
from golden.sparse.groups import choose_groups, encode_alone
from golden.sparse.reads import MemoryReads, memory_reads

from ..images import read_pixels
from ..paths import data_dir
from .energy_cores import CORES, Energies, dense_cores, sparse_cores
from .measure import timing_of

__all__ = ["NOTE", "ConvolutionEnergy", "convolution_energy", "convolution_names", "left_out",
           "measure_convolutions", "table"]

#: Networks with convolutions.
_NETWORKS = ("lenet-5", "squeezenet")
#: Patches that are counted, and those that the column groups are chosen by.
_PATCHES, _HELD_OUT = 24, 4
#: How their events are counted.
NOTE = (
    "\n[dim]A convolution is the product of the matrix of its filters with every patch of its "
    "input (im2col), the activations those of a real image. The dense cores multiply all of it: a "
    "weight comes from DRAM once for all patches (sram: from SRAM for each multiplication), an "
    "activation from a buffer of 2 KB for each patch that it is in and every 64 filters. The "
    "sparse cores hold the weights, 4-bit indices with their runs, and go through them patch by "
    "patch, as for fully connected layers: nothing but the input's zeros is skipped, nothing of a "
    f"word of entries is used for a second patch. Their events are those of {_PATCHES} patches, "
    "evenly from all in the order of how much of them is not zero, times patches over these. "
    "Loading the sparse weights once, and maps of activations that no on-chip memory holds, are in "
    "none of the figures.[/]")


@dataclass(frozen=True, eq=False)
class ConvolutionEnergy(Energies):
    """A convolution of one image on every core.

    Parameters
    ----------
    positions : int
        Patches: output pixels before pooling.
    kept, activity : float
        Share of the weights, and of what is in the patches, that is not zero.
    cycles : dict of str to int
        Of the sparse cores.
    """

    positions: int
    kept: float
    activity: float
    cycles: dict


def convolution_names():
    """Names of all of them, such as lenet-5/conv1, in the order of the table."""
    return [*(f"lenet-5/{shape.name}" for shape in LENETS["lenet-5"] if shape.window),
            *(f"squeezenet/{conv.name}" for conv in SQUEEZENET.convolutions)]


def left_out():
    """Why networks are not there: a sentence each, by name."""
    reasons = {}
    if not has_mnist(data_dir()):
        reasons["lenet-5"] = "mnist is not in the data folder (see weft doctor)"
    if not has_squeezenet(data_dir()):
        reasons["squeezenet"] = ("squeezenet/compressed_SqueezeNet.net is not in the data folder "
                                 "(see weft doctor)")
    elif not find_spec("PIL"):
        reasons["squeezenet"] = "images are read with Pillow: pip install pillow"
    return reasons


def measure_convolutions(names, configurations, *, steps):
    """Count the events of convolutions on every core.

    Parameters
    ----------
    names : sequence of str
        Of `convolution_names`, of networks that are not left out.
    configurations : dict of str to hw.config.SparseConfig
        Of "eie" and "weft".
    steps : scripts.progress.Steps

    Returns
    -------
    list of ConvolutionEnergy
    """
    found = []
    with steps.step(f"Modelling {len(names)} convolutions", total=len(names)) as advance:
        for network in _NETWORKS:
            mine = {name.partition("/")[2] for name in names if name.startswith(f"{network}/")}
            if not mine:
                continue
            for name, codes, patches in (_lenet if network == "lenet-5" else _squeezenet)(mine):
                found.append(convolution_energy(
                    f"{network}/{name}", codes, patches, configurations))
                advance()
    return found


def convolution_energy(name, codes, patches, configurations):
    """Events of one convolution: of all patches on dense cores, of some of them on sparse ones.

    Parameters
    ----------
    name : str
    codes : ndarray of uint8, shape (filters, weights of a filter)
        0 where a weight is zero, else 1.
    patches : ndarray, shape (positions, weights of a filter)
        What the filters are multiplied by.
    configurations : dict of str to hw.config.SparseConfig
        Of "eie" and "weft".

    Returns
    -------
    ConvolutionEnergy
    """
    rows, columns = codes.shape
    positions, nonzero = len(patches), patches != 0
    order = np.argsort(nonzero.sum(axis=1), kind="stable")
    held_out, chosen = (order[((np.arange(count) + .5) * positions / count).astype(np.int64)]
                        for count in (_HELD_OUT, min(_PATCHES, positions)))
    factor = positions / len(chosen)
    layer = SparseLayer(name, codes, np.ones(16, np.int16) * (np.arange(16) > 0),
                        np.zeros(rows, np.int32), 1 << 31)
    counted, cycles = {}, {}
    for core, config in configurations.items():
        timing = timing_of(config)
        groups = choose_groups(layer, nonzero[held_out], config.geometry, **timing)
        encoded = encode_alone(layer, config.geometry, groups=groups, balance=config.escape)
        costs = [layer_cycles(encoded, nonzero[patch], **timing) for patch in chosen]
        reads = [memory_reads(encoded, nonzero[patch], lookahead=config.lookahead)
                 for patch in chosen]

        def total(name, items, factor=factor):
            return round(factor * sum(getattr(item, name) for item in items))
        counted[core] = {
            "columns": total("columns", costs), "groups": groups, "busy": total("busy", costs),
            "reads": MemoryReads(**{field.name: total(field.name, reads)
                                    for field in fields(MemoryReads)})}
        cycles[core] = total("cycles", costs)
    events = {**dense_cores(rows, columns, positions=positions),
              **sparse_cores(rows * positions, configurations["weft"], counted)}
    return ConvolutionEnergy(name, rows, columns, events, positions, float(np.mean(codes != 0)),
                             float(np.mean(nonzero)), cycles)


def _lenet(names):
    """Codes of some convolutions, and the patches that reach them of a test image."""
    images = load_mnist(data_dir()).test_images[:1].astype(np.int16)
    for layer in load_lenet("lenet-5").layers:
        window = layer.window
        if layer.name in names:
            yield layer.name, (layer.codes != 0).astype(np.uint8), im2col(
                images.reshape(1, window.channels, window.height, window.width),
                (window.kernel_height, window.kernel_width)).reshape(-1, layer.columns)
        images = infer(SparseNetwork((layer,)), images)


def _squeezenet(names):
    """The same of the published SqueezeNet and the first of the sample images."""
    folder, layers = data_dir(), load_squeezenet(data_dir())
    expected = json.loads((folder / "squeezenet" / "expected_top5.json").read_text())
    data = preprocess(read_pixels(folder / "images" / next(iter(expected["images"]))))[None]
    weights = {layer.name: (layer.weights, layer.bias) for layer in layers}
    _, outputs = forward(SQUEEZENET, weights, data, [node.name for node in SQUEEZENET.nodes])
    outputs["data"] = data
    for conv in SQUEEZENET.convolutions:
        if conv.name in names:
            matrix = weights[conv.name][0].reshape(conv.outputs, -1)
            yield conv.name, (matrix != 0).astype(np.uint8), im2col(
                outputs[conv.source], (conv.kernel, conv.kernel), stride=conv.stride,
                padding=conv.padding).reshape(-1, matrix.shape[1])


def table(convolutions, microjoules):
    """What `report` prints of them; `microjoules` formats an energy."""
    shown = Table(title="Energy of a convolution in uJ, one image, by the same model",
                  title_justify="left", box=None, pad_edge=False)
    for title in ("layer", "patches", "kept %", "not 0 %", *CORES):
        shown.add_column(title, justify="left" if title == "layer" else "right", no_wrap=True)
    for item in convolutions:
        shown.add_row(item.layer, f"{item.positions:,}", f"{100 * item.kept:.0f}",
                      f"{100 * item.activity:.0f}",
                      *(microjoules(item.energy(core) / 1e3) for core in CORES))
    return shown
