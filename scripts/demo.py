"""The handwritten digits, from the compressed network to bit-exact hardware."""

from dataclasses import dataclass

import numpy as np

from golden.models.digits import load_digits_data, load_digits_network

from . import simulate as simulation
from .errors import UsageError
from .records import record
from .simulate import Simulated

__all__ = ["Demo", "demo", "report"]


@dataclass(frozen=True, eq=False)
class Demo:
    """What `demo` did.

    Parameters
    ----------
    simulated : Simulated
    metadata : dict of str to str
        What the network says of itself.
    accuracy_golden, accuracy_rtl : float
        Share of the digits that were read correctly.
    records : list of dict
    """

    simulated: Simulated
    metadata: dict[str, str]
    accuracy_golden: float
    accuracy_rtl: float
    records: list[dict]

    @property
    def bit_exact(self):
        """Whether hardware and models agree everywhere."""
        return self.simulated.outcome.bit_exact


def demo(settings, *, steps, digits=None, out_dir=None):
    """Run held-out digits through golden model and RTL.

    Parameters
    ----------
    settings : scripts.settings.Settings
    steps : scripts.progress.Steps
    digits : int, optional
        How many; all by default.
    out_dir : path-like, optional
        By default ``build/<label>``.

    Returns
    -------
    Demo

    Raises
    ------
    UsageError
        If there are not that many digits, or the core is too small for the network.
    """
    with steps.step("Reading network and digits"):
        network, data = load_digits_network(), load_digits_data()
    held_out = len(data.test_labels)
    digits = held_out if digits is None else digits
    if not 1 <= digits <= held_out:
        raise UsageError(f"--digits {digits}: {held_out} are held out, ask for 1 to {held_out}")
    result = simulation.simulate_network(
        settings, network, data.test_inputs[:digits].astype(np.int64), steps=steps, bench="demo",
        out_dir=out_dir, waves=True)
    labels = data.test_labels[:digits]
    golden, rtl = (float(np.mean(np.argmax(outputs, axis=1) == labels))
                   for outputs in (result.outcome.golden, result.outcome.outputs))
    records = [*result.records]
    records[-1] = record(**records[-1], accuracy=rtl)
    records.append(record(bench="demo", config=settings.label, source="golden", inputs=digits,
                          accuracy=golden))
    return Demo(result, network.metadata, golden, rtl, records)


def report(result, console):
    """Print the table, where the files are, and the accuracies.

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
    simulation.report(result.simulated, console)
