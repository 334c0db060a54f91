"""Compress a network: prune, share weights, code; print the size of every stage."""

from dataclasses import dataclass
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from golden.compression.codebook import INITS

from .compression.pruning import RULES
from .compression.stages import Choice, Compressed
from .compression.stages import compress as run_stages
from .compression.subjects import NAMES, load_subject
from .errors import UsageError, did_you_mean
from .files import writing
from .records import record

__all__ = ["CompressedFile", "compress", "report"]

#: Of a network that there is no recipe for.
_DENSITY, _BITS = 0.1, 4


@dataclass(frozen=True, eq=False)
class CompressedFile:
    """What `compress` did.

    Parameters
    ----------
    compressed : Compressed
    choice : Choice
    file : Path
    figures : list of Path
    records : list of dict
        One for each stage, see `scripts.records`.
    """

    compressed: Compressed
    choice: Choice
    file: Path
    figures: list
    records: list[dict]


def compress(model, *, output, steps, prune=(), rule="layer", pes=64, bits=(), init="linear",
             huffman=True, retrain=False, effort=1.0, seed=0, plots=None):
    """Compress a network and write its container.

    Parameters
    ----------
    model : str
        An .npz file, see `scripts.compression.subjects.read_weights`, or a name of `NAMES` there.
    output : path-like
    steps : scripts.progress.Steps
    prune, bits : sequence of str
        A number for all layers, or ``LAYER=NUMBER``, as often as wanted; a later one counts more.
        What is not given is the recipe's, or a tenth of the weights and 4 bits.
    rule, pes, init, huffman, effort
        See `scripts.compression.stages.Choice`.
    retrain : bool
        Whether the network may be trained, without which those of `NAMES` can't be made.
    seed : int
    plots : path-like, optional
        Folder for figures.

    Returns
    -------
    CompressedFile

    Raises
    ------
    UsageError
        If the model, a layer or a number is not what it should be.
    ToolMissing
        If training needs PyTorch, or figures matplotlib, and it is not there.
    """
    if model in NAMES and not retrain:
        raise UsageError(f"{model} is made by training it, which takes minutes: add --retrain; "
                         f"weft bench compress shows what ships")
    for option, value, known in (("--rule", rule, RULES), ("--init", init, INITS)):
        if value not in known:
            raise UsageError(f"{option} {value}: {did_you_mean(value, known)}")
    subject = load_subject(model, seed=seed)
    if retrain and subject.trainer is None:
        raise UsageError(f"--retrain: {model} has no training data; only "
                         f"{', '.join(NAMES)} can be trained")
    names = [layer.name for layer in subject.layers]
    recipe, by_spread = subject.recipe, rule == "sensitivity"
    densities = recipe.densities if recipe else [_DENSITY] * len(names)
    choice = Choice(
        _amounts("--prune", prune, names, [None] * len(names) if by_spread else densities, float,
                 0, 100 if by_spread else 1),
        _amounts("--bits", bits, names, recipe.bits if recipe else [_BITS] * len(names), int, 1, 8),
        rule, pes, init, huffman, effort)
    if None in choice.amounts:
        raise UsageError("--rule sensitivity: give every layer its threshold in standard "
                         "deviations, such as --prune 1")
    if rule == "global" and len(set(choice.amounts)) > 1:
        raise UsageError("--rule global: has one density for all layers, such as --prune 0.05")
    try:
        made = run_stages(subject, choice, steps=steps)
    except ValueError as error:
        raise UsageError(f"{model}: {error}") from error
    figures = []
    if plots is not None:
        from .compression.plots import draw
        figures = draw(made, choice, plots, steps=steps)
    output = Path(output)
    with writing(output.parent, option="--output"):
        output.write_bytes(made.file)
    return CompressedFile(made, choice, output, figures, _records(subject, made))


def _amounts(option, texts, names, default, kind, low, high):
    """A number for each layer, from what a user wrote."""
    values = dict(zip(names, default, strict=True))
    for text in texts:
        name, equals, number = text.rpartition("=")
        if equals and name not in values:
            raise UsageError(f"{option} {text}: no layer is called {name!r}, "
                             f"{did_you_mean(name, names)}")
        try:
            value = kind(number)
        except ValueError:
            value = None
        if value is None or not low <= value <= high:
            noun = "an integer" if kind is int else "a number"
            raise UsageError(f"{option} {text}: expected {noun} from {low} to {high}, or "
                             f"LAYER=NUMBER")
        values.update({name: value} if equals else dict.fromkeys(names, value))
    return tuple(values.values())


def _records(subject, made):
    first = made.stages[0]
    errors = {} if first.error is None else {"error_float": first.error}
    return [record(
        bench="compress", config=subject.name, source="golden", network=subject.name,
        stage=stage.name, bytes=stage.bytes, ratio=first.bytes / stage.bytes,
        **errors, **({} if stage.error is None else {"error_compressed": stage.error}))
        for stage in made.stages]


def report(result, console):
    """Print the size and error of every stage, and where the files are."""
    made = result.compressed
    table = Table(title=escape(made.subject.title), title_justify="left", box=None, pad_edge=False)
    for title in ("stage", "bytes", "ratio", "test error %"):
        table.add_column(title, justify="left" if title == "stage" else "right")
    for stage in made.stages:
        error = "" if stage.error is None else f"{100 * stage.error:.2f}"
        table.add_row(stage.name, f"{stage.bytes:,}", f"{made.stages[0].bytes / stage.bytes:.1f}",
                      error)
    console.print(table)
    console.print("[dim]float is 4 bytes for every weight and bias; pruned keeps 32-bit weights, "
                  "each behind its run of zeros; shared and Huffman are whole files.[/]")
    for layer in made.network.layers:
        kept = (layer.codes != 0).mean()
        console.print(f"{layer.name}: {layer.codes.size} weights, {kept:.1%} kept, "
                      f"{layer.index_width}-bit indices", markup=False)
    if made.stages[0].error is None:
        console.print("No error is known: the file has no labels.")
    console.print(f"\n{result.file}: {result.file.stat().st_size} bytes", markup=False)
    for path in result.figures:
        console.print(str(path), markup=False)
