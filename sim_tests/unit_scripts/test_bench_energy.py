"""`weft bench energy`: what it prints, records and draws, and what it refuses."""

import json

import pytest

from scripts.bench import energy
from scripts.bench.energy_layers import energy_names
from scripts.errors import UsageError
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
    names, left_out = energy_names()
    assert names[:2] == ["alex-6", "alex-7"] and names[-1] == "digits/fc3" and len(names) == 12
    assert [line.split(" is left out")[0] for line in left_out] == [
        "alexnet-fc8", "lenet-300-100", "lenet-5"]
    with pytest.raises(UsageError, match="lenet-300-100 is run on MNIST"):
        energy.bench(["lenet-300-100/ip3"], steps=Steps(quiet=True))
