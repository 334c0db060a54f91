# amaranth: UnusedElaboratable=no

"""The dense core, reset or given up at any time: it works as if nothing had been."""

import copy

import numpy as np
import pytest

from golden.formats import (
    DENSE_IDENTITY,
    FAULT,
    DenseCounter,
    DenseMemory,
    Fault,
    Opcode,
    Operation,
    Register,
    Status,
)
from golden.systolic.cycles import TIME_COUNTERS, dense_cycles
from golden.systolic.execute import execute
from golden.systolic.image import unpack_elements
from golden.systolic.instructions import configure, encode
from golden.systolic.memories import DenseMemories
from hw.host.commands import parse_responses
from hw.host.driver import Program
from hw.systolic.core import DenseCore
from scripts.dense_run import load_program
from sim_tests.bench.dense_cores import DENSE_CORES
from sim_tests.bench.dense_programs import written
from sim_tests.bench.player import Deadlock, build_simulator
from sim_tests.bench.random_programs import legal_run

pytestmark = pytest.mark.cosim

RUNS = 150
HALT, NOP = encode(Operation.HALT), encode(Operation.NOP)


def built(name):
    config = DENSE_CORES[name]
    return config, build_simulator(DenseCore(config), name="dense_core")


def without(memories, *operations):
    """Memories whose program has Nops for some operations."""
    changed = copy.copy(memories)
    changed.program = np.array(memories.program)
    changed.program[np.isin(changed.program[:, 0] & 31, operations)] = NOP
    return changed


@pytest.mark.parametrize("name", DENSE_CORES)
def test_reset_at_any_time(name):
    config, simulator = built(name)
    geometry = config.geometry
    rng = np.random.default_rng(7)
    # Programs are told that accumulators are 0 before them; here they are by weights that are 0.
    zeros = DenseMemories(geometry, program=np.array([
        configure(Register.SOURCE, line_length=1), encode(Operation.READ_WEIGHTS, tiles=1),
        encode(Operation.MATRIX_MULTIPLY, lines=geometry.accumulator_depth,
               last_column=geometry.columns - 1, tiles=1), HALT]))
    program, wanted = Program(), []
    for _ in range(RUNS):
        # What a packet would be cut to can't be told beforehand; see below.
        before = legal_run(rng, geometry)
        memories = without(before.memories, Operation.WRITE_HOST_MEMORY)
        program.extend(load_program(memories)).run(0, len(memories.program))
        if len(before.host_input):
            program.write(DenseMemory.HOST_INPUT, 0, 0,
                          np.asarray(before.host_input[:12], np.uint32))
        for _ in range(rng.integers(40)):
            program.signal()
        program.reset()

        program.extend(load_program(zeros)).run(0, len(zeros.program))
        after = without(legal_run(rng, geometry).memories, Operation.WRITE_HOST_MEMORY,
                        Operation.READ_HOST_MEMORY, Operation.SYNCHRONIZE)
        program.extend(load_program(after)).run(0, len(after.program))
        wanted.append((len(program), after))
        program.read(DenseMemory.COUNTERS, 0, 0, len(DenseCounter))
        program.read(DenseMemory.UNIFIED, 0, 0, geometry.unified_depth // geometry.word_elements)
    answers = parse_responses(simulator.run(
        program.words, responses=program.answer_words, idle=.2, seed=1,
        max_cycles=3_000_000).responses)
    assert all(answer.status == Status.OK for answer in answers)
    for at, after in wanted:
        counters = dict(zip(DenseCounter, answers[at].payload.tolist(), strict=True))
        cycles = dense_cycles(after.program, geometry)
        assert {counter: counters[counter] for counter in TIME_COUNTERS} == {
            counter: cycles[counter] for counter in TIME_COUNTERS}
        np.testing.assert_array_equal(unpack_elements(answers[at + 1].payload, geometry),
                                      execute(after).unified)


def test_packets_stay_whole():
    """Reset while the host takes a packet, slowly; it counts on as many words as were promised."""
    config, simulator = built("4 x 4")
    words, identity = 100, len(DENSE_IDENTITY)
    send = encode(Operation.WRITE_HOST_MEMORY, source=0, tag=7,
                  length=words * config.word_elements)
    full = np.full(config.unified_depth // config.word_elements, 0xFFFF_FFFF, np.uint32)
    filled = 0
    for seed in range(20):
        program = Program().write(DenseMemory.UNIFIED, 0, 0, full)
        program.extend(written([send, HALT], config.geometry)).run(0, 2).reset()
        program.read(DenseMemory.IDENTITY, 0, 0, identity)
        try:
            result = simulator.run(program.words, responses=program.answer_words + 2 + words,
                                   idle=.9, stall=.9, seed=seed, max_cycles=20_000)
        except Deadlock as nothing_sent:
            result = nothing_sent
        answers = parse_responses(result.responses)
        assert all(answer.status == Status.OK for answer in answers)
        assert answers[-1].opcode == Opcode.READ and len(answers[-1].payload) == identity
        packets = [answer for answer in answers if answer.opcode == Opcode.HOST_DATA]
        assert len(answers) == len(program) + len(packets)
        for packet in packets:
            there = int((packet.payload != 0).sum())
            assert packet.tag == 7 and packet.payload.tolist() == (
                [0xFFFF_FFFF] * there + [0] * (words - there))
            filled += there < words
    assert filled > 10


@pytest.mark.parametrize("second", [
    encode(Operation.WRITE_HOST_MEMORY, source=64, length=8), encode(Operation.SYNCHRONIZE), NOP,
    encode(Operation.SET_CONFIGURATION)])
def test_a_time_out_names_who_is_waited_for(second):
    """Not what waits behind it; nothing of the host is handed out while it owes something else."""
    config, simulator = built("4 x 4")
    read = encode(Operation.READ_HOST_MEMORY, destination=0, length=8)
    program = written([NOP, read, second, HALT], config.geometry).run(0, 4)
    program.read(DenseMemory.IDENTITY, 0, 0, 1)
    result = simulator.run(program.words, responses=program.answer_words, max_cycles=50_000)
    answer = parse_responses(result.responses)[-1]
    assert answer.status == Status.BAD_INSTRUCTION
    assert FAULT.unpack(int(answer.payload[0])) == {"instruction": 1, "fault": Fault.TIMEOUT}
