# amaranth: UnusedElaboratable=no

"""The cycle model of the dense core against the RTL: every counter that depends on time."""

from collections import Counter as Tally

import numpy as np
import pytest

from golden.formats import DenseCounter, Operation
from golden.models.dense_digits import dense_digits_inputs, load_dense_digits
from golden.models.digits import load_digits_data
from golden.systolic.assembler import assemble
from golden.systolic.compile import compile_network
from golden.systolic.cycles import TIME_COUNTERS, cycles_before_weights, dense_cycles
from golden.systolic.matmul import matmul_program
from hw.config import DenseConfig
from hw.systolic.core import DenseCore
from scripts.dense_run import check_run
from sim_tests.bench.dense_cores import DENSE_CORES, SQUARE_CORES
from sim_tests.bench.player import build_simulator
from sim_tests.bench.random_programs import legal_run, random_memories

pytestmark = pytest.mark.cosim

#: Large enough for networks, and neither square nor a power of two.
LARGE = DenseConfig(rows=16, columns=12, lanes=4, accumulator_depth=256, weight_depth=4096)
PROGRAMS = 24


def check(simulator, memories):
    """Compare the counters of a run; return those of the core."""
    counters = check_run(simulator, memories, max_cycles=500_000).counters
    predicted = dense_cycles(memories.program, memories.geometry)
    assert predicted == {counter: counters[counter] for counter in TIME_COUNTERS}
    return counters


@pytest.mark.parametrize("name", [*DENSE_CORES, *SQUARE_CORES])
def test_random_programs(name):
    config = {**DENSE_CORES, **SQUARE_CORES}[name]
    simulator = build_simulator(DenseCore(config), name="dense_core")
    counters = Tally()
    for seed in range(PROGRAMS):
        run = legal_run(np.random.default_rng(seed), config.geometry, host=False)
        counters.update(check(simulator, run.memories))
    # Tiles are small, and never late.
    assert {counter for counter in TIME_COUNTERS if not counters[counter]} <= {
        DenseCounter.WEIGHT_STALL}


def test_read_weights_that_wait():
    """Four wait, and tiles in all places of the FIFO: the next one is not accepted at once."""
    config = DENSE_CORES["4 x 4"]
    simulator = build_simulator(DenseCore(config), name="dense_core")
    rng = np.random.default_rng(3)
    for lines in (1, 5, 13, 14, 15, 16, 40, 64):
        for tiles in (1, 2, 3):
            inputs = 16 * tiles         # four Read_Weights for each multiplication
            text = [f"Set_Configuration SOURCE line_length={inputs}, line_stride=1",
                    "Set_Configuration DESTINATION stride=4, low=-128, high=127"]
            for block in range(4):
                text += [f"Read_Weights tiles={tiles}, address={4 * block}"] * 4
                # How long a vector waits for the results depends on when it could come.
                text += ["Vector_Add length=4"] * (block > 0)
                text += [f"MatrixMultiply tiles={4 * tiles}, lines={lines}, last_column=3"]
                text += [f"Activate rows={lines}, last_column=3, destination=512"]
            check(simulator, random_memories(rng, config.geometry,
                                             assemble("\n".join([*text, "Halt"]))))


def test_cycles_before_weights():
    """A run that ends with its first Read_Weights takes two cycles to notice that."""
    compiled = matmul_program(37, 50, 29, LARGE.geometry)
    memories = compiled.load({"a": np.zeros((37, 50), dtype=np.int64)})
    first = [int(word) & 31 for word in memories.program[:, 0]].index(Operation.READ_WEIGHTS)
    counters = check_run(build_simulator(DenseCore(LARGE), name="dense_core"), memories,
                         count=first + 1, max_cycles=500_000).counters
    lead = cycles_before_weights(memories.program, LARGE.geometry)
    assert lead > 0 and counters[DenseCounter.CYCLES] == lead + 3


def test_products_and_networks():
    geometry = LARGE.geometry
    simulator = build_simulator(DenseCore(LARGE), name="dense_core")
    rng = np.random.default_rng(5)
    for m, k, n in ((64, 64, 60), (1, 16, 12), (37, 50, 29), (100, 17, 13)):
        compiled = matmul_program(m, k, n, geometry)
        memories = compiled.load({"a": rng.integers(-128, 128, (m, k))})
        counters = check(simulator, memories)
        tiles = -(-k // geometry.rows) * -(-n // geometry.columns)
        assert counters[DenseCounter.ACTIVE] == m * tiles
    images = load_digits_data().test_inputs[:2]
    for name in ("mlp", "cnn"):
        compiled = compile_network(load_dense_digits(name), geometry, batch=len(images))
        check(simulator, compiled.load(dense_digits_inputs(name, images)))
