# amaranth: UnusedElaboratable=no

"""The dense core as emitted Verilog against the golden model, on programs full of hazards."""

from collections import Counter as Tally

import numpy as np
import pytest

from golden.formats import (
    FAULT,
    DenseCounter,
    DenseMemory,
    Fault,
    Opcode,
    Operation,
    Register,
    Status,
)
from golden.systolic.instructions import configure, encode
from golden.systolic.legality import first_fault
from golden.systolic.memories import DenseMemories
from hw.host.commands import parse_responses
from hw.host.driver import Program
from hw.systolic.core import DenseCore
from hw.systolic.operations import ticket_width
from scripts.dense_run import check_run
from sim_tests.bench.dense_cores import DENSE_CORES
from sim_tests.bench.dense_programs import written
from sim_tests.bench.player import build_simulator
from sim_tests.bench.random_programs import (
    PROGRAM_FAULTS,
    garbage_program,
    illegal_run,
    legal_run,
)

pytestmark = pytest.mark.cosim

PROGRAMS = 24


@pytest.fixture(scope="module", params=DENSE_CORES)
def core(request):
    config = DENSE_CORES[request.param]
    return config, build_simulator(DenseCore(config), name="dense_core")


def test_legal_programs(core):
    config, simulator = core
    instructions, counters = Tally(), Tally()
    for seed in range(PROGRAMS):
        run = legal_run(np.random.default_rng(seed), config.geometry)
        outcome = check_run(
            simulator, run.memories, host_input=run.host_input, signals=run.signals, seed=seed,
            idle=.4 * (seed & 1), stall=.4 * (seed >> 1 & 1), max_cycles=500_000,
            where=f"program {seed}: ")
        instructions.update(run.memories.program[:, 0] & 31)
        counters.update(outcome.counters)
    assert set(instructions) == set(Operation)
    assert sum(instructions.values()) > 30 * PROGRAMS
    # Tiles come out of the weight memory as fast as short programs are read.
    rare = {DenseCounter.DROPPED, DenseCounter.WEIGHT_STALL, DenseCounter.INPUT_STALL}
    assert all(counters[counter] for counter in set(DenseCounter) - rare), counters


def test_illegal_programs_stop_where_they_should(core):
    config, simulator = core
    faults = Tally()
    for number, fault in enumerate(PROGRAM_FAULTS * 2):
        run = illegal_run(np.random.default_rng(number), config.geometry, fault)
        outcome = check_run(simulator, run.memories, host_input=run.host_input,
                            signals=run.signals, max_cycles=500_000, where=f"{fault.name}: ")
        faults[outcome.fault] += 1
    assert faults == dict.fromkeys(PROGRAM_FAULTS, 2)


def small_core():
    config = DENSE_CORES["4 x 4"]
    return config, build_simulator(DenseCore(config), name="dense_core")


def test_garbage_hangs_nothing():
    """100,000 random instructions, each begun with; then the core works as if nothing had been."""
    config, simulator = small_core()
    geometry = config.geometry
    rng = np.random.default_rng(11)
    program, expected = Program(), []
    for _ in range(100_000 // config.program_depth + 1):
        words = garbage_program(rng, geometry, config.program_depth)
        # Those that would wait for a host that has nothing to say, or send it something, are wrong.
        words[np.isin(words[:, 0] & 31, (Operation.SYNCHRONIZE, Operation.READ_HOST_MEMORY,
                                         Operation.WRITE_HOST_MEMORY)), 3] |= 1 << 31
        program.extend(written(words, geometry))
        expected.append(None)
        for first in range(config.program_depth):
            program.run(first, config.program_depth - first)
            program.read(DenseMemory.IDENTITY, 0, 0, 1)
            expected += [None, first_fault(words, geometry, first)]
    assert len(expected) > 200_000
    result = simulator.run(program.words, responses=program.answer_words, max_cycles=100_000_000)
    seen = Tally()
    for answer, fault in zip(parse_responses(result.responses), expected, strict=True):
        assert answer.opcode != Opcode.HOST_DATA
        if fault is None or not fault[1]:
            assert answer.status == Status.OK
            continue
        word = FAULT.unpack(int(answer.payload[0]))
        assert (word["instruction"], word["fault"]) == fault
        seen[fault[1]] += 1
    assert sum(seen.values()) > 90_000 and set(PROGRAM_FAULTS) - set(seen) <= {
        Fault.TOO_MANY_WEIGHTS}
    check_run(simulator, legal_run(np.random.default_rng(0), geometry).memories,
              **_inputs(0, geometry))


def _inputs(seed, geometry):
    run = legal_run(np.random.default_rng(seed), geometry)
    return {"host_input": run.host_input, "signals": run.signals}


def test_more_rows_than_numbers_for_them():
    """While one Activate is slow and another waits, multiplications go on; see `ticket_width`."""
    config, simulator = small_core()
    geometry, rng = config.geometry, np.random.default_rng(5)
    last = geometry.columns - 1
    product = encode(Operation.MATRIX_MULTIPLY, lines=56, last_column=last, accumulator=8, tiles=1)
    count = 3 * (1 << ticket_width(config)) // 56
    for waits in (False, True):
        program = [
            configure(Register.SOURCE, line_stride=0, line_length=4),
            configure(Register.DESTINATION, stride=0, low=-128, high=127),
            configure(Register.POOL, pixels=600, line_pixels=8, width=8, height=1),
            *[encode(Operation.READ_WEIGHTS, tiles=16, address=0)] * (count // 16 + 1),
            encode(Operation.MATRIX_MULTIPLY, lines=8, last_column=last, tiles=1),
            encode(Operation.ACTIVATE, rows=1, pool=1, destination=64, last_column=last),
            *[encode(Operation.ACTIVATE, rows=8, destination=128, last_column=last)] * waits,
            *[product] * count, encode(Operation.HALT)]
        memories = DenseMemories(
            geometry, program=np.array(program),
            weights=rng.integers(-128, 128, (geometry.weight_depth, geometry.columns)),
            unified=rng.integers(-128, 128, geometry.unified_depth))
        outcome = check_run(simulator, memories, max_cycles=100_000)
        assert outcome.counters[DenseCounter.TILES] == count + 1
        # They were done before the Activate was.
        assert outcome.counters[DenseCounter.CYCLES] > 1.2 * 56 * count


@pytest.mark.parametrize("waits, instruction", [
    ("input", encode(Operation.READ_HOST_MEMORY, destination=0, length=8)),
    ("signal", encode(Operation.SYNCHRONIZE, signal=1))])
@pytest.mark.parametrize("way", ["timeout", "reset"])
def test_a_host_that_never_answers(waits, instruction, way):
    config, simulator = small_core()
    nop, halt = encode(Operation.NOP), encode(Operation.HALT)
    program = written([nop, instruction, halt], config.geometry)
    program.run(0, 3)
    if way == "reset":
        program.reset()
    program.read(DenseMemory.IDENTITY, 0, 0, 1)
    program.run(0, 1).read(DenseMemory.COUNTERS, 0, 0, 1)
    result = simulator.run(program.words, responses=program.answer_words, max_cycles=50_000)
    answers = parse_responses(result.responses)
    told, = (answer for answer, command in zip(answers, program.expected, strict=True)
             if command.opcode == Opcode.READ and command.memory == DenseMemory.IDENTITY)
    if way == "reset":
        assert told.status == Status.OK and result.cycles < 1000
    else:
        assert told.status == Status.BAD_INSTRUCTION
        assert FAULT.unpack(int(told.payload[0])) == {"instruction": 1, "fault": Fault.TIMEOUT}
    assert answers[-1].status == Status.OK and answers[-1].payload[0] > 5
