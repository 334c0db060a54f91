"""The dense digits networks on the dense core in Verilator."""

from dataclasses import dataclass

import numpy as np

from golden.models.dense_digits import dense_digits_inputs, load_dense_digits

from .dense_network_run import NetworkRun, run_network
from .settings import configuration

__all__ = ["DenseDigits", "run_dense_digits", "settings_for"]

#: Images of a run: as many as leave room for all tensors of all of them in the unified buffer, and
#: for the program.
_BATCH = {"mlp": 90, "cnn": 60, "lstm": 2}


@dataclass(frozen=True, eq=False)
class DenseDigits:
    """What the core made of some digits.

    Parameters
    ----------
    name : str
        One of `golden.models.dense_digits.DENSE_DIGITS`.
    run : NetworkRun
    accuracy, accuracy_golden : float
        Share of the digits that were read correctly, by the core and by the network in NumPy.
    """

    name: str
    run: NetworkRun
    accuracy: float
    accuracy_golden: float

    def to_record(self, settings, bench):
        """A flat record, see `scripts.records`."""
        return self.run.to_record(settings, bench, accuracy=self.accuracy)


def settings_for(name):
    """The preset of 8 x 8 multipliers; for the LSTM 16 bits wide, with room for its program.

    Returns
    -------
    scripts.settings.Settings
    """
    wide = {"activation_width": 16, "operand_tables": 0, "program_depth": 1024}
    wide = wide if name == "lstm" else {}
    return configuration("dense", core="dense", **wide)


def run_dense_digits(name, simulator, settings, pixels, labels):
    """Run digits through a network on the core, see `run_network`.

    Parameters
    ----------
    name : str
        One of `golden.models.dense_digits.DENSE_DIGITS`.
    simulator : sim_tests.bench.player.Simulator
    settings : scripts.settings.Settings
    pixels : ndarray of int, shape (images, 64)
    labels : ndarray of int, shape (images,)

    Returns
    -------
    DenseDigits

    Raises
    ------
    Mismatch
        If anything differs.
    """
    network = load_dense_digits(name)
    inputs = dense_digits_inputs(name, pixels)
    tensors, _ = network.run(inputs)
    run = run_network(f"digits-{name}", network, inputs, simulator, settings, batch=_BATCH[name],
                      tensors=tensors)
    output = network.outputs[0]
    right, right_golden = (
        float(np.mean(np.argmax(values, axis=1) == labels))
        for values in (run.outputs[output], tensors[output]))
    return DenseDigits(name, run, right, right_golden)
