# amaranth: UnusedElaboratable=no

"""Configurations refuse what no core can be built from, and say what would do."""

import pytest

from golden.formats import DenseMemory
from hw.config import PRESETS, DenseConfig, SparseConfig
from hw.systolic.core import DenseCore

REFUSED = [
    ({"pes": 3}, "pes must be a power of two from 1 to 256, not 3"),
    ({"pes": 512}, "pes must be a power of two from 1 to 256, not 512"),
    ({"pes": 8, "groups": 4}, "groups=4 needs at least 16 processing elements, not 8"),
    ({"pes": 16, "groups": 4, "lanes": 2}, "lanes=2 must be at least groups=4"),
    ({"lanes": 8}, "lanes=8 must be at least groups=1 and at most pes/groups=4"),
    ({"lookahead": False}, "escape=True needs lookahead=True"),
    ({"word_entries": 1}, "not word_entries=1"),
    ({"queue_depth": 0}, "queue_depth must be at least 1, not 0"),
    ({"queue_depth": 9, "lockstep": False}, "must be at least 10 with lockstep=False, not 9"),
    ({"pointer_depth": 7}, "pointer_depth must be even, not 7"),
    ({"bias_depth": 6, "lanes": 4}, "bias_depth=6 must be a multiple of lanes=4"),
    ({"codebook_count": 32}, "codebook_count must be at most 16, not 32"),
    ({"activation_depth": 8}, "activation_depth=8 must be at least map_width"),
    ({"map_width": 1, "lanes": 4}, "map_width=1 must be at least lanes/groups=4"),
    ({"accumulator_depth": 48}, "accumulator_depth must be a power of two, not 48"),
    ({"sum_width": 64}, "sum_width must be from 8 to 40, not 64"),
]


@pytest.mark.parametrize("changes, complaint", REFUSED)
def test_refused(changes, complaint):
    with pytest.raises(ValueError) as refused:
        SparseConfig(**changes)
    assert complaint in str(refused.value)


def test_presets_differ_and_share_their_geometry():
    assert len(set(PRESETS.values())) == len(PRESETS) >= 4
    for config in PRESETS.values():
        assert config.replace() == config
        assert config.geometry.pes == config.pes


@pytest.mark.parametrize("changes, complaint", [
    ({"host_depth": 8}, "host_depth must be a power of two from 16 to 65536, not 8"),
    ({"host_depth": 1 << 17}, "host_depth must be a power of two from 16 to 65536, not 131072"),
    ({"weight_depth": 1 << 23}, "weight_depth must be at most 8388607 with 2 words a row"),
    ({"columns": 256, "weight_depth": 1 << 18}, "must be at most 262143 with 64 words a row"),
    ({"watchdog_log2": 3}, "watchdog_log2 must be from 4 to 40, not 3"),
    ({"serial_output": True}, "serial_output=True needs lanes=1, not 2"),
    ({"lanes": 16}, "lanes=16 must be at most columns=8"),
    ({"unified_depth": 8}, "unified_depth"),
])
def test_refused_for_the_dense_core(changes, complaint):
    with pytest.raises(ValueError) as refused:
        DenseConfig(**changes)
    assert complaint in str(refused.value)


def test_the_largest_memories_of_the_dense_core():
    core = DenseCore(DenseConfig(host_depth=1 << 16, weight_depth=(1 << 23) - 1))
    assert core.memory_map[DenseMemory.WEIGHTS].depth == (1 << 23) - 1
