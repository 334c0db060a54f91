"""Magnitude pruning against sorting by hand."""

import doctest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golden.compression import prune
from golden.compression.prune import density, density_schedule, magnitude_masks

SHAPES = [(20, 30), (8, 3, 3, 3), (7,), (1, 1)]


def layers(seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(0, scale, shape) for scale, shape in zip((1, 3, 0.5, 2), SHAPES,
                                                               strict=True)]


def test_examples():
    assert doctest.testmod(prune).failed == 0


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


@pytest.mark.parametrize(("call", "message"), [
    (lambda: magnitude_masks([np.ones(3)], 1.5), "density must be from 0 to 1, not 1.5"),
    (lambda: magnitude_masks([np.ones(3)], float("nan")), "density"),
    (lambda: magnitude_masks([np.ones(3)], 0.5, scope="row"), "scope must be"),
    (lambda: magnitude_masks([np.ones(3)], [0.5, 0.5]), "1 layers need as many densities, not 2"),
    (lambda: magnitude_masks([np.array([np.nan])], 0.5), "not finite"),
    (lambda: density_schedule(2, 3), "final must be from 0 to 1"),
    (lambda: density_schedule(0.5, 0), "steps must be at least 1"),
])
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()
