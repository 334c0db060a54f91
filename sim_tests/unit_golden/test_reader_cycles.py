"""Queues and entry readers, many columns at a time, against plain loops over PEs and words."""

import numpy as np
import pytest

from golden.sparse.encode import encode
from golden.sparse.fill import fill_words
from golden.sparse.geometry import WORDS_AHEAD, SparseGeometry
from golden.sparse.reader_cycles import ColumnReaders


def broadcast_one_by_one(encoded, offsets, columns, arrivals, queue_depth, lookahead):
    """Cycles of the broadcasts, and of the last operation of each processing element (PE)."""
    pes, size = encoded.geometry.pes, encoded.geometry.word_entries
    taken, free = [[] for _ in range(pes)], [0] * pes
    moved = [[-2] * WORDS_AHEAD for _ in range(pes)]     # when words moved on to be issued
    asked = [0] * pes
    last, cycles = [0] * pes, []
    for column, cycle in zip(columns, arrivals, strict=True):
        spans = [encoded.pointers[pe, column:column + 2].tolist() for pe in range(pes)]
        takers = [pe for pe in range(pes) if spans[pe][1] > spans[pe][0] or not lookahead]
        for pe in takers:
            if len(taken[pe]) >= queue_depth:
                cycle = max(cycle, taken[pe][-queue_depth] + 1)
        cycles.append(cycle)
        for pe in takers:
            first, end = spans[pe]
            if not encoded.geometry.escape:
                begin = max(free[pe], cycle + 1)
                taken[pe].append(begin)
                free[pe] = begin + max(end - first, 1)
            else:
                words = [(entry + offsets[pe]) // size for entry in range(first, end)]
                for word in sorted(set(words)):
                    inside = [encoded.starts[pe] + first + number
                              for number, place in enumerate(words) if place == word]
                    asked[pe] = max(cycle + 1, asked[pe] + 1, moved[pe][-WORDS_AHEAD] + 2)
                    moved[pe].append(max(asked[pe] + 4, free[pe]))
                    free[pe] = moved[pe][-1] + max(1, sum(not encoded.is_escape[e]
                                                          for e in inside))
                taken[pe].append(asked[pe])
            if end > first:
                last[pe] = free[pe] + (not encoded.geometry.escape)
    return cycles, last


@pytest.mark.parametrize("escape", [False, True])
def test_blocks_of_columns(escape):
    rng = np.random.default_rng(11)
    waited = 0
    for trial in range(60):
        geometry = SparseGeometry(pes=int(rng.choice([1, 2, 8])), escape=escape,
                                  run_width=int(rng.integers(1, 4)),
                                  word_entries=int(rng.choice([1, 2, 4, 8])))
        density = rng.choice([.02, .1, .4])
        codes = (rng.random((60, 40)) < density).astype(np.uint8)
        offsets = rng.integers(0, 20, geometry.pes)
        encoded = encode(codes, geometry=geometry)
        if trial % 2:
            encoded = fill_words(encoded, offsets)
        columns = np.flatnonzero(rng.random(40) < .8)
        arrivals = np.cumsum(rng.integers(1, 4, len(columns))) + 5
        depth, lookahead = int(rng.integers(1, 9)), escape or bool(trial % 3)

        readers = ColumnReaders(encoded, np.arange(geometry.pes), offsets, columns,
                                queue_depth=depth, lookahead=lookahead)
        cycles = []
        while len(cycles) < len(columns):
            start = len(cycles)
            stop = min(start + int(rng.integers(1, depth + 1)), len(columns))
            cycles += [max(int(arrival), room) for arrival, room
                       in zip(arrivals[start:stop], readers.room(start, stop), strict=True)]
            readers.read(start, stop, cycles[start:])

        expected, last = broadcast_one_by_one(encoded, offsets, columns, arrivals.tolist(), depth,
                                              lookahead)
        assert cycles == expected
        assert readers.last_operation.tolist() == last
        waited += cycles != arrivals.tolist()
    assert waited >= 15
