"""Networks rounded to a few bits: by hand, against plain NumPy, and the published SqueezeNet."""

import numpy as np
import pytest

from golden.compression.calibration import calibrate
from golden.compression.float_network import FloatLayer
from golden.compression.float_network import forward as float_forward
from golden.models.squeezenet import SQUEEZENET
from golden.network import Window
from golden.networks.forward import forward
from golden.networks.graph import Concat, Conv, GlobalAverage, Graph, MaxPool
from golden.networks.rounded import activation_samples, graph_of, round_network
from sim_tests.bench.squeezenet_data import expected, layers, needs_squeezenet, samples


def lenet_like(rng):
    """A small LeNet: two convolutions that pool, two fully connected layers."""
    windows = (Window(1, 12, 12, 3, 3, pool=2), Window(4, 5, 5, 2, 2, pool=2), None, None)
    shapes = ((4, 9), (6, 16), (8, 24), (3, 8))
    return [FloatLayer(f"layer{number}", rng.normal(0, .5, shape), rng.normal(0, .1, shape[0]),
                       window)
            for number, (shape, window) in enumerate(zip(shapes, windows, strict=True))]


def test_a_graph_computes_what_the_layers_do():
    rng = np.random.default_rng(0)
    made, images = lenet_like(rng), rng.normal(size=(5, 144))
    graph, weights = graph_of("small", made)
    outputs, _ = forward(graph, weights, images.reshape(5, 1, 12, 12))
    *_, wanted = float_forward(made, images)
    np.testing.assert_allclose(outputs[:, :, 0, 0], wanted, rtol=1e-4, atol=1e-5)
    plain, _ = graph_of("plain", made[2:])
    assert plain.input_shape == (24, 1, 1) and len(plain.nodes) == 2
    with pytest.raises(ValueError, match="only square"):
        graph_of("odd", [FloatLayer("a", np.ones((2, 12)), np.ones(2),
                                    Window(1, 6, 6, 3, 4))])


@pytest.mark.parametrize(("scheme", "activations"), [
    ("fixed", None), ("symmetric", None), ("symmetric", "asymmetric")])
def test_rounding_by_plain_numpy(scheme, activations):
    rng = np.random.default_rng(1)
    first = FloatLayer("a", rng.normal(size=(6, 10)), rng.normal(size=6))
    second = FloatLayer("b", rng.normal(size=(3, 6)), rng.normal(size=3))
    graph, weights = graph_of("net", [first, second])
    data = rng.normal(size=(7, 10)).astype(np.float32)
    held = activation_samples(graph, weights, data.reshape(7, 10, 1, 1), rng=rng)
    network = round_network(graph, weights, held, 5, scheme=scheme, method="mse",
                            activation_scheme=activations)
    formats = {name: calibrate(values, 5, scheme=activations or scheme, method="mse")
               for name, values in held.items()}
    inner = formats["data"].round_trip(data)
    for layer in (first, second):
        kernel = calibrate(layer.weights, 5, scheme=scheme, method="mse").round_trip(layer.weights)
        inner = inner @ kernel.T + layer.bias
        inner = formats[layer.name].round_trip(np.maximum(inner, 0) if layer is first else inner)
    outputs = network.forward(data.reshape(7, 10, 1, 1))[:, :, 0, 0]
    # A sum of 32-bit floats may fall on the other side of a tie.
    close = np.isclose(outputs, inner, atol=1e-4)
    assert close.mean() > 0.9
    assert network.bits == 5 * (60 + 18)
    assert np.isfinite(outputs).all()


def test_filters_may_have_scales_of_their_own():
    """Of two filters of which one is 64 times smaller, only then both are kept in 4 bits."""
    layer = FloatLayer("a", np.array([[64.0, -32.0], [1.0, 0.25]]), np.zeros(2))
    graph, weights = graph_of("net", [layer])
    held = activation_samples(graph, weights, np.ones((1, 2, 1, 1)), rng=np.random.default_rng(0))
    kept = {per_channel: round_network(graph, weights, held, 4, per_channel=per_channel
                                       ).weights["a"][0][:, :, 0, 0] for per_channel in (0, 1)}
    assert not kept[0][1].any()
    np.testing.assert_allclose(kept[1], [[64, -36.571430], [1, 0.2857143]], rtol=1e-6)


def test_more_bits_err_less_and_zero_filters_do_no_harm():
    rng = np.random.default_rng(2)
    graph = Graph("net", (2, 8, 8), (
        Conv("a", "data", 2, 4, 3, padding=1), MaxPool("p", "a", 2, 2),
        Conv("b", "p", 4, 4, 1), Conv("c", "p", 4, 3, 3, padding=1), Concat("d", ("b", "c")),
        GlobalAverage("e", "d")))
    weights = {conv.name: (rng.normal(size=conv.weight_shape).astype(np.float32),
                           rng.normal(size=conv.outputs).astype(np.float32))
               for conv in graph.convolutions}
    weights["b"][0][2] = 0
    data = rng.normal(size=(3, 2, 8, 8)).astype(np.float32)
    exact, _ = forward(graph, weights, data)
    held = activation_samples(graph, weights, data, rng=rng)
    assert held["data"].min() == data.min() and held["data"].max() == data.max()
    before = np.inf
    for width in (2, 4, 8, 12):
        network = round_network(graph, weights, held, width, per_channel=True,
                                activation_scheme="asymmetric")
        error = np.abs(network.forward(data) - exact).mean()
        assert error < before / 2 and not network.weights["b"][0][2].any()
        before = error
    assert before < 2e-3 * np.abs(exact).max()


@needs_squeezenet
def test_squeezenet_in_8_bits():
    """With scales per channel, scores are kept to 5 %; with 3 bits, they are lost."""
    names, images = samples()
    weights = {layer.name: (layer.weights, layer.bias) for layer in layers()}
    wanted = np.stack([expected()[1][name] for name in names[:3]])
    held = activation_samples(SQUEEZENET, weights, images[:3], rng=np.random.default_rng(0))
    errors = {}
    for width in (3, 8):
        network = round_network(SQUEEZENET, weights, held, width, per_channel=True,
                                activation_scheme="asymmetric")
        outputs = network.forward(images[:3])[:, :, 0, 0]
        assert np.isfinite(outputs).all()
        errors[width] = np.linalg.norm(outputs - wanted) / np.linalg.norm(wanted)
    assert errors[8] < 0.05 and errors[3] > 0.5
    assert not network.weights["fire7/conv1x1_2"][0].any(axis=(1, 2, 3)).all()
