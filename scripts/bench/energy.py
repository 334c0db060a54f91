"""Energy of layers by a model of 45 nm: dense cores, EIE as published, and ours."""

from dataclasses import dataclass

from rich.table import Table

from golden.energy.cores import EIE_MEMORIES, sparse_area, sparse_events
from golden.energy.events import DramReads, total_energy

from ..records import record
from . import energy_convolutions
from .energy_cores import CORES, Energies, dense_cores, memories_of, sparse_cores
from .energy_layers import energy_names, measure_names
from .measure import Measurement
from .subjects import FREQUENCY_MHZ, core_settings

__all__ = ["BENCH", "CORES", "EnergyBench", "LayerEnergy", "bench", "report"]

#: Name in the records.
BENCH = "energy"
_PES = 64
#: W of EIE's core, which it published.
_EIE_WATTS = 0.59


@dataclass(frozen=True, eq=False)
class LayerEnergy(Energies):
    """A fully connected layer on every core.

    Parameters
    ----------
    eie, weft : Measurement
        Where the events of the sparse cores come from.
    """

    eie: Measurement
    weft: Measurement

    @property
    def cycles(self):
        """Of the sparse cores, by name."""
        return {"eie": self.eie.cycles, "weft": self.weft.cycles}

    @property
    def eie_watts(self):
        """Power of EIE at its clock rate, by the model."""
        return self.energy("eie") * 1e-9 / (self.eie.cycles / FREQUENCY_MHZ * 1e-6)


@dataclass(frozen=True, eq=False)
class EnergyBench:
    """What `bench` found.

    Parameters
    ----------
    layers : list of LayerEnergy
    convolutions : list of ConvolutionEnergy
    area : dict of str to float
        mm2 of the sparse cores.
    left_out : list of str
        Which layers of the default ones are not there, and why.
    figures : list of Path
    records : list of dict
        See `scripts.records`.
    """

    layers: list
    convolutions: list
    area: dict
    left_out: list
    figures: list
    records: list


def layer_energy(name, eie, weft, shape):
    """Events of one layer on every core.

    Parameters
    ----------
    name : str
    eie, weft : Measurement
    shape : tuple of int
        Rows and columns.

    Returns
    -------
    LayerEnergy
    """
    counted = {core: {"columns": item.cost.columns, "groups": item.groups, "busy": item.cost.busy,
                      "reads": item.reads} for core, item in (("eie", eie), ("weft", weft))}
    events = {**dense_cores(*shape), **sparse_cores(shape[0], weft.settings.config, counted)}
    return LayerEnergy(name, *shape, events, eie, weft)


def bench(layers=(), *, plots=None, steps):
    """Compare the cores, layer by layer.

    Parameters
    ----------
    layers : sequence of str
        Names; all by default.
    plots : path-like, optional
        Folder for figures.
    steps : scripts.progress.Steps

    Returns
    -------
    EnergyBench

    Raises
    ------
    UsageError
        If there is no such layer.
    """
    names, convolutions, left_out = energy_names(layers)
    settings = [core_settings(preset, _PES) for preset in ("eie", "weft")]
    measured = measure_names(names, settings, steps=steps)
    found = [layer_energy(name, eie, weft, shape)
             for name, ((eie, weft), shape) in zip(names, measured, strict=True)]
    convolutions = energy_convolutions.measure_convolutions(
        convolutions, dict(zip(("eie", "weft"), (item.config for item in settings), strict=True)),
        steps=steps) if convolutions else []
    area = {core: sum(sparse_area(memories).values()) / 1e6 for core, memories in (
        ("eie", EIE_MEMORIES), ("weft", memories_of(settings[1].config)))}
    figures = []
    if plots is not None and found:
        from .energy_plots import draw
        figures = draw(found, plots)
    records = [entry for item in [*found, *convolutions] for entry in _records(item, area)]
    return EnergyBench(found, convolutions, area, left_out, figures, records)


def _records(item, area):
    for core in CORES:
        parts = item.parts(core)
        matrix = sum(parts.get(name, 0.0) for name in ("weights", "pointers", "codebook"))
        dram = sum(event.words for event in item.events[core] if isinstance(event, DramReads))
        sparse = {"cycles": item.cycles[core], "area_mm2": area[core],
                  "pes": _PES} if core in area else {}
        yield record(
            bench=BENCH, config=core, source="model", layer=item.layer, **sparse,
            energy_nj=item.energy(core), matrix_nj=matrix, dram_words=dram,
            saving=item.energy("dense-fp32") / item.energy(core))


def report(result, console):
    """Print what a layer costs on each core, and what the figures are worth."""
    if result.layers:
        _report_layers(result, console)
    if result.convolutions:
        console.print()
        console.print(energy_convolutions.table(result.convolutions, _microjoules))
        console.print(energy_convolutions.NOTE)
    for line in result.left_out:
        console.print(line)
    for path in result.figures:
        console.print(str(path), markup=False)


def _report_layers(result, console):
    table = Table(title="Energy of a layer in uJ, batch 1, by a model: no silicon was measured",
                  title_justify="left", box=None, pad_edge=False)
    for title in ("layer", *CORES, "fp32 / eie", "fp32 / weft", "eie / weft"):
        table.add_column(title, justify="left" if title == "layer" else "right")
    for item in result.layers:
        energies = {core: item.energy(core) / 1e3 for core in CORES}
        fp32, eie, weft = (energies[core] for core in ("dense-fp32", "eie", "weft"))
        table.add_row(item.layer, *(_microjoules(value) for value in energies.values()),
                      f"{fp32 / eie:,.0f}", f"{fp32 / weft:,.0f}", f"{eie / weft:.2f}")
    console.print(table)
    watts = [item.eie_watts for item in result.layers]
    kept, read = (sum(total_energy(_kept(item, keeps)) for item in result.layers)
                  for keeps in (True, False))
    console.print(
        "\n[dim]Events are counted by the cycle model (multiplications, padding included; words of "
        "entries; pointers; queues) and priced by Horowitz's 45 nm table: a 32-bit word costs "
        "640 pJ from DRAM and 5 pJ from 32 KB of SRAM, 128 times less (EIE: 120); SRAM energy "
        "grows with the root of its size. Clock, control, wires and leakage are not in it: it "
        f"gives EIE {min(watts):.2f} to {max(watts):.2f} W at {FREQUENCY_MHZ} MHz, where the "
        f"synthesised core was published with {_EIE_WATTS} W, and "
        f"{result.area['eie']:.1f} mm2 instead of 40.8; weft's {_PES} elements take "
        f"{result.area['weft']:.1f} mm2. The dense cores have {_PES} multipliers too; they read "
        "every weight once, from DRAM, or (sram) from as much SRAM as EIE has, if it were enough. "
        f"eie keeps the last word of entries it has read; weft reads it again: with it kept, "
        f"{_microjoules(read / 1e6)} uJ in all would be {_microjoules(kept / 1e6)}.[/]")


def _kept(item, keeps):
    weft = item.weft
    return sparse_events(memories_of(weft.settings.config), rows=item.rows,
                         columns=weft.cost.columns, groups=weft.groups, busy=weft.cost.busy,
                         reads=weft.reads, keeps_word=keeps)


def _microjoules(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
