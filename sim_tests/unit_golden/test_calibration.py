"""Scales and zero points against hand values, exhaustive search and TensorFlow Lite's own."""

import doctest

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from golden.compression import calibration as module
from golden.compression.calibration import METHODS, SCHEMES, calibrate
from scripts.paths import data_dir

#: Models of MLPerf Tiny as floats and as converted by TensorFlow Lite.
MODELS = {"ad01_fp32": "ad01_int8", "kws_ref_model_float32": "kws_ref_model",
          "pretrainedResnet": "pretrainedResnet_quant", "vww_96_float": "vww_96_int8"}
#: Weights, of 77,360, that fall on the other side of a tie.
ROUNDED_OTHERWISE = {"pretrainedResnet": 2}


def test_examples():
    assert doctest.testmod(module).failed == 0


def test_by_hand():
    symmetric = calibrate([-3.0, 1.5], 3)
    assert symmetric.scale == 1 and (symmetric.low, symmetric.high) == (-3, 3)
    np.testing.assert_array_equal(symmetric.store([-3, 1.5, 0.4, 9]), [-3, 2, 0, 3])
    asymmetric = calibrate([-1.0, 6.0], 3, scheme="asymmetric")
    assert (asymmetric.scale, asymmetric.zero_point) == (1, -3)
    np.testing.assert_array_equal(asymmetric.store([-1, 0, 6]), [-4, -3, 3])
    np.testing.assert_array_equal(asymmetric.round_trip([-1.0, 0.0, 6.0]), [-1, 0, 6])


@pytest.mark.parametrize(("values", "width", "bits"), [
    ([1.0], 8, 6),              # 1.0 is not below 127/128
    ([127 / 128], 8, 7),        # which fits exactly
    ([-1.0], 8, 7),             # as does -128/128
    ([-1.0, 1.0], 8, 6), ([100.0], 8, 0), ([1000.0], 8, -3), ([0.0], 8, 7), ([0.01], 16, 21)])
def test_radix_points(values, width, bits):
    """The most bits behind the point with which nothing is clamped."""
    found = calibrate(values, width, scheme="fixed")
    assert found.fraction_bits == bits and found.scale == 2.0**-bits
    assert found.zero_point == 0 and found.low == -(1 << width - 1)
    stored = np.round(np.array(values) * 2.0**bits)
    assert found.low <= stored.min() and stored.max() <= found.high
    if np.any(values):
        assert (stored.min() * 2 < found.low) or (stored.max() * 2 > found.high)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", [2, 4, 8, 16])
def test_max_clamps_nothing_and_zero_is_exact(scheme, width):
    rng = np.random.default_rng(width)
    for values in (rng.normal(size=500), rng.random(50), -rng.random(50) - 1):
        found = calibrate(values, width, scheme=scheme)
        assert found.round_trip([0.0]) == 0
        assert np.abs(found.round_trip(values) - values).max() <= found.scale * 0.5000001


@pytest.mark.parametrize("scheme", SCHEMES)
def test_methods(scheme):
    """Outliers decide the maximum; percentiles drop them; the search errs least of all."""
    rng = np.random.default_rng(0)
    values = np.append(rng.normal(size=20_000), [40.0])
    errors = {}
    for method in METHODS:
        found = calibrate(values, 4, scheme=scheme, method=method)
        errors[method] = found.squared_error(values)
        assert errors[method] == pytest.approx(np.mean((found.round_trip(values) - values)**2))
    assert errors["mse"] <= errors["percentile"] < errors["max"]
    scales = {method: calibrate(values, 4, scheme=scheme, method=method).scale
              for method in METHODS}
    assert scales["percentile"] < scales["max"]
    every = [module.Quantisation(4, scale, 0, -7, 7).squared_error(values)
             for scale in np.linspace(.05, 6, 2000)]
    if scheme == "symmetric":
        assert errors["mse"] <= min(every) * 1.02


def test_percentile_by_hand():
    values = np.arange(-100, 101) / 100
    assert calibrate(values, 8, method="percentile", percentile=90).scale == pytest.approx(
        np.percentile(np.abs(values), 90) / 127)
    asymmetric = calibrate(values, 8, scheme="asymmetric", method="percentile", percentile=90)
    assert asymmetric.scale == pytest.approx(1.6 / 255)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("method", METHODS)
def test_a_channel_that_is_all_zero_stays_so(scheme, method):
    """As one of the filters of SqueezeNet: carelessly, its scale is 0 and its weights are 0/0."""
    weights = np.random.default_rng(1).normal(size=(3, 4, 2, 2))
    weights[1] = 0
    found = calibrate(weights, 8, scheme=scheme, method=method, axis=0)
    assert found.scale.shape == found.zero_point.shape == (3, 1, 1, 1)
    assert np.isfinite(found.scale).all() and (found.scale > 0).all()
    back = found.round_trip(weights)
    assert (back[1] == 0).all()
    for channel in (0, 2):
        alone = calibrate(weights[channel], 8, scheme=scheme, method=method)
        np.testing.assert_array_equal(back[channel], alone.round_trip(weights[channel]))


def test_channels_err_less_than_the_tensor():
    weights = np.random.default_rng(2).normal(size=(8, 50)) * 2.0**-np.arange(8)[:, None]
    tensor, channel = calibrate(weights, 6), calibrate(weights, 6, axis=0)
    assert channel.squared_error(weights) < tensor.squared_error(weights) / 3
    other = calibrate(weights.T, 6, axis=1)
    np.testing.assert_array_equal(other.scale.ravel(), channel.scale.ravel())


def constants(path):
    """Constant tensors of a model: value, scales, zero points and the axis that they belong to."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(path.read_bytes()))
    kinds = {schema.TensorType.INT8: np.int8, schema.TensorType.FLOAT32: np.float32}
    found = {}
    for tensor in model.subgraphs[0].tensors:
        data, parameters = model.buffers[tensor.buffer].data, tensor.quantization
        if data is None or tensor.type not in kinds or len(tensor.shape) < 2:
            continue            # an activation or a bias
        value = np.frombuffer(data.tobytes(), kinds[tensor.type]).reshape(tensor.shape)
        found[tensor.name] = (value, parameters.scale, parameters.zeroPoint,
                              parameters.quantizedDimension)
    return found


@pytest.mark.parametrize("model", MODELS)
def test_weights_that_tensorflow_lite_quantised(model):
    """Every int8 weight of its converter, out of the float model's."""
    folder = data_dir() and data_dir() / "mlperf_tiny"
    if not folder or not folder.is_dir():
        pytest.skip("mlperf_tiny/*.tflite are not in the data folder: set WEFT_DATA")
    floats, integers = (constants(folder / f"{name}.tflite") for name in (model, MODELS[model]))
    compared = differences = 0
    for name, (stored, scales, zero_points, axis) in integers.items():
        if stored.dtype != np.int8 or name not in floats:
            continue
        real = floats[name][0]
        if real.dtype != np.float32:
            continue            # of a float model that was never one throughout
        assert real.shape == stored.shape
        # A fully connected layer has one scale, sometimes written down for each of its rows.
        per_channel = len(set(scales.tolist())) > 1
        found = calibrate(real, 8, axis=axis if per_channel else None)
        expected = (scales if per_channel else scales[:1]).reshape(found.scale.shape)
        # Channels that batch normalisation has made next to nothing are dealt with otherwise.
        real, stored = (np.where(expected > 1e-6, tensor, 0) for tensor in (real, stored))
        np.testing.assert_allclose(found.scale, expected, rtol=1e-6, atol=1e-7)
        assert not zero_points.any()
        # In 32 bits, as the converter computes; the float model of one that went through its
        # folding of batch normalisation is not to the last bit the one that was quantised.
        given = module.Quantisation(8, expected, found.zero_point, found.low, found.high)
        difference = np.abs(given.store(real) - stored)
        assert difference.max() <= 1
        differences += np.count_nonzero(difference)
        compared += stored.size
    assert compared > 700 and differences <= ROUNDED_OTHERWISE.get(model, 0)


@pytest.mark.parametrize("arguments, message", [
    (([], 8), "at least one"), (([np.nan], 8), "finite"), (([1.0], 1), "from 2 to 16"),
    (([1.0], 17), "from 2 to 16")])
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        calibrate(*arguments)
    for wrong in ({"scheme": "log"}, {"method": "min"}, {"percentile": 49}):
        with pytest.raises(ValueError):
            calibrate([1.0], 8, **wrong)
