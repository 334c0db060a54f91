"""Run a dense network on the simulated dense core, and compare it bit for bit."""

import math
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.markup import escape
from rich.table import Table

from golden.formats import DenseCounter
from golden.models.dense_digits import DENSE_DIGITS, dense_digits_inputs, load_dense_digits
from golden.models.digits import load_digits_data
from golden.quantisation import quantise
from golden.systolic.archive import read_dense_network

from .dense_network_run import NetworkRun, largest_batch, require_room, run_network
from .designs import design_of
from .errors import UsageError
from .files import load_arrays, reading, writing
from .generate import Generated, generate
from .inspection_dense import layer_rows
from .netlist import core_or_netlist, require_family
from .paths import build_dir
from .settings import Settings
from .simulate import SHIPPED, verdict

__all__ = ["SHIPPED_NETWORKS", "SimulatedDense", "inputs_of", "network_of", "report", "simulate"]

#: Names of the networks that ship with the project.
SHIPPED_NETWORKS = tuple(f"{SHIPPED}-{name}" for name in DENSE_DIGITS)
_REMEDY = ("--inputs takes an .npy array of one input's numbers after the other, an .npz of one "
           "such array for each input of the network, or digits")


@dataclass(frozen=True, eq=False)
class SimulatedDense:
    """What `simulate` did.

    Parameters
    ----------
    settings : Settings
    network : DenseNetwork
    run : NetworkRun
    most : int
        Inputs that one run has room for, if not all tensors are kept.
    files : Generated
    outputs : Path
        What the core computed (.npz), an array for each output of the network.
    records : list of dict
        See `scripts.records`.
    """

    settings: Settings
    network: object
    run: NetworkRun
    most: int
    files: Generated
    outputs: Path
    records: list[dict]


def network_of(model):
    """The network in a file, or one that ships if `model` is its name."""
    if model in SHIPPED_NETWORKS:
        return load_dense_digits(model.removeprefix(f"{SHIPPED}-"))
    with reading(model, remedy="MODEL is an .npz file of golden.systolic.archive, or "
                               f"{' or '.join(SHIPPED_NETWORKS)}"):
        return read_dense_network(model)


def inputs_of(source, model, network, count=None):
    """Inputs in a file, or the held-out digits.

    Returns
    -------
    dict of str to ndarray of int64, shape (inputs, *shape)
        Stored numbers; real ones are quantised where the network says what they stand for.

    Raises
    ------
    UsageError
        If they are no inputs of the network.
    """
    if source == SHIPPED:
        if model not in SHIPPED_NETWORKS:
            raise UsageError(f"--inputs {SHIPPED} are those of {' and '.join(SHIPPED_NETWORKS)}; "
                             f"{_REMEDY}")
        given = dense_digits_inputs(model.removeprefix(f"{SHIPPED}-"),
                                    load_digits_data().test_inputs)
    else:
        with reading(source, remedy=_REMEDY):
            given = load_arrays(source)
            if isinstance(given, np.ndarray):
                if len(network.inputs) != 1:
                    raise ValueError("one array, but the network takes "
                                     f"{', '.join(network.inputs)}")
                given = {next(iter(network.inputs)): given}
            if given.keys() != network.inputs.keys():
                raise ValueError("holds other arrays than the network takes: "
                                 f"{', '.join(network.inputs)}")
    values = {name: _stored(source, name, given[name], network) for name in network.inputs}
    lengths = {len(array) for array in values.values()}
    if len(lengths) > 1 or not min(lengths):
        raise UsageError(f"{source}: holds {' and '.join(map(str, sorted(lengths)))} inputs; "
                         f"{_REMEDY}")
    if count is not None and count > min(lengths):
        raise UsageError(f"{source}: has {min(lengths)} inputs, not {count}; ask for fewer")
    return {name: array[:count] for name, array in values.items()}


def _stored(source, name, array, network):
    """One input as stored numbers, in its shape."""
    shape, half = network.shapes[name], 1 << network.width - 1
    what = f"{source}: {name} is {array.dtype} of shape {array.shape}"
    flat = math.prod(shape),
    if (array.ndim < 1 or array.dtype.kind not in "iuf"
            or array.shape[1:] not in (tuple(shape), flat)):
        raise UsageError(f"{what}, but the network takes numbers of shape "
                         f"({', '.join(map(str, ('inputs', *shape)))}); "
                         f"{_REMEDY}")
    if array.dtype.kind == "f":
        if name not in network.scales:
            raise UsageError(f"{what}, but the network does not say what real numbers stand for; "
                             f"give integers from {-half} to {half - 1}")
        if np.isnan(array).any():
            raise UsageError(f"{source}: {name} holds a NaN, which can't be quantised; "
                             f"leave it out")
        scale, zero_point = network.scales[name]
        array, _ = quantise(array, scale, zero_point, low=-half, high=half - 1)
    elif array.size and not -half <= array.min() <= array.max() < half:
        raise UsageError(f"{source}: {name} is from {array.min()} to {array.max()}, but the "
                         f"network takes {-half} to {half - 1}; quantise it")
    return array.astype(np.int64).reshape(len(array), *shape)


def simulate(settings, *, model, inputs, steps, count=None, batch=None, out_dir=None, netlist=None):
    """Emit a core, build its simulator, and run a network on it and on the models.

    Parameters
    ----------
    settings : Settings
    model, inputs : str or path
        File of the network and of its inputs; or a name.
    steps : scripts.progress.Steps
    count : int, optional
        Only the first so many inputs.
    batch : int, optional
        Inputs of a run; by default as many as leave room for all tensors, to be compared.
    out_dir : path-like, optional
        By default ``build/<label>``.
    netlist : str, optional
        Simulate what synthesis for this family of devices makes of the core.

    Returns
    -------
    SimulatedDense

    Raises
    ------
    UsageError
        If the network does not fit the core, or the inputs do not fit the network.
    Mismatch
        If core and models differ.
    """
    from sim_tests.bench.player import build_simulator

    require_family(netlist)
    network = network_of(model)
    values = inputs_of(inputs, model, network, count)
    if network.width != settings.config.activation_width:
        tables = " --set operand_tables=0" if network.width > 8 else ""
        raise UsageError(f"{model}: has activations of {network.width} bits; use --set "
                         f"activation_width={network.width}{tables}")
    with steps.step("Computing it in NumPy"):
        try:
            tensors, _ = network.run(values)
        except ValueError as error:
            raise UsageError(f"{model}: {error}") from error
    total = len(next(iter(values.values())))
    wanted, geometry = min(batch or total, total), settings.config.geometry
    with steps.step("Compiling the network"):
        require_room(network, geometry)
        kept = largest_batch(network, geometry, wanted, keep=True)
        most = kept if kept == wanted else largest_batch(network, geometry, wanted, keep=False)
    if batch is not None and most < wanted:
        raise UsageError(f"--batch {batch}: a run has room for {most}; leave it out")
    taken = wanted if batch is not None else kept or most
    out_dir = Path(out_dir) if out_dir is not None else build_dir(settings.label)
    files = generate(settings, steps=steps, out_dir=out_dir)
    design = design_of(settings.config)
    core = core_or_netlist(design, netlist, steps=steps)
    with steps.step("The simulator (built once, and kept)"):
        simulator = build_simulator(core, name=design.name)
    name = model if model in SHIPPED_NETWORKS else Path(model).stem
    with steps.step(f"Running {total} inputs in Verilator", total=total) as advance:
        run = run_network(name, network, values, simulator, settings, batch=taken,
                          keep=taken <= kept, tensors=tensors, advance=advance)
    outputs = out_dir / "outputs.npz"
    with writing(out_dir, option="--out-dir"):
        # Not by `savez`, for which names are its own arguments, too.
        with zipfile.ZipFile(outputs, "w") as archive:
            for output, array in run.outputs.items():
                with archive.open(f"{output}.npy", "w") as member:
                    np.lib.format.write_array(member, array)
    records = [run.to_record(settings, "simulate", source="netlist" if netlist else "rtl")]
    return SimulatedDense(settings, network, run, most, files, outputs, records)


def report(result, console):
    """Print the layers, where the cycles went, and where the files are."""
    run, network = result.run, result.network
    table = Table(title=escape(f"{run.name}: {run.inputs} inputs, {run.batch} a run"), box=None,
                  title_justify="left", pad_edge=False)
    for title in ("layer", "operator", "output", "weights", "multiplications", "= golden"):
        table.add_column(title, justify="right" if title[0] in "wm=" else "left")
    for layer, weights, macs in layer_rows(network):
        table.add_row(
            escape(layer.name), type(layer).__name__,
            " x ".join(map(str, network.shapes[layer.name])),
            f"{weights:,}" if weights else "", f"{macs:,}" if macs else "",
            verdict(True) if layer.name in run.tensors else "not kept")
    console.print(table)
    if any(layer.name not in run.tensors for layer in network.layers):
        console.print("[dim]What is not kept in the buffer is compared by what becomes of it.[/]")
    if result.most > run.batch:
        console.print(f"[dim]So many a run leave room for every tensor; {result.most} fit without "
                      f"(--batch {result.most}).[/]")

    counters = run.counters
    console.print(f"\n{run.cycles / run.inputs:.1f} cycles an input, {run.cycles} in all, "
                  f"{'exactly as the cycle model says; ' if run.modelled else ''}"
                  f"{run.utilisation:.1%} of {run.pes} multipliers x cycles used.")
    shares = "; ".join(
        f"{what} {counters[counter] / run.cycles:.1%}" for what, counter in (
            ("array active", DenseCounter.ACTIVE), ("weight stall", DenseCounter.WEIGHT_STALL),
            ("weight shift", DenseCounter.WEIGHT_SHIFT), ("non-matrix", DenseCounter.NON_MATRIX)))
    console.print(f"Of the cycles: {shares}. RAW stalls {counters[DenseCounter.RAW_STALL]}, "
                  f"saturations {counters[DenseCounter.SATURATIONS]}.")
    console.print(f"Simulated {run.sim_cycles} cycles, loading included, at {run.sim_hz:,.0f} "
                  f"cycles a CPU-second.\n")
    for what, path in (("Verilog", result.files.verilog), ("Manifest", result.files.manifest),
                       ("Outputs", result.outputs)):
        console.print(f"{what:9} {escape(str(path))}")
