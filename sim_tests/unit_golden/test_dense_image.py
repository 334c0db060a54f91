"""Memories of the dense core as words of the host."""

import numpy as np
import pytest

from golden.formats import PARAMETER, DenseMemory
from golden.systolic.geometry import DenseGeometry
from golden.systolic.image import (
    host_words,
    memory_image,
    pack_elements,
    pack_rows,
    unpack_elements,
)
from sim_tests.bench.random_programs import legal_run


def test_weights_by_hand():
    """Five weights of 7 bits: 35 bits in two words, the first in the lowest bits."""
    words = host_words(DenseMemory.WEIGHTS, np.array([[1, -1, 0, 3, -64], [0, 0, 0, 0, 1]]),
                       DenseGeometry(columns=5, weight_width=7))
    assert words.tolist() == [[1 | 0x7F << 7 | 3 << 21 | (0x40 << 28) & 0xFFFFFFFF, 4],
                              [1 << 28, 0]]


def test_activations_take_whole_bytes():
    narrow = DenseGeometry(activation_width=5)
    assert pack_elements([-1, 2, 3, -4, 5], narrow).tolist() == [0xFC0302FF, 5]
    wide = DenseGeometry(activation_width=12, function_tables=0, operand_tables=0)
    assert pack_elements([-1, 2, 3], wide).tolist() == [0x2FFFF, 3]
    # What is above the width does not count.
    assert unpack_elements([0xFC1F021F], narrow).tolist() == [-1, 2, -1, -4]
    for geometry in (narrow, wide):
        half = 1 << geometry.activation_width - 1
        values = np.random.default_rng(1).integers(-half, half, 101)
        words = pack_elements(values, geometry)
        np.testing.assert_array_equal(unpack_elements(words, geometry, 101), values)


def test_numbers_are_packed_without_gaps():
    rng = np.random.default_rng(2)
    for width in (1, 2, 3, 8, 13, 16, 32):
        values = rng.integers(-1 << 31, 1 << 31, (9, 11))
        packed = pack_rows(values, width)
        assert packed.shape == (9, -(-11 * width // 32))
        for row, words in zip(values.tolist(), packed.tolist(), strict=True):
            number = sum(word << 32 * n for n, word in enumerate(words))
            assert number == sum((value % (1 << width)) << width * n for n, value in enumerate(row))


@pytest.mark.parametrize("geometry", [
    DenseGeometry(rows=4, columns=3, unified_depth=256),
    DenseGeometry(activation_width=16, weight_width=12, operand_tables=0, unified_depth=256),
    DenseGeometry(function_tables=0, operand_tables=0, unified_depth=256)])
def test_image_of_all_memories(geometry):
    memories = legal_run(np.random.default_rng(3), geometry).memories
    image = memory_image(memories)
    assert image[DenseMemory.PROGRAM].tolist() == memories.program.tolist()
    for name, values in (("FUNCTIONS", memories.functions), ("OPERANDS", memories.operands)):
        if values.size:
            words = image[DenseMemory[name]].ravel().astype(np.int64)
            width = geometry.activation_width if name == "FUNCTIONS" else 32
            assert (words % (1 << width)).tolist() == (values.ravel() % (1 << width)).tolist()
        else:
            assert DenseMemory[name] not in image
    assert image[DenseMemory.WEIGHTS].shape == (2048, -(-geometry.columns
                                                        * geometry.weight_width // 32))
    np.testing.assert_array_equal(
        unpack_elements(image[DenseMemory.UNIFIED].ravel(), geometry), memories.unified)
    for words, values in zip(image[DenseMemory.PARAMETERS], memories.parameters, strict=True):
        fields = PARAMETER.unpack(sum(int(word) << 32 * n for n, word in enumerate(words)))
        assert list(fields.values()) == [*values, 0]


def test_counters_are_not_written():
    with pytest.raises(ValueError, match="COUNTERS"):
        host_words(DenseMemory.COUNTERS, np.zeros(3), DenseGeometry())
