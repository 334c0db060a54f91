"""Networks on the dense core as emitted Verilog, every tensor equal to the golden model's."""

import numpy as np
import pytest

from golden.formats import DenseCounter
from golden.models.dense_digits import load_dense_digits
from golden.models.digits import load_digits_data
from scripts import dense_network_run
from scripts.bench.rtl import build_core
from scripts.dense_digits import run_dense_digits, settings_for
from scripts.errors import Mismatch

pytestmark = pytest.mark.cosim

#: Images of each network, and tensors that stay in the buffer for each.
IMAGES = {"mlp": 24, "cnn": 4, "lstm": 3}
TENSORS = {
    "mlp": 1 + 3,                       # the input, and what three layers make of it
    "cnn": 1 + 2 + 1,                   # convolutions are pooled at once
    "lstm": 16 + 16 * 9,                # at least: steps, gates, products and states
}


@pytest.mark.parametrize("name", IMAGES)
def test_every_tensor_is_exact(name):
    settings, data = settings_for(name), load_digits_data()
    pixels, labels = (values[:IMAGES[name]] for values in (data.test_inputs, data.test_labels))
    digits = run_dense_digits(name, build_core(settings), settings, pixels, labels)
    network, result = load_dense_digits(name), digits.run
    assert result.inputs == IMAGES[name] and digits.accuracy >= .75
    assert len(result.tensors) >= TENSORS[name] and result.modelled
    assert set(network.inputs) | set(network.outputs) <= set(result.tensors)
    assert result.counters[DenseCounter.SATURATIONS] == 0
    assert 0 < result.utilisation < 1
    record = digits.to_record(settings, "test")
    assert record["bit_exact"] and record["network"] == f"digits-{name}"


def test_a_program_of_another_network_is_noticed(monkeypatch):
    """Core and golden model agree on the program that they are given."""
    original = dense_network_run.compile_network

    def other(network, geometry, **options):
        compiled = original(network, geometry, **options)
        compiled.memories.weights[:64] = np.roll(compiled.memories.weights[:64], 1, axis=0)
        return compiled
    monkeypatch.setattr(dense_network_run, "compile_network", other)
    settings, data = settings_for("mlp"), load_digits_data()
    with pytest.raises(Mismatch, match="digits-mlp: tensor .* is not what the network computes"):
        run_dense_digits("mlp", build_core(settings), settings, data.test_inputs[:2],
                         data.test_labels[:2])
