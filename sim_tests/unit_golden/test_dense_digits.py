"""The dense digits networks that ship, and how they are made."""

import numpy as np
import pytest

from golden.models.dense_digits import DENSE_DIGITS, dense_digits_inputs, load_dense_digits
from golden.models.digits import load_digits_data
from golden.systolic.compile import compile_network
from golden.systolic.execute import execute
from golden.systolic.functions import interpolated_sigmoid, interpolated_tanh, sigmoid_table
from golden.systolic.geometry import DenseGeometry
from golden.systolic.integer_layers import integer_product
from golden.systolic.layers import Conv2D, FullyConnected, Lookup, MaxPool, Multiply


def geometry_of(network):
    """The default core; for wide activations as wide, and with room for long programs."""
    wide = {"activation_width": 16, "operand_tables": 0, "program_depth": 1024}
    return DenseGeometry(**(wide if network.width == 16 else {}))


@pytest.mark.parametrize("name", DENSE_DIGITS)
def test_accuracy_on_held_out_digits(name):
    network, data = load_dense_digits(name), load_digits_data()
    tensors, saturations = network.run(dense_digits_inputs(name, data.test_inputs))
    correct = np.argmax(tensors[network.outputs[0]], axis=1) == data.test_labels
    assert len(correct) == 355 and saturations == 0
    assert f"{correct.mean():.4f}" == network.metadata["accuracy"]
    assert correct.mean() >= 0.97


@pytest.mark.parametrize("name", DENSE_DIGITS)
def test_programs_compute_the_networks(name):
    """Every tensor of some images, on the default core; the last in the space of a run."""
    network, data = load_dense_digits(name), load_digits_data()
    geometry, batch = geometry_of(network), 2
    inputs = {key: values[:batch] for key, values in
              dense_digits_inputs(name, data.test_inputs).items()}
    expected, _ = network.run(inputs)
    for keep in (True, False):
        compiled = compile_network(network, geometry, batch=batch, keep=keep)
        result = execute(compiled.load(inputs))
        assert not result.fault and result.saturations == 0
        names = [key for key in network.shapes if key in compiled.places]
        for key in names if keep else network.outputs:
            np.testing.assert_array_equal(compiled.read(result.unified, key), expected[key], key)
    assert len(names) > 3


def test_what_they_are_made_of():
    kinds = {name: [type(layer) for layer in load_dense_digits(name).layers]
             for name in DENSE_DIGITS}
    assert kinds["mlp"] == [FullyConnected] * 3
    assert [kind for kind in kinds["cnn"] if kind in (Conv2D, MaxPool, FullyConnected)] == [
        Conv2D, MaxPool, Conv2D, MaxPool, FullyConnected]
    # 16 steps; the first one has no state to forget.
    assert kinds["lstm"].count(Lookup) == 16
    assert kinds["lstm"].count(Multiply) == 3 * 16 - 1
    assert kinds["lstm"].count(FullyConnected) == 4 * 16 - 1 + 1


def test_the_cell_by_its_equations():
    """c = f c + i g, h = o tanh(c), written out for all steps of some images."""
    network, data = load_dense_digits("lstm"), load_digits_data()
    inputs = dense_digits_inputs("lstm", data.test_inputs[:20])
    tensors, _ = network.run(inputs)
    layers, table = {layer.name: layer for layer in network.layers}, sigmoid_table()
    hidden = state = np.zeros((20, layers["input1"].weights.shape[0]), np.int64)
    for step in range(16):
        joined = np.concatenate([inputs[f"x{step}"], hidden], axis=1)
        gates = {}
        for gate in ("input", "forget", "candidate", "output"):
            layer = layers[f"{gate}1"]          # has all the weights
            sums = joined @ layer.weights.T + layer.bias
            real = sums * (layer.ending.multiplier / 2.0**31 / 2.0**layer.ending.right_shift
                           * 2.0**layer.ending.left_shift)
            q = np.clip(np.floor(real + 0.5), -32768, 32767).astype(np.int64)
            gates[gate] = (interpolated_tanh if gate == "candidate"
                           else interpolated_sigmoid)(q, table)
        state = np.clip(np.round(gates["input"] * gates["candidate"] / 2**18)
                        + np.round(gates["forget"] * state / 2**15), -32768, 32767).astype(int)
        hidden = (gates["output"] * interpolated_tanh(state, table) / 2**15).round().astype(int)
        # Ties go elsewhere here: a unit, which the next steps carry on.
        assert np.abs(hidden - tensors[f"hidden{step}"]).max() <= 3 + step
    assert np.abs(hidden).max() > 10000


def test_no_other_names():
    with pytest.raises(ValueError, match="no dense network 'gru', only mlp, cnn, lstm"):
        load_dense_digits("gru")


def test_products_in_integers():
    """Real outputs come out, to half a unit of output and what weights of 8 bits allow."""
    rng = np.random.default_rng(1)
    weights, bias = rng.normal(size=(6, 20)) * np.exp(rng.normal(size=(6, 1))), rng.normal(size=6)
    weights[3] = 0
    fields = integer_product(weights, bias, input_scale=0.02, input_zero_point=11,
                             output_scale=0.1, output_zero_point=-7)
    layer = FullyConnected(name="y", inputs=("x",), **fields)
    x = rng.integers(-128, 128, (50, 20))
    y, _ = layer.compute(x, width=8)
    real = 0.02 * (x - 11) @ weights.T + bias
    error = 0.1 * (y + 7) - np.clip(real, 0.1 * (-128 + 7), 0.1 * (127 + 7))
    step = np.abs(weights).max(axis=1) / 127
    assert (np.abs(error) <= 0.05 + 1e-6 + step / 2 * 0.02 * np.abs(x - 11).sum(
        axis=1, keepdims=True) + step * 0.01).all()
    assert np.abs(fields["weights"]).max(axis=1).tolist() == [127, 127, 127, 0, 127, 127]


def test_training_is_repeatable():
    """Two short trainings give the same bytes; PyTorch is only needed for this."""
    pytest.importorskip("torch", reason="only training needs it: pip install '.[train]'")
    import io

    from golden.systolic.archive import write_dense_network
    from scripts.train_dense_digits import make
    files = [io.BytesIO() for _ in range(2)]
    for file in files:
        write_dense_network(make("mlp", effort=0.01), file)
    assert files[0].getvalue() == files[1].getvalue()
