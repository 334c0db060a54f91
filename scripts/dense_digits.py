"""The dense digits networks on the dense core in Verilator, compared tensor by tensor."""

from dataclasses import dataclass

import numpy as np

from golden.formats import DenseCounter
from golden.models.dense_digits import dense_digits_inputs, load_dense_digits
from golden.systolic.compile import compile_network

from .dense_run import check_run
from .errors import Mismatch
from .records import record
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
        Of the network.
    tensors : tuple of str
        Those that were compared element by element: all that the core writes to its buffer.
    images, batch : int
        Of all runs, and of one at most.
    accuracy, accuracy_golden : float
        Share of the digits that were read correctly, by the core and by the network in NumPy.
    weights : int
    counters : dict of DenseCounter to int
        Sums over all runs.
    macs : int
        Multiplications of the network, over all images.
    pes : int
    sim_hz : float
        Simulated cycles per second of CPU time.
    """

    name: str
    tensors: tuple[str, ...]
    images: int
    batch: int
    accuracy: float
    accuracy_golden: float
    weights: int
    counters: dict
    macs: int
    pes: int
    sim_hz: float

    @property
    def cycles(self):
        """Cycles of all runs."""
        return self.counters[DenseCounter.CYCLES]

    @property
    def utilisation(self):
        """Multiplications / processing elements / cycles."""
        return self.macs / self.pes / self.cycles

    def to_record(self, settings, bench):
        """A flat record, see `scripts.records`."""
        return record(
            bench=bench, config=settings.label, source="rtl", network=f"digits-{self.name}",
            inputs=self.images, accuracy=self.accuracy, pes=self.pes, cycles=self.cycles,
            utilisation=self.utilisation, bit_exact=True, sim_hz=self.sim_hz,
            saturations=self.counters[DenseCounter.SATURATIONS])


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
    """Run digits through a network on the core.

    The whole unified buffer, with every tensor that is written to it, is compared with the golden
    model of the instructions, and every tensor with the network in plain NumPy.

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
        If anything differs; with the network's and the tensor's name.
    """
    network = load_dense_digits(name)
    inputs = dense_digits_inputs(name, pixels)
    tensors, _ = network.run(inputs)
    counters = dict.fromkeys(DenseCounter, 0)
    outputs, cycles, seconds, compared = [], 0, 0.0, ()
    for first in range(0, len(pixels), _BATCH[name]):
        part = slice(first, first + _BATCH[name])
        taken = {key: values[part] for key, values in inputs.items()}
        compiled = compile_network(network, settings.config.geometry, keep=True,
                                   batch=len(pixels[part]))
        outcome = check_run(simulator, compiled.load(taken), where=f"{name}: ")
        compared = tuple(key for key in network.shapes if key in compiled.places)
        for key in compared:
            if not np.array_equal(compiled.read(outcome.unified, key), tensors[key][part]):
                raise Mismatch(f"{name}: tensor {key} is not what the network computes")
        outputs.append(compiled.read(outcome.unified, network.outputs[0]))
        for counter in DenseCounter:
            counters[counter] += outcome.counters[counter]
        cycles, seconds = cycles + outcome.cycles, seconds + outcome.cpu_seconds
    right, right_golden = (
        float(np.mean(np.argmax(values, axis=1) == labels))
        for values in (np.concatenate(outputs), tensors[network.outputs[0]]))
    weights = sum(layer.weights.size for layer in network.layers if hasattr(layer, "weights"))
    return DenseDigits(
        name, compared, len(pixels), min(_BATCH[name], len(pixels)), right, right_golden, weights,
        counters, network.macs * len(pixels), settings.config.pes, cycles / max(seconds, 1e-9))
