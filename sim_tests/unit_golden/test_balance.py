"""Rows dealt out by activity patterns: a permutation, and more even than counting non-zeros."""

import numpy as np
import pytest

from golden.sparse.balance import balanced_order
from golden.sparse.partition import greedy_order


def clustered_weights(rng, rows, columns, clusters):
    """Weights whose rows respond to the inputs of their cluster: many there, positive ones."""
    cluster = rng.integers(clusters, size=rows)
    home = rng.integers(clusters, size=columns)
    own = cluster[:, None] == home[None]
    used = rng.random((rows, columns)) < np.where(own, .5, .1)
    return used * np.where(own, 1, rng.choice([-1, 1], (rows, columns))) * 7, home


def shared(weights):
    """Codes and codebook of weights of three kinds."""
    return (np.sign(weights) % 3).astype(np.uint8), np.array([0, 5, -5])


def busiest(weights, order, slots, active):
    """Non-zero work of the busiest slot, over that of the average one."""
    work = np.count_nonzero(weights[:, active], axis=1)[order]
    loads = np.array([work[slot::slots].sum() for slot in range(slots)])
    return loads.max() / loads.mean()


@pytest.mark.parametrize("groups", [1, 2])
def test_balances_what_is_active(groups):
    rng = np.random.default_rng(groups)
    weights, home = clustered_weights(rng, 320, 600, 8)
    order = balanced_order(*shared(weights), 16, groups=groups)
    greedy = greedy_order(np.count_nonzero(weights, axis=1), 16)
    np.testing.assert_array_equal(np.sort(order), np.arange(320))
    gains = []
    for cluster in range(8):
        active = rng.random(600) < np.where(home == cluster, .9, .1)
        gains.append(busiest(weights, greedy, 16, active) - busiest(weights, order, 16, active))
    assert min(gains) > -.03
    assert np.mean(gains) > .05


@pytest.mark.parametrize("rows, slots", [(1, 1), (1, 4), (3, 4), (4, 4), (5, 4), (1500, 64)])
def test_any_shape_gives_a_permutation(rows, slots):
    rng = np.random.default_rng(rows)
    weights = rng.integers(-1, 2, (rows, 40))
    order = balanced_order(*shared(weights), slots)
    np.testing.assert_array_equal(np.sort(order), np.arange(rows))
    np.testing.assert_array_equal(order, balanced_order(*shared(weights), slots))


def test_sums_are_exact():
    """In whatever order the columns are added up, the same rows are exchanged."""
    rng = np.random.default_rng(5)
    weights, _ = clustered_weights(rng, 700, 300, 8)
    order = balanced_order(*shared(weights), 16)
    shuffled = balanced_order(*shared(weights[:, rng.permutation(300)]), 16)
    np.testing.assert_array_equal(shuffled, order)


def test_no_weights_at_all():
    np.testing.assert_array_equal(
        np.sort(balanced_order(*shared(np.zeros((9, 5), dtype=np.int16)), 2)), np.arange(9))
