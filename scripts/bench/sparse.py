"""The sparse core on the layers that EIE was measured on."""

from dataclasses import dataclass

from rich.table import Table

from ..errors import UsageError
from ..records import record
from ..settings import changes_of
from .measure import Measurement, geometric_mean, measure_all, to_records
from .subjects import (
    FC8,
    FREQUENCY_MHZ,
    core_settings,
    has_fc8,
    layer_names,
    load_subject,
    published,
)

__all__ = ["BENCH", "Bench", "bench", "report"]

#: Name in the records.
BENCH = "sparse"
_PRESETS = ("eie", "weft")


@dataclass(frozen=True, eq=False)
class Bench:
    """What `bench` measured.

    Parameters
    ----------
    tables : list of list of Measurement
        One a configuration, in the order of the layers.
    left_out : str or None
        Why a layer of the default ones is not there.
    figures : list of Path
    records : list of dict
        See `scripts.records`.
    """

    tables: list[list[Measurement]]
    left_out: str | None
    figures: list
    records: list[dict]


def bench(layers=(), *, preset=None, pes=None, assignments=(), rtl=False, plots=None, steps):
    """Measure layers on configurations of 64 and 256 processing elements (PEs).

    Parameters
    ----------
    layers : sequence of str
        Names; all by default.
    preset : str, optional
        "eie" or "weft"; by default both.
    pes : int, optional
        By default 64 and 256; with `rtl` only 64.
    assignments : sequence of str
        ``name=value`` of every `--set`.
    rtl : bool
        Whether to run the layers on the RTL too.
    plots : path-like, optional
        Folder for figures.
    steps : scripts.progress.Steps

    Returns
    -------
    Bench

    Raises
    ------
    UsageError
        If a layer or preset is not known, or the parameters do not go together.
    Mismatch
        If the RTL does not answer; what it answers wrongly is left to `report`.
    """
    names = layer_names(layers)
    if preset not in (None, *_PRESETS):
        raise UsageError(f"--config {preset}: these layers are measured on eie and weft")
    changes = changes_of(assignments)
    if "pes" in changes and pes is not None:
        raise UsageError(f"--pes {pes}: --set pes={changes['pes']} says it too, keep one")
    pes = changes.pop("pes", pes)
    sizes = [pes] if pes is not None else [64] if rtl else [64, 256]
    configurations = [core_settings(name, size, **changes) for size in sizes
                      for name in ([preset] if preset else _PRESETS)]

    tables = measure_all(names, configurations, steps=steps)
    if rtl:
        tables = [_on_rtl(table, steps) for table in tables]
    figures = []
    if plots is not None:
        from .plots import draw
        figures = draw(tables, plots, steps=steps)
    left_out = None
    if not layers and not has_fc8():
        left_out = (f"{FC8} is left out: eie/alexnet_fc8.npz is not in the data folder "
                    f"(see weft doctor)")
    records = [entry for table in tables for entry in [*to_records(table), *_means(table)]]
    return Bench(tables, left_out, figures, records)


def _on_rtl(table, steps):
    """The same measurements with what the RTL says."""
    from .rtl import build_core, run_layer
    settings = table[0].settings
    with steps.step(f"The simulator of {settings.label} (built once, and kept)"):
        simulator = build_core(settings)
    measured = []
    with steps.step(f"Running {len(table)} layers on the RTL of {settings.label}",
                    total=len(table)) as advance:
        for item in table:
            measured.append(run_layer(simulator, load_subject(item.layer), item))
            advance()
    return measured


def _means(table):
    """Record of the geometric mean, if more than one layer counts."""
    synthetic = [item for item in table if item.layer != FC8]
    if len(synthetic) < 2:
        return []
    rtl = synthetic[0].rtl is not None
    exact = {"bit_exact": all(item.rtl.exact for item in synthetic)} if rtl else {}
    return [record(
        bench=BENCH, config=table[0].settings.label, source="rtl" if rtl else "model",
        pes=table[0].pes, cycles=sum(item.cycles for item in synthetic),
        useful=geometric_mean(synthetic), **exact)]


def report(result, console):
    """Print a table a configuration.

    Raises
    ------
    Mismatch
        If RTL and models differ.
    """
    for table in result.tables:
        console.print(_table(table))
        console.print()
    console.print(f"[dim]Useful work is non-zero weights times non-zero activations / PEs / cycles."
                  f" Times are at {FREQUENCY_MHZ} MHz, EIE's clock rate; EIE's are those it"
                  f" published for 64 PEs, and speed-up is over its actual one. The mean is the"
                  f" geometric one, without {FC8}.[/]")
    if result.left_out:
        console.print(result.left_out)
    for path in result.figures:
        console.print(str(path), markup=False)
    for table in result.tables:
        for item in table:
            if item.rtl is not None:
                item.rtl.check(item.layer)


def _table(table):
    config, label = table[0].settings.config, table[0].settings.label
    on_rtl = table[0].rtl is not None
    shown = Table(
        title=f"{label}: {config.pes} processing elements, "
              f"{'RTL' if on_rtl else 'cycle model'}",
        title_justify="left", box=None, pad_edge=False)
    titles = ["layer", "groups", "useful", "cycles", "us", "EIE us", "ideal us", "speed-up",
              "padding", "imbalance", "starved", "empty"]
    titles += ["= golden, = model"] if on_rtl else []
    for title in titles:
        shown.add_column(title, justify="left" if title == "layer" else "right")
    for item in table:
        row, losses = published(item.layer), item.losses
        shown.add_row(
            item.layer, str(item.groups), f"{item.useful:.3f}", str(item.cycles),
            f"{item.microseconds:.2f}", f"{row.actual_us:.1f}", f"{row.theoretical_us:.1f}",
            f"{item.speed_up:.2f}",
            *(f"{share:.1%}" for share in (losses.padding, losses.imbalance, losses.starvation,
                                           losses.empty)),
            *([_verdict(item.rtl.exact)] if on_rtl else []))
    synthetic = [item for item in table if item.layer != FC8]
    if len(synthetic) > 1:
        shown.add_row("mean, sum", "", f"[bold]{geometric_mean(synthetic):.3f}[/]",
                      str(sum(item.cycles for item in synthetic)))
    if on_rtl:
        cycles, seconds = (sum(getattr(item.rtl, name) for item in table)
                           for name in ("sim_cycles", "sim_seconds"))
        shown.caption = (f"simulated {cycles} cycles, loading included, in {seconds:.0f} s: "
                         f"{cycles / max(seconds, 1e-9):,.0f} cycles/s")
        shown.caption_justify = "left"
    return shown


def _verdict(exact):
    return "[green]exact[/]" if exact else "[red]MISMATCH[/]"
