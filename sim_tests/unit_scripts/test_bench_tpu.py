"""`weft bench tpu`: what it prints, records and draws, and what it refuses."""

import json

import pytest

from golden.models.tpu_v1 import PEAK_TOPS, WORKLOADS
from scripts.bench import tpu
from scripts.errors import UsageError
from scripts.progress import Steps
from sim_tests.bench.command_line import weft


def test_records_and_tables():
    result = weft("bench", "tpu", "-w", "mlp0", "-w", "LSTM1", "--json", "-")
    assert result.returncode == 0, result.stderr
    mlp0, lstm1, *sweep, product = json.loads(result.stdout)
    assert [item["network"] for item in (mlp0, lstm1)] == ["MLP0", "LSTM1"]
    assert [item["inputs"] for item in sweep] == list(tpu.BATCHES)
    for item in (mlp0, lstm1, *sweep, product):
        assert (item["bench"], item["config"], item["source"]) == ("tpu", "tpu-v1", "model")
        assert item["cycles"] == (item["active"] + item["weight_stall"] + item["weight_shift"]
                                  + item["non_matrix"])
        assert item["tops"] == pytest.approx(item["utilisation"] * PEAK_TOPS)
        macs = item["weights"] * item["macs_per_byte"]
        assert item["utilisation"] == pytest.approx(macs / 65536 / item["cycles"])
    for item in (mlp0, lstm1, *sweep):
        assert item["tops"] < item["tops_attainable"] <= PEAK_TOPS
        assert item["latency_ms"] == pytest.approx(item["cycles"] / 700e3)
        assert item["inferences_per_second"] == pytest.approx(
            1e3 * item["inputs"] / item["latency_ms"])
    assert mlp0["tops_published"] == 12.3 and lstm1["tops_published"] == 2.8
    assert product["work"] == "200x2048x2048" and product["active"] == 64 * 200
    # Weights are what takes the time, until the batch is as large as a tile's time is long.
    latencies = {item["inputs"]: item["latency_ms"] for item in sweep}
    assert latencies[1024] < 1.01 * latencies[1] and latencies[2048] > 1.4 * latencies[1024]
    for text in ("useful MACs, % of peak", "published", "difference", "(table 4)", "280,000",
                 "shapes of the layers are ours", "SCALE-Sim takes 131 s"):
        assert text in result.stderr


def test_the_difference_is_ours_less_published():
    """Line by line, from what is printed."""
    result = weft("bench", "tpu", "-w", "CNN0")
    assert result.returncode == 0, result.stderr
    table, after = result.stdout.split("\n\n", 1)
    lines = [line.split() for line in table.splitlines()]
    last = {word: [float(line[-1]) for line in lines if len(line) > 1 and line[-2] == word]
            for word in ("ours", "published", "difference")}
    assert len(last["difference"]) == 7 and "(table 4)" not in after
    # Input stalls are published only.
    last["published"].remove(WORKLOADS["CNN0"].input_stall)
    for mine, theirs, difference in zip(*last.values(), strict=True):
        assert mine - theirs == pytest.approx(difference, abs=.11)


def test_roofline():
    """34 GB/s up to 1,349 multiplications a byte."""
    assert tpu.attainable(100) == pytest.approx(6.8)
    assert tpu.attainable(1349) == pytest.approx(PEAK_TOPS, rel=1e-3)
    assert tpu.attainable(5000) == PEAK_TOPS


def test_figure_and_refusal(tmp_path):
    pytest.importorskip("matplotlib", reason="figures need matplotlib")
    result = tpu.bench(["MLP1", "CNN0"], plots=tmp_path, steps=Steps(quiet=True))
    assert [path.name for path in result.figures] == ["tpu_roofline.png"]
    assert result.figures[0].stat().st_size > 10_000
    drawn = result.figures[0].with_suffix(".svg").read_text()
    assert "MLP1" in drawn and "CNN0" in drawn and not result.sweep
    with pytest.raises(UsageError, match="workload MLP: .*did you mean MLP"):
        tpu.bench(["MLP"], steps=Steps(quiet=True))
