"""Weight sharing against the paper's example, scikit-learn and exhaustive search."""

import doctest
from itertools import combinations

import numpy as np
import pytest
from sklearn.cluster import KMeans

from golden.compression import codebook as module
from golden.compression.codebook import (
    assign,
    centroid_gradients,
    kmeans_codebook,
    sharing_rate,
    squared_error,
)


def weights_of(seed, shape=(40, 50), kept=0.3):
    rng = np.random.default_rng(seed)
    return np.where(rng.random(shape) < kept, rng.normal(0.01, 0.1, shape), 0)


def test_examples():
    assert doctest.testmod(module).failed == 0


def test_figure_3_of_deep_compression():
    """Its weights, gradients and fine-tuned centroids; its indices from 1 on, as 0 is pruned."""
    weights = np.array([[2.09, -0.98, 1.48, 0.09], [0.05, -0.14, -1.08, 2.12],
                        [-0.91, 1.92, 0, -1.03], [1.87, 0, 1.53, 1.49]])
    indices = np.array([[3, 0, 2, 1], [1, 1, 0, 3], [0, 3, 1, 0], [3, 1, 2, 2]]) + 1
    gradients = np.array([[-0.03, -0.01, 0.03, 0.02], [-0.01, 0.01, -0.02, 0.12],
                          [-0.01, 0.02, 0.04, 0.01], [-0.07, -0.02, 0.01, -0.02]])
    centroids = np.array([0, -1.00, 0.00, 1.50, 2.00])
    np.testing.assert_array_equal(assign(np.where(weights, weights, 1e-9), centroids), indices)
    shared = kmeans_codebook(np.where(weights, weights, 1e-9), 4)[0]
    np.testing.assert_allclose(shared, centroids, atol=0.0051)
    sums = centroid_gradients(gradients, indices, 5)
    np.testing.assert_allclose(sums, [0, -0.03, 0.04, 0.02, 0.04], atol=1e-12)
    np.testing.assert_allclose(centroids - sums, [0, -0.97, -0.04, 1.48, 1.96], atol=1e-12)


@pytest.mark.parametrize("init", ["linear", "density", "random"])
@pytest.mark.parametrize("clusters", [1, 3, 15, 255])
def test_ends_where_scikit_learns_lloyd_ends(init, clusters):
    weights = weights_of(clusters)
    values = weights[weights != 0]
    start = module._initial(np.sort(values), clusters, init, np.random.default_rng(7))
    codebook, codes = kmeans_codebook(weights, clusters, init, rng=np.random.default_rng(7))
    reference = KMeans(clusters, init=start[:, None], n_init=1, tol=0, algorithm="lloyd").fit(
        values[:, None])
    error = squared_error(weights, codebook, codes)
    # scikit-learn moves a cluster that is empty elsewhere; then only the quality compares.
    if len(np.unique(codes[weights != 0])) == clusters:
        assert error == pytest.approx(reference.inertia_, rel=1e-6)
        np.testing.assert_allclose(
            codebook[1:], np.sort(reference.cluster_centers_[:, 0]), rtol=1e-6, atol=1e-9)
    else:
        assert error <= squared_error(weights, np.append(0, start), assign(
            weights, np.append(0, start)))


def test_linear_beats_the_others_on_large_weights():
    """What the paper says of them: linear covers the few large weights, which matter most."""
    weights = weights_of(1, (200, 200))
    largest = np.argsort(-np.abs(weights).ravel())[:20]
    errors = {}
    for init in ("linear", "density", "random"):
        codebook, codes = kmeans_codebook(weights, 15, init, rng=np.random.default_rng(0),
                                          iterations=1)
        errors[init] = np.abs(weights - codebook[codes]).ravel()[largest].mean()
    assert errors["linear"] < min(errors["density"], errors["random"])


def test_the_end_is_a_fixed_point_and_every_iteration_helps():
    weights = weights_of(2)
    errors = []
    for iterations in (1, 2, 3, 5, 8, 1000):
        codebook, codes = kmeans_codebook(weights, 15, iterations=iterations)
        errors.append(squared_error(weights, codebook, codes))
    assert errors == sorted(errors, reverse=True) and errors[0] > errors[-1]
    for entry in range(1, 16):
        members = weights[codes == entry]
        assert not members.size or codebook[entry] == pytest.approx(members.mean(), abs=1e-12)
    distances = np.abs(weights[..., None] - codebook[1:])
    nearest = distances.min(-1)
    taken = np.abs(weights - codebook[codes])
    np.testing.assert_allclose(taken[weights != 0], nearest[weights != 0], atol=1e-15)


def test_separate_groups_are_found_exactly():
    values = np.array([-5.0, -4.9, 1.0, 1.1, 1.2, 7.0])
    best = min(sum(((part - part.mean()) ** 2).sum() for part in np.split(values, cuts))
               for cuts in combinations(range(1, 6), 2))
    codebook, codes = kmeans_codebook(values, 3)
    assert squared_error(values, codebook, codes) == pytest.approx(best)
    assert codes.tolist() == [1, 1, 2, 2, 2, 3]


def test_shapes_zeros_and_fewer_values_than_centroids():
    weights = weights_of(3, (4, 3, 2, 2))
    codebook, codes = kmeans_codebook(weights, 15)
    assert codes.shape == weights.shape and codes.dtype == np.uint8 and codebook.shape == (16,)
    np.testing.assert_array_equal(codes == 0, weights == 0)
    assert (np.diff(codebook[1:]) >= 0).all()
    for init in ("linear", "density", "random"):
        few, codes = kmeans_codebook([0.0, 2.0, 0.0, 2.0], 15, init, rng=np.random.default_rng(0))
        np.testing.assert_array_equal(few[codes], [0, 2, 0, 2])
    empty, codes = kmeans_codebook(np.zeros((2, 2)), 3)
    assert not empty.any() and not codes.any()


@pytest.mark.parametrize("init", ["linear", "density", "random"])
def test_weights_that_are_shared_already(init):
    """255 values, few of them frequent, to be 63: clusters get empty and are overtaken."""
    rng = np.random.default_rng(8)
    for _ in range(20):
        weights = rng.choice(rng.normal(0, 0.1, 255), 3000, p=rng.dirichlet(np.full(255, 0.1)))
        codebook, codes = kmeans_codebook(weights, 63, init, rng=rng)
        assert (np.diff(codebook[1:]) >= 0).all()
        nearest = np.abs(weights[:, None] - codebook[1:]).min(axis=1)
        np.testing.assert_allclose(np.abs(weights - codebook[codes]), nearest, atol=1e-12)


def test_gradients_are_those_of_the_loss():
    """Against finite differences of a quadratic loss of the shared weights."""
    rng = np.random.default_rng(4)
    codebook, codes = kmeans_codebook(weights_of(4), 7)
    target = rng.normal(size=codes.shape)

    def loss(entries):
        return 0.5 * ((entries[codes] - target) ** 2).sum()

    sums = centroid_gradients(codebook[codes] - target, codes, 8)
    assert sums[0] == 0
    for entry in range(1, 8):
        step = np.zeros(8)
        step[entry] = 1e-4
        difference = (loss(codebook + step) - loss(codebook - step)) / 2e-4
        assert sums[entry] == pytest.approx(difference, rel=1e-6)


def test_the_rate_of_sharing_alone():
    """Equation 1 of the paper, and its bound: bits of a weight over bits of an index."""
    assert sharing_rate(16, 4) == 3.2               # Figure 3: 512 bits become 32 + 128
    assert sharing_rate(10**9, 32) == pytest.approx(32 / 5, rel=1e-6)
    assert sharing_rate(1000, 17) == sharing_rate(1000, 32) * (5000 + 1024) / (5000 + 544)
    assert sharing_rate(300, 1) == 300              # one value needs no index
    assert sharing_rate(64, 4, bits=16) == 64 * 16 / (64 * 2 + 4 * 16)


@pytest.mark.parametrize(("call", "message"), [
    (lambda: kmeans_codebook([1.0], 0), "clusters must be from 1 to 255, not 0"),
    (lambda: kmeans_codebook([1.0], 256), "clusters"),
    (lambda: kmeans_codebook([np.inf], 3), "not finite"),
    (lambda: kmeans_codebook([1.0], 3, "best"), "init must be"),
    (lambda: kmeans_codebook([1.0], 3, "random"), "needs an rng"),
    (lambda: sharing_rate(0, 4), "0 weights and 4 clusters"),
    (lambda: assign([1.0], [0.0, 2.0, 1.0]), "must ascend"),
    (lambda: centroid_gradients([1.0], [1, 2], 3), "don't match"),
    (lambda: centroid_gradients([1.0], [3], 3), "codes must be below 3, not 3"),
])
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()
