"""What `weft simulate` and `weft demo` refuse before anything is built."""

import numpy as np
import pytest

from golden.container import dumps
from golden.formats import Counter
from golden.models.digits import load_digits_network
from golden.sparse.compute import run_network
from golden.sparse.image import build_image
from scripts.errors import UsageError
from scripts.execution import fit, predict
from scripts.settings import configuration
from scripts.simulate import inputs_of, network_of
from sim_tests.bench.command_line import weft


@pytest.fixture(scope="module")
def network():
    return load_digits_network()


def test_a_network_is_read_from_a_file(network, tmp_path):
    file = tmp_path / "net.weft"
    file.write_bytes(dumps(network))
    read = network_of(str(file))
    assert [layer.name for layer in read.layers] == [layer.name for layer in network.layers]


@pytest.mark.parametrize("change, message", [
    (None, "No such file or directory; MODEL is a .weft file, or digits"),
    (lambda data: data[:100], "byte"),
    (lambda data: b"PK" + data[2:], "magic at byte 0"),
    (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "checksum at byte"),
])
def test_a_file_that_is_no_network(network, tmp_path, change, message):
    file = tmp_path / "net.weft"
    if change is not None:
        file.write_bytes(change(dumps(network)))
    with pytest.raises(UsageError, match=message) as raised:
        network_of(str(file))
    assert str(raised.value).startswith(str(file))


@pytest.mark.parametrize("array, message", [
    (np.zeros((3, 64)), "float64 of shape"),
    (np.zeros((3, 63), np.int16), r"shape \(3, 63\), but the network takes integers of shape "
                                  r"\(inputs, 64\)"),
    (np.zeros((1, 3, 64), np.int16), r"shape \(1, 3, 64\)"),
    (np.zeros((0, 64), np.int16), "holds no input"),
    (np.array([object()]), "allow_pickle"),
])
def test_arrays_that_are_no_inputs(network, tmp_path, array, message):
    file = tmp_path / "x.npy"
    np.save(file, array, allow_pickle=True)
    with pytest.raises(UsageError, match=message):
        inputs_of(str(file), network)


def test_inputs(network, tmp_path):
    file = tmp_path / "x.npy"
    np.save(file, np.arange(64, dtype=np.uint8))
    assert inputs_of(str(file), network).tolist() == [list(range(64))]
    assert inputs_of("digits", network, 7).shape == (7, 64)
    with pytest.raises(UsageError, match="has 1 inputs, not 2"):
        inputs_of(str(file), network, 2)


def test_a_core_that_is_too_small_says_what_would_do(network):
    config = configuration("weft", entry_words=16, activation_depth=32).config
    inputs = inputs_of("digits", network, 2)
    with pytest.raises(UsageError) as raised:
        fit(network, config, inputs)
    assert "activation_depth=64 (it has 32)" in str(raised.value)
    remedy = str(raised.value).partition("use ")[2].replace("--set ", "").split()
    larger = config.replace(**{name: int(value) for name, value in
                               (word.split("=") for word in remedy)})
    fit(network, larger, inputs)


def test_column_groups_suit_the_layer(network):
    config = configuration("ulx3s").config
    inputs = inputs_of("digits", network, 8)
    image = fit(network, config, inputs)
    chosen = [plan.groups for plan in image.plans]
    traces = [run_network(network, row, geometry=config.geometry, plans=image.plans)
              for row in inputs]

    def cycles(groups):
        other = build_image(network, geometry=config.geometry, groups=groups, lanes=config.lanes)
        return sum(layer[Counter.CYCLES] for row, trace in zip(inputs, traces, strict=True)
                   for layer in predict(other, network, trace, row, config))

    assert cycles(chosen) <= 1.02 * min(cycles(groups) for groups in (1, 2, 4))


@pytest.mark.parametrize("arguments, message", [
    (("simulate", "sparse", "absent.weft", "--inputs", "digits"), "absent.weft: No such file"),
    (("simulate", "sparse", "digits", "--inputs", "absent.npy"), "absent.npy: No such file"),
    (("simulate", "sparse", "digits", "--inputs", "digits", "--count", "100000"), "not 100000"),
    (("simulate", "sparse", "digits", "--inputs", "digits", "--set", "index_width=3"),
     "widen the index"),
    (("demo", "--digits", "100000"), "355 are held out, ask for 1 to 355"),
    (("demo", "--set", "entry_words=1"), "use --set entry_words="),
])
def test_a_mistake_is_one_line(arguments, message):
    done = weft(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    last = done.stderr.splitlines()[-1]
    assert last.startswith("weft: error: ") and message in last
    assert "Traceback" not in done.stderr
