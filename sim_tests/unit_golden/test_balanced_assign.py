"""Assignment that keeps sums: against exhaustive search, and what it is for."""

import doctest
import itertools

import numpy as np
import pytest

from golden.compression import balanced_assign as module
from golden.compression.balanced_assign import assign_balanced
from golden.compression.codebook import assign, kmeans_codebook


def test_examples():
    result = doctest.testmod(module)
    assert result.attempted and not result.failed


def filters(seed, shape=(12, 6, 3, 3), kept=0.4):
    rng = np.random.default_rng(seed)
    weights = np.where(rng.random(shape) < kept, rng.normal(0.01, 0.1, shape), 0)
    weights[5] = 0
    return weights, kmeans_codebook(weights, 15)[0]


def test_sums_stay_and_weights_stay_beside_their_centroids():
    for seed in range(10):
        weights, codebook = filters(seed)
        nearest, balanced = assign(weights, codebook), assign_balanced(weights, codebook)
        assert balanced.dtype == np.uint8 and balanced.shape == weights.shape
        np.testing.assert_array_equal(balanced == 0, weights == 0)
        moved = balanced.astype(int) - nearest
        assert np.abs(moved).max() == 1
        sums = [np.abs((weights - codebook[codes]).reshape(12, -1).sum(axis=1))
                for codes in (nearest, balanced)]
        assert (sums[1] <= sums[0] + 1e-12).all()
        assert sums[1].sum() < 0.5 * sums[0].sum()
        # All moves of a filter go one way.
        for filter_ in moved.reshape(12, -1):
            assert len(set(filter_.tolist()) - {0}) <= 1


def test_as_near_as_single_moves_get():
    """No other weight that could still move the same way would bring a sum nearer."""
    weights, codebook = filters(3, (20, 8))
    nearest, balanced = assign(weights, codebook), assign_balanced(weights, codebook)
    for filter_, before, after in zip(weights, nearest.astype(int), balanced, strict=True):
        missing = (filter_ - codebook[before]).sum()
        step = 1 if missing > 0 else -1
        left = (filter_ - codebook[after]).sum() * step
        if left <= 0:
            continue
        for place in np.flatnonzero((before > 0) & (before == after)):
            other = before[place] + step
            if 1 <= other < len(codebook):
                assert abs(codebook[other] - codebook[before[place]]) >= 2 * left - 1e-12


def test_costs_little_against_the_best():
    """Of all ways to move that keep a sum as well, the squared error is not far above the least."""
    rng, codebook = np.random.default_rng(4), np.array([0, -1.5, -0.5, 0.5, 1.5])
    for _ in range(30):
        weights = rng.uniform(-1.4, 1.4, (1, 8))
        found = assign_balanced(weights, codebook)
        error = abs((weights - codebook[found]).sum())
        square = ((weights - codebook[found]) ** 2).sum()
        nearest = assign(weights, codebook).astype(int)
        step = 1 if (weights - codebook[nearest]).sum() > 0 else -1
        best = np.inf
        for moves in itertools.product((0, step), repeat=8):
            codes = np.clip(nearest + np.array(moves), 1, 4)
            if abs((weights - codebook[codes]).sum()) <= error + 1e-12:
                best = min(best, ((weights - codebook[codes]) ** 2).sum())
        assert best <= square + 1e-12 and square <= 1.6 * best + 0.3


def test_outputs_behind_a_relu_err_less():
    """Inputs that are never negative: a sum that errs shifts every output."""
    rng = np.random.default_rng(6)
    weights, codebook = filters(6, (64, 200), 1)
    inputs = np.maximum(rng.normal(0.5, 1, (200, 300)), 0)
    errors = [np.sqrt(np.mean(((weights - codebook[codes]) @ inputs) ** 2))
              for codes in (assign(weights, codebook), assign_balanced(weights, codebook))]
    assert errors[1] < 0.8 * errors[0]


def test_refuses():
    with pytest.raises(ValueError, match="must ascend"):
        assign_balanced([[1.0]], [0.0, 2.0, 1.0])
