"""What the verbs of the command line have in common: help pages, options, how results leave."""

import dataclasses
import inspect
import re
import textwrap
from typing import Annotated

import typer
from rich.markup import escape

from hw.config import DENSE_PRESETS, PRESETS

from .files import require_writable

__all__ = [
    "EXIT_CODES", "BoardOption", "ConfigOption", "DenseConfigOption",
    "DenseSetOption", "FreqOption", "JsonOption", "NetlistOption", "OutOption", "PlotsOption",
    "SeedOption", "SeedsOption", "SetOption", "UnitOption", "UnitsOption",
    "chosen", "consoles", "examples", "finish", "group", "parameters",
]

EXIT_CODES = """

[bold]Exit codes:[/] 0 fine, 1 mismatch, 2 usage, 3 tool missing,
4 does not fit the device or misses timing"""


def examples(*pairs):
    """Text under a help page: what to type, and what it does."""
    lines = [f"  {command}\n      [dim]{meaning}[/]" for command, meaning in pairs]
    return "\n".join(["[bold]Examples[/]", *lines])


def parameters(presets=PRESETS):
    """Text under a help page: what `--set` can change."""
    meaning = _meanings(type(next(iter(presets.values()))))
    presets = {name: dataclasses.asdict(config) for name, config in presets.items()}
    lines = ["", "", "[bold]Parameters[/] and their values in " + ", ".join(presets)]
    for name in next(iter(presets.values())):
        values = (str(preset[name]).lower() for preset in presets.values())
        lines.append(f"  {name:18}" + "  ".join(f"{value:6}" for value in values))
        lines += [f"      [dim]{escape(line)}[/]"
                  for line in textwrap.wrap(meaning.get(name, ""), 72)]
    return "\n".join(lines)


def _meanings(configuration):
    """What the docstrings of a configuration and of what it is made of say of parameters."""
    meanings = {}
    for cls in configuration.__mro__[:-1]:
        listed = (inspect.getdoc(cls) or "").partition("Parameters\n----------\n")[2]
        for names, text in re.findall(r"^(\w[\w, ]*) : .*\n((?: +.*\n?)+)", listed, re.M):
            meanings |= dict.fromkeys(names.split(", "), " ".join(text.split()))
    return meanings


def group(**options):
    """A command that has verbs under it."""
    return typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode="rich",
                       pretty_exceptions_enable=False,
                       context_settings={"help_option_names": ["-h", "--help"]}, **options)


def _writable_folder(folder):
    if folder is not None:
        require_writable(folder, option="--out-dir")
    return folder


def _writable_plots(folder):
    if folder is not None:
        from .bench.figures import require
        require(folder)
    return folder


def _writable_records(file):
    if file not in (None, "-"):
        require_writable(file, option="--json", kind="file")
    return file


ConfigOption = Annotated[str, typer.Option(
    "--config", "-c", metavar="PRESET",
    help=f"Where the parameters come from: {', '.join(sorted(PRESETS))}.")]
DenseConfigOption = Annotated[str, typer.Option(
    "--config", "-c", metavar="PRESET",
    help=f"Where the parameters come from: {', '.join(sorted(DENSE_PRESETS))}.")]
SetOption = Annotated[list[str] | None, typer.Option(
    "--set", metavar="NAME=VALUE",
    help="Change one parameter of the preset, such as pes=16; may be repeated.")]
DenseSetOption = Annotated[list[str] | None, typer.Option(
    "--set", metavar="NAME=VALUE",
    help="Change one parameter of the preset, such as rows=16; may be repeated.")]
OutOption = Annotated[str | None, typer.Option(
    "--out-dir", "-o", metavar="DIR", callback=_writable_folder,
    help="Where files go; default: build/<configuration>.")]
JsonOption = Annotated[str | None, typer.Option(
    "--json", metavar="FILE", callback=_writable_records,
    help="Write what was measured as a list of flat records; - is standard output, and everything "
         "else then goes to standard error.")]
NetlistOption = Annotated[str | None, typer.Option(
    metavar="FAMILY", help="Simulate what synthesis makes of the core: for [bold]ice40[/] or "
                           "[bold]ecp5[/].")]
PlotsOption = Annotated[str | None, typer.Option(
    metavar="DIR", callback=_writable_plots,
    help="Write figures into this folder, as PNG and SVG.")]
BoardOption = Annotated[str, typer.Option(help="ulx3s-85f, ulx3s-12f or icebreaker.")]
UnitOption = Annotated[str | None, typer.Option(
    metavar="NAME", help="Only this component, alone and without pins; dense_core or "
                         "sparse_core is all but the serial line.")]
UnitsOption = Annotated[bool, typer.Option(
    "--units", help="Every component alone, and the core: a table.")]
FreqOption = Annotated[float | None, typer.Option(
    metavar="MHZ", min=0.1, max=1e6,
    help="Clock rate to reach; default: the board's for a core. On an ECP5 the PLL makes it.")]
SeedOption = Annotated[int, typer.Option(min=0, help="Seed of the placement.")]
SeedsOption = Annotated[int, typer.Option(
    min=1, metavar="N", help="Place with so many seeds, and report all and the fastest.")]


def chosen(config, assignments, core="sparse"):
    """The settings that `--config` and `--set` ask for."""
    from .settings import settings
    return settings(config, assignments or [], core)


def consoles(json):
    """Where results for people go, and the progress."""
    from .progress import Steps, console
    return console(stderr=json == "-"), Steps()


def finish(verb, result, console, json):
    """Write the records first, so that a verdict which ends the command does not lose them."""
    from .records import write_records
    write_records(result.records, json)
    verb.report(result, console)
