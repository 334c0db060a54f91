"""`weft bench energy`: what it prints, records and draws, and what it refuses."""

import json

import numpy as np
import pytest

from golden.models.mnist import has_mnist
from scripts.bench import energy, energy_convolutions
from scripts.bench.energy_layers import energy_names
from scripts.bench.subjects import core_settings
from scripts.errors import UsageError
from scripts.paths import data_dir
from scripts.progress import Steps
from sim_tests.bench.command_line import weft


def test_records_of_a_layer():
    result = weft("bench", "energy", "-l", "digits/fc3", "-l", "nt-lstm", "--json", "-")
    assert result.returncode == 0, result.stderr
    records = json.loads(result.stdout)
    assert [item["layer"] for item in records] == ["nt-lstm"] * 5 + ["digits/fc3"] * 5
    assert tuple(item["config"] for item in records[:5]) == energy.CORES
    fp32, int8, sram, eie, weft_core = records[:5]
    assert {item["source"] for item in records} == {"model"}
    assert fp32["dram_words"] == 1201 * 2400 and int8["dram_words"] == 1201 * 2400 // 4
    assert sram["dram_words"] == eie["dram_words"] == weft_core["dram_words"] == 0
    for item in records[:5]:
        assert 0 < item["matrix_nj"] < item["energy_nj"]
        assert item["saving"] == pytest.approx(fp32["energy_nj"] / item["energy_nj"])
    # A tenth of the weights, an eighth of the bits, 128 times less a bit: but for overheads.
    assert eie["saving"] > 1000 and weft_core["saving"] > 400
    assert "model" in result.stderr


def test_figures_and_refusals(tmp_path):
    pytest.importorskip("matplotlib", reason="figures need matplotlib")
    result = energy.bench(["digits/fc2", "digits/fc3"], plots=tmp_path, steps=Steps(quiet=True))
    assert [path.name for path in result.figures] == ["energy.png", "energy_parts.png"]
    assert all(path.stat().st_size > 10_000 and path.with_suffix(".svg").is_file()
               for path in result.figures)
    with pytest.raises(UsageError, match="did you mean digits/fc1"):
        energy.bench(["digits/fc11"], steps=Steps(quiet=True))


def test_what_is_not_there_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("WEFT_DATA", str(tmp_path))
    names, convolutions, left_out = energy_names()
    assert names[:2] == ["alex-6", "alex-7"] and names[-1] == "digits/fc3" and len(names) == 12
    assert convolutions == []
    assert [line.split(" is left out")[0] for line in left_out] == [
        "lenet-5", "squeezenet", "alexnet-fc8", "lenet-300-100"]
    with pytest.raises(UsageError, match="squeezenet/conv_final is not there: squeezenet/comp"):
        energy.bench(["squeezenet/conv_final"], steps=Steps(quiet=True))
    with pytest.raises(UsageError, match="lenet-300-100 is run on MNIST"):
        energy.bench(["lenet-300-100/ip3"], steps=Steps(quiet=True))


@pytest.mark.skipif(not has_mnist(data_dir()), reason="MNIST is not here: set WEFT_DATA")
def test_convolutions_are_products_with_every_patch():
    result = energy.bench(["lenet-5/conv2", "lenet-5/conv1"], steps=Steps(quiet=True))
    assert not result.layers and not result.left_out
    first, second = result.convolutions
    assert (first.layer, first.rows, first.columns, first.positions) == (
        "lenet-5/conv1", 20, 25, 24 * 24)
    assert (second.rows, second.columns, second.positions) == (50, 500, 8 * 8)
    # 8-bit weights from DRAM once, a multiplication of 0.2 pJ for each of them and each patch.
    assert second.parts("dense-int8")["weights"] == pytest.approx(25_000 / 4 * 0.64)
    assert second.parts("dense-int8")["multiply"] == pytest.approx(25_000 * 64 * 0.2e-3)
    for item in result.convolutions:
        # The first image's patches: what is multiplied is what is neither pruned nor zero.
        products = item.rows * item.columns * item.positions * item.kept * item.activity
        for core in ("eie", "weft"):
            done, = [event.count for event in item.events[core] if event.part == "multiply"]
            assert 0.7 * products < done < 1.5 * products
            assert item.cycles[core] > done / 64
    records = [entry for entry in result.records if entry["config"] == "eie"]
    assert [entry["cycles"] for entry in records] == [first.cycles["eie"], second.cycles["eie"]]


def test_patches_that_are_not_looked_at_count_too():
    """Of a matrix without zeros, every patch takes as much, by hand."""
    config = core_settings("eie", 64).config
    item = energy_convolutions.convolution_energy(
        "a", np.ones((128, 10), np.uint8), np.ones((28, 10)), {"eie": config, "weft": config})
    multiply, = [event for event in item.events["eie"] if event.part == "multiply"]
    assert (item.positions, item.kept, item.activity) == (28, 1, 1)
    assert multiply.count == 28 * 128 * 10
