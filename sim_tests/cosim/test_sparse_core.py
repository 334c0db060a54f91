# amaranth: UnusedElaboratable=no

"""The sparse core as emitted Verilog: outputs bit for bit, counters to the cycle."""

import numpy as np
import pytest

from golden.formats import Counter
from golden.sparse.image import build_image
from hw.config import PRESETS, SparseConfig
from hw.sparse.core import SparseCore
from scripts.execution import execute
from scripts.progress import Steps
from sim_tests.bench.player import build_simulator
from sim_tests.bench.random_networks import random_inputs, random_network

pytestmark = pytest.mark.cosim

#: Every parameter at its extremes somewhere, every mode of the core at least twice.
CONFIGS = {
    "eie": PRESETS["eie"].replace(bias_depth=1024, pointer_depth=1024),
    "weft": PRESETS["weft"].replace(bias_depth=1024, pointer_depth=1024),
    "published, one PE, words of one entry": SparseConfig(
        pes=1, escape=False, lookahead=False, queue_depth=1, word_entries=1, entry_words=4096,
        accumulator_depth=256, map_width=1, output_registers=False),
    "published with look-ahead, 8 PEs in 2 groups, 8-bit codes": SparseConfig(
        pes=8, groups=2, lanes=4, escape=False, queue_depth=3, index_width=8, entry_words=1024,
        map_width=64, activation_depth=512, pointer_depth=1024, bias_depth=1024,
        output_registers=False),
    "16 PEs in 4 groups, shortest queue": SparseConfig(
        pes=16, groups=4, lanes=4, queue_depth=1, map_width=4, bias_depth=1024,
        pointer_depth=1024),
    "4 PEs in 2 groups, 2-bit runs, words of two entries, narrow sums": SparseConfig(
        pes=4, groups=2, lanes=2, run_width=2, index_width=2, word_entries=2, entry_words=4096,
        accumulator_depth=128, sum_width=20, weight_width=8, activation_width=9,
        pointer_depth=1024, bias_depth=1024, output_registers=False),
    "4 PEs in 2 groups, not in lock step, shortest queue": SparseConfig(
        pes=4, groups=2, lanes=2, lockstep=False, queue_depth=10, entry_words=1024,
        accumulator_depth=128, pointer_depth=1024, bias_depth=1024),
    "2 PEs, longest runs and words, wide sums": SparseConfig(
        pes=2, run_width=8, word_entries=16, accumulator_depth=128, sum_width=40, lanes=2,
        queue_depth=32, pointer_depth=1024, bias_depth=1024),
}
NETWORKS = 8
INPUTS = 3


class Throttled:
    """A simulator whose host idles and stalls."""

    def __init__(self, simulator, **options):
        self._simulator, self._options = simulator, options

    def run(self, words, **options):
        return self._simulator.run(words, **options, **self._options)


@pytest.mark.parametrize("name", CONFIGS)
def test_random_networks(name):
    config = CONFIGS[name]
    simulator = build_simulator(SparseCore(config), name="sparse_core")
    rng = np.random.default_rng(7)
    saturations = operations = ran = 0
    for number in range(NETWORKS):
        network, groups = random_network(rng, config, wide=number % 2 == 1)
        image = build_image(network, geometry=config.geometry, groups=groups, lanes=config.lanes,
                            balance=number % 3 != 0)
        assert all(need <= getattr(config, what) for what, need in image.needs.items())
        inputs = random_inputs(rng, config, network.layers[0].columns, INPUTS)
        idle, stall = number & 1, number >> 1 & 1       # crossed
        outcome = execute(Throttled(simulator, idle=.4 * idle, stall=.4 * stall, seed=number),
                          image, network, inputs, config, steps=Steps(quiet=True))
        outcome.check()
        for layer in outcome.layers:
            saturations += layer.counters[Counter.SATURATIONS]
            operations += layer.counters[Counter.BUSY]
            ran += 1
    assert ran >= NETWORKS
    assert operations > 500 and saturations > 0
