"""Runs programs of the dense core in its simulator, and compares them with the golden model."""

from dataclasses import dataclass

import numpy as np

from golden.formats import (
    FAULT,
    DenseCounter,
    DenseMemory,
    Fault,
    Opcode,
    Status,
)
from golden.systolic.execute import execute
from golden.systolic.image import memory_image, unpack_elements
from hw.host.commands import packets, parse_responses
from hw.host.driver import Program

from .errors import Mismatch

__all__ = ["DenseOutcome", "check_run", "load_program", "run_program"]


@dataclass(eq=False)
class DenseOutcome:
    """What a run left and told.

    Parameters
    ----------
    unified : ndarray of int64, shape (unified_depth,)
    packets : list of (int, ndarray of int64)
        Tag and elements of every Write_Host_Memory; the last word may hold more than were sent.
    counters : dict of DenseCounter to int
    index : int or None
        Of the instruction that stopped the run.
    fault : Fault
    cycles : int
        Of the whole simulation.
    cpu_seconds, wall_seconds : float
    expected : golden.systolic.execute.Execution, optional
        What the golden model says of it, from `check_run`.
    """

    unified: np.ndarray
    packets: list
    counters: dict
    index: int | None
    fault: Fault
    cycles: int
    cpu_seconds: float
    wall_seconds: float
    expected: object = None


def load_program(memories):
    """Commands that write all memories.

    Parameters
    ----------
    memories : golden.systolic.memories.DenseMemories

    Returns
    -------
    Program
    """
    program = Program()
    for memory, words in memory_image(memories).items():
        program.write(memory, 0, 0, np.ascontiguousarray(words).reshape(-1),
                      word_parts=words.shape[1])
    return program


def run_program(simulator, memories, *, first=0, count=None, host_input=(), signals=0,
                packet_words=0, **options):
    """Load everything, run, and read back the unified buffer and the counters.

    Parameters
    ----------
    simulator : sim_tests.bench.player.Simulator
    memories : golden.systolic.memories.DenseMemories
    first, count : int
        Instructions to run; by default all.
    host_input : array_like of uint32
        Words for Read_Host_Memory, sent while the program runs.
    signals : int
        For Synchronize, sent before them.
    packet_words : int
        32-bit words that Write_Host_Memory will send, headers included.
    **options
        Of `Simulator.run`.

    Returns
    -------
    DenseOutcome
    """
    geometry = memories.geometry
    count = len(memories.program) - first if count is None else count
    program = load_program(memories).run(first, count)
    for _ in range(signals):
        program.signal()
    host_input = np.asarray(host_input, dtype=np.uint32)
    if len(host_input):
        program.write(DenseMemory.HOST_INPUT, 0, 0, host_input)
    # The first command that waits for the end of the run is told if it ended badly.
    asked = len(program)
    program.read(DenseMemory.IDENTITY, 0, 0, 1)
    program.read(DenseMemory.COUNTERS, 0, 0, len(DenseCounter))
    words = geometry.unified_depth // geometry.word_elements
    program.read(DenseMemory.UNIFIED, 0, 0, words)
    result = simulator.run(program.words, responses=program.answer_words + packet_words, **options)

    answers = [response for response in parse_responses(result.responses)
               if response.opcode != Opcode.HOST_DATA]
    index, fault = None, Fault.NONE
    for position, (command, answer) in enumerate(zip(program.expected, answers, strict=True)):
        if position == asked and answer.status == Status.BAD_INSTRUCTION:
            word = FAULT.unpack(int(answer.payload[0]))
            index, fault = word["instruction"], Fault(word["fault"])
        else:
            command.check(answer, position)
    return DenseOutcome(
        unified=unpack_elements(answers[asked + 2].payload, geometry),
        packets=[(tag, unpack_elements(payload, geometry))
                 for tag, payload in packets(result.responses)],
        counters=dict(zip(DenseCounter, answers[asked + 1].payload.tolist(), strict=True)),
        index=index, fault=fault, cycles=result.cycles, cpu_seconds=result.cpu_seconds,
        wall_seconds=result.wall_seconds)


def check_run(simulator, memories, *, first=0, count=None, host_input=(), signals=0, where="",
              **options):
    """Run a program on the golden model and on the simulator, and compare every bit.

    Compared are the whole unified buffer, all packets, where and why the run was stopped, and the
    counters that do not depend on time; and that the four kinds of cycles sum up.

    Returns
    -------
    DenseOutcome
        With the golden model's `expected`.

    Raises
    ------
    Mismatch
        If anything differs.
    """
    expected = execute(memories, first=first, count=count, host_input=host_input)
    pack = memories.geometry.word_elements
    packet_words = sum(2 + -(-len(elements) // pack) for _, elements in expected.packets)
    outcome = run_program(simulator, memories, first=first, count=count, host_input=host_input,
                          signals=signals, packet_words=packet_words, **options)
    outcome.expected = expected

    def same(what, mine, golden):
        if mine != golden:
            raise Mismatch(f"{where}{what}: {mine} on the core, {golden} in the golden model")

    index = expected.index if expected.fault else None
    same("fault", (outcome.fault, outcome.index), (expected.fault, index))
    wrong = np.flatnonzero(outcome.unified != expected.unified)
    if len(wrong):
        at = int(wrong[0])
        raise Mismatch(f"{where}{len(wrong)} elements of the unified buffer differ, the first is "
                       f"{at}: {outcome.unified[at]} on the core, {expected.unified[at]} in the "
                       f"golden model")
    same("packets", [(tag, values.tolist()) for (tag, values) in _cut(outcome, expected)],
         [(tag, list(map(int, values))) for tag, values in expected.packets])
    counters = outcome.counters
    for counter, value in ((DenseCounter.INSTRUCTIONS, expected.instructions),
                           (DenseCounter.TILES, expected.tiles),
                           (DenseCounter.USEFUL_MACS, expected.useful_macs % (1 << 32)),
                           (DenseCounter.SATURATIONS, expected.saturations % (1 << 32)),
                           (DenseCounter.DROPPED, 0)):
        same(counter.name, counters[counter], value)
    kinds = (DenseCounter.ACTIVE, DenseCounter.WEIGHT_STALL, DenseCounter.WEIGHT_SHIFT,
             DenseCounter.NON_MATRIX)
    same("sum of the kinds of cycles", sum(counters[kind] for kind in kinds),
         counters[DenseCounter.CYCLES])
    return outcome


def _cut(outcome, expected):
    """Packets without the rest of their last words."""
    lengths = [len(values) for _, values in expected.packets]
    lengths += [None] * (len(outcome.packets) - len(lengths))
    return [(tag, values[:length])
            for (tag, values), length in zip(outcome.packets, lengths, strict=False)]
