"""The energy model against its sources, EIE's statements, and counts worked out by hand."""

import doctest

import numpy as np
import pytest

from golden.energy import cores, events, technology
from golden.energy.cores import EIE_MEMORIES, dense_events, sparse_area, sparse_events
from golden.energy.events import (
    Accesses,
    DramReads,
    Operations,
    energy_by_part,
    total_energy,
)
from golden.energy.technology import (
    access_energy,
    add_area,
    add_energy,
    dram_energy,
    memory_area,
    multiply_area,
    multiply_energy,
)
from golden.sparse.encode import encode
from golden.sparse.geometry import SparseGeometry
from golden.sparse.reads import MemoryReads, memory_reads


def test_examples():
    for module in (cores, events, technology):
        assert doctest.testmod(module).failed == 0


def test_points_of_the_table():
    """Horowitz, ISSCC'14, as in EIE's table I."""
    exact = [(add_energy, {8: .03, 16: .05, 32: .1}), (multiply_energy, {8: .2, 32: 3.1}),
             (add_area, {8: 36, 16: 67, 32: 137}), (multiply_area, {8: 282, 32: 3495})]
    for law, points in exact:
        for width, value in points.items():
            assert law(width) == pytest.approx(value)
        widths = np.array([law(width) for width in range(2, 65)])
        assert (np.diff(widths) > 0).all()
    floats = [(add_energy, .4, .9), (multiply_energy, 1.1, 3.7), (add_area, 1360, 4184),
              (multiply_area, 1640, 7700)]
    for law, half, single in floats:
        assert (law(16, floating=True), law(32, floating=True)) == (half, single)


def test_law_of_memories_fits_what_it_was_not_made_from():
    """Horowitz's caches, 64 bits: 10, 20 and 100 pJ; EIE's pointer memory, 121,849 um2."""
    for capacity, energy in ((8, 10), (32, 20), (1024, 100)):
        ratio = access_energy(capacity * 1024, 64) / access_energy(8 * 1024, 64)
        assert ratio == pytest.approx(energy / 10, rel=.15)
    assert memory_area(32 * 1024) == pytest.approx(121849, rel=.04)


def test_what_eie_states():
    """ "Going from DRAM to SRAM gives 120x; sparsity 10x; weight sharing 8x; activations 3x." """
    rows = columns = 4096           # Alex-7: 9 % of the weights, 35.3 % of the activations
    dram = dense_events(rows, columns, width=32, floating=True)[0].energy
    sram = rows * columns * access_energy(32 * 1024, 32)
    assert dram / sram == 128 == pytest.approx(120, rel=.07)
    assert 1 / .09 == pytest.approx(10, rel=.12)
    assert sram / (rows * columns * access_energy(32 * 1024, 4)) == 8
    assert 1 / .353 == pytest.approx(3, rel=.06)
    assert dram_energy(32) == 640
    # 64 of them took 40.8 mm2, fillers included.
    assert sum(sparse_area(EIE_MEMORIES).values()) == pytest.approx(40.8e6, rel=.07)


def test_dense_layer_by_hand():
    """100 x 10: two reads of each of the 10 activations, 100 writes, 1000 of everything else."""
    parts = energy_by_part(dense_events(100, 10, width=32, floating=True))
    assert parts["weights"] == 1000 * 640
    assert parts["activations"] == pytest.approx(120 * 5 / 4)        # 2 KB: root of 1/16
    assert parts["multiply"] == pytest.approx(1000 * 3.7)
    assert parts["sums"] == pytest.approx(1000 * .9 + 2000 * 5 * (256 / 32768)**.5)
    int8 = energy_by_part(dense_events(100, 10, width=8))
    assert int8["weights"] == 250 * 640 and int8["multiply"] == pytest.approx(1000 * .2)
    on_chip = energy_by_part(dense_events(100, 10, width=8, dram=False))
    assert on_chip["weights"] == 125 * 20
    assert {**on_chip, "weights": 0} == {**int8, "weights": 0}
    many = dense_events(100, 10, width=8, positions=7)
    assert many[0].energy == int8["weights"]
    assert energy_by_part(many)["multiply"] == pytest.approx(7 * int8["multiply"])


def test_sparse_layer_by_hand():
    reads = MemoryReads(pointers=8, queued=4, entry_words=6, distinct_words=5)
    found = sparse_events(EIE_MEMORIES, rows=16, columns=2, groups=2, busy=30, reads=reads)
    parts = energy_by_part(found)
    assert parts["weights"] == 6 * 20
    assert parts["pointers"] == pytest.approx(8 * 2.5 * .5**.5)
    assert parts["activations"] == pytest.approx(18 * 2.5 / 16)
    assert parts["multiply"] == pytest.approx(30 * multiply_energy(16))
    assert parts["sums"] == pytest.approx(46 * .05 + 92 * 2.5 / 16)
    kept = sparse_events(EIE_MEMORIES, rows=16, columns=2, groups=2, busy=30, reads=reads,
                         keeps_word=True)
    assert total_energy(found) - total_energy(kept) == pytest.approx(20)
    assert total_energy(found) == pytest.approx(sum(parts.values()))


def reads_by_walking(encoded, nonzero, lookahead):
    """The same counts, one element and column at a time."""
    size, groups = encoded.geometry.word_entries, encoded.groups
    pointers = queued = words = distinct = 0
    for element in range(encoded.geometry.pes):
        held = None
        for column in np.flatnonzero(nonzero):
            if column % groups != element % groups:
                continue
            first, end = encoded.pointers[element, column // groups:][:2]
            pointers += 2
            seen = sorted({entry // size for entry in range(first, end)})
            queued += bool(seen) or not lookahead
            words += len(seen) or (0 if lookahead else 1)
            distinct += sum(word != held for word in seen)
            held = seen[-1] if seen else held
    return MemoryReads(pointers, queued, words, distinct)


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("lookahead", [True, False])
@pytest.mark.parametrize("density", [.02, .3])
def test_reads_are_counted(groups, lookahead, density):
    rng = np.random.default_rng(groups)
    codes = (rng.integers(1, 16, (90, 50)) * (rng.random((90, 50)) < density)).astype(np.uint8)
    geometry = SparseGeometry(pes=16, groups=4, word_entries=4, escape=lookahead)
    encoded = encode(codes, geometry=geometry, groups=groups)
    for active in (0, .4, 1):
        nonzero = rng.random(50) < active
        assert (memory_reads(encoded, nonzero, lookahead=lookahead)
                == reads_by_walking(encoded, nonzero, lookahead))


def test_refusals():
    for wrong in (lambda: add_energy(0), lambda: multiply_energy(8, floating=True),
                  lambda: access_energy(0, 8), lambda: access_energy(8, 0),
                  lambda: Operations("x", "divide", 8, 1).energy):
        with pytest.raises(ValueError):
            wrong()
    assert total_energy([]) == 0 and energy_by_part([Accesses("a", 64, 8, 0)]) == {"a": 0}
    assert DramReads("weights", 33).words == 2
