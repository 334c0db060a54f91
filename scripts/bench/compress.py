"""Deep Compression's tables (Han, Mao, Dally, ICLR 2016), with what the project reaches beside."""

from dataclasses import dataclass
from typing import NamedTuple

from rich.table import Table

from golden.models import mnist
from golden.models.lenet import LENETS, load_lenet, read_lenet
from golden.models.squeezenet import has_squeezenet

from ..compression.sizes import LayerSize, layer_sizes, total_size
from ..compression.stages import Choice, compress, network_error
from ..compression.subjects import Subject, load_subject
from ..errors import UsageError, did_you_mean
from ..files import reading
from ..paths import data_dir
from ..records import record
from . import squeezenet

__all__ = ["BENCH", "PAPER", "CompressBench", "CompressedNetwork", "Published", "bench", "report"]

#: Name in the records.
BENCH = "compress"


class Published(NamedTuple):
    """A row of the paper's tables 3 and 4; percentages, and bits a weight.

    Parameters
    ----------
    kept : float
        % of the weights.
    bits, bits_huffman : float
        Of an index, and coded.
    run_bits, run_bits_huffman : float
        Of a run, and coded.
    rate : float
        % of the size as 32-bit floats, coded.
    """

    kept: float
    bits: float
    bits_huffman: float
    run_bits: float
    run_bits_huffman: float
    rate: float


#: By network and layer.
PAPER = {
    "lenet-300-100": {
        "ip1": Published(8, 6, 4.4, 5, 3.7, 2.32), "ip2": Published(9, 6, 4.4, 5, 4.3, 3.04),
        "ip3": Published(26, 6, 4.3, 5, 3.2, 12.70), "all": Published(8, 6, 5.1, 5, 3.7, 2.49)},
    "lenet-5": {
        "conv1": Published(66, 8, 7.2, 5, 1.5, 67.45),
        "conv2": Published(12, 8, 7.2, 5, 3.9, 5.28), "ip1": Published(8, 5, 4.5, 5, 4.5, 2.45),
        "ip2": Published(19, 5, 5.2, 5, 3.7, 6.13), "all": Published(8, 5.3, 4.1, 5, 4.4, 2.55)},
}
#: % of the test images that the paper's float and compressed networks get wrong, and the ratio.
PAPER_TOTALS = {"lenet-300-100": (1.64, 1.58, 40), "lenet-5": (0.80, 0.74, 39)}


#: What the columns of its tables mean.
_NOTE = (
    "[dim]The paper's figures in brackets. kept: share of the weights that are not "
    "zero. bits: of an index, and as Huffman code; run bits: of a run of zeros, and "
    "of the coded runs for every kept weight. rate: bytes / bytes as 32-bit floats, "
    "everything counted, of all layers that of the whole file.[/]")


@dataclass(frozen=True, eq=False)
class CompressedNetwork:
    """One network of the tables.

    Parameters
    ----------
    name : str
    layers : list of LayerSize
    total : LayerSize
    error_float, error_compressed : float
        Share of the test images.
    measured : bool
        Whether the second was measured now, rather than read from the file.
    """

    name: str
    layers: list[LayerSize]
    total: LayerSize
    error_float: float
    error_compressed: float
    measured: bool


@dataclass(frozen=True, eq=False)
class CompressBench:
    """What `bench` found.

    Parameters
    ----------
    networks : list of CompressedNetwork
    squeezenet : scripts.bench.squeezenet.SqueezeNet or None
    left_out : str or None
        Why a network of the default ones is not there.
    records : list of dict
        See `scripts.records`.
    """

    networks: list[CompressedNetwork]
    squeezenet: squeezenet.SqueezeNet | None
    left_out: str | None
    records: list[dict]


def bench(names=(), *, retrain=False, effort=1.0, steps):
    """Measure the networks that ship, or make them anew.

    Parameters
    ----------
    names : sequence of str
        "lenet-300-100" and "lenet-5", which ship, and "squeezenet"; all that are there by default.
    retrain : bool
        Whether to train them, which takes many minutes, PyTorch and MNIST.
    effort : float
        Fraction of the epochs to train for.
    steps : scripts.progress.Steps

    Returns
    -------
    CompressBench

    Raises
    ------
    UsageError
        If there is no such network, or no data to train with.
    ToolMissing
        If PyTorch is needed and not installed.
    """
    for name in names:
        if name not in (*LENETS, squeezenet.NAME):
            raise UsageError(f"--network {name}: {did_you_mean(name, (*LENETS, squeezenet.NAME))}")
    published, left_out = None, None
    if squeezenet.NAME in names or not names and has_squeezenet(data_dir()):
        published = squeezenet.bench(steps=steps)
    elif not names:
        left_out = f"Left out: {squeezenet.NAME}, whose file is not in the data folder."
    networks = [_retrained(name, effort, steps) if retrain else _shipped(name, steps)
                for name in LENETS if name in names or not names]
    records = [entry for item in networks for entry in _records(item)]
    return CompressBench(networks, published, left_out,
                         records + (published.records if published else []))


def _retrained(name, effort, steps):
    subject = load_subject(name)
    choice = Choice(subject.recipe.densities, subject.recipe.bits, effort=effort)
    made = compress(subject, choice, steps=steps)
    return _measured(name, made.file, made.stages[0].error, made.stages[-1].error, True)


def _shipped(name, steps):
    network, data = load_lenet(name), read_lenet(name)
    stated = network.metadata
    error_float = float(stated["float error"])
    if not mnist.has_mnist(data_dir()):
        return _measured(name, data, error_float, float(stated["compressed error"]), False)
    with reading(data_dir() / "mnist", remedy="fetch MNIST again"):
        images = mnist.load_mnist(data_dir())
    with steps.step(f"Running {len(images.test_labels)} images through {name}"):
        error = network_error(network, Subject(
            name, name, [], mnist.INPUT_SCALE, test_inputs=images.test_images,
            test_labels=images.test_labels))
    return _measured(name, data, error_float, error, True)


def _measured(name, data, error_float, error_compressed, measured):
    _, sizes = layer_sizes(data)
    return CompressedNetwork(name, sizes, total_size(data, sizes), error_float, error_compressed,
                             measured)


def _records(item):
    common = {"bench": BENCH, "config": item.name, "source": "golden", "network": item.name}
    errors = {"error_float": item.error_float, "error_compressed": item.error_compressed}
    return [record(
        **common, layer=size.name, weights=size.weights, kept=size.density, bits=size.bits,
        bits_huffman=size.bits_huffman, run_bits=size.run_bits, bytes=size.bytes,
        ratio=size.ratio, **(errors if size is item.total else {}))
        for size in [*item.layers, item.total]]


def report(result, console):
    """Print a table a network, the paper's figures in brackets."""
    for item in result.networks:
        console.print(_table(item))
        before, after, ratio = PAPER_TOTALS[item.name]
        console.print(
            f"{item.total.float_bytes:,} -> {item.total.bytes:,} bytes, {item.total.ratio:.1f}x "
            f"(the paper: {ratio}x); test error {100 * item.error_float:.2f} -> "
            f"{100 * item.error_compressed:.2f} % (the paper: {before} -> {after} %)"
            + ("" if item.measured else ", as the file states: MNIST is not in the data folder, "
                                        "see weft doctor") + "\n")
    if result.networks:
        console.print(_NOTE)
    if result.squeezenet is not None:
        console.print()
        squeezenet.report(result.squeezenet, console)
    if result.left_out:
        console.print(result.left_out)


def _table(item):
    shown = Table(title=item.name, title_justify="left", box=None, pad_edge=False)
    for title in ("layer", "weights", "kept %", "bits", "Huffman", "run bits", "Huffman", "bytes",
                  "rate %"):
        shown.add_column(title, justify="left" if title == "layer" else "right")
    for size in [*item.layers, item.total]:
        paper = PAPER[item.name][size.name]
        shown.add_row(
            size.name, f"{size.weights:,}", f"{100 * size.density:.1f} ({paper.kept})",
            f"{size.bits:.3g} ({paper.bits})", f"{size.bits_huffman:.1f} ({paper.bits_huffman})",
            f"{size.run_width:.2g} ({paper.run_bits})",
            f"{size.run_bits:.1f} ({paper.run_bits_huffman})", f"{size.bytes:,}",
            f"{100 / size.ratio:.2f} ({paper.rate})")
    return shown
