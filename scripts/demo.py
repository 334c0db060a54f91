"""The handwritten digits on both cores, from the network to bit-exact hardware."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
from rich.markup import escape
from rich.table import Table

from golden.formats import Counter
from golden.models.digits import load_digits_data, load_digits_network

from . import simulate as simulation
from .dense_digits import DenseDigits, run_dense_digits, settings_for
from .designs import design_of
from .errors import UsageError
from .records import record
from .simulate import Simulated

__all__ = ["DENSE_NETWORKS", "Demo", "demo", "report"]

#: Networks that are not compressed, for the dense core.
DENSE_NETWORKS = ("mlp", "cnn")


@dataclass(frozen=True, eq=False)
class Demo:
    """What `demo` did.

    Parameters
    ----------
    simulated : Simulated
    metadata : dict of str to str
        What the network says of itself.
    accuracy_golden, accuracy_rtl : float
        Share of the digits that the sparse core read correctly.
    dense : list of (DenseDigits, DenseDigits)
        By network on the dense core: all digits, many a run, and the first one alone.
    records : list of dict
    """

    simulated: Simulated
    metadata: dict[str, str]
    accuracy_golden: float
    accuracy_rtl: float
    dense: list[tuple[DenseDigits, DenseDigits]]
    records: list[dict]

    @property
    def bit_exact(self):
        """Whether the sparse core and its models agree; where the dense one does not, `demo` fails.
        """
        return self.simulated.outcome.bit_exact


def demo(settings, *, steps, digits=None, out_dir=None, dense=True):
    """Run held-out digits through golden models and RTL of both cores.

    Parameters
    ----------
    settings : scripts.settings.Settings
        Of the sparse core; the dense one is its preset.
    steps : scripts.progress.Steps
    digits : int, optional
        How many; all by default.
    out_dir : path-like, optional
        By default ``build/<label>``.
    dense : bool
        Whether to run the dense core too.

    Returns
    -------
    Demo

    Raises
    ------
    UsageError
        If there are not that many digits, or the core is too small for the network.
    Mismatch
        If the dense core differs from the golden model; what the sparse core answers wrongly is
        left to `report`.
    """
    with steps.step("Reading network and digits"):
        network, data = load_digits_network(), load_digits_data()
    held_out = len(data.test_labels)
    digits = held_out if digits is None else digits
    if not 1 <= digits <= held_out:
        raise UsageError(f"--digits {digits}: {held_out} are held out, ask for 1 to {held_out}")
    labels = data.test_labels[:digits]
    with ExitStack() as stack:
        # The compiler takes longest of all, and one core of the machine: it works on one simulator
        # while the other one is built and run.
        building = _build(stack, steps) if dense else None
        result = simulation.simulate_network(
            settings, network, data.test_inputs[:digits].astype(np.int64), steps=steps,
            bench="demo", out_dir=out_dir, waves=True)
        runs = _run(building, data.test_inputs[:digits], labels, steps) if dense else []
    golden, rtl = (float(np.mean(np.argmax(outputs, axis=1) == labels))
                   for outputs in (result.outcome.golden, result.outcome.outputs))
    records = [*result.records]
    records[-1] = record(**records[-1], accuracy=rtl)
    records.append(record(bench="demo", config=settings.label, source="golden", inputs=digits,
                          accuracy=golden))
    for together, _ in runs:
        records += _dense_records(together)
    return Demo(result, network.metadata, golden, rtl, runs, records)


def _build(stack, steps):
    """Begin to build the simulator of the dense core; until `stack` is closed."""
    from hw.emission import emit_verilog
    from sim_tests.bench.player import build_simulator
    design = design_of(settings_for(DENSE_NETWORKS[0]).config)
    with steps.step("Emitting Verilog of the dense core"):
        verilog = emit_verilog(design.make(), name=design.name, assertions=True)
    background = stack.enter_context(ThreadPoolExecutor(1))
    return background.submit(build_simulator, verilog, name=design.name)


def _run(building, pixels, labels, steps):
    """All digits, and the first one alone, through the networks of the dense core."""
    with steps.step("The simulator of the dense core (built once, and kept)"):
        simulator = building.result()
    runs = []
    with steps.step(f"Running {len(pixels)} digits on the dense core",
                    total=len(DENSE_NETWORKS)) as advance:
        for name in DENSE_NETWORKS:
            runs.append(tuple(
                run_dense_digits(name, simulator, settings_for(name), pixels[:count],
                                 labels[:count]) for count in (len(pixels), 1)))
            advance()
    return runs


def _dense_records(digits):
    settings = settings_for(digits.name)
    return [digits.to_record(settings, "demo"),
            record(bench="demo", config=settings.label, source="golden", network=digits.run.name,
                   inputs=digits.run.inputs, accuracy=digits.accuracy_golden)]


def report(result, console):
    """Print both cores side by side, layers of the sparse one, and where the files are.

    Raises
    ------
    Mismatch
        If hardware and models differ.
    """
    told, count = result.metadata, result.simulated.outcome.inputs
    console.print(f"{told['network']}: {float(told['density']):.1%} of the weights are left; "
                  f"accuracy {float(told['float accuracy']):.1%} before compression, "
                  f"{float(told['compressed accuracy']):.1%} after it.")
    console.print(f"Accuracy on {count} held-out digits: golden model {result.accuracy_golden:.1%},"
                  f" hardware {result.accuracy_rtl:.1%}.\n")
    if result.dense:
        console.print(_side_by_side(result))
        console.print(
            "[dim]Utilisation is multiplications / multipliers / cycles; the sparse core's are "
            "those of weights and activations that are not zero, and of padding. It runs one digit "
            "after the other; the dense core many in a run, with weights read once for all of "
            "them, and the first one alone. Of both, cycles are those from start to result; on the "
            "dense core every tensor and the whole unified buffer are compared.[/]\n")
    simulation.report(result.simulated, console)


def _side_by_side(result):
    table = Table(title=f"{result.simulated.outcome.inputs} held-out digits on both cores",
                  title_justify="left", box=None, pad_edge=False)
    for title in ("core", "network", "weights", "multipliers", "right, golden", "hardware",
                  "cycles a digit", "one alone", "utilisation", "= golden"):
        table.add_column(title, justify="left" if title in ("core", "network") else "right",
                         no_wrap=True)
    outcome = result.simulated.outcome
    busy = sum(layer.counters[Counter.BUSY] for layer in outcome.layers)
    cycles = f"{outcome.total_cycles / outcome.inputs:.1f}"
    table.add_row(
        escape(result.simulated.settings.label), "compressed",
        str(sum(layer.weights for layer in outcome.layers)), str(outcome.pes),
        f"{result.accuracy_golden:.1%}", f"{result.accuracy_rtl:.1%}", cycles, "",
        f"{busy / outcome.pes / outcome.total_cycles:.1%}",
        simulation.verdict(outcome.bit_exact))
    for digits, alone in result.dense:
        run = digits.run
        table.add_row(
            escape(settings_for(digits.name).label), f"{digits.name}, {run.batch} a run",
            str(run.weights), str(run.pes), f"{digits.accuracy_golden:.1%}",
            f"{digits.accuracy:.1%}", f"{run.cycles / run.inputs:.1f}", str(alone.run.cycles),
            f"{run.utilisation:.1%}", simulation.verdict(True))
    return table
