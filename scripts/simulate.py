"""Run a compressed network on the simulated core, and compare it bit for bit."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.markup import escape
from rich.table import Table

from golden.container import read_network
from golden.formats import Counter, Memory
from golden.models.digits import load_digits_data, load_digits_network
from golden.models.lenet import LENETS, load_lenet
from golden.models.mnist import load_mnist
from hw.host.driver import load_image

from .errors import UsageError
from .execution import Outcome, execute, fit, play
from .files import load_arrays, reading, writing
from .designs import design_of
from .generate import Generated, generate
from .netlist import core_or_netlist, require_family
from .paths import build_dir, data_dir
from .records import record
from .settings import Settings

__all__ = ["Simulated", "network_of", "inputs_of", "report", "simulate", "simulate_network",
           "verdict"]

#: Name that stands for the network and the held-out images that ship with the project.
SHIPPED = "digits"
#: Name that stands for the test images of MNIST, from the data folder.
MNIST = "mnist"


@dataclass(frozen=True, eq=False)
class Simulated:
    """What `simulate` did.

    Parameters
    ----------
    settings : Settings
    outcome : Outcome
    files : Generated
    outputs, waves : Path or None
        Outputs of the core (.npy); waves of the first input (.vcd).
    records : list of dict
        See `scripts.records`.
    """

    settings: Settings
    outcome: Outcome
    files: Generated
    outputs: Path
    waves: Path | None
    records: list[dict]


def network_of(model):
    """The network in a file, or one that ships if `model` is its name."""
    if model == SHIPPED:
        return load_digits_network()
    if model in LENETS:
        return load_lenet(model)
    with reading(model, remedy=f"MODEL is a .weft file, or {SHIPPED}, or {' or '.join(LENETS)}"):
        return read_network(model)


def inputs_of(source, network, count=None):
    """Inputs in a file, the held-out digits, or the test images of MNIST.

    Returns
    -------
    ndarray of int64, shape (inputs, columns)

    Raises
    ------
    UsageError
        If they are no inputs of the network.
    """
    remedy = "--inputs takes an .npy array of integers, one input a row, or digits, or mnist"
    if source == SHIPPED:
        inputs = load_digits_data().test_inputs
    elif source == MNIST:
        folder = data_dir() or Path("shared/data")
        with reading(folder / "mnist", remedy="set WEFT_DATA to the folder that holds mnist/"):
            inputs = load_mnist(folder).test_images
    else:
        with reading(source, remedy=remedy):
            inputs = load_arrays(source)
            if not isinstance(inputs, np.ndarray):
                raise ValueError("holds several arrays")
    inputs = np.atleast_2d(inputs)
    columns = network.layers[0].inputs
    if inputs.ndim != 2 or inputs.dtype.kind not in "iu" or inputs.shape[1] != columns:
        raise UsageError(f"{source}: {inputs.dtype} of shape {inputs.shape}, but the network takes "
                         f"integers of shape (inputs, {columns}); {remedy}")
    if not len(inputs):
        raise UsageError(f"{source}: holds no input; {remedy}")
    if count is not None and count > len(inputs):
        raise UsageError(f"{source}: has {len(inputs)} inputs, not {count}; ask for fewer")
    return inputs[:count].astype(np.int64)


def simulate_network(settings, network, inputs, *, steps, bench, out_dir=None, waves=False,
                     netlist=None):
    """Emit a core, build its simulator, and run inputs through it and through the models.

    Parameters
    ----------
    settings : Settings
    network : SparseNetwork
    inputs : ndarray of int, shape (inputs, columns)
        Centred activations.
    steps : scripts.progress.Steps
    bench : str
        Name in the records.
    out_dir : path-like, optional
        By default ``build/<label>``.
    waves : bool
        Whether to write the waves of the first input.
    netlist : str, optional
        Simulate what synthesis for this family of devices, one of `scripts.netlist.FAMILIES`, makes
        of the core, instead of its Verilog.

    Returns
    -------
    Simulated

    Raises
    ------
    UsageError
        If the network does not fit the core, or the inputs do not fit the network.
    Mismatch
        If the core does not answer; what it answers wrongly is left to `report`.
    """
    from sim_tests.bench.player import build_simulator

    require_family(netlist)
    config = settings.config
    out_dir = Path(out_dir) if out_dir is not None else build_dir(settings.label)
    half = 1 << config.activation_width - 1
    if inputs.min() < -half or inputs.max() >= half:
        raise UsageError(f"inputs from {inputs.min()} to {inputs.max()} do not fit "
                         f"activation_width={config.activation_width}; scale them")
    with steps.step("Encoding the network"):
        image = fit(network, config, inputs)
    files = generate(settings, steps=steps, out_dir=out_dir)
    design = design_of(config)
    core = core_or_netlist(design, netlist, steps=steps)
    with steps.step("The simulator (built once, and kept)"):
        simulator = build_simulator(core, name=design.name)
    outcome = execute(simulator, image, network, inputs, config, steps=steps)
    outputs, vcd = out_dir / "outputs.npy", out_dir / f"{bench}.vcd" if waves else None
    with writing(out_dir, option="--out-dir"):
        np.save(outputs, outcome.outputs)
    if waves:
        with steps.step("Writing the waves of the first input (its simulator is built once)"):
            program = load_image(image)
            program.write(Memory.ACTIVATIONS, 0, 0, inputs[0].astype(np.int32).view(np.uint32))
            program.run(0, len(network.layers))
            program.read(Memory.ACTIVATIONS, 0, 0, network.layers[-1].rows)
            play(simulator, program, waves=vcd)
    return Simulated(settings, outcome, files, outputs, vcd,
                     _records(settings, outcome, bench, "netlist" if netlist else "rtl"))


def simulate(settings, *, model, inputs, steps, count=None, out_dir=None, waves=False,
             netlist=None):
    """Run a compressed network from a file, see `simulate_network`.

    Parameters
    ----------
    settings : Settings
    model, inputs : str or Path
        File of the network and of its inputs, or a name: "digits", "lenet-300-100", "mnist".
    steps : scripts.progress.Steps
    count : int, optional
        Only the first so many inputs.
    out_dir : path-like, optional
    waves : bool
    netlist : str, optional
        See `simulate_network`.

    Returns
    -------
    Simulated
    """
    network = network_of(model)
    return simulate_network(settings, network, inputs_of(inputs, network, count), steps=steps,
                            bench="simulate", out_dir=out_dir, waves=waves, netlist=netlist)


def _records(settings, outcome, bench, hardware):
    """A record a layer from the hardware and the model, and one for whole-network runs."""
    common = {"bench": bench, "config": settings.label, "inputs": outcome.inputs,
              "pes": outcome.pes}
    records = []
    for layer in outcome.layers:
        for source, counters in ((hardware, layer.counters), ("model", layer.predicted)):
            cycles = counters[Counter.CYCLES]
            slots = outcome.pes * cycles
            measured = {"bit_exact": outcome.layer_exact(layer), "sim_hz": outcome.sim_hz}
            records.append(record(
                **common, source=source, layer=layer.name, cycles=cycles, entries=layer.entries,
                useful=layer.products / slots, utilisation=counters[Counter.BUSY] / slots,
                starved=slots - counters[Counter.BUSY], queue_full=counters[Counter.QUEUE_FULL],
                padding=counters[Counter.WASTED], saturations=counters[Counter.SATURATIONS],
                **(measured if source == hardware else {})))
    records.append(record(**common, source=hardware, cycles=outcome.total_cycles,
                          bit_exact=outcome.bit_exact, sim_hz=outcome.sim_hz))
    return records


def report(result, console):
    """Print a table a layer, and where the files are.

    Raises
    ------
    Mismatch
        If hardware and models differ.
    """
    outcome = result.outcome
    table = Table(title=f"{result.settings.label}: {outcome.pes} processing elements, "
                        f"{outcome.inputs} inputs", title_justify="left", box=None, pad_edge=False)
    for title in ("layer", "shape", "weights", "entries", "useful work", "cycles an input",
                  "utilisation", "= golden, = model"):
        table.add_column(title, justify="left" if title in ("layer", "shape") else "right")
    for layer in outcome.layers:
        cycles = layer.counters[Counter.CYCLES]
        slots = outcome.pes * cycles
        rows, columns = layer.shape
        table.add_row(
            escape(layer.name), f"{rows} x {columns}",
            f"{layer.weights} ({layer.weights / (rows * columns):.1%})", str(layer.entries),
            f"{layer.products / slots:.3f}", f"{cycles / outcome.inputs:.1f}",
            f"{layer.counters[Counter.BUSY] / slots:.1%}", verdict(outcome.layer_exact(layer)))
    total = outcome.total_cycles / outcome.inputs
    table.add_row("network", "", "", str(sum(layer.entries for layer in outcome.layers)), "",
                  f"{total:.1f}", "", verdict(outcome.bit_exact))
    console.print(table)
    console.print("[dim]Every layer's cycles are those of its matrix times vector; the network's "
                  "are those from start to result.[/]")
    console.print(f"Simulated {outcome.sim_cycles} cycles, loading included, at "
                  f"{outcome.sim_hz:,.0f} cycles/s.\n")
    paths = {"Verilog": result.files.verilog, "Manifest": result.files.manifest,
             "Outputs": result.outputs, "Waves": result.waves}
    for what, path in paths.items():
        if path is not None:
            console.print(f"{what:9} {escape(str(path))}")
    outcome.check()


def verdict(exact):
    """How a table says whether all bits are equal."""
    return "[green]exact[/]" if exact else "[red]MISMATCH[/]"
