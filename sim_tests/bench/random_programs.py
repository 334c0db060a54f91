"""Random programs of the dense core: legal ones full of hazards, illegal ones, and garbage."""

from dataclasses import dataclass

import numpy as np

from golden.formats import Fault, Operation
from golden.systolic.instructions import encode, program
from golden.systolic.legality import first_fault
from golden.systolic.memories import DenseMemories
from sim_tests.bench.program_author import ProgramAuthor
from sim_tests.bench.random_faults import faulty

__all__ = ["PROGRAM_FAULTS", "RandomRun", "garbage_program", "illegal_run", "legal_run",
           "random_memories"]

#: Faults that a program alone can have.
PROGRAM_FAULTS = tuple(fault for fault in Fault if Fault.NONE < fault < Fault.TIMEOUT)


@dataclass(frozen=True, eq=False)
class RandomRun:
    """A program with all that it needs.

    Parameters
    ----------
    memories : DenseMemories
    host_input : ndarray of uint32, shape (n,)
        Words that its Read_Host_Memory instructions take altogether.
    signals : int
        Instructions that wait for the host's signal.
    """

    memories: DenseMemories
    host_input: np.ndarray
    signals: int


def random_memories(rng, geometry, program_words=None):
    """Memories full of random numbers, with parameters that saturate now and then.

    Parameters
    ----------
    rng : numpy.random.Generator
    geometry : DenseGeometry
    program_words : ndarray of uint32, shape (n, 4), optional

    Returns
    -------
    DenseMemories
    """
    g, channels = geometry, geometry.parameter_depth
    half_a, half_w = 1 << g.activation_width - 1, 1 << g.weight_width - 1
    sums = g.activation_width + g.weight_width + g.rows.bit_length() - 2
    parameters = np.stack([
        rng.integers(-1 << min(31, sums), 1 << min(31, sums), channels),
        np.where(rng.random(channels) < .2, rng.choice([1 << 31, 0, 1 << 30], channels),
                 rng.integers(1 << 30, 1 << 31, channels)),
        rng.choice([0, 1, 5, 31], channels, p=[.85, .1, .03, .02]),
        rng.choice([0, max(0, sums - g.activation_width), rng.integers(32)], channels)], axis=1)
    parameters[rng.random(channels) < .02, 0] = rng.choice([-1 << 31, (1 << 31) - 1])
    wide = g.activation_width > 8
    return DenseMemories(
        g, program=program_words, parameters=parameters,
        functions=rng.integers(*((0, 1 << 16) if wide else (-half_a, half_a)), g.function_words),
        operands=rng.integers(-1 << rng.choice([8, 15, 31]), 1 << 15, g.operand_shape),
        weights=rng.integers(-half_w, half_w, (g.weight_depth, g.columns)),
        unified=rng.integers(-half_a, half_a, g.unified_depth))


def _author(rng, geometry, length, size, signals, host=True):
    author = ProgramAuthor(rng, geometry, size)
    author.destination()
    kinds = [(author.matrix_multiply, 24), (author.convolve, 20), (author.activate, 28),
             (author.vector, 12), (author.host, 8 if host else 0), (author.read_weights, 5),
             (lambda: author.add(encode(Operation.NOP)), 1),
             (lambda: author.add(encode(Operation.SYNCHRONIZE)), 2)]
    # Some programs are chains of few kinds only.
    weights = np.array([weight * rng.choice([1, 1, 0]) for _, weight in kinds], dtype=float)
    weights[rng.integers(4)] += 10
    weights /= weights.sum()
    while len(author.words) < length - 8:
        if signals and rng.random() < .03:
            author.signals += author.add(encode(Operation.SYNCHRONIZE, signal=1))
        kinds[rng.choice(len(kinds), p=weights)][0]()
    return author


def legal_run(rng, geometry, *, length=60, size=6, signals=False, host=True):
    """A random program that a core carries out to its end, full of hazards.

    Parameters
    ----------
    rng : numpy.random.Generator
    geometry : DenseGeometry
    length : int
        Instructions at most, from 10; a Halt is the last.
    size : int
        Scale of tiles, lines and vectors: the larger, the more cycles an instruction takes.
    signals : bool
        Whether some wait for the host's signal.
    host : bool
        Whether some read or write the host's memory.

    Returns
    -------
    RandomRun
    """
    length = min(length, geometry.program_depth)
    author = _author(rng, geometry, length, size, signals, host)
    words = program([*author.words, encode(Operation.HALT)])
    return RandomRun(random_memories(rng, geometry, words),
                     rng.integers(1 << 32, size=author.host_words, dtype=np.uint32),
                     author.signals)


def illegal_run(rng, geometry, fault, *, length=30, size=4):
    """A legal program, then an instruction that does not exist or does not fit, then more.

    Parameters
    ----------
    rng : numpy.random.Generator
    geometry : DenseGeometry
    fault : Fault
        From BAD_OPERATION to TOO_MANY_WEIGHTS.
    length, size : int
        As for `legal_run`.

    Returns
    -------
    RandomRun
    """
    while True:
        author = _author(rng, geometry, length, size, False)
        rest = [encode(Operation.WRITE_HOST_MEMORY, length=4), encode(Operation.HALT)]
        ways = faulty(rng, geometry, fault)
        words = program([*author.words, *ways[rng.integers(len(ways))], *rest])
        index, found = first_fault(words, geometry)
        if found == fault and index >= len(author.words):
            return RandomRun(random_memories(rng, geometry, words),
                             rng.integers(1 << 32, size=author.host_words, dtype=np.uint32), 0)


def garbage_program(rng, geometry, length):
    """Instructions of which few are legal: random words, and legal ones with bits flipped.

    Parameters
    ----------
    rng : numpy.random.Generator
    geometry : DenseGeometry
    length : int

    Returns
    -------
    ndarray of uint32, shape (length, 4)
    """
    words = rng.integers(1 << 32, size=(length, 4), dtype=np.uint32)
    words[:, 0] &= np.where(rng.random(length) < .7, 0xFFFFFFEF, 0xFFFFFFFF).astype(np.uint32)
    author = _author(rng, geometry, 40, 4, False)
    for index in np.flatnonzero(rng.random(length) < .7):
        words[index] = author.words[rng.integers(len(author.words))]
        for bit in rng.integers(128, size=rng.choice([0, 1, 4], p=[.5, .4, .1])):
            words[index, bit // 32] ^= np.uint32(1 << bit % 32)
    return words
