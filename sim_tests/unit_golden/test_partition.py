"""The balance of rows over slots: against its definition, and that it balances."""

import doctest

import numpy as np
import pytest

from golden.sparse import partition
from golden.sparse.partition import (
    check_order,
    from_positions,
    greedy_order,
    identity_order,
    inverse,
    to_positions,
)


def greedy_slowly(load, slots):
    """Each row, heaviest first, to the least loaded slot that has a free position."""
    rows = len(load)
    members = [[] for _ in range(slots)]
    capacity = [len(range(slot, rows, slots)) for slot in range(slots)]
    for row in sorted(range(rows), key=lambda row: -load[row]):
        free = [slot for slot in range(slots) if len(members[slot]) < capacity[slot]]
        slot = min(free, key=lambda slot: sum(load[row] for row in members[slot]))
        members[slot].append(row)
    return [members[position % slots][position // slots] for position in range(rows)]


def test_examples():
    result = doctest.testmod(partition)
    assert result.attempted > 0 and result.failed == 0


def test_greedy_is_as_defined():
    rng = np.random.default_rng(0)
    cases = 0
    for rows in (1, 2, 3, 7, 16, 33, 100):
        for slots in (1, 2, 4, 16, 64):
            for load in (rng.integers(0, 5, rows), rng.integers(0, 1000, rows), np.zeros(rows, int),
                         np.arange(rows)):
                order = greedy_order(load, slots)
                assert order.dtype == np.intp
                assert order.tolist() == greedy_slowly(load.tolist(), slots)
                np.testing.assert_array_equal(order[inverse(order)], np.arange(rows))
                cases += 1
    assert cases == 140


def test_greedy_balances_skewed_rows():
    rng = np.random.default_rng(1)
    load = (400 * np.clip(rng.normal(1, .133, 4096), .3, 2)).astype(int)
    ideal = load.sum() / 64

    def heaviest(order):
        return load[order].reshape(-1, 64).sum(axis=0).max() / ideal

    assert heaviest(identity_order(4096)) > 1.02
    assert heaviest(greedy_order(load, 64)) < 1.001


def test_positions_and_back():
    order = np.array([2, 0, 3, 1])
    np.testing.assert_array_equal(to_positions([10, 11, 12, 13], order), [12, 10, 13, 11])
    batch = np.arange(12).reshape(3, 4)
    np.testing.assert_array_equal(from_positions(to_positions(batch, order), order), batch)


@pytest.mark.parametrize("order, complaint", [
    ([0, 1, 1], "each of 0..2 exactly once"), ([0, 1, 3], "each of 0..2 exactly once"),
    ([-1, 0, 1], "each of 0..2 exactly once"), ([0, 1], "3 integers"),
    ([0., 1., 2.], "not float64"), ([[0, 1, 2]], r"of shape \(1, 3\)"),
])
def test_orders_are_checked(order, complaint):
    with pytest.raises(ValueError, match=complaint):
        check_order(order, 3)


def test_no_order_is_the_identity():
    np.testing.assert_array_equal(check_order(None, 3), [0, 1, 2])


def test_loads_are_checked():
    with pytest.raises(ValueError, match="and 0"):
        greedy_order([1, 2], 0)
    with pytest.raises(ValueError, match=r"\(1, 2\)"):
        greedy_order([[1, 2]], 4)
