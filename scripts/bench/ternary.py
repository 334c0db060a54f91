"""Networks of one or two bits a weight: BWN, XNOR-Net, TWN and TTQ, and what each gets wrong."""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from functools import partial

from rich.table import Table

from golden.container import dumps
from golden.models import mnist
from golden.models.digits import INPUT_SCALE, load_digits_data, load_ternary_digits
from golden.models.lenet import LENETS, load_ternary_lenet

from ..compression.low_bits import TRAINING, LowBits, train_low_bits
from ..compression.quantisers import METHODS
from ..compression.recipes import RECIPES
from ..compression.stages import float_error, network_error
from ..compression.subjects import Subject, load_subject
from ..errors import UsageError, did_you_mean
from ..files import reading
from ..paths import build_dir, data_dir
from ..records import record

__all__ = ["BENCH", "Row", "TernaryBench", "bench", "report"]

#: Name in the records.
BENCH = "ternary"
#: What reads the networks that ship, in the order of the table.
_SHIPPED = {"digits": load_ternary_digits,
            **{name: partial(load_ternary_lenet, name) for name in LENETS}}


@dataclass(frozen=True)
class Row:
    """One network, made by one method.

    Parameters
    ----------
    network : str
    label : str
        In the table.
    float_bytes : int
        All weights and biases as 32-bit floats.
    error_float : float
        Share of the test inputs that the real network gets wrong.
    made : LowBits
        Of one that ships, `bytes` are those of its Huffman-coded file, and `error` that of integers
        only.
    """

    network: str
    label: str
    float_bytes: int
    error_float: float
    made: LowBits


@dataclass(frozen=True, eq=False)
class TernaryBench:
    """What `bench` found.

    Parameters
    ----------
    rows : list of Row
    left_out : list of str
        What was not trained here.
    records : list of dict
        See `scripts.records`.
    """

    rows: list[Row]
    left_out: list[str]
    records: list[dict]


def bench(names=(), *, train=False, effort=1.0, steps):
    """Test the ternary networks that ship, and those that have been trained here.

    Parameters
    ----------
    names : sequence of str
        Networks; all by default.
    train : bool
        Whether to train, by each method, what has not been yet.
    effort : float
        Fraction of the epochs to train for, at least one; results are kept for each.
    steps : scripts.progress.Steps

    Returns
    -------
    TernaryBench

    Raises
    ------
    UsageError
        If there is no such network, or no data to train with.
    ToolMissing
        If PyTorch is needed and not installed.
    """
    for name in names:
        if name not in TRAINING:
            raise UsageError(f"--network {name}: nothing is called that, "
                             f"{did_you_mean(name, list(TRAINING))}")
    rows, left_out = [], []
    for name in names or TRAINING:
        shipped = _shipped(name, steps)
        if train:
            _train(name, effort, steps)
        trained = _kept(name, effort)
        rows += [Row(name, _label(made), shipped.float_bytes, error_float, made)
                 for error_float, made in trained]
        if len(trained) < len(METHODS):
            left_out.append(f"{name} has not been trained here by "
                            f"{', '.join(_missing(trained))}: --train does it")
        rows.append(shipped)
    return TernaryBench(rows, left_out, [_record(row) for row in rows])


def _missing(trained):
    return [method for method in METHODS if method not in {made.method for _, made in trained}]


def _label(made):
    return f"{made.method}, all layers" if made.ends else made.method


def _shipped(name, steps):
    """The row of a network that ships, tested if its inputs are there."""
    network = _SHIPPED[name]()
    stated, weights = network.metadata, [layer.codes for layer in network.layers]
    size = sum(codes.size for codes in weights)
    made = LowBits("TTQ", True, len(dumps(network, huffman=True)),
                   sum(int((codes != 0).sum()) for codes in weights) / size,
                   float(stated["compressed error"]))
    if name == "digits" or mnist.has_mnist(data_dir()):
        with steps.step(f"Running {name}, as it ships"):
            made = replace(made, error=network_error(network, _tested(name)))
    biases = sum(layer.bias.size for layer in network.layers)
    return Row(name, "TTQ, all layers, ships", 4 * (size + biases), float(stated["float error"]),
               made)


def _tested(name):
    """A subject with test inputs and nothing else."""
    if name == "digits":
        data, scale = load_digits_data(), INPUT_SCALE
        return Subject(name, name, [], scale, test_inputs=data.test_inputs,
                       test_labels=data.test_labels)
    with reading(data_dir() / "mnist", remedy="fetch MNIST again"):
        data = mnist.load_mnist(data_dir())
    return Subject(name, name, [], mnist.INPUT_SCALE, test_inputs=data.test_images,
                   test_labels=data.test_labels)


def _train(name, effort, steps):
    """Train a network by the methods by which it has not been, each from the same real weights."""
    epochs, rate, share = TRAINING[name]
    epochs = max(1, round(effort * epochs))
    trained = _kept(name, effort)
    missing = _missing(trained)
    if not missing:
        return
    subject = load_subject(name)
    recipe, layers = subject.recipe, subject.layers
    with steps.step(f"Training {name} in floats"):
        subject.trainer.train(layers, epochs=max(1, round(effort * recipe.epochs)),
                              rate=recipe.rate, **recipe.options)
    error = float_error(layers, subject)
    for method in missing:
        with steps.step(f"Training {name} by {method}", total=epochs) as advance:
            made = train_low_bits(
                load_subject(name), layers, method, ends=not METHODS[method][1], epochs=epochs,
                rate=rate, share=share, advance=advance)
        trained.append((error, made))
        file = _file(name, effort)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps([[error, asdict(made)] for error, made in trained]))


def _kept(name, effort):
    """Errors in floats and networks of few bits of earlier runs, in the order of `METHODS`."""
    if not _file(name, effort).is_file():
        return []
    kept = json.loads(_file(name, effort).read_text())
    found = [(error, LowBits(**made)) for error, made in kept]
    return sorted(found, key=lambda pair: list(METHODS).index(pair[1].method))


def _file(name, effort):
    """Where results of these settings are kept."""
    settings = hashlib.sha256(repr((RECIPES[name], TRAINING[name], effort)).encode()).hexdigest()
    return build_dir(BENCH) / f"{name}-{settings[:8]}.json"


def _record(row):
    return record(bench=BENCH, config=row.label, source="golden", network=row.network,
                  kept=row.made.kept, bytes=row.made.bytes, ratio=row.float_bytes / row.made.bytes,
                  error_float=row.error_float, error_compressed=row.made.error)


def report(result, console):
    """Print errors and sizes."""
    table = Table(title="Networks of one or two bits a weight", title_justify="left", box=None,
                  pad_edge=False)
    for title in ("network", "method", "not zero %", "bytes", "ratio", "float error %", "error %"):
        table.add_column(title, justify="left" if title in ("network", "method") else "right")
    for row in result.rows:
        made = row.made
        table.add_row(row.network, row.label, f"{100 * made.kept:.1f}", f"{made.bytes:,}",
                      f"{row.float_bytes / made.bytes:.1f}", f"{100 * row.error_float:.2f}",
                      f"{100 * made.error:.2f}")
    console.print(table)
    console.print(
        "\n[dim]Trained from the float network. BWN: a sign a weight, a scale a filter; XNOR: "
        "activations are signs too, counted in bits; TWN: 0 and one magnitude a layer; TTQ: 0 and "
        "two trained values a layer. As in their papers, BWN, XNOR and TTQ leave the first and the "
        "last layer as floats, TWN none. Bytes: 1 or 2 bits a weight, 4 bytes for every other "
        "number, uncoded; of what ships, in integers only, the whole Huffman-coded file. Ratio: to "
        "32-bit floats of all weights and biases.[/]")
    for line in result.left_out:
        console.print(line)
