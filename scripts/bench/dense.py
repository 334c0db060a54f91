"""The dense core on matrix products, in Verilator: cycles, utilisation, where the others go."""

from dataclasses import dataclass, replace

import numpy as np
from rich.table import Table

from golden.formats import DenseCounter
from golden.systolic.cycles import TIME_COUNTERS, cycles_before_weights, dense_cycles
from golden.systolic.matmul import matmul_geometry, matmul_program

from ..dense_run import DenseOutcome, check_run
from ..errors import Mismatch, UsageError
from ..records import record
from ..settings import Settings, changes_of, configuration
from .rtl import build_core

__all__ = ["ARRAYS", "PEERS", "WORKS", "DenseBench", "Product", "bench", "core_settings", "report"]

#: Rows and columns that are measured, and the lanes with which Activate keeps up.
ARRAYS = {8: 4, 16: 16}
#: Sizes of products: rows, inner length, columns.
WORKS = ("64x64x64", "256x256x256")
#: Open designs on the same work: name, array, work, cycles where known, utilisation. Measured on
#: their own RTL or simulator, cycles with the loading of weights.
PEERS = (
    ("axis-systolic-array, output stationary", 8, "64x64x64", 4120, .994),
    ("tiny-xpu, weight stationary", 8, "64x64x64", 5696, .719),
    ("SCALE-Sim 3, weight stationary, a model", 8, "64x64x64", 5503, 64**3 / 64 / 5503),
    ("arty-tpu, output stationary", 8, "64x64x64", 87040, .047),
    ("axis-systolic-array, output stationary", 8, "256x256x256", None, .9999),
    ("tiny-xpu, weight stationary", 8, "256x256x256", None, .911),
    ("arty-tpu, output stationary", 8, "256x256x256", None, .047),
    ("axis-systolic-array, output stationary", 16, "64x64x64", 1072, .955),
    ("OpenTPU, weight stationary", 16, "64x64x64", 1158, .884),
    ("tiny-xpu, weight stationary", 16, "64x64x64", 1808, .566),
    ("axis-systolic-array, output stationary", 16, "256x256x256", None, .999),
    ("tiny-xpu, weight stationary", 16, "256x256x256", None, .839),
    ("SCALE-Sim 3, weight stationary, a model", 16, "256x256x256", 77311, 256**3 / 256 / 77311),
)
_COUNTERS = (DenseCounter.ACTIVE, DenseCounter.WEIGHT_STALL, DenseCounter.WEIGHT_SHIFT,
             DenseCounter.NON_MATRIX, DenseCounter.RAW_STALL, DenseCounter.INPUT_STALL,
             DenseCounter.USEFUL_MACS, DenseCounter.TILES)


@dataclass(frozen=True, eq=False)
class Product:
    """One product on one core.

    Parameters
    ----------
    settings : Settings
    work : str
    shape : tuple of int
        Rows, inner length and columns of the product.
    outcome : DenseOutcome
    lead : int
        Cycles of the run before that of the first Read_Weights.
    """

    settings: Settings
    work: str
    shape: tuple[int, int, int]
    outcome: DenseOutcome
    lead: int

    @property
    def cycles(self):
        """Cycles from the first Read_Weights to the last accumulator write."""
        return self.outcome.counters[DenseCounter.MATRIX_CYCLES]

    @property
    def run_cycles(self):
        """Cycles of the run: fetch of the first instruction to last result in the buffer."""
        return self.outcome.counters[DenseCounter.CYCLES]

    @property
    def end_to_end_cycles(self):
        """Cycles from the first Read_Weights to the end of the run, last result in the buffer."""
        return self.run_cycles - self.lead

    @property
    def utilisation(self):
        """Multiplications of the product / processing elements / cycles."""
        return self._share(self.cycles)

    @property
    def utilisation_end_to_end(self):
        """The same, over `end_to_end_cycles`."""
        return self._share(self.end_to_end_cycles)

    @property
    def sim_hz(self):
        """Simulated cycles per second of CPU time."""
        return self.outcome.cycles / max(self.outcome.cpu_seconds, 1e-9)

    def _share(self, cycles):
        return int(np.prod(self.shape)) / self.settings.config.pes / cycles


@dataclass(frozen=True, eq=False)
class DenseBench:
    """What `bench` measured.

    Parameters
    ----------
    products : list of Product
    records : list of dict
        See `scripts.records`.
    """

    products: list[Product]
    records: list[dict]


def _shape(work):
    parts = work.split("x")
    if len(parts) != 3 or not all(part.isdigit() and 0 < int(part) <= 1024 for part in parts):
        raise UsageError(f"--work {work}: expected three sizes up to 1024, such as 64x64x64")
    return tuple(map(int, parts))


def core_settings(size, shapes, assignments=()):
    """A core with an array of some size, and memories that hold all the products.

    Parameters
    ----------
    size : int
        Rows and columns.
    shapes : sequence of tuple of int
    assignments : sequence of str
        ``name=value`` of every `--set`.

    Returns
    -------
    Settings
        Its label does not tell the depths of the memories that were chosen here.

    Raises
    ------
    UsageError
        If the parameters do not go together, or a memory is set too small.
    """
    asked = changes_of(assignments, "dense")
    for name in ("rows", "columns"):
        if name in asked:
            raise UsageError(f"--set {name}: say --size, the arrays are square here")
    lanes = ARRAYS.get(size, 4)
    while lanes > size:
        lanes //= 2
    named = configuration("dense", core="dense", rows=size, columns=size,
                          **{"lanes": lanes, **asked})
    depths = [matmul_geometry(*shape, named.config.geometry) for shape in shapes]
    needed = {name: max(depth[name] for depth in depths) for name in depths[0]}
    for name in asked.keys() & needed.keys():
        if needed[name] != asked[name]:
            raise UsageError(f"--set {name}={asked[name]}: the products need {needed[name]}, which "
                             f"is also what they get if it is not set")
    try:
        return replace(named, config=named.config.replace(**needed))
    except ValueError as error:
        raise UsageError(f"The products are too large for {named.label}: {error}") from error


def bench(works=(), *, sizes=(), assignments=(), steps):
    """Multiply matrices on the RTL and compare every bit with the golden model.

    Activations and weights lie in the core's memories when a run starts; they are random, and
    always the same.

    Parameters
    ----------
    works : sequence of str
        Products, such as "64x64x64"; by default `WORKS`.
    sizes : sequence of int
        Rows and columns of the array; by default those of `ARRAYS`.
    assignments : sequence of str
        ``name=value`` of every `--set`.
    steps : scripts.progress.Steps

    Returns
    -------
    DenseBench

    Raises
    ------
    UsageError
        If a product is none, or the parameters do not go together.
    Mismatch
        If the RTL differs from the golden model, or takes other cycles than the cycle model.
    """
    shapes = {work: _shape(work) for work in works or WORKS}
    cores = [core_settings(size, tuple(shapes.values()), assignments)
             for size in sizes or ARRAYS]
    products = []
    compiled = [[_compile(settings, work, shape) for work, shape in shapes.items()]
                for settings in cores]
    for settings, programs in zip(cores, compiled, strict=True):
        with steps.step(f"The simulator of {settings.label} (built once, and kept)"):
            simulator = build_core(settings, inline=True)
        with steps.step(f"Running {len(shapes)} products on the RTL of {settings.label}",
                        total=len(shapes)) as advance:
            for (work, shape), program in zip(shapes.items(), programs, strict=True):
                products.append(_multiply(simulator, settings, work, shape, program))
                advance()
    return DenseBench(products, [_record(product) for product in products])


def _compile(settings, work, shape):
    try:
        return matmul_program(*shape, settings.config.geometry)
    except ValueError as error:
        raise UsageError(f"--work {work} on {settings.label}: {error}") from error


def _multiply(simulator, settings, work, shape, compiled):
    m, k, n = shape
    geometry = settings.config.geometry
    half = 1 << geometry.activation_width - 1
    inputs = {"a": np.random.default_rng(m * k).integers(-half, half, (m, k))}
    outcome = check_run(simulator, compiled.load(inputs), where=f"{work} on {settings.label}: ",
                        # Reading the results takes longer than computing them.
                        max_cycles=4_000_000 + 4 * m * k * n // settings.config.pes
                        + 40 * geometry.unified_depth // geometry.word_elements)
    # The program could be wrong, and both follow it.
    wanted = compiled.network.run(inputs)[0]["c"]
    if not np.array_equal(compiled.read(outcome.unified, "c"), wanted):
        raise Mismatch(f"{work} on {settings.label}: core and golden model agree, but not with the "
                       f"product itself")
    # No counter tells when a run came to its first Read_Weights; the model does, if it is right.
    predicted = dense_cycles(compiled.memories.program, geometry)
    for counter in TIME_COUNTERS:
        if outcome.counters[counter] != predicted[counter]:
            raise Mismatch(f"{work} on {settings.label}: {counter.name} is "
                           f"{outcome.counters[counter]}, the cycle model says "
                           f"{predicted[counter]}")
    return Product(settings, work, shape, outcome,
                   cycles_before_weights(compiled.memories.program, geometry))


def _record(product):
    counters, config = product.outcome.counters, product.settings.config
    return record(
        bench="dense", config=product.settings.label, source="rtl", work=product.work,
        rows=config.rows, columns=config.columns, lanes=config.lanes, pes=config.pes,
        cycles=product.cycles, run_cycles=product.run_cycles,
        end_to_end_cycles=product.end_to_end_cycles, utilisation=product.utilisation,
        utilisation_end_to_end=product.utilisation_end_to_end, bit_exact=True,
        **{counter.name.lower(): counters[counter] for counter in _COUNTERS},
        saturations=counters[DenseCounter.SATURATIONS], sim_hz=product.sim_hz)


def report(result, console):
    """Print utilisation beside that of other designs, and where the cycles went."""
    table = Table(title="Matrix products on the RTL, and on other open designs",
                  title_justify="left", box=None, pad_edge=False)
    for title in ("work", "array", "design", "cycles", "utilisation", "to the end",
                  "end to end", "run", "= golden"):
        table.add_column(title, justify="left" if title in ("work", "array", "design") else "right")
    for product in result.products:
        size = product.settings.config.rows
        table.add_row(
            product.work, f"{size} x {size}", f"[bold]{product.settings.label}[/]",
            str(product.cycles), f"[bold]{product.utilisation:.2%}[/]",
            str(product.end_to_end_cycles), f"{product.utilisation_end_to_end:.2%}",
            str(product.run_cycles), "[green]exact[/]")
        for name, peer_size, work, cycles, share in PEERS:
            if (peer_size, work) == (size, product.work):
                table.add_row("", "", f"[dim]{name}[/]", "-" if cycles is None else str(cycles),
                              f"{100 * share:.4g}%", "", "", "", "")
    console.print(table)
    console.print()
    console.print(_where(result.products))
    console.print("[dim]Cycles are those from the first Read_Weights to the last accumulator "
                  "write; to the end, from there to the end of the run, with the last requantised "
                  "result in the unified buffer; a run is the whole program, from its first fetch. "
                  "Utilisation is the product's multiplications / multipliers / cycles.[/]")
    for product in result.products:
        console.print(f"{product.work} on {product.settings.label}: "
                      f"{product.sim_hz:,.0f} simulated cycles per second of CPU time.")


def _where(products):
    """The table of the TPU's paper: what the cycles of the runs were."""
    table = Table(title="Cycles of the runs", title_justify="left", box=None, pad_edge=False)
    for title in ("work", "array", "active", "weight stall", "weight shift", "non-matrix",
                  "RAW stalls", "input stalls", "useful MACs, of peak"):
        table.add_column(title, justify="left" if title in ("work", "array") else "right")
    for product in products:
        counters, config = product.outcome.counters, product.settings.config
        shares = [f"{counters[counter] / product.run_cycles:.2%}" for counter in _COUNTERS[:6]]
        useful = counters[DenseCounter.USEFUL_MACS] / config.pes / product.run_cycles
        table.add_row(product.work, f"{config.rows} x {config.columns}", *shares, f"{useful:.2%}")
    return table
