"""Place and route a core, or one of its components: how large, how fast, does it fit."""

import json
import shutil
from dataclasses import dataclass
from statistics import median
from pathlib import Path

from rich.markup import escape
from rich.table import Column, Table

from hw.boards.cells import CELLS
from hw.boards.devices import BOARDS
from hw.config import DenseConfig
from hw.emission import emit_verilog

from . import synthesis
from .designs import design_of, parts_of
from .errors import DoesNotFit, UsageError, did_you_mean
from .files import writing
from .paths import build_dir
from .records import record
from .settings import Settings
from .synthesis import Synthesis

__all__ = ["Synthesized", "preset_of", "report", "synthesize"]

#: What the columns of a record are called in the table.
_CELLS = {"lut4": "LUT4", "lut4_equivalents": "LUT4-equivalents",
          "ccu2c": "carry cells (CCU2C)", "carry": "carry cells",
          "dpr16x4": "distributed RAM (DPR16X4)", "ff": "flip-flops", "dsp": "multipliers",
          "bram": "block RAMs", "spram": "single-port RAMs"}


#: Configuration of the sparse core that suits a board.
_PRESETS = {"icebreaker": "icebreaker", "ulx3s-85f": "ulx3s", "ulx3s-12f": "weft"}


@dataclass(frozen=True, eq=False)
class Synthesized:
    """What `synthesize` found.

    Parameters
    ----------
    settings : Settings
    name : str
        What was synthesised.
    synthesis : Synthesis
        The fastest, of several placements.
    file : Path
        The figures, as JSON.
    records : list of dict
        One for each placement; see `scripts.records`.
    bitstream : Path, optional
        Of a core on a board.
    """

    settings: Settings
    name: str
    synthesis: Synthesis
    file: Path
    records: list[dict]
    bitstream: Path | None = None


def preset_of(board, core="sparse"):
    """Name of the configuration of a core that suits a board.

    Raises
    ------
    UsageError
        If there is no such board.
    """
    if board not in BOARDS:
        raise UsageError(f"--board {board}: no board is called that, {did_you_mean(board, BOARDS)}")
    return _PRESETS[board] if core == "sparse" else "dense"


def synthesize(settings, *, steps, board="ulx3s-85f", unit=None, freq=None, seed=1, seeds=1,
               out_dir=None):
    """Run yosys and nextpnr; results are kept by content and found again.

    Parameters
    ----------
    settings : Settings
    steps : scripts.progress.Steps
    board : str
        Name in `hw.boards.devices.BOARDS`.
    unit : str, optional
        Name of a component, see `scripts.designs`, or of the core itself, which is synthesised
        alone and without pins; by default the core on its board, with the serial line that reaches
        it.
    freq : float, optional
        Clock rate to reach, in MHz; by default the board's for the core, none for a unit. On an
        ECP5 board the PLL is set to it.
    seed : int
        Of the placement.
    seeds : int
        Placements, with `seed` and those after it; the result is the fastest of them.
    out_dir : path-like, optional
        By default ``build/<label>``.

    Returns
    -------
    Synthesized

    Raises
    ------
    UsageError
        If there is no such board or component, or the board's PLL does not make `freq`.
    ToolMissing
        If the board's tools are not installed.
    """
    preset_of(board)            # refuses unknown boards
    out_dir = Path(out_dir) if out_dir is not None else build_dir(settings.label)
    design = design_of(settings.config)
    if unit is None:
        name = design.name
        what = emit_verilog(design.make(), name=name, cells=CELLS[BOARDS[board].family])
    else:
        parts = {} if unit == design.name else parts_of(design)
        if unit != design.name and unit not in parts:
            raise UsageError(f"--unit {unit}: {settings.label} has no such component, "
                             f"{did_you_mean(unit, [design.name, *parts])}")
        name, what = unit, parts[unit].component if parts else design.make()
    results = []
    for number in range(seed, seed + seeds):
        which = f", seed {number}" if seeds > 1 else ""
        with steps.step(f"Synthesis, placement and routing of {name} for {board}{which}"):
            results.append(synthesis.synthesize(
                what, name=name, board=board, unit=unit is not None, seed=number, freq=freq))
    records = [record(bench="synthesize", config=settings.label, source="netlist",
                      pes=settings.config.pes, seed=number,
                      **{**result.record, "unit": name})
               for number, result in enumerate(results, seed)]
    best = max(results, key=lambda result: result.record["fmax_mhz"] or 0)
    file = out_dir / f"{name}-{board}.json"
    bitstream = file.with_suffix(".bit") if best.bitstream else None
    with writing(out_dir, option="--out-dir"):
        file.write_text(json.dumps(records, indent=2) + "\n")
        # None of an earlier core is to be taken for this one's.
        file.with_suffix(".bit").unlink(missing_ok=True)
        if bitstream:
            shutil.copyfile(best.bitstream, bitstream)
    return Synthesized(settings, name, best, file, records, bitstream)


def report(result, console):
    """Print utilisation, clock rate and the slowest path.

    Raises
    ------
    DoesNotFit
        If the device is too small, or the clock rate that was asked for is missed.
    """
    found, figures = result.synthesis, result.synthesis.record
    board = figures["board"]
    console.print(f"{result.name} of {result.settings.label} on {board}")
    table = Table("cells", Column("used", justify="right"), box=None, pad_edge=False)
    for name, title in _CELLS.items():
        if name in figures:
            table.add_row(title, str(figures[name]))
    console.print(table)

    used = Table("resource", Column("used", justify="right"), Column("of", justify="right"), "",
                 box=None, pad_edge=False)
    for resource, (count, available) in found.used.items():
        # A unit's wrapper counts here, so these only tell something if they are too many.
        if count and (found.bitstream or count > available):
            share = min(1.0, count / available) if available else 1.0
            colour = "red" if count > available else "green"
            used.add_row(resource, str(count), str(available),
                         f"[{colour}]{'█' * round(20 * share):20}[/] {count / available:.0%}"
                         if available else f"[{colour}]absent[/]")
    if used.row_count:
        console.print(used)
    # Of a component there may be any number.
    if "lut4_equivalents" in figures and result.name == design_of(result.settings.config).name:
        pes = result.settings.config.pes
        console.print(f"{figures['lut4_equivalents'] / pes:.1f} LUT4-equivalents and "
                      f"{figures['dsp'] / pes:.2f} multipliers for each of {pes} processing "
                      f"elements")
    if figures["fmax_mhz"] is not None:
        demand = f", {found.clock_mhz:g} MHz asked for" if found.clock_mhz else ""
        rates = [one["fmax_mhz"] for one in result.records if one["fmax_mhz"] is not None]
        placements = ""
        if len(result.records) > 1:
            placements = (f", the fastest of {len(result.records)} placements: "
                          f"{min(rates):.1f} to {max(rates):.1f}, median {median(rates):.1f}, by "
                          f"seed {', '.join(f'{rate:.1f}' for rate in rates)}")
        console.print(f"Fmax {figures['fmax_mhz']:.1f} MHz{demand}{placements}")
    if found.critical_path:
        start, end = (found.critical_path[at].split()[0] for at in (0, -1))
        console.print(f"Slowest path: {escape(start)} to {escape(end)}")
    console.print(f"\nFigures    {escape(str(result.file))}")
    if result.bitstream:
        console.print(f"Bitstream  {escape(str(result.bitstream))}")
    _check(result)


def _way_out(result):
    """What to do about something that does not fit."""
    device = BOARDS[result.synthesis.record["board"]]
    if not isinstance(result.settings.config, DenseConfig):
        return "choose fewer PEs, smaller memories or a larger board"
    if device.family == "ice40" and result.name == design_of(result.settings.config).name:
        return ("no dense core is small enough for an iCE40; its array alone is (--unit "
                "systolic_array), and so is the sparse core")
    if set(result.synthesis.exceeded) == {"MULT18X18D"}:
        return ("choose fewer rows or columns, shift_multipliers=false, lanes=1 with "
                "serial_output=true, or a larger board")
    return "choose fewer rows, columns or lanes, smaller memories or a larger board"


def _check(result):
    found, figures = result.synthesis, result.synthesis.record
    board = figures["board"]
    if found.exceeded:
        what = ", ".join(f"{count} {resource} of {available}"
                         for resource, (count, available) in found.exceeded.items())
        raise DoesNotFit(f"{result.name} of {result.settings.label} does not fit {board}: it needs "
                         f"{what}; {_way_out(result)}")
    if figures["fmax_mhz"] is None:
        raise DoesNotFit(f"{result.name} of {result.settings.label} could not be placed on {board};"
                         f" {_way_out(result)}")
    if not figures["fits"]:
        raise DoesNotFit(f"{result.name} of {result.settings.label} misses its timing on {board}: "
                         f"{figures['fmax_mhz']:.1f} MHz instead of {found.clock_mhz:g}; ask for "
                         f"less with --freq, or try another --seed")
