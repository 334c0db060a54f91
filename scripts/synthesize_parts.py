"""Place every component of a core alone, and the core: where the area goes, and what is slow."""

from dataclasses import dataclass

from rich.table import Table

from . import synthesis
from .designs import design_of, parts_of
from .records import record
from .settings import Settings
from .synthesize import preset_of, synthesize

__all__ = ["Parts", "report", "synthesize_parts"]

#: Fields of a record in the table, with their titles.
AREA = {"lut4": "LUT4", "lut4_equivalents": "LUT4-eq.", "ff": "FF", "dsp": "DSP", "bram": "RAM"}


@dataclass(frozen=True, eq=False)
class Parts:
    """What `synthesize_parts` found.

    Parameters
    ----------
    settings : Settings
    board : str
    depths : dict of str to int
        How many components each one lies in.
    records : list of dict
        One a component, then one of the core on its board; see `scripts.records`.
    """

    settings: Settings
    board: str
    depths: dict
    records: list[dict]


def synthesize_parts(settings, *, steps, board="ulx3s-85f", seed=1, out_dir=None):
    """Synthesise, place and route every component, and then the core.

    Results are kept by content one by one, so what is interrupted goes on where it was.

    Parameters
    ----------
    settings : Settings
    steps : scripts.progress.Steps
    board, seed, out_dir
        As for `scripts.synthesize.synthesize`.

    Returns
    -------
    Parts

    Raises
    ------
    UsageError
        If there is no such board.
    ToolMissing
        If the board's tools are not installed.
    """
    preset_of(board)
    design = design_of(settings.config)
    with steps.step(f"Finding the components of {settings.label}"):
        parts = parts_of(design)
    records = []
    for number, (name, part) in enumerate(parts.items(), start=1):
        with steps.step(f"{name}, {number} of {len(parts)}"):
            result = synthesis.synthesize(part.component, name=name, board=board, seed=seed)
        records.append(record(
            bench="synthesize", config=settings.label, source="netlist", pes=settings.config.pes,
            **result.record, instances=part.count))
    core = synthesize(settings, steps=steps, board=board, seed=seed, out_dir=out_dir)
    records += [{**entry, "instances": 1} for entry in core.records]
    return Parts(settings, board, {name: part.depth for name, part in parts.items()}, records)


def report(result, console):
    """Print a table: a component a row, the core, and its share for each processing element."""
    table = Table(
        title=f"{result.settings.label} on {result.board}: its components, each placed alone, "
              f"and the whole", title_justify="left", box=None, pad_edge=False)
    table.add_column("component")
    for title in ("in it", *AREA.values(), "Fmax MHz"):
        table.add_column(title, justify="right")
    for entry in result.records:
        fmax = entry["fmax_mhz"]
        table.add_row("  " * result.depths.get(entry["unit"], 0) + entry["unit"],
                      str(entry["instances"]), *(str(entry[name]) for name in AREA),
                      "-" if fmax is None else f"{fmax:.1f}")
    core, pes = result.records[-1], result.settings.config.pes
    table.add_row("a processing element", "", *(f"{core[name] / pes:.0f}" for name in AREA), "")
    console.print(table)
    console.print("[dim]A component holds those that are indented below it. The core is the whole "
                  "board's, serial line included; its share is of everything.[/]")
