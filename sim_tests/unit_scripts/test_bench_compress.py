"""`weft bench compress`: the tables, where their figures come from, and the paper's own."""

import json

import pytest

from golden.container import dumps
from golden.models.lenet import LENETS, load_lenet, read_lenet
from golden.models.mnist import has_mnist
from scripts.bench.compress import PAPER, PAPER_TOTALS
from scripts.compression.sizes import layer_sizes, total_size
from scripts.errors import UsageError
from scripts.paths import data_dir
from scripts.progress import Steps
from sim_tests.bench.command_line import weft

NAME = "lenet-300-100"


def test_the_papers_tables_agree_with_each_other():
    """A rate is density times coded bits over 32, and what tables and padding take on top."""
    checked = 0
    for name, rows in PAPER.items():
        assert list(rows) == [*(shape.name for shape in LENETS[name]), "all"]
        for row in rows.values():
            simple = row.kept * (row.bits_huffman + row.run_bits_huffman) / 32
            assert 0.25 * row.rate < simple < row.rate
            checked += 1
        assert 100 / rows["all"].rate == pytest.approx(PAPER_TOTALS[name][2], rel=0.02)
    assert checked == 9


def test_every_byte_is_counted():
    data = read_lenet(NAME)
    network, sizes = layer_sizes(data)
    total = total_size(data, sizes)
    assert total.bytes == len(data) and total.float_bytes == 1_066_440
    assert (total.weights, total.biases) == (266_200, 410)
    assert total.kept == sum((layer.codes != 0).sum() for layer in network.layers)
    fixed = len(data) - sum(size.bytes for size in sizes)
    assert 0 < fixed < 400                      # header, metadata and checksum
    for size, layer in zip(sizes, network.layers, strict=True):
        streams = size.kept * (size.bits_huffman + size.run_bits) / 8
        assert streams < size.bytes < streams + 4 * layer.rows + 250
        assert size.bits_huffman < size.bits == layer.index_width
    # Codes are worth more than the tables that they need.
    assert len(dumps(network)) > len(data)


def test_records(tmp_path):
    done = weft("bench", "compress", "-n", NAME, "--json", "-", WEFT_DATA=str(tmp_path))
    assert done.returncode == 0, done.stderr
    records = json.loads(done.stdout)
    assert [record["layer"] for record in records] == ["ip1", "ip2", "ip3", "all"]
    assert all(record["network"] == NAME and record["source"] == "golden" for record in records)
    assert sum(record["weights"] for record in records[:-1]) == records[-1]["weights"]
    assert records[-1]["bytes"] == len(read_lenet(NAME)) <= 27 * 1024
    assert records[-1]["ratio"] == 1_066_440 / records[-1]["bytes"] >= 40
    stated = load_lenet(NAME).metadata
    assert records[-1]["error_float"] == float(stated["float error"])
    assert records[-1]["error_compressed"] == float(stated["compressed error"])
    assert "MNIST is not in the data folder" in done.stderr
    assert "(the paper: 1.64 -> 1.58 %)" in done.stderr


@pytest.mark.skipif(not has_mnist(data_dir()), reason="MNIST is not in the data folder: set "
                                                      "WEFT_DATA (see weft doctor)")
def test_errors_are_measured_where_mnist_is():
    done = weft("bench", "compress", "-n", NAME, "--json", "-")
    assert done.returncode == 0, done.stderr
    measured = json.loads(done.stdout)[-1]["error_compressed"]
    assert f"{measured:.4f}" == load_lenet(NAME).metadata["compressed error"]
    assert "MNIST is not" not in done.stderr


def test_an_unknown_network():
    from scripts.bench.compress import bench
    with pytest.raises(UsageError, match="--network lenet-6: did you mean lenet-5"):
        bench(["lenet-6"], steps=Steps(quiet=True))
