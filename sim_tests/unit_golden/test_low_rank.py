"""Low-rank layers against numpy.linalg, SciPy's convolutions and the papers' counts."""

import doctest
from functools import partial

import numpy as np
import pytest
from scipy.signal import correlate

from golden.compression import dense_steps, low_rank, ranks, tensor_train
from golden.compression.dense_steps import run_steps, svd_steps, tt_steps
from golden.compression.low_rank import (
    channel_factors,
    response_factors,
    spatial_factors,
    svd_factors,
)
from golden.compression.ranks import (
    channel_cost,
    rank_for_energy,
    rank_for_ratio,
    spatial_cost,
    svd_cost,
)
from golden.compression.tensor_train import tt_matrix, tt_parameters, tt_svd, tt_weights

KERNELS = {"channel": channel_factors, "spatial": spatial_factors}


def convolve(image, weights):
    """One image, no padding."""
    return np.stack([sum(correlate(channel, kernel, "valid", "direct")
                         for channel, kernel in zip(image, filter_, strict=True))
                     for filter_ in weights])


def test_examples():
    for module in (dense_steps, low_rank, ranks, tensor_train):
        assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("shape", [(6, 9), (9, 6), (5, 5), (1, 4)])
def test_fully_connected(shape):
    weights = np.random.default_rng(0).normal(size=shape)
    values = np.linalg.svd(weights, compute_uv=False)
    for rank in range(1, min(shape) + 1):
        factors = svd_factors(weights, rank)
        assert factors.first.shape == (rank, shape[1])
        assert factors.second.shape == (shape[0], rank)
        assert factors.rank == rank and factors.parameters == svd_cost(*shape, rank)
        assert factors.ratio == svd_cost(*shape) / svd_cost(*shape, rank)
        lost = np.linalg.norm(factors.weights - weights)
        assert lost == pytest.approx(np.sqrt((values[rank:]**2).sum()), abs=1e-12)
        assert factors.error == pytest.approx(lost / np.linalg.norm(weights), abs=1e-12)
    np.testing.assert_allclose(factors.weights, weights, atol=1e-12)


@pytest.mark.parametrize("kind", KERNELS)
def test_convolutions(kind):
    rng = np.random.default_rng(1)
    weights, image = rng.normal(size=(4, 3, 3, 2)), rng.normal(size=(3, 6, 5))
    top = min(4, 18) if kind == "channel" else min(9, 8)
    errors = []
    for rank in range(1, top + 1):
        factors = KERNELS[kind](weights, rank)
        # Both layers one after the other do what the one they amount to does.
        np.testing.assert_allclose(convolve(convolve(image, factors.first), factors.second),
                                   convolve(image, factors.weights), atol=1e-12)
        lost = np.linalg.norm(factors.weights - weights) / np.linalg.norm(weights)
        assert factors.error == pytest.approx(lost, abs=1e-12)
        errors.append(lost)
    assert (np.diff(errors) < 0).all() and errors[-1] < 1e-12
    np.testing.assert_allclose(convolve(image, factors.weights), convolve(image, weights),
                               atol=1e-12)


def test_shapes_and_costs_of_the_papers():
    weights = np.random.default_rng(2).normal(size=(8, 6, 3, 3))
    channel, spatial = channel_factors(weights, 5), spatial_factors(weights, 5)
    assert (channel.first.shape, channel.second.shape) == ((5, 6, 3, 3), (8, 5, 1, 1))
    assert (spatial.first.shape, spatial.second.shape) == ((5, 6, 3, 1), (8, 5, 1, 3))
    assert channel.parameters == channel_cost(3, 6, 8, 5) == 9 * 6 * 5 + 5 * 8
    assert spatial.parameters == spatial_cost(3, 6, 8, 5) == 3 * 6 * 5 + 3 * 5 * 8
    for cost in (partial(channel_cost, 3, 64, 128), partial(spatial_cost, 3, 64, 128),
                 partial(svd_cost, 300, 784)):
        rank = rank_for_ratio(cost, 4)
        assert cost() / cost(rank=rank) >= 4 > cost() / cost(rank=rank + 1)


def test_separable_kernels_have_rank_1():
    """A Sobel kernel is a product of a column and a row: worked out by hand."""
    sobel = np.outer([1, 2, 1], [1, 0, -1.])[None, None]
    factors = spatial_factors(sobel, 1)
    assert factors.error < 1e-12
    column, row = factors.first[0, 0, :, 0], factors.second[0, 0, 0]
    np.testing.assert_allclose(np.outer(column, row), sobel[0, 0], atol=1e-12)
    np.testing.assert_allclose(column / column[0], [1, 2, 1], atol=1e-12)


def test_responses_decide_what_is_kept():
    """Responses that lie in a plane off the origin are kept by rank 2, whatever the weights."""
    rng = np.random.default_rng(3)
    weights = rng.normal(size=(5, 2, 3, 3))
    plane, offset = np.linalg.qr(rng.normal(size=(5, 2)))[0], rng.normal(size=5)
    responses = rng.normal(size=(100, 2)) @ plane.T + offset
    factors, bias = response_factors(weights, responses, 2)
    projection = factors.second[:, :, 0, 0]
    np.testing.assert_allclose(responses @ projection @ projection.T + bias, responses, atol=1e-12)
    # By hand: with all responses of one filter only, that filter is kept and no other.
    lone = np.zeros((4, 5))
    lone[:, 3] = [1, -1, 2, -2]
    factors, bias = response_factors(weights, lone, 1)
    np.testing.assert_allclose(factors.weights[3], weights[3], atol=1e-12)
    np.testing.assert_allclose(factors.weights[:3], 0, atol=1e-12)
    np.testing.assert_allclose(bias, 0, atol=1e-12)
    # At full rank nothing changes.
    factors, bias = response_factors(weights, responses, 5)
    assert factors.error < 1e-12 and np.abs(bias).max() < 1e-12


def test_low_rank_refusals():
    matrix, kernels = np.ones((3, 4)), np.ones((2, 2, 3, 3))
    for wrong in (lambda: svd_factors(matrix, 0), lambda: svd_factors(matrix, 4),
                  lambda: svd_factors(kernels, 1), lambda: channel_factors(matrix, 1),
                  lambda: channel_factors(kernels, 3), lambda: spatial_factors(kernels, 7),
                  lambda: svd_factors(matrix * np.nan, 1), lambda: rank_for_ratio(svd_cost, 0),
                  lambda: rank_for_energy([1], 2), lambda: response_factors(kernels, matrix, 1),
                  lambda: response_factors(kernels, matrix[:, :2], 3),
                  lambda: svd_steps(channel_factors(kernels, 1))):
        with pytest.raises(ValueError):
            wrong()
    assert svd_factors(np.zeros((2, 2)), 1).error == 0


SHAPE = (3, 4, 2, 5)


def unfolding_tails(tensor, kept):
    """What each unfolding loses beyond its rank, by numpy.linalg."""
    return [np.sqrt((np.linalg.svd(tensor.reshape(np.prod(SHAPE[:k + 1]), -1), compute_uv=False)
                     [rank:]**2).sum()) for k, rank in enumerate(kept)]


def contract(cores):
    tensor = cores[0]
    for core in cores[1:]:
        tensor = np.tensordot(tensor, core, axes=1)
    return tensor[0, ..., 0]


@pytest.mark.parametrize("rank", [1, 2, 4, 9, None])
def test_errors_of_tt_svd_are_bounded(rank):
    """Theorem 2.2 of Oseledets: at most the root of the sum of squares; at least the largest."""
    tensor = np.random.default_rng(4).normal(size=SHAPE)
    cores = tt_svd(tensor, rank=rank)
    tails = unfolding_tails(tensor, [core.shape[2] for core in cores[:-1]])
    lost = np.linalg.norm(contract(cores) - tensor)
    assert max(tails) - 1e-12 <= lost <= np.linalg.norm(tails) + 1e-12
    assert rank is not None or lost < 1e-12


@pytest.mark.parametrize("error", [0, 0.05, 0.3, 0.8, 2])
def test_tt_svd_keeps_to_the_error_asked_for(error):
    tensor = np.random.default_rng(5).normal(size=SHAPE)
    cores = tt_svd(tensor, error=error)
    assert np.linalg.norm(contract(cores) - tensor) <= error * np.linalg.norm(tensor) + 1e-12
    assert error < 2 or {core.shape[2] for core in cores} == {1}


def test_fc6_of_vgg():
    """Ranks 1, 2 and 4 of a 25,088 x 4,096 layer: counted, and as an actual train of rank 2."""
    rows, columns = (4, 4, 4, 4, 4, 4), (2, 7, 8, 8, 7, 4)
    assert np.prod(rows) == 4096 and np.prod(columns) == 25088
    counts = [tt_parameters(rows, columns, rank) for rank in (1, 2, 4)]
    assert counts == [144, 528, 2016]
    assert [round(25088 * 4096 / count) for count in counts] == [713614, 194622, 50972]
    rng = np.random.default_rng(6)
    sizes = (1, 2, 2, 2, 2, 2, 1)
    cores = [rng.normal(size=(sizes[k], rows[k], columns[k], sizes[k + 1])) for k in range(6)]
    assert sum(core.size for core in cores) == 528
    steps = tt_steps(cores)
    assert sum(step.matrix.size for step in steps) == 528
    # Against the definition, element by element, for inputs that are zero but at a few places.
    places = rng.integers(0, 25088, 3)
    inputs = np.zeros((3, 25088))
    inputs[range(3), places] = 1
    outputs = run_steps(steps, inputs)
    for output, place in zip(outputs, places, strict=True):
        for row in rng.integers(0, 4096, 20):
            i, j = np.unravel_index(row, rows), np.unravel_index(place, columns)
            chain = np.eye(1)
            for core, m, n in zip(cores, i, j, strict=True):
                chain = chain @ core[:, m, n]
            assert output[row] == pytest.approx(chain[0, 0])


@pytest.mark.parametrize(("rows", "columns"), [
    ((4, 3), (2, 5)), ((2, 3, 4), (5, 1, 2)), ((7,), (6,)), ((1, 6), (6, 1))])
def test_layers_are_exact_at_full_rank(rows, columns):
    rng = np.random.default_rng(7)
    weights = rng.normal(size=(np.prod(rows), np.prod(columns)))
    inputs = rng.normal(size=(4, weights.shape[1]))
    cores = tt_matrix(weights, rows, columns)
    np.testing.assert_allclose(tt_weights(cores), weights, atol=1e-12)
    np.testing.assert_allclose(run_steps(tt_steps(cores), inputs), inputs @ weights.T, atol=1e-12)
    factors = svd_factors(weights, min(weights.shape))
    np.testing.assert_allclose(run_steps(svd_steps(factors), inputs), inputs @ weights.T,
                               atol=1e-12)
    assert sum(step.macs for step in svd_steps(factors)) == factors.parameters


def test_steps_of_integers_stay_exact():
    """What a core for integers runs: the same as the matrix they amount to."""
    rng = np.random.default_rng(8)
    cores = [rng.integers(-8, 8, shape) for shape in ((1, 2, 3, 2), (2, 4, 5, 3), (3, 2, 2, 1))]
    inputs = rng.integers(-128, 128, (5, 30))
    steps = tt_steps(cores)
    found = run_steps(steps, inputs)
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, inputs @ tt_weights(cores).astype(np.int64).T)
    assert [step.macs for step in steps] == [10 * 4 * 3, 4 * 12 * 10, 8 * 2 * 6]


def test_tensor_train_refusals():
    for wrong in (lambda: tt_svd(np.zeros(0)), lambda: tt_svd([np.inf]),
                  lambda: tt_svd([1.], rank=0), lambda: tt_svd([1.], error=-1),
                  lambda: tt_matrix(np.ones((4, 6)), (2, 2), (6,)),
                  lambda: tt_matrix(np.ones((4, 6)), (2, 2), (2, 2)),
                  lambda: tt_parameters((2,), (0,), 1), lambda: tt_parameters((2,), (2,), 0)):
        with pytest.raises(ValueError):
            wrong()
