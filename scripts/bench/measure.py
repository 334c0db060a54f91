"""A layer on a core, as the cycle model has it."""

import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass

import numpy as np

from golden.formats import Counter
from golden.sparse.cycles import LayerCycles, layer_cycles
from golden.sparse.groups import choose_groups, encode_alone
from golden.sparse.losses import Losses, products, split_cycles
from golden.sparse.reads import MemoryReads, memory_reads

from ..records import record
from ..settings import Settings
from .subjects import FREQUENCY_MHZ, load_subject, published

__all__ = ["Measurement", "geometric_mean", "measure", "measure_all", "measure_layer",
           "timing_of", "to_records"]


@dataclass(frozen=True, eq=False)
class Measurement:
    """One layer on one configuration.

    Parameters
    ----------
    layer : str
    settings : Settings
    groups : int
        Column groups that were chosen.
    order : ndarray of intp, shape (rows,)
        Row at each position.
    products : int
        Non-zero weights times non-zero activations.
    entries, entry_words : int
        Entries of all processing elements (PEs), and words of the fullest memory.
    cost : LayerCycles
        What the model says.
    losses : Losses
    reads : MemoryReads
    rtl : scripts.bench.rtl.RtlRun or None
        What the RTL says, if it ran.
    """

    layer: str
    settings: Settings
    groups: int
    order: np.ndarray
    products: int
    entries: int
    entry_words: int
    cost: LayerCycles
    losses: Losses
    reads: MemoryReads
    rtl: object = None

    @property
    def pes(self):
        """Processing elements."""
        return self.settings.config.pes

    @property
    def cycles(self):
        """Cycles of matrix times vector: of the RTL if it ran, else of the model."""
        return self.cost.cycles if self.rtl is None else self.rtl.cycles

    @property
    def useful(self):
        """Useful work: products / PEs / cycles."""
        return self.products / self.pes / self.cycles

    @property
    def microseconds(self):
        """Time at EIE's clock rate."""
        return self.cycles / FREQUENCY_MHZ

    @property
    def speed_up(self):
        """EIE's published time over ours, at its clock rate; theirs is of 64 PEs."""
        return published(self.layer).actual_us / self.microseconds


def timing_of(config):
    """What the cycle model wants to know of a configuration."""
    return {name: getattr(config, name)
            for name in ("lanes", "queue_depth", "lookahead", "lockstep", "map_width")}


def measure(subject, settings, *, groups=None):
    """Run a layer on the cycle model.

    Rows are dealt out by their weights wherever the escape format is in use; published streams
    keep the published partition.

    Parameters
    ----------
    subject : Subject
    settings : Settings
    groups : int, optional
        Column groups; by default those that suit the layer's held-out activity.

    Returns
    -------
    Measurement
    """
    config, nonzero = settings.config, subject.activations != 0
    if groups is None:
        groups = choose_groups(subject.layer, subject.held_out, config.geometry,
                               **timing_of(config))
    encoded = encode_alone(subject.layer, config.geometry, groups=groups, balance=config.escape)
    cost = layer_cycles(encoded, nonzero, **timing_of(config))
    words = -(-int(encoded.entries.max()) // config.word_entries)
    return Measurement(
        subject.layer.name, settings, groups, encoded.order,
        products(subject.layer.codes, nonzero), int(encoded.entries.sum()), words, cost,
        split_cycles(encoded, nonzero, cost, lookahead=config.lookahead),
        memory_reads(encoded, nonzero, lookahead=config.lookahead))


def measure_layer(name, configurations):
    """Measure one layer on several configurations: what a worker process does.

    Returns
    -------
    list of Measurement
    """
    subject = load_subject(name)
    return [measure(subject, settings) for settings in configurations]


def measure_all(names, configurations, *, steps, processes=None):
    """Measure layers on the cycle model, a process a core of this machine.

    Parameters
    ----------
    names : sequence of str
    configurations : sequence of Settings
    steps : scripts.progress.Steps
    processes : int, optional

    Returns
    -------
    list of list of Measurement
        One a configuration, each in the order of the names.
    """
    processes = min(processes or os.cpu_count() or 1, len(names))
    with steps.step(f"Encoding and modelling {len(names)} layers", total=len(names)) as advance:
        if processes == 1:
            found = {}
            for name in names:
                found[name] = measure_layer(name, configurations)
                advance()
        else:
            # The largest first, so that no process is left alone with one at the end.
            largest = sorted(names, reverse=True,
                             key=lambda name: published(name).columns * published(name).rows)
            with ProcessPoolExecutor(processes) as pool:
                running = {pool.submit(measure_layer, name, configurations): name
                           for name in largest}
                found = {}
                for future in as_completed(running):
                    found[running[future]] = future.result()
                    advance()
    return [list(table) for table in zip(*(found[name] for name in names), strict=True)]


def geometric_mean(measurements):
    """Geometric mean of the useful work."""
    return float(np.exp(np.mean([np.log(item.useful) for item in measurements])))


def to_records(measurements):
    """Flat records, see `scripts.records`; of the RTL too where it ran."""
    records = []
    for item in measurements:
        common = {"bench": "sparse", "config": item.settings.label, "layer": item.layer,
                  "pes": item.pes, "groups": item.groups, "entries": item.entries}
        cost, cycles = item.cost, item.cost.cycles
        records.append(record(
            **common, source="model", cycles=cycles, useful=item.products / item.pes / cycles,
            utilisation=cost.busy / item.pes / cycles, starved=cost.starved,
            queue_full=cost.queue_full, padding=cost.wasted, imbalance=item.losses.imbalance,
            empty=item.losses.empty, starvation=item.losses.starvation,
            microseconds=cycles / FREQUENCY_MHZ))
        if item.rtl is not None:
            rtl = item.rtl.counters
            records.append(record(
                **common, source="rtl", cycles=item.rtl.cycles, bit_exact=item.rtl.exact,
                useful=item.useful, utilisation=rtl[Counter.BUSY] / item.pes / item.rtl.cycles,
                starved=item.pes * item.rtl.cycles - rtl[Counter.BUSY],
                queue_full=rtl[Counter.QUEUE_FULL], padding=rtl[Counter.WASTED],
                saturations=rtl[Counter.SATURATIONS], microseconds=item.microseconds,
                sim_hz=item.rtl.sim_hz))
    return records
