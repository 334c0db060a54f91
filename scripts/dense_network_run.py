"""A dense network on the dense core in Verilator, compared tensor by tensor and to the cycle."""

from dataclasses import dataclass, replace

import numpy as np

from golden.formats import DenseCounter
from golden.systolic.compile import compile_network
from golden.systolic.cycles import dense_cycles
from golden.systolic.too_small import TooSmall

from .dense_run import check_run
from .errors import Mismatch, UsageError
from .records import record

__all__ = ["NetworkRun", "largest_batch", "require_room", "run_network"]


@dataclass(frozen=True, eq=False)
class NetworkRun:
    """What the core made of some inputs.

    Parameters
    ----------
    name : str
        Of the network.
    tensors : tuple of str
        Those that were compared element by element: all that are in the buffer at the end.
    outputs : dict of str to ndarray of int64, shape (inputs, *shape)
        What the core computed, by the name of the network's output; as the network in NumPy does.
    inputs, batch : int
        Of all runs, and of one at most.
    macs, weights : int
        Multiplications for one input, and weights, of the network.
    counters : dict of DenseCounter to int
        Sums over all runs.
    modelled : bool
        Whether those that depend on time were compared with the cycle model, which knows no core
        with `serial_output`.
    pes : int
    sim_cycles : int
        Simulated cycles, loading and reading included.
    sim_hz : float
        Simulated cycles per second of CPU time.
    """

    name: str
    tensors: tuple[str, ...]
    outputs: dict
    inputs: int
    batch: int
    macs: int
    weights: int
    counters: dict
    modelled: bool
    pes: int
    sim_cycles: int
    sim_hz: float

    @property
    def cycles(self):
        """Cycles of all runs, from start to result."""
        return self.counters[DenseCounter.CYCLES]

    @property
    def utilisation(self):
        """Multiplications / processing elements / cycles."""
        return self.macs * self.inputs / self.pes / self.cycles

    def to_record(self, settings, bench, **fields):
        """A flat record, see `scripts.records`; with more `fields`, if given.

        It is exact, for a run that is not ends as a Mismatch.
        """
        counters = self.counters
        return record(
            bench=bench, config=settings.label, network=self.name, inputs=self.inputs,
            batch=self.batch, pes=self.pes, cycles=self.cycles, utilisation=self.utilisation,
            bit_exact=True,
            active=counters[DenseCounter.ACTIVE],
            weight_stall=counters[DenseCounter.WEIGHT_STALL],
            weight_shift=counters[DenseCounter.WEIGHT_SHIFT],
            non_matrix=counters[DenseCounter.NON_MATRIX],
            raw_stall=counters[DenseCounter.RAW_STALL],
            useful_macs=counters[DenseCounter.USEFUL_MACS], tiles=counters[DenseCounter.TILES],
            saturations=counters[DenseCounter.SATURATIONS], sim_hz=self.sim_hz,
            **{"source": "rtl", **fields})


def largest_batch(network, geometry, count, *, keep):
    """How many of `count` inputs one run can compute: what has room for tensors and program.

    Parameters
    ----------
    network : DenseNetwork
    geometry : DenseGeometry
    count : int
    keep : bool
        Whether all tensors are to stay in the buffer, to be compared.

    Returns
    -------
    int
        0 if not even one fits.
    """
    fits, fails = 0, count + 1
    while fails - fits > 1:
        # All of them first; else what is in the middle.
        batch = count if fails > count and not fits else (fits + fails) // 2
        try:
            compile_network(network, geometry, batch=batch, keep=keep)
            fits = batch
        except ValueError:
            fails = batch
    return fits


def require_room(network, geometry):
    """Make sure that one input can be computed.

    Raises
    ------
    UsageError
        If not: with the layer's name, and with all parameters of a core that would be large enough.
    """
    first, needs = None, {}
    while True:
        try:
            compile_network(network, replace(geometry, **needs))
            break
        except TooSmall as error:
            first = first or error
            # Most memories are asked for again by the next layer.
            needs[error.parameter] = max(error.value, 2 * needs.get(error.parameter, 0))
        except ValueError as error:
            raise UsageError(f"the network does not fit the core: {first or error}") from error
    if first is not None:
        rest = "" if needs == {first.parameter: first.value} else "; all of it would fit " + (
            " ".join(f"--set {name}={value}" for name, value in needs.items()))
        raise UsageError(f"the network does not fit the core: {first}{rest}") from first


def run_network(name, network, inputs, simulator, settings, *, batch, keep=True, tensors=None,
                advance=None):
    """Run inputs through a network on the core.

    The whole unified buffer is compared with the golden model of the instructions, every tensor in
    it with the network in plain NumPy, and every counter with golden and cycle model.

    Parameters
    ----------
    name : str
        For records and errors.
    network : golden.systolic.network.DenseNetwork
    inputs : dict of str to ndarray of int, shape (inputs, *shape)
        Stored numbers.
    simulator : sim_tests.bench.player.Simulator
    settings : scripts.settings.Settings
    batch : int
        Inputs of a run.
    keep : bool
        Whether all tensors stay in the buffer.
    tensors : dict of str to ndarray of int, shape (inputs, *shape), optional
        What `network.run` makes of the inputs, if it is there already.
    advance : callable, optional
        Called with the number of inputs that were run, after each run.

    Returns
    -------
    NetworkRun

    Raises
    ------
    Mismatch
        If anything differs; with the network's and the tensor's name. If the core does not answer.
    """
    from sim_tests.bench.player import SimulationError

    geometry = settings.config.geometry
    total = len(next(iter(inputs.values())))
    tensors = tensors or network.run(inputs)[0]
    counters = dict.fromkeys(DenseCounter, 0)
    outputs = {output: [] for output in network.outputs}
    compiled, cycles, seconds, compared = {}, 0, 0.0, ()
    for first in range(0, total, batch):
        part = slice(first, first + batch)
        count = len(range(*part.indices(total)))
        if count not in compiled:
            ready = compile_network(network, geometry, keep=keep, batch=count)
            compiled[count] = ready, _model(ready, settings.config)
        ready, predicted = compiled[count]
        loaded = ready.load({key: values[part] for key, values in inputs.items()})
        try:
            outcome = check_run(simulator, loaded, where=f"{name}: ",
                                max_cycles=_budget(loaded, predicted))
        except SimulationError as error:
            raise Mismatch(f"{name}: {str(error).splitlines()[0]}") from error
        compared = tuple(key for key in network.shapes
                         if key in ready.places and (keep or key in network.outputs))
        for key in compared:
            made, wanted = ready.read(outcome.unified, key), tensors[key][part]
            if not np.array_equal(made, wanted):
                at = tuple(np.argwhere(made != wanted)[0].tolist())
                raise Mismatch(f"{name}: tensor {key} is not what the network computes: element "
                               f"{at[1:]} of input {first + at[0]} is {made[at]} on the core, "
                               f"{wanted[at]} in NumPy")
        for counter, cycles_predicted in predicted.items():
            if outcome.counters[counter] != cycles_predicted:
                raise Mismatch(f"{name}: counter {counter.name} is {outcome.counters[counter]}, "
                               f"the cycle model says {cycles_predicted}")
        for output, values in outputs.items():
            values.append(ready.read(outcome.unified, output))
        for counter in DenseCounter:
            counters[counter] += outcome.counters[counter]
        cycles, seconds = cycles + outcome.cycles, seconds + outcome.cpu_seconds
        if advance is not None:
            advance(count)
    weights = sum(layer.weights.size for layer in network.layers if hasattr(layer, "weights"))
    return NetworkRun(
        name, compared, {output: np.concatenate(values) for output, values in outputs.items()},
        total, min(batch, total), network.macs, weights, counters, bool(predicted),
        settings.config.pes, cycles, cycles / max(seconds, 1e-9))


def _model(compiled, config):
    """Counters of a run by the cycle model, if there is one of the core."""
    if config.serial_output:
        return {}
    return dense_cycles(compiled.memories.program, config.geometry)


def _budget(memories, predicted):
    """Cycles after which a simulation is given up: for loading, twice the run, and reading."""
    geometry = memories.geometry
    words = sum(np.size(part) for part in (
        memories.program, memories.parameters, memories.functions, memories.operands,
        memories.weights)) + geometry.unified_depth
    return 4_000_000 + 40 * words + 2 * predicted.get(DenseCounter.CYCLES, 100_000_000)
