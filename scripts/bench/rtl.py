"""A layer on the RTL in Verilator: bit for bit, and to the cycle as the model has it."""

from dataclasses import dataclass, replace

import numpy as np

from golden.formats import Counter, Memory
from golden.network import SparseNetwork
from golden.sparse.compute import run_network
from golden.sparse.image import build_image
from golden.sparse.partition import identity_order
from golden.sparse.plan import LayerPlan
from hw.host.driver import load_image, signed

from ..errors import Mismatch, UsageError
from ..execution import play, predict
from ..designs import design_of

__all__ = ["RtlRun", "build_core", "run_layer"]


@dataclass(frozen=True)
class RtlRun:
    """What the RTL did with a layer.

    Parameters
    ----------
    counters, predicted : dict of Counter to int
        Of the hardware and of the models.
    differing_outputs : int
        Outputs that are not the golden model's.
    largest : int
        Row of the largest output.
    sim_cycles : int
        Simulated cycles, loading and reading included.
    sim_seconds : float
        Time they took.
    """

    counters: dict
    predicted: dict
    differing_outputs: int
    largest: int
    sim_cycles: int
    sim_seconds: float

    @property
    def exact(self):
        """Whether all outputs and all counters are as they should be."""
        return not self.differing_outputs and self.counters == self.predicted

    @property
    def cycles(self):
        """Cycles of matrix times vector."""
        return self.counters[Counter.CYCLES]

    @property
    def sim_hz(self):
        """Simulated cycles per second."""
        return self.sim_cycles / max(self.sim_seconds, 1e-9)

    def check(self, name):
        """Raise Mismatch, with the layer's name, unless everything is as it should be."""
        if self.differing_outputs:
            raise Mismatch(f"layer {name}: {self.differing_outputs} outputs differ from the golden "
                           f"model; run it on fewer processing elements and look at the waves")
        for counter in Counter:
            if self.counters[counter] != self.predicted[counter]:
                raise Mismatch(f"layer {name}: counter {counter.name} is "
                               f"{self.counters[counter]}, the model says "
                               f"{self.predicted[counter]}; look at the waves")


def build_core(settings, *, inline=False):
    """Build the simulator of a configuration, or find it built; `inline` as `build_simulator`'s."""
    from sim_tests.bench.player import build_simulator
    design = design_of(settings.config)
    return build_simulator(design.make(), name=design.name, inline=inline)


def run_layer(simulator, subject, measurement, *, progress=None):
    """Load a layer into the simulated core, run it, and compare it with the models.

    Parameters
    ----------
    simulator : sim_tests.bench.player.Simulator
    subject : Subject
    measurement : Measurement
        Of the model, whose layout is used.
    progress : callable, optional
        See `sim_tests.bench.player.Simulator.run`.

    Returns
    -------
    Measurement
        With `rtl`.

    Raises
    ------
    UsageError
        If the layer does not fit the core's memories.
    Mismatch
        If the core does not answer; what it answers wrongly is in the result.
    """
    config = measurement.settings.config
    network, activations = SparseNetwork((subject.layer,)), subject.activations
    plan = LayerPlan(measurement.order, identity_order(subject.layer.columns), measurement.groups)
    image = build_image(network, geometry=config.geometry, lanes=config.lanes, plans=(plan,))
    short = {name: need for name, need in image.needs.items() if need > getattr(config, name)}
    if short:
        raise UsageError(f"layer {subject.layer.name} does not fit: use " + " ".join(
            f"--set {name}={1 << (need - 1).bit_length()}" for name, need in short.items()))

    program = load_image(image)
    program.write(Memory.ACTIVATIONS, 0, 0, activations.astype(np.int32).view(np.uint32))
    program.run(0, 1)
    program.read(Memory.ACTIVATIONS, 0, 0, subject.layer.rows)
    program.read(Memory.COUNTERS, 0, 0, len(Counter))
    (outputs, counters), result = play(simulator, program, progress=progress)

    traces = run_network(network, activations, geometry=config.geometry, plans=image.plans)
    golden = np.asarray(traces[0].outputs)[image.plans[0].order]
    predicted, = predict(image, network, traces, activations, config)
    outputs = signed(outputs, 16)
    return replace(measurement, rtl=RtlRun(
        dict(zip(Counter, counters.tolist(), strict=True)), predicted,
        int(np.count_nonzero(outputs != golden)), int(image.plans[0].order[outputs.argmax()]),
        result.cycles, result.wall_seconds))
