"""`weft inspect`: what it prints and records, and files that are none."""

import json

import numpy as np
import pytest

from golden.container import dumps
from golden.models.coded_net import dumps_coded
from golden.models.dense_digits import DENSE_DIGITS, load_dense_digits
from golden.models.digits import load_digits_network
from golden.models.lenet import LENETS
from golden.models.squeezenet import FILE
from golden.network import SparseLayer, SparseNetwork
from golden.systolic.archive import write_dense_network
from scripts import api
from scripts.errors import UsageError
from scripts.inspection import PARTS, inspect
from scripts.paths import data_dir
from sim_tests.bench.command_line import weft
from sim_tests.bench.squeezenet_data import layers, needs_squeezenet


def assert_accounted(result):
    """Every byte of the file is in one part, and every part of a layer in that layer."""
    assert sum(result.parts.values()) == result.total.bytes == result.file.stat().st_size
    for size in result.layers:
        assert sum(value for (layer, _), value in result.parts.items()
                   if layer == size.name) == size.bytes
    assert {part for layer, part in result.parts if layer is not None} <= set(PARTS)
    parts = [entry for entry in result.records if "part" in entry]
    assert sum(entry["bytes"] for entry in parts) == result.total.bytes
    whole, = (entry for entry in result.records if entry.get("layer") == "all")
    assert whole["bytes"] == result.total.bytes and whole["weights"] == result.total.weights


@pytest.fixture(params=[False, True], ids=["packed", "coded"])
def digits(request, tmp_path):
    file = tmp_path / "digits.weft"
    file.write_bytes(dumps(load_digits_network(), huffman=request.param))
    return file, request.param


def test_a_container(digits):
    file, huffman = digits
    result = inspect(file)
    assert_accounted(result)
    network = load_digits_network()
    assert [size.name for size in result.layers] == ["fc1", "fc2", "fc3"]
    assert result.shapes == ["64 x 64", "32 x 64", "10 x 32"]
    assert result.metadata == network.metadata
    assert result.coded == huffman and f"version {1 + huffman}" in result.kind
    for size, layer in zip(result.layers, network.layers, strict=True):
        kept = np.count_nonzero(layer.codes)
        assert (size.weights, size.kept) == (layer.codes.size, kept)
        assert 1 <= size.bits_huffman <= size.bits == layer.index_width
        assert result.parts[size.name, "codebook"] == 2 * len(layer.codebook)
        if huffman and (size.name, "indices") in result.parts:
            assert result.parts[size.name, "indices"] == -(-round(size.bits_huffman * kept) // 8)
            assert result.parts[size.name, "biases"] < 4 * layer.rows
        else:
            assert result.parts[size.name, "biases"] in (4 * layer.rows, *range(4 * layer.rows))
    assert ("fc1", "code tables" if huffman else "entries") in result.parts


def test_the_command(digits):
    file, _ = digits
    done = weft("inspect", str(file))
    assert done.returncode == 0, done.stderr
    assert f"{file.stat().st_size:,} bytes, 3 layers" in done.stdout
    for text in ("digits.weft: weft container", "Where the bytes go", "codebook", "metadata",
                 "made by: scripts/train_digits.py", "100.0%"):
        assert text in done.stdout
    done = weft("inspect", str(file), "--json", "-")
    records = json.loads(done.stdout)
    assert {entry["bench"] for entry in records} == {"inspect"}
    assert {entry["config"] for entry in records} == {"digits.weft"}
    assert sum(entry["bytes"] for entry in records if "part" in entry) == file.stat().st_size
    assert "Where the bytes go" in done.stderr


def test_convolutions(tmp_path):
    rng, made = np.random.default_rng(0), []
    for shape in LENETS["lenet-5"]:
        codes = np.where(rng.random((shape.rows, shape.columns)) < 0.1,
                         rng.integers(1, 32, (shape.rows, shape.columns)), 0)
        made.append(SparseLayer(
            name=shape.name, codes=codes.astype(np.uint8), codebook=np.arange(32, dtype=np.int16),
            bias=np.zeros(shape.rows, np.int32), multiplier=1 << 30, window=shape.window))
    (tmp_path / "lenet.weft").write_bytes(dumps(SparseNetwork(tuple(made)), huffman=True))
    result = api.inspect(tmp_path / "lenet.weft")
    assert_accounted(result)
    assert result.shapes == ["20 x 1 x 5 x 5", "50 x 20 x 5 x 5", "500 x 800", "10 x 500"]
    assert [size.weights for size in result.layers] == [500, 25_000, 400_000, 5_000]
    assert result.total.float_bytes == 4 * (430_500 + 580)


@needs_squeezenet
def test_the_published_network_and_its_coded_form(tmp_path):
    plain = inspect(data_dir() / FILE)
    assert_accounted(plain)
    assert len(plain.layers) == 26 and plain.shapes[0] == "96 x 3 x 7 x 7"
    assert plain.total.bytes == 675_763 and not plain.coded
    assert plain.parts[None, "header"] == 4 * 26
    assert plain.parts["conv_final", "codebook"] == 1024
    (tmp_path / "coded.net").write_bytes(dumps_coded(layers()))
    coded = inspect(tmp_path / "coded.net")
    assert_accounted(coded)
    assert coded.total.bytes == 542_825 and coded.coded
    for first, second in zip(plain.layers, coded.layers, strict=True):
        assert first.bits_huffman == second.bits_huffman and first.run_bits == second.run_bits
        assert first.run_width == 4


def test_files_that_are_none(tmp_path):
    contents = {
        "empty.weft": (b"", "starts with b''"),
        "text.weft": (b"hello", "starts with b'hell', as no file does that is known here"),
        "cut.weft": (dumps(load_digits_network())[:-1], "size at byte 8: the header says 2072"),
        "changed.weft": (dumps(load_digits_network())[:-1] + b"\0", "checksum at byte 2068"),
        "short.net": (bytes(50), "entries at byte 0: takes 104 bytes, but 50 are left"),
        "coded.net": (b"WNET1234", "checksum at byte 4"),
    }
    for name, (data, message) in contents.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(UsageError) as error:
            inspect(tmp_path / name)
        assert message in str(error.value) and name in str(error.value)
        assert "choose a .weft file" in str(error.value)
    done = weft("inspect", str(tmp_path / "absent.weft"))
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "absent.weft: No such file or directory" in done.stderr
    done = weft("inspect", str(tmp_path))
    assert done.returncode == 2 and "Is a directory" in done.stderr


def test_a_huge_file_is_not_read(tmp_path):
    with (tmp_path / "huge.weft").open("wb") as file:
        file.truncate((1 << 28) + 1)
    with pytest.raises(UsageError, match="at most 268435456 are read"):
        inspect(tmp_path / "huge.weft")


@pytest.mark.parametrize("name", DENSE_DIGITS)
def test_a_dense_network(name, tmp_path):
    network = load_dense_digits(name)
    write_dense_network(network, tmp_path / "net.npz")
    result = inspect(tmp_path / "net.npz")
    assert sum(result.parts.values()) == (tmp_path / "net.npz").stat().st_size
    assert min(result.parts.values()) > 0
    whole, = (entry for entry in result.records if entry.get("layer") == "all")
    layers = [entry for entry in result.records if "layer" in entry and entry is not whole]
    assert [entry["layer"] for entry in layers] == [layer.name for layer in network.layers]
    assert sum(entry["weights"] for entry in layers) == whole["weights"]
    assert sum(entry["useful_macs"] for entry in layers) == whole["useful_macs"] == network.macs
    (tmp_path / "net.npz").write_bytes((tmp_path / "net.npz").read_bytes()[:-30])
    with pytest.raises(UsageError, match="This is no dense network: .*; choose a .weft file"):
        inspect(tmp_path / "net.npz")
