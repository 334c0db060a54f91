"""Runs a compressed network on the golden model and on the simulated core, and compares them.

Every input runs twice on the core: one layer at a time, so that each layer's outputs and counters
can be read and compared, and then as one run of the whole network, as it is meant to be used.
"""

from dataclasses import dataclass

import numpy as np

from golden.formats import Counter, Memory
from golden.sparse.compute import run_network
from golden.sparse.cycles import layer_cycles
from golden.sparse.groups import choose_all_groups
from golden.sparse.image import build_image, from_positions
from golden.sparse.plan import plan_network
from hw.host.driver import HostError, load_image, signed

from .errors import Mismatch, UsageError

__all__ = ["LayerOutcome", "Outcome", "execute", "fit", "play", "predict"]

#: Inputs by which column groups are chosen.
_CALIBRATION = 4


@dataclass(frozen=True, eq=False)
class LayerOutcome:
    """One layer over all inputs, as hardware ran it and as golden model and cycle model have it.

    Parameters
    ----------
    name : str
    shape : tuple of int
        Rows and columns.
    weights, entries : int
        Weights that are not zero, and entries that encode them.
    products : int
        Non-zero weights times non-zero activations.
    counters, predicted : dict of Counter to int
        Sums over all inputs, of the hardware and of the models.
    equal_outputs : int
        Inputs for which every output bit of the layer is as it should be.
    """

    name: str
    shape: tuple[int, int]
    weights: int
    entries: int
    products: int
    counters: dict[Counter, int]
    predicted: dict[Counter, int]
    equal_outputs: int

    @property
    def differing(self):
        """Counters that are not as predicted."""
        return [counter for counter in Counter if self.counters[counter] != self.predicted[counter]]


@dataclass(frozen=True, eq=False)
class Outcome:
    """What `execute` found.

    Parameters
    ----------
    layers : tuple of LayerOutcome
    outputs, golden : ndarray of int16, shape (inputs, rows)
        Of the whole-network runs, in the order of the last layer's rows.
    total_cycles : int
        Of the whole-network runs together.
    pes : int
    sim_cycles : int
        Simulated cycles, loading and reading included.
    sim_hz : float
        Simulated cycles per second.
    """

    layers: tuple[LayerOutcome, ...]
    outputs: np.ndarray
    golden: np.ndarray
    total_cycles: int
    pes: int
    sim_cycles: int
    sim_hz: float

    @property
    def inputs(self):
        """Number of inputs."""
        return len(self.outputs)

    def layer_exact(self, layer):
        """Whether a layer's outputs and counters are all as they should be."""
        return layer.equal_outputs == self.inputs and not layer.differing

    @property
    def bit_exact(self):
        """Whether hardware and models agree everywhere."""
        return (np.array_equal(self.outputs, self.golden)
                and all(self.layer_exact(layer) for layer in self.layers))

    def check(self):
        """Raise Mismatch unless everything agrees, naming the first thing that does not."""
        for layer in self.layers:
            if layer.equal_outputs != self.inputs:
                raise Mismatch(f"layer {layer.name}: outputs of {self.inputs - layer.equal_outputs}"
                               f" of {self.inputs} inputs differ from the golden model; "
                               f"look at the waves")
            for counter in layer.differing:
                raise Mismatch(f"layer {layer.name}: counter {counter.name} is "
                               f"{layer.counters[counter]}, the model says "
                               f"{layer.predicted[counter]}; look at the waves")
        if not self.bit_exact:
            raise Mismatch("the layers agree one by one, but runs of the whole network do not; "
                           "look at the waves")


def fit(network, config, inputs):
    """Lay a network out for a core.

    Parameters
    ----------
    network : SparseNetwork
    config : hw.config.SparseConfig
    inputs : ndarray of int, shape (inputs, columns)
        The first few decide how many column groups each layer gets.

    Returns
    -------
    MemoryImage

    Raises
    ------
    UsageError
        If a memory is too small, with the parameters that would do.
    """
    try:
        plan_network(network, config.geometry)      # names what no core of this kind could run
        groups = choose_all_groups(
            network, inputs[:_CALIBRATION], config.geometry,
            accumulator_depth=config.accumulator_depth, lanes=config.lanes,
            queue_depth=config.queue_depth, lookahead=config.lookahead, lockstep=config.lockstep,
            map_width=config.map_width)
        image = build_image(network, geometry=config.geometry, groups=groups, lanes=config.lanes)
    except ValueError as error:
        raise UsageError(str(error)) from error
    short = {name: need for name, need in image.needs.items() if need > getattr(config, name)}
    if short:
        what = ", ".join(f"{name}={need} (it has {getattr(config, name)})"
                         for name, need in short.items())
        remedy = " ".join(f"--set {name}={1 << (need - 1).bit_length()}"
                          for name, need in short.items())
        raise UsageError(f"the network needs a core with {what}; use {remedy}")
    return image


def predict(image, network, traces, inputs, config):
    """Counters that each layer should have for one input.

    Returns
    -------
    list of dict of Counter to int
    """
    offsets = np.zeros(config.pes, dtype=np.int64)
    predicted = []
    for encoded, plan, trace in zip(image.encoded, image.plans, traces, strict=True):
        cost = layer_cycles(
            encoded, np.asarray(inputs)[plan.input_order] != 0, lanes=config.lanes,
            queue_depth=config.queue_depth, lookahead=config.lookahead, lockstep=config.lockstep,
            map_width=config.map_width, offsets=offsets)
        predicted.append({
            Counter.CYCLES: cost.cycles, Counter.TOTAL_CYCLES: cost.total_cycles,
            Counter.COLUMNS: cost.columns, Counter.QUEUE_FULL: cost.queue_full,
            Counter.BUSY: cost.busy, Counter.WASTED: cost.wasted, Counter.ESCAPES: cost.escapes,
            Counter.SATURATIONS: trace.saturations})
        offsets = offsets + encoded.entries
        inputs = trace.outputs
    return predicted


def _program(image, network, inputs):
    """Load the network, then run every input layer by layer and as a whole."""
    program = load_image(image)
    for activations in inputs:
        words = activations.astype(np.int32).view(np.uint32)
        program.write(Memory.ACTIVATIONS, 0, 0, words)
        for number, layer in enumerate(network.layers):
            program.run(number, 1)
            program.read(Memory.ACTIVATIONS, 0, 0, layer.rows)
            program.read(Memory.COUNTERS, 0, 0, len(Counter))
        program.write(Memory.ACTIVATIONS, 0, 0, words)
        program.run(0, len(network.layers))
        program.read(Memory.ACTIVATIONS, 0, 0, network.layers[-1].rows)
        program.read(Memory.COUNTERS, 0, 0, len(Counter))
    return program


def play(simulator, program, **options):
    """Run a program on a simulator; return the payloads of its reads, and the simulation's result.

    Raises
    ------
    Mismatch
        If the core refuses a command, answers out of step, or never ends.
    """
    from sim_tests.bench.player import Deadlock, SimulationError
    try:
        result = simulator.run(program.words, responses=program.answer_words, **options)
        return program.check(result.responses), result
    except Deadlock as error:
        try:
            program.check(error.responses)      # a refused read is shorter than what was awaited
        except HostError as refusal:
            raise Mismatch(f"{refusal}; after that the core fell silent") from error
        raise Mismatch(str(error)) from error
    except (HostError, SimulationError) as error:
        raise Mismatch(str(error).splitlines()[0]) from error


def execute(simulator, image, network, inputs, config, *, steps):
    """Run inputs on the core and on the models.

    Parameters
    ----------
    simulator : sim_tests.bench.player.Simulator
    image : MemoryImage
    network : SparseNetwork
    inputs : ndarray of int, shape (inputs, columns)
    config : hw.config.SparseConfig
    steps : scripts.progress.Steps

    Returns
    -------
    Outcome

    Raises
    ------
    Mismatch
        If the core does not answer as it should; wrong answers are in the outcome.
    """
    program = _program(image, network, inputs)
    with steps.step(f"Running {len(inputs)} inputs in Verilator",
                    total=len(program.words)) as advance:
        done = 0

        def progress(cycles, commands, responses):
            nonlocal done
            advance(commands - done)
            done = commands

        payloads, result = play(simulator, program, progress=progress)
        advance(len(program.words) - done)

    with steps.step("Comparing with the golden model", total=len(inputs)) as advance:
        return _compare(iter(payloads), result, image, network, inputs, config, advance)


def _compare(payloads, result, image, network, inputs, config, advance):
    count = len(network.layers)
    counters = np.zeros((count, len(Counter)), dtype=np.int64)
    predicted = np.zeros_like(counters)
    equal = np.zeros(count, dtype=np.int64)
    products = np.zeros(count, dtype=np.int64)
    nonzero = [np.count_nonzero(layer.weights, axis=0) for layer in network.layers]
    outputs, golden, total_cycles = [], [], 0

    def rows(plan):
        return from_positions(signed(next(payloads), 16), plan.order)

    for activations in inputs:
        traces = run_network(network, activations, geometry=config.geometry, plans=image.plans)
        forecast = predict(image, network, traces, activations, config)
        taken = activations
        for number, (plan, trace) in enumerate(zip(image.plans, traces, strict=True)):
            equal[number] += np.array_equal(rows(plan), trace.outputs)
            counters[number] += next(payloads)
            predicted[number] += [forecast[number][counter] for counter in Counter]
            products[number] += nonzero[number][np.asarray(taken) != 0].sum()
            taken = trace.outputs
        outputs.append(rows(image.plans[-1]))
        total_cycles += int(next(payloads)[Counter.TOTAL_CYCLES])
        golden.append(taken)
        advance()

    layers = tuple(
        LayerOutcome(
            layer.name, layer.codes.shape, int(nonzero[number].sum()),
            int(image.encoded[number].entries.sum()), int(products[number]),
            dict(zip(Counter, counters[number].tolist(), strict=True)),
            dict(zip(Counter, predicted[number].tolist(), strict=True)), int(equal[number]))
        for number, layer in enumerate(network.layers))
    return Outcome(layers, np.array(outputs, dtype=np.int16), np.array(golden, dtype=np.int16),
                   total_cycles, config.pes, result.cycles, result.sim_hz)
