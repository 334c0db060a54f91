"""What each idea costs on a board: area, clock rate, and the time of a layer at that rate."""

from dataclasses import dataclass

from rich.table import Table

from ..designs import design_of
from ..records import record
from ..synthesize import preset_of, synthesize
from ..synthesize_parts import AREA
from .ladder import Rung, ladder

__all__ = ["Area", "Placed", "bench", "report"]

_PES = (1, 4, 16)


@dataclass(frozen=True, eq=False)
class Placed:
    """A configuration on a board.

    Parameters
    ----------
    rung : Rung
    records : list of dict
        One a layer, see `scripts.records`.
    """

    rung: Rung
    records: list[dict]

    @property
    def microseconds(self):
        """Time of the layers: cycles times the shortest period; None if it was not placed."""
        if self.records[0]["fmax_mhz"] is None:
            return None
        return sum(entry["placed_microseconds"] for entry in self.records)


@dataclass(frozen=True, eq=False)
class Area:
    """What `bench` measured.

    Parameters
    ----------
    board : str
    tables : list of list of Placed
        One for each number of processing elements.
    records : list of dict
    """

    board: str
    tables: list[list[Placed]]
    records: list[dict]


def bench(*, pes=(), board="ulx3s-85f", freq=100, seed=1, seeds=1, steps, rungs=ladder):
    """Place the configurations of a ladder of ideas, and time a layer on each.

    Every result is kept by content, so what is interrupted goes on where it was.

    Parameters
    ----------
    pes : sequence of int
        Numbers of processing elements; 1, 4 and 16 by default.
    board : str
        Name in `hw.boards.devices.BOARDS`.
    freq : float
        Clock rate to aim for, in MHz: what is slower counts all the same.
    seed : int
        Of the placement.
    seeds : int
        Placements, with `seed` and those after it; the clock rate is the median of them, the
        slower of two.
    steps : scripts.progress.Steps
    rungs : callable
        ``rungs(pes, steps=steps)`` returns the configurations, the one to compare with first.

    Returns
    -------
    Area

    Raises
    ------
    UsageError
        If there is no such board, no core of that size, or the board's PLL does not make `freq`.
    ToolMissing
        If the board's tools are not installed.
    """
    preset_of(board)
    ladders = [rungs(count, steps=steps) for count in pes or _PES]
    placement = {"board": board, "freq": freq, "seed": seed, "seeds": seeds}
    tables = [[_place(rung, steps, **placement) for rung in ladder] for ladder in ladders]
    return Area(board, tables, [entry for table in tables for placed in table
                                for entry in placed.records])


def _place(rung, steps, **options):
    placements = sorted(synthesize(rung.settings, steps=steps, **options).records,
                        key=lambda figures: figures["fmax_mhz"] or 0)
    figures = placements[(len(placements) - 1) // 2]
    fmax = figures["fmax_mhz"]
    return Placed(rung, [record(**{
        **figures, "bench": "area", "layer": run.layer, "cycles": run.cycles,
        "useful": run.useful, "placed_microseconds": run.cycles / fmax if fmax else None})
        for run in rung.runs])


def report(result, console):
    """Print a table for each number of processing elements."""
    for table in result.tables:
        console.print(_table(table, result.board))
        console.print()
    console.print("[dim]Cycles are the model's, which the RTL equals, of layers drawn from fixed "
                  "seeds (scripts/bench/ladder.py); us is their sum / Fmax. time and area x time "
                  "are relative to the first row. LUT4-eq. is LUT4 + 2 CCU2C + 4 DPR16X4.[/]")


def _table(table, board):
    pes = design_of(table[0].rung.settings.config).pes
    shown = Table(title=f"{pes} processing element{'s' if pes > 1 else ''} on {board}",
                  title_justify="left", box=None, pad_edge=False)
    shown.add_column("")
    for title in (*AREA.values(), "LUT4-eq. a PE", "Fmax MHz",
                  *(f"{run.layer} cycles" for run in table[0].rung.runs), "us", "time",
                  "area x time"):
        shown.add_column(title, justify="right")
    first = table[0]
    for placed in table:
        figures, time = placed.records[0], placed.microseconds
        relative = ["-"] * 3
        if time is not None:
            relative[0] = f"{time:.2f}"
            if first.microseconds is not None:
                ratio = time / first.microseconds
                area = figures["lut4_equivalents"] / first.records[0]["lut4_equivalents"]
                relative[1:3] = f"{ratio:.2f}", f"{ratio * area:.2f}"
        shown.add_row(
            placed.rung.idea, *(str(figures[name]) for name in AREA),
            f"{figures['lut4_equivalents'] / pes:.0f}",
            "-" if figures["fmax_mhz"] is None else f"{figures['fmax_mhz']:.1f}",
            *(str(run.cycles) for run in placed.rung.runs), *relative)
    return shown
