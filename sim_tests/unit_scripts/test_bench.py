"""`weft bench sparse`: what it prints, records and draws, and what it refuses."""

import json

import pytest

from scripts import api
from scripts.bench.subjects import EIE_LAYERS, core_settings
from scripts.errors import UsageError
from sim_tests.bench.command_line import weft


def test_records_of_a_layer(tmp_path):
    result = weft("bench", "sparse", "--layer", "NT-LSTM", "--pes", "16", "--json", "-")
    assert result.returncode == 0, result.stderr
    records = json.loads(result.stdout)
    assert [(item["config"], item["layer"], item["source"]) for item in records] == [
        ("eie-pes16", "nt-lstm", "model"), ("weft-pes16", "nt-lstm", "model")]
    eie, ours = records
    assert ours["cycles"] < eie["cycles"] and ours["useful"] > eie["useful"]
    assert ours["padding"] == 0 < eie["padding"] and ours["groups"] in (1, 2, 4)
    assert eie["microseconds"] == eie["cycles"] / 800
    for item in records:
        slots = 16 * item["cycles"]
        assert item["starved"] == pytest.approx(slots * (1 - item["utilisation"]))
    assert "speed-up" in result.stderr      # the table: standard output has nothing else on it


def test_figures(tmp_path):
    pytest.importorskip("matplotlib", reason="figures need matplotlib")
    from matplotlib import pyplot

    from scripts.bench import plots
    from scripts.bench.measure import measure_all
    from scripts.progress import Steps
    tables = measure_all(["nt-lstm", "nt-we"], [core_settings("eie", 64)], processes=1,
                         steps=Steps(quiet=True))
    figure = plots._useful_work(pyplot, tables)
    labels = [text.get_text() for text in figure.axes[0].get_xticklabels()]
    assert labels == ["nt-lstm", "nt-we"]
    heights = [bar.get_height() for bar in figure.axes[0].containers[1]]
    assert heights == [item.useful for item in tables[0]]
    # The same products in the time that EIE published.
    first = figure.axes[0].containers[0]
    assert [bar.get_height() * item.speed_up for bar, item in zip(first, tables[0], strict=True)
            ] == pytest.approx([item.useful for item in tables[0]])
    heat = plots._load_balance(pyplot, tables)
    assert heat.axes[0].images[0].get_array().shape == (2, 64)
    pyplot.close("all")


@pytest.mark.parametrize("options, complaint", [
    ({"layers": ["alex-9"]}, "no layer is called that, did you mean alex-"),
    ({"preset": "ulx3s"}, "measured on eie and weft"),
    ({"pes": 8, "assignments": ["pes=16"]}, "keep one"),
    ({"pes": 3}, "power of two"),
])
def test_what_is_refused(options, complaint):
    with pytest.raises(UsageError, match=complaint):
        api.bench(**{"layers": ["nt-lstm"], **options})


def test_memories_are_powers_of_two_that_hold_the_layers():
    for preset in ("eie", "weft"):
        for pes in (1, 2, 4, 16, 64, 256):
            config = core_settings(preset, pes).config
            assert config.pes == pes
            most = max(row.rows for row in EIE_LAYERS)
            assert config.accumulator_depth * pes // config.groups >= most
            assert config.activation_depth >= 25088 and config.pointer_depth >= 25090
            assert config.entry_words.bit_count() == 1
    changed = core_settings("eie", 64, queue_depth=3)
    assert changed.label == "eie-pes64-queue_depth3" and changed.config.queue_depth == 3
