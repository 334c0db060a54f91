"""Pruning against sorting by hand, and against what the papers say of it."""

import doctest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golden.compression import iterative, prune
from golden.compression.iterative import density_schedule, prune_iteratively
from golden.compression.prune import (
    balanced_masks,
    density,
    magnitude_masks,
    sensitivity_masks,
)

SHAPES = [(20, 30), (8, 3, 3, 3), (7,), (1, 1)]


def layers(seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(0, scale, shape) for scale, shape in zip((1, 3, 0.5, 2), SHAPES,
                                                               strict=True)]


def test_examples():
    for module in (prune, iterative):
        result = doctest.testmod(module)
        assert result.attempted and not result.failed


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 1), st.integers(0, 99))
def test_a_layer_keeps_its_largest(fraction, seed):
    weights = layers(seed)
    for layer, mask in zip(weights, magnitude_masks(weights, fraction), strict=True):
        assert mask.shape == layer.shape and mask.dtype == bool
        assert mask.sum() == int(fraction * layer.size + 0.5)
        kept, dropped = np.abs(layer[mask]), np.abs(layer[~mask])
        assert not kept.size or not dropped.size or kept.min() >= dropped.max()


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 1), st.integers(0, 99))
def test_globally_one_threshold_holds(fraction, seed):
    weights = layers(seed)
    masks = magnitude_masks(weights, fraction, scope="global")
    size = sum(layer.size for layer in weights)
    assert sum(mask.sum() for mask in masks) == int(fraction * size + 0.5)
    assert density(masks) == pytest.approx(fraction, abs=1 / size)
    kept = np.concatenate([np.abs(w[m]) for w, m in zip(weights, masks, strict=True)])
    dropped = np.concatenate([np.abs(w[~m]) for w, m in zip(weights, masks, strict=True)])
    assert not kept.size or not dropped.size or kept.min() >= dropped.max()
    assert [mask.shape for mask in masks] == SHAPES


def test_densities_of_their_own_ties_and_zeros():
    weights = [np.ones(4), -np.ones((2, 2)), np.array([0.0, 0.0, 5.0])]
    masks = magnitude_masks(weights, (0.5, 0.25, 1))
    assert [mask.tolist() for mask in masks] == [
        [True, True, False, False], [[True, False], [False, False]], [False, False, True]]
    assert magnitude_masks([], 0.5) == magnitude_masks([], 0.5, scope="global") == []
    assert density([]) == 0.0


def test_pruning_again_keeps_a_subset():
    weights = layers()
    masks = magnitude_masks(weights, 0.5)
    again = magnitude_masks([w * m for w, m in zip(weights, masks, strict=True)], 0.2)
    for first, second in zip(masks, again, strict=True):
        assert not (second & ~first).any()


def test_schedule():
    steps = density_schedule(0.1, 6)
    assert steps[-1] == 0.1
    assert (np.diff([1.0, *steps]) < 0).all()
    assert (np.diff(np.diff([1.0, *steps])) > 0).all()      # ever smaller steps
    assert density_schedule(0.3, 1) == [0.3]


@pytest.mark.parametrize("quality", [0, 0.5, 1, 2.5])
def test_sensitivity_follows_the_spread_of_a_layer(quality):
    weights = [layer - layer.mean() for layer in layers()]
    masks = sensitivity_masks(weights, quality)
    for layer, mask in zip(weights, masks, strict=True):
        deviation = (layer**2).mean() ** 0.5
        np.testing.assert_array_equal(mask, (np.abs(layer) >= quality * deviation) & (layer != 0))
    # The same weights in other units lose the same ones.
    again = sensitivity_masks([1000 * layer for layer in weights], [quality] * len(weights))
    assert all(np.array_equal(a, b) for a, b in zip(masks, again, strict=True))
    # Those pruned before don't narrow the spread of the ones that are left.
    padded = [np.stack([layer, np.zeros_like(layer)]) for layer in weights]
    for mask, alone in zip(sensitivity_masks(padded, quality), masks, strict=True):
        np.testing.assert_array_equal(mask, np.stack([alone, np.zeros_like(alone)]))


def test_sensitivity_of_normal_weights_is_that_of_the_normal_distribution():
    """Two standard deviations leave 4.55 % of a bell curve."""
    weights = np.random.default_rng(0).normal(0, 3, (400, 500))
    assert density(sensitivity_masks([weights], 2)) == pytest.approx(0.0455, abs=0.001)
    assert not sensitivity_masks([np.zeros((2, 2))], 1)[0].any()


@pytest.mark.parametrize(("pes", "groups"), [(1, 1), (4, 1), (16, 4), (64, 2)])
@pytest.mark.parametrize("shape", [(50, 40), (12, 3, 5, 5), (3, 7)])
def test_every_element_keeps_as_much(pes, groups, shape):
    rng = np.random.default_rng(pes)
    # Rows of unequal weight, which pruning by magnitude alone would leave unbalanced.
    weights = rng.normal(size=shape) * rng.uniform(0.1, 2, (shape[0],) + (1,) * (len(shape) - 1))
    mask, = balanced_masks([weights], 0.3, pes=pes, groups=groups)
    assert mask.shape == weights.shape
    matrix, kept = (array.reshape(shape[0], -1) for array in (weights, mask))
    rows, columns = np.indices(matrix.shape)
    element = rows % (pes // groups) * groups + columns % groups
    for number in np.unique(element):
        own = element == number
        assert kept[own].sum() == int(0.3 * own.sum() + 0.5)
        assert (np.abs(matrix[own & kept]).min(initial=np.inf)
                >= np.abs(matrix[own & ~kept]).max(initial=0))
    alone, = balanced_masks([weights], 0.3, pes=1)
    np.testing.assert_array_equal(alone, magnitude_masks([weights], 0.3)[0])


def test_balance_takes_away_the_wait_for_the_busiest():
    """ESE, Figure 4: the busiest element sets the time of all."""
    rng = np.random.default_rng(5)
    weights = rng.normal(size=(64, 200)) * rng.uniform(0.2, 1, (64, 1))

    def busiest(mask):
        loads = np.array([mask[slot::16].sum() for slot in range(16)])
        return loads.max() / loads.mean()

    assert busiest(magnitude_masks([weights], 0.1)[0]) > 1.2
    assert busiest(balanced_masks([weights], 0.1, pes=16)[0]) == 1


def test_iterative_pruning_by_hand():
    calls = []

    def retrain(weights, masks):
        calls.append(([layer.tolist() for layer in weights], [mask.tolist() for mask in masks]))
        return [layer * 2 for layer in weights]

    start = [np.array([[4.0, -3.0], [2.0, 1.0]])]
    weights, masks = prune_iteratively(start, magnitude_masks, [0.75, 0.25], retrain)
    assert calls == [([[[4, -3], [2, 0]]], [[[True, True], [True, False]]]),
                     ([[[8, 0], [0, 0]]], [[[True, False], [False, False]]])]
    assert weights[0].tolist() == [[16, 0], [0, 0]]
    assert masks[0].tolist() == [[True, False], [False, False]]
    assert start[0].tolist() == [[4, -3], [2, 1]]


def test_what_was_dropped_stays_so_whatever_is_chosen():
    weights, masks = prune_iteratively(
        [np.array([1.0, 2.0])], lambda weights, step: [np.array(step)],
        [[True, False], [True, True]], lambda weights, masks: weights)
    assert masks[0].tolist() == [True, False] and weights[0].tolist() == [1, 0]


@pytest.mark.parametrize(("call", "message"), [
    (lambda: magnitude_masks([np.ones(3)], 1.5), "density must be from 0 to 1, not 1.5"),
    (lambda: magnitude_masks([np.ones(3)], float("nan")), "density"),
    (lambda: magnitude_masks([np.ones(3)], 0.5, scope="row"), "scope must be"),
    (lambda: magnitude_masks([np.ones(3)], [0.5, 0.5]), "1 layers need as many densities, not 2"),
    (lambda: magnitude_masks([np.array([np.nan])], 0.5), "not finite"),
    (lambda: sensitivity_masks([np.ones(3)], -1), "quality must not be negative, but is -1"),
    (lambda: sensitivity_masks([np.ones(3)], float("nan")), "quality must not be negative"),
    (lambda: sensitivity_masks([np.ones(3)], [1, 1]), "1 layers need as many qualities, not 2"),
    (lambda: sensitivity_masks([np.array([np.inf])], 1), "not finite"),
    (lambda: balanced_masks([np.ones(3)], 0.5, pes=2), "needs rows and columns, not shape"),
    (lambda: balanced_masks([np.ones((3, 3))], 0.5, pes=6, groups=4), "pes=6 must be a positive"),
    (lambda: balanced_masks([np.ones((3, 3))], 2, pes=1), "density must be from 0 to 1, not 2"),
    (lambda: prune_iteratively([np.ones(2)], magnitude_masks, [], None), "has no step"),
    (lambda: prune_iteratively([np.ones(2)], magnitude_masks, [0.5], lambda w, m: [w[0] + 1]),
     "step 1: training revived 1 weights of layer 0"),
    (lambda: density_schedule(2, 3), "final must be from 0 to 1"),
    (lambda: density_schedule(0.5, 0), "steps must be at least 1"),
])
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()
