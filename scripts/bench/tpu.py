"""The workloads of TPU v1 on a dense core of its size, by the cycle model."""

import time
from dataclasses import dataclass

from golden.formats import DenseCounter
from golden.models.tpu_v1 import (
    BYTES_PER_SECOND,
    FREQUENCY_HZ,
    GEOMETRY,
    PEAK_TOPS,
    WEIGHT_CYCLES,
    WORKLOADS,
)
from golden.models.tpu_workloads import outline_workload, put_product
from golden.systolic.cycles import dense_cycles
from golden.systolic.outline import Outline

from ..errors import UsageError, did_you_mean
from ..records import record
from .tpu_report import report

__all__ = ["BATCHES", "BENCH", "CONFIG", "PRODUCT", "TpuBench", "TpuRun", "attainable", "bench",
           "report", "run_outline"]

#: Names in the records.
BENCH, CONFIG = "tpu", "tpu-v1"
#: Of the sweep, and the workload that is swept.
BATCHES = (1, 16, 64, 128, 200, 250, 512, 1024, 2048)
SWEPT = "MLP0"
#: Rows, inner length and columns of the product whose model is timed.
PRODUCT = (200, 2048, 2048)


@dataclass(frozen=True, eq=False)
class TpuRun:
    """A program on the core, by the cycle model.

    Parameters
    ----------
    name : str
        Workload, or product.
    batch : int
    kinds : dict of str to int
        Layers by kind.
    weights, macs : int
    counters : dict of DenseCounter to int
    seconds : float
        That program and model took.
    """

    name: str
    batch: int
    kinds: dict
    weights: int
    macs: int
    counters: dict
    seconds: float

    @property
    def cycles(self):
        """Cycles of the program."""
        return self.counters[DenseCounter.CYCLES]

    def share(self, counter):
        """Cycles of a counter / all cycles."""
        return self.counters[counter] / self.cycles

    @property
    def useful(self):
        """Multiplications of the network / multipliers / cycles."""
        return self.macs / (GEOMETRY.rows * GEOMETRY.columns) / self.cycles

    @property
    def tops(self):
        """10**12 operations a second, two a multiplication of the network."""
        return self.useful * PEAK_TOPS

    @property
    def macs_per_byte(self):
        """Multiplications a weight."""
        return self.macs / self.weights

    @property
    def latency_ms(self):
        """Time of one batch at the clock rate, in ms."""
        return 1e3 * self.cycles / FREQUENCY_HZ

    @property
    def inferences_per_second(self):
        """Of one batch after the other."""
        return self.batch * FREQUENCY_HZ / self.cycles


@dataclass(frozen=True, eq=False)
class TpuBench:
    """What `bench` found.

    Parameters
    ----------
    runs : list of TpuRun
        Workloads with their published batch.
    sweep : list of TpuRun
        One workload, batch by batch.
    product : TpuRun
    figures : list of Path
    records : list of dict
        See `scripts.records`.
    """

    runs: list
    sweep: list
    product: TpuRun
    figures: list
    records: list


def attainable(macs_per_byte):
    """The roofline: 10**12 operations a second if weights come or multiply at full speed."""
    return min(PEAK_TOPS, 2 * macs_per_byte * BYTES_PER_SECOND / 1e12)


def run_outline(name, batch, make):
    """Predict the cycles of what `make` lays out.

    Parameters
    ----------
    name : str
    batch : int
    make : callable
        Returns an Outline on `golden.models.tpu_v1.GEOMETRY`.

    Returns
    -------
    TpuRun
    """
    start = time.perf_counter()
    outline = make()
    counters = dense_cycles(outline.program(), GEOMETRY, weight_cycles=WEIGHT_CYCLES)
    return TpuRun(name, batch, dict(outline.kinds), outline.weight_count, outline.macs, counters,
                  time.perf_counter() - start)


def bench(workloads=(), *, plots=None, steps):
    """Run the workloads, the sweep over batches and the product.

    Parameters
    ----------
    workloads : sequence of str
        Names; all by default. The sweep belongs to MLP0.
    plots : path-like, optional
        Folder for figures.
    steps : scripts.progress.Steps

    Returns
    -------
    TpuBench

    Raises
    ------
    UsageError
        If there is no such workload.
    """
    names = [name.upper() for name in workloads] or list(WORKLOADS)
    for name in names:
        if name not in WORKLOADS:
            raise UsageError(f"--workload {name}: no workload is called that, "
                             f"{did_you_mean(name, WORKLOADS)}")
    names = [name for name in WORKLOADS if name in names]
    product = run_outline("x".join(map(str, PRODUCT)), PRODUCT[0], _product)
    runs = []
    with steps.step(f"Running {len(names)} workloads on the cycle model",
                    total=len(names)) as advance:
        for name in names:
            runs.append(run_outline(name, WORKLOADS[name].batch,
                                    lambda name=name: outline_workload(name)))
            advance()
    sweep = []
    if SWEPT in names:
        sweep = [run_outline(SWEPT, batch, lambda batch=batch: outline_workload(SWEPT, batch))
                 for batch in BATCHES]
    figures = []
    if plots is not None:
        from .tpu_plots import draw
        figures = draw(runs, plots)
    records = [*(_record(run, tops_published=WORKLOADS[run.name].tops) for run in runs),
               *map(_record, sweep), _product_record(product)]
    return TpuBench(runs, sweep, product, figures, records)


def _product():
    outline = Outline(GEOMETRY)
    put_product(outline, *PRODUCT)
    return outline


def _fields(run):
    counters = (DenseCounter.ACTIVE, DenseCounter.WEIGHT_STALL, DenseCounter.WEIGHT_SHIFT,
                DenseCounter.NON_MATRIX, DenseCounter.RAW_STALL)
    return {
        "bench": BENCH, "config": CONFIG, "source": "model", "cycles": run.cycles,
        "pes": GEOMETRY.rows * GEOMETRY.columns, "rows": GEOMETRY.rows,
        "columns": GEOMETRY.columns, "lanes": GEOMETRY.lanes, "utilisation": run.useful,
        "tops": run.tops, "weights": run.weights, "macs_per_byte": run.macs_per_byte,
        **{counter.name.lower(): run.counters[counter] for counter in counters}}


def _record(run, **more):
    return record(**_fields(run), network=run.name, inputs=run.batch, latency_ms=run.latency_ms,
                  inferences_per_second=run.inferences_per_second,
                  tops_attainable=attainable(run.macs_per_byte), **more)


def _product_record(run):
    return record(**_fields(run), work=run.name, sim_hz=run.cycles / run.seconds)
