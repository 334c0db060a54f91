"""The workloads of TPU v1: the totals of table 1, and programs that the cycle model takes."""

import pytest

from golden.formats import DenseCounter, Operation, Register
from golden.models.tpu_v1 import GEOMETRY, PEAK_TOPS, TABLE_4, WEIGHT_CYCLES, WORKLOADS
from golden.models.tpu_workloads import outline_workload
from golden.systolic.cycles import dense_cycles
from golden.systolic.instructions import decode, register_fields

KINDS = (DenseCounter.ACTIVE, DenseCounter.WEIGHT_STALL, DenseCounter.WEIGHT_SHIFT,
         DenseCounter.NON_MATRIX)


def test_what_was_published_is_as_published():
    """Sizes of the machine, and sums that a mistyped figure would spoil."""
    assert WEIGHT_CYCLES == 1349 and PEAK_TOPS == pytest.approx(91.75, abs=.01)
    for published in WORKLOADS.values():
        kinds = (published.active, published.weight_stall, published.weight_shift,
                 published.non_matrix)
        assert sum(kinds) == pytest.approx(100, abs=.15)
        assert published.useful <= published.active
    assert [sum(published.kinds.values()) for published in WORKLOADS.values()] == [
        5, 4, 58, 56, 16, 89]
    for (machine, _, _, fewer, percent), (other, _, _, best, _) in zip(
            TABLE_4[::2], TABLE_4[1::2], strict=True):
        assert machine == other and 100 * fewer / best == pytest.approx(percent, abs=.6)


@pytest.fixture(scope="module", params=WORKLOADS)
def workload(request):
    outline = outline_workload(request.param)
    return request.param, outline, outline.program()


def test_totals_are_those_of_table_1(workload):
    name, outline, _ = workload
    published = WORKLOADS[name]
    assert outline.kinds == published.kinds
    assert outline.weight_count / 1e6 == pytest.approx(published.weights, rel=.015)
    assert outline.macs / outline.weight_count == pytest.approx(published.macs_per_byte, rel=.005)
    assert outline.most_elements <= 24 << 20


def test_cycles_sum_up_and_follow_from_the_program(workload):
    name, outline, words = workload
    counters = dense_cycles(words, GEOMETRY, weight_cycles=WEIGHT_CYCLES)
    cycles = counters[DenseCounter.CYCLES]
    assert sum(counters[kind] for kind in KINDS) == cycles

    tiles = rows = vectors = 0
    window = {}
    for word in words:
        operation, fields = decode(word)
        if operation == Operation.SET_CONFIGURATION:
            register, values = register_fields(fields)
            window = values if register == Register.WINDOW else window
        elif operation in (Operation.MATRIX_MULTIPLY, Operation.CONVOLVE):
            pixels = window["pixels"] if operation == Operation.CONVOLVE else 1
            tiles += fields["tiles"]
            rows += fields["tiles"] * fields["lines"] * pixels
        vectors += operation in (Operation.VECTOR_ADD, Operation.VECTOR_MULTIPLY)
    assert counters[DenseCounter.ACTIVE] == rows
    # No multiplication is made up: the tiles that are fed hold all of them.
    assert outline.macs <= rows * GEOMETRY.rows * GEOMETRY.columns
    assert cycles > max(rows, tiles * WEIGHT_CYCLES)
    if "conv" not in outline.kinds:
        # A real-time batch: nothing but the fetch of the weights counts.
        assert cycles < 1.06 * tiles * WEIGHT_CYCLES
    # LSTM0's vectors are too long for one instruction by one element.
    assert vectors == outline.kinds["vector"] * (2 if name == "LSTM0" else 1)


def test_rows_and_tiles_by_hand():
    """MLP0: four layers of 8 x 8 tiles and one of 8 x 6; CNN0: 5 and 9 tiles, 1 and 1."""
    assert outline_workload("MLP0").weights["fc4"][0] == 4 * 64 * 256
    counters = dense_cycles(outline_workload("MLP0").program(), GEOMETRY,
                            weight_cycles=WEIGHT_CYCLES)
    assert counters[DenseCounter.ACTIVE] == (4 * 64 + 48) * 200
    weights = outline_workload("CNN0").weights
    assert [weights[f"conv{number}"][0] // 256 for number in (1, 2, 14, 15)] == [
        5, 14, 5 + 13 * 9, 5 + 13 * 9 + 1]
    # Eight pictures of 19 lines, one line between them, in four lots.
    counters = dense_cycles(outline_workload("CNN0").program(), GEOMETRY,
                            weight_cycles=WEIGHT_CYCLES)
    assert counters[DenseCounter.ACTIVE] == 19 * (
        (7 * 22 + 19) * 5 + (7 * 20 + 19) * (13 * 9 + 2))


def test_inception_is_the_published_one():
    """Eleven million weights with the classifier of 1000, which is not among the convolutions."""
    outline = outline_workload("CNN1", 1)
    conv = {name: count for name, (_, count) in outline.weights.items()
            if outline.layers[name] == "conv"}
    assert sum(count for name, count in conv.items() if not name.startswith("last")) == 10_240_192
    assert conv["conv1"] == 9408 and conv["4d.3x3"] == 128 * 192 * 9


def test_refusals():
    with pytest.raises(ValueError, match="no workload 'MLP2', only MLP0, MLP1"):
        outline_workload("MLP2")
    with pytest.raises(ValueError, match="do not fit the unified buffer"):
        outline_workload("MLP0", 8192)
