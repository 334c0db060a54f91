"""The computation against one done with Python integers, product by product, in hardware order."""

import dataclasses
import itertools

import numpy as np
import pytest

from golden.network import SparseLayer, SparseNetwork
from golden.sparse.compute import overflow_proof, run_layer, run_network
from golden.sparse.geometry import SparseGeometry
from golden.sparse.plan import plan_network


def random_layer(rng, rows, columns, *, density=.3, weight=2000, bias=1000, name="layer",
                 index_width=4, **numbers):
    codes = rng.integers(1, 1 << index_width, size=(rows, columns))
    codes = np.where(rng.random((rows, columns)) < density, codes, 0).astype(np.uint8)
    codebook = rng.integers(-weight, weight, size=1 << index_width).astype(np.int16)
    codebook[0] = 0
    numbers = {"multiplier": 1 << 31, "right_shift": 8} | numbers
    return SparseLayer(name, codes, codebook,
                       rng.integers(-bias, bias + 1, rows).astype(np.int32), **numbers)


def saturate(value, width):
    """Saturated value and whether it changed."""
    clamped = max(-(1 << width - 1), min(value, (1 << width - 1) - 1))
    return clamped, clamped != value


def run_slowly(layer, activations, geometry, groups, input_order):
    """Sums, outputs and saturations of one layer."""
    activations = [int(a) for a in activations]
    weights = layer.weights.tolist()
    sums, outputs, saturations = [], [], 0
    for row in range(layer.rows):
        total = int(layer.bias[row])
        for group in range(groups):
            accumulator = 0
            for bank in range(group, geometry.groups, groups):
                for position in range(bank, layer.columns, geometry.groups):
                    column = int(input_order[position])
                    product = weights[row][column] * activations[column]
                    accumulator, clamped = saturate(accumulator + product, geometry.sum_width)
                    saturations += clamped
            total += accumulator
        total, clamped = saturate(total, 32)
        saturations += clamped
        sums.append(total)
        shifted, clamped = saturate(total << layer.left_shift, 32)
        saturations += clamped
        # Doubling high multiplication, ties upwards; then a shift, ties away from zero.
        scaled = (shifted * layer.multiplier + (1 << 30)) >> 31
        rounded = (abs(scaled) + (1 << layer.right_shift >> 1)) >> layer.right_shift
        scaled = rounded if scaled >= 0 else -rounded
        outputs.append(max(layer.low, min(scaled, layer.high)))
    return sums, outputs, saturations


def assert_same(trace, expected):
    sums, outputs, saturations = expected
    assert trace.sums.dtype == np.int64 and trace.sums.tolist() == sums
    assert trace.outputs.dtype == np.int16 and trace.outputs.tolist() == outputs
    assert trace.saturations == saturations
    assert not (trace.proof and saturations), "a proof must not be wrong"


def test_by_hand():
    """Four accumulators of 8 bits (up to 127) meet 3 products of 60 each, but in two orders."""
    layer = SparseLayer("hand", np.array([[1, 1, 1, 2]], np.uint8), np.array([0, 6, -6], np.int16),
                        np.array([5], np.int32), multiplier=1 << 31)
    geometry = SparseGeometry(pes=4, groups=2, sum_width=8)
    for groups, order, total, saturations in (
            (1, [0, 1, 2, 3], 127 - 60 + 5, 1),         # banks: 0 2, 1 3: 60 120 127! 67
            (1, [0, 1, 3, 2], 120 + 5, 0),              # banks: 0 3, 1 2: 60 0 60 120
            (2, [0, 1, 2, 3], 120 + 0 + 5, 0),
            (2, [0, 3, 2, 1], 120 + 0 + 5, 0)):
        trace = run_layer(layer, [10, 10, 10, 10], geometry=geometry, groups=groups,
                          input_order=order)
        assert (trace.sums.tolist(), trace.saturations) == ([total], saturations), (groups, order)
        assert trace.outputs.tolist() == [total]
        # As 4 * 60 > 127, or at least 2 * 60 <= 127 in each of two groups.
        assert trace.proof == (groups == 2)


def test_layers_against_python():
    rng = np.random.default_rng(0)
    cases = saturated = proven = 0
    for (pes, most), sum_width, scale in itertools.product(
            [(1, 1), (4, 2), (16, 4), (64, 8)], [8, 20, 32, 40], [3, 300, 32768]):
        geometry = SparseGeometry(pes=pes, groups=most, sum_width=sum_width)
        for groups in (1 << n for n in range(most.bit_length())):
            rows, columns = rng.integers(1, 12), rng.integers(1, 40)
            layer = random_layer(
                rng, rows, columns, weight=min(scale, 32767), bias=scale * 100,
                multiplier=int(rng.choice([1 << 31, (1 << 31) - 1, rng.integers(1 << 30, 1 << 31),
                                           0])),
                left_shift=int(rng.choice([0, 0, 0, 5])), right_shift=int(rng.integers(0, 12)),
                low=int(rng.choice([-32768, 0, -100])), high=int(rng.choice([32767, 127])))
            activations = rng.integers(-scale, scale, columns) * (rng.random(columns) < .7)
            order = rng.permutation(columns)
            trace = run_layer(layer, activations, geometry=geometry, groups=groups,
                              input_order=order)
            assert_same(trace, run_slowly(layer, activations, geometry, groups, order))
            cases += 1
            saturated += trace.saturations > 0
            proven += trace.proof
    assert cases == 4 * 3 * (1 + 2 + 3 + 4)
    assert saturated >= 30 and proven >= 30


def test_saturation_depends_on_the_order_of_columns():
    rng = np.random.default_rng(1)
    layer = random_layer(rng, 20, 64, density=.5, weight=100)
    activations = rng.integers(-100, 100, 64)
    geometry = SparseGeometry(pes=16, groups=4, sum_width=13)
    results = set()
    for groups in (1, 2, 4):
        for order in (np.arange(64), np.arange(64)[::-1]):
            trace = run_layer(layer, activations, geometry=geometry, groups=groups,
                              input_order=order)
            assert_same(trace, run_slowly(layer, activations, geometry, groups, order))
            results.add(tuple(trace.sums.tolist()))
    assert len(results) == 6
    # Without saturation it makes no difference.
    wide = dataclasses.replace(geometry, sum_width=32)
    assert {tuple(run_layer(layer, activations, geometry=wide, groups=groups).sums.tolist())
            for groups in (1, 2, 4)} == {tuple((layer.weights.astype(int) @ activations
                                                + layer.bias).tolist())}


def test_largest_sums_are_exact():
    """65535 products of the largest magnitude, far beyond 32 bits, within 53."""
    codes = np.ones((2, 65535), np.uint8)
    codes[1, 1::2] = 2
    layer = SparseLayer("large", codes, np.array([0, -32768, 32767], np.int16),
                        np.array([7, -7], np.int32), multiplier=1)
    geometry = SparseGeometry(pes=4, sum_width=40)
    activations = np.full(65535, -32768)
    trace = run_layer(layer, activations, geometry=geometry)
    exact = layer.weights.astype(np.int64) @ activations
    assert exact[0] > 1 << 40 and (1 << 31) > exact[1] > 1 << 29
    assert trace.sums.tolist() == [(1 << 31) - 1, exact[1] - 7]
    # Row 0 saturates when 2**39 is reached and at every product after it, then in its total.
    assert trace.saturations == 65535 - 511 + 1


@pytest.mark.parametrize("groups", [1, 2])
def test_blocks_of_rows_join(groups, monkeypatch):
    """Layers too large to expand at once are computed in blocks; some rows saturate, some not."""
    rng = np.random.default_rng(2)
    layer = random_layer(rng, 50, 40, weight=100)
    layer = dataclasses.replace(layer, codes=layer.codes * (np.arange(50) % 3 > 0)[:, None]
                                .astype(np.uint8))
    activations, order = rng.integers(-100, 100, 40), rng.permutation(40)
    geometry = SparseGeometry(pes=4, groups=2, sum_width=15)
    monkeypatch.setattr("golden.sparse.compute._BLOCK", 7 * 40)
    trace = run_layer(layer, activations, geometry=geometry, groups=groups, input_order=order)
    assert_same(trace, run_slowly(layer, activations, geometry, groups, order))
    assert trace.saturations > 5


def test_proof_is_safe_and_tight():
    rng = np.random.default_rng(3)
    cases = proven = 0
    for groups in (1, 2):
        geometry = SparseGeometry(pes=4, groups=2, sum_width=20)
        for _ in range(40):
            layer = random_layer(rng, 6, 24, weight=rng.choice([30, 120, 400]),
                                 left_shift=int(rng.choice([0, 12])))
            order = rng.permutation(24)
            safe = overflow_proof(layer, geometry=geometry, groups=groups, activation_bound=1000,
                                  input_order=order)
            for row in range(layer.rows):
                # The worst input of the row, for its most loaded group: signs as the weights.
                alone = dataclasses.replace(layer, codes=layer.codes[[row]],
                                            bias=layer.bias[[row]])
                saturations = 0
                for sign in (1, -1):
                    worst = sign * 1000 * np.sign(alone.weights[0].astype(int))
                    trace = run_layer(alone, worst, geometry=geometry, groups=groups,
                                      input_order=order)
                    saturations += trace.saturations
                    assert trace.proof == safe[row]
                assert (saturations == 0) == safe[row]
                proven += safe[row]
                cases += 1
    assert cases == 480 and 100 < proven < 380


@pytest.mark.parametrize("activation, bias, left_shift, total, saturations", [
    (127, 0, 0, 127, 0),
    (128, 0, 0, 127, 1),                                # the accumulator's 8 bits
    (-127, 0, 0, -127, 0),
    (-129, 0, 0, -128, 1),
    (1, (1 << 31) - 2, 0, (1 << 31) - 1, 0),
    (1, (1 << 31) - 1, 0, (1 << 31) - 1, 1),            # the total's 32 bits
    (-1, -(1 << 31), 0, -(1 << 31), 1),
    (1, (1 << 30) - 2, 1, (1 << 30) - 1, 0),
    (1, (1 << 30) - 1, 1, 1 << 30, 1),                  # the left shift's 32 bits
    (127, (1 << 31) - 1, 1, (1 << 31) - 1, 2),
])
def test_each_saturation_at_its_edge(activation, bias, left_shift, total, saturations):
    layer = SparseLayer("edge", np.ones((1, 1), np.uint8), np.array([0, 1], np.int16),
                        np.array([bias], np.int32), multiplier=1 << 31, left_shift=left_shift)
    trace = run_layer(layer, [activation], geometry=SparseGeometry(sum_width=8))
    assert trace.sums.tolist() == [total]
    assert trace.saturations == saturations
    assert trace.proof == (saturations == 0)


def test_proof_assumes_any_activation():
    layer = SparseLayer("edge", np.ones((1, 1), np.uint8), np.array([0, 1], np.int16),
                        np.array([0], np.int32), multiplier=1 << 31)
    narrow, wide = (SparseGeometry(sum_width=width) for width in (16, 17))
    assert not overflow_proof(layer, geometry=narrow)[0]    # 32768 = -(-32768) would not fit
    assert overflow_proof(layer, geometry=narrow, activation_bound=32767)[0]
    assert overflow_proof(layer, geometry=wide)[0]


@pytest.mark.parametrize("balance", [False, True])
@pytest.mark.parametrize("groups", [None, 2, [1, 4, 2]])
def test_networks_layer_by_layer(groups, balance):
    rng = np.random.default_rng(4)
    network = SparseNetwork((
        random_layer(rng, 30, 20, name="a", low=0, right_shift=4),
        random_layer(rng, 17, 30, name="b", right_shift=6),
        random_layer(rng, 10, 17, name="c", right_shift=4)))
    geometry = SparseGeometry(pes=16, groups=4, sum_width=19)
    inputs = rng.integers(-50, 500, 20)
    traces = run_network(network, inputs, geometry=geometry, groups=groups, balance=balance)
    plans = plan_network(network, geometry, groups, balance)
    again = run_network(network, inputs, geometry=geometry, plans=plans)
    saturations = 0
    order = np.arange(20)
    for layer, plan, trace, same in zip(network.layers, plans, traces, again, strict=True):
        expected = run_slowly(layer, inputs, geometry, plan.groups, order)
        assert_same(trace, expected)
        assert_same(same, expected)
        inputs, order = expected[1], plan.order
        saturations += trace.saturations
    assert saturations > 20
    assert (order.tolist() != sorted(order.tolist())) == balance


@pytest.mark.parametrize("activations, options, complaint", [
    (np.zeros(3, int), {}, r"'layer' takes 4 integers, not int64 of shape \(3,\)"),
    (np.zeros(4), {}, "not float64"),
    (np.array([0, 0, 0, 1 << 15]), {}, "from 0 to 32768 do not fit activation_width=16"),
    (np.array([0, 0, 0, -(1 << 15) - 1]), {}, "from -32769 to 0"),
    (np.zeros(4, int), {"groups": 2}, "groups=1, not 2"),
    (np.zeros(4, int), {"input_order": [0, 1, 2]}, "4 integers"),
])
def test_arguments_are_checked(activations, options, complaint):
    layer = random_layer(np.random.default_rng(5), 3, 4)
    with pytest.raises(ValueError, match=complaint):
        run_layer(layer, activations, geometry=SparseGeometry(), **options)
