"""Files of dense networks."""

import io
import zipfile

import numpy as np
import pytest

from golden.systolic.archive import read_dense_network, write_dense_network
from golden.systolic.geometry import DenseGeometry
from golden.systolic.layers import FullyConnected
from golden.systolic.network import DenseNetwork
from sim_tests.bench.random_dense import random_dense_inputs, random_dense_network

WIDE = DenseGeometry(activation_width=16, operand_tables=0)


def dumps(network):
    file = io.BytesIO()
    write_dense_network(network, file)
    return file.getvalue()


@pytest.mark.parametrize("geometry", [DenseGeometry(operand_tables=3), WIDE],
                         ids=["8 bits", "16 bits"])
def test_round_trip(geometry):
    """What is read computes the same, is written the same again, and is small where it can be."""
    rng, kinds = np.random.default_rng(1), set()
    for _ in range(12):
        network = random_dense_network(rng, geometry, layers=8)
        network.metadata["made by"] = "chance"
        network.scales["x"] = (0.25, -3)
        data = dumps(network)
        again = read_dense_network(io.BytesIO(data))
        assert dumps(again) == data
        assert (again.metadata, again.scales) == (network.metadata, network.scales)
        assert (again.shapes, again.outputs) == (network.shapes, network.outputs)
        inputs = random_dense_inputs(rng, network, 2)
        expected, saturations = network.run(inputs)
        found, count = again.run(inputs)
        assert count == saturations
        for name, values in expected.items():
            np.testing.assert_array_equal(found[name], values)
        kinds |= {type(layer).__name__ for layer in network.layers}
    assert len(kinds) >= 9


def test_arrays_are_kept_once():
    weights = np.arange(-500, 500).reshape(10, 100) % 100
    network = DenseNetwork(inputs={"x": (100,)}, outputs=("a", "b"), layers=tuple(
        FullyConnected(name=name, inputs=("x",), weights=weights + 0, bias=np.zeros(10, int))
        for name in "ab"))
    with zipfile.ZipFile(io.BytesIO(dumps(network))) as archive:
        assert sorted(archive.namelist()) == ["array0.npy", "array1.npy", "header.npy"]
        # 1000 weights of a byte, and NumPy's header.
        assert archive.getinfo("array0.npy").file_size == 1128


def test_what_is_no_network_is_refused(tmp_path):
    data = dumps(random_dense_network(np.random.default_rng(2), WIDE))
    arrays = dict(np.load(io.BytesIO(data)))

    def changed(old, new):
        file = io.BytesIO()
        text = arrays["header"].tobytes().replace(old, new)
        np.savez(file, **arrays | {"header": np.frombuffer(text, np.uint8)})
        return file.getvalue()

    cases = [b"", b"PK", data[:100], data[:-30], changed(b"weft", b"heft"),
             changed(b'"version":1', b'"version":2'), changed(b'"array0"', b'"array99"'),
             changed(b'"type":"Ending"', b'"type":"Beginning"'), changed(b'"name":', b'"nome":'),
             changed(b'{', b'['), changed(b'"width":16', b'"width":"x"')]
    for case in cases:
        with pytest.raises(ValueError, match="This is no dense network: "):
            read_dense_network(io.BytesIO(case))
    path = tmp_path / "list.npy"
    np.save(path, np.array([1]))
    with pytest.raises(ValueError, match="This is no dense network"):
        read_dense_network(path)
    with pytest.raises(OSError):
        read_dense_network(tmp_path / "missing.npz")
