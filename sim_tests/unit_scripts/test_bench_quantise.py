"""`weft bench quantise`: what it prints, records and draws, and what it refuses."""

import json
import os
from dataclasses import replace

import pytest

from scripts.bench import quantise, quantise_subjects
from scripts.bench.sweep import sweep
from scripts.errors import UsageError
from scripts.progress import Steps
from sim_tests.bench.command_line import weft


def test_records_of_digits():
    result = weft("bench", "quantise", "-n", "digits", "--bits", "3", "--bits", "8",
                  "--series", "fixed-max", "--series", "channel-mse", "--json", "-")
    assert result.returncode == 0, result.stderr
    records = json.loads(result.stdout)
    assert [(item["config"], item["bits"]) for item in records] == [
        ("fixed-max", 3), ("fixed-max", 8), ("channel-mse", 3), ("channel-mse", 8)]
    for item in records:
        assert (item["network"], item["inputs"], item["source"]) == ("digits", 355, "golden")
        assert item["error_compressed"] == pytest.approx(1 - item["accuracy"])
        assert item["error_float"] < 0.02
    fixed, _, channel, eight = records
    assert eight["accuracy"] > 0.98 and eight["snr_db"] > 30
    assert channel["accuracy"] > fixed["accuracy"] and channel["snr_db"] > fixed["snr_db"] + 6
    assert "TensorFlow Lite" in result.stderr


def test_figure(tmp_path):
    pytest.importorskip("matplotlib", reason="figures need matplotlib")
    result = quantise.bench(["digits"], widths=(2, 6), series=["tensor"], count=50, plots=tmp_path,
                            steps=Steps(quiet=True))
    assert [path.name for path in result.figures] == ["accuracy_bits.png"]
    assert result.figures[0].stat().st_size > 10_000
    assert len(result.points) == 2 and len(result.subjects[0].data) == 50


@pytest.mark.parametrize("options, complaint", [
    ({"networks": ["digit"]}, "did you mean digits"),
    ({"series": ["fixed"]}, "did you mean fixed-m"),
    ({"widths": [17]}, "from 2 to 16 bits")])
def test_what_is_refused(options, complaint):
    with pytest.raises(UsageError, match=complaint):
        quantise.bench(**{"networks": ["digits"], **options}, steps=Steps(quiet=True))


def test_other_processes_measure_the_same():
    """In the order of the tasks, each with one thread, which is so in those processes only."""
    done = []
    for processes in (1, 2):
        assert sweep(pow, 3, [(5,), (2, 4), (0,)], lambda: done.append(1),
                     processes=processes) == [243, 1, 1]
    assert len(done) == 6
    before = os.environ.get("OPENBLAS_NUM_THREADS")
    assert sweep(os.getenv, "OPENBLAS_NUM_THREADS", [()] * 2, lambda: None,
                 processes=2) == ["1", "1"]
    assert os.environ.get("OPENBLAS_NUM_THREADS") == before


def test_a_subject_goes_to_other_processes():
    subject = quantise_subjects.load("digits", count=40, retrain=False, steps=Steps(quiet=True))
    tasks = [("tensor", 4), ("fixed-max", 6)]
    alone, shared = (sweep(quantise.measure, subject, tasks, lambda: None, processes=processes)
                     for processes in (1, 2))
    for one, other in zip(alone, shared, strict=True):
        assert (one.series, one.width, one.accuracy) == (other.series, other.width, other.accuracy)
        assert one.snr_db == pytest.approx(other.snr_db, abs=0.1)


def test_what_is_not_there_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("WEFT_DATA", str(tmp_path))
    names, left_out = quantise_subjects.available()
    assert names == ["digits"] and len(left_out) == 2
    assert "mnist is not in the data" in left_out[0] and "squeezenet is left out" in left_out[1]
    for name in ("lenet-5", "squeezenet"):
        with pytest.raises(UsageError, match=f"{name} is left out"):
            quantise.bench([name], steps=Steps(quiet=True))


def test_lenet_is_trained_once_by_each_recipe(monkeypatch, tmp_path):
    """Neither without PyTorch nor by weights of another recipe is it there."""
    monkeypatch.setattr(quantise_subjects, "data_dir", lambda: tmp_path)
    monkeypatch.setattr(quantise_subjects, "build_dir", lambda label: tmp_path / label)
    monkeypatch.setattr(quantise_subjects, "find_spec", lambda name: None)
    (tmp_path / "mnist").mkdir()
    names, left_out = quantise_subjects.available()
    assert names == ["digits"] and "weft[train]" in left_out[0]
    file = quantise_subjects.lenet_file()
    file.parent.mkdir()
    file.touch()
    assert quantise_subjects.available()[0] == ["digits", "lenet-5"]
    recipe = quantise_subjects.RECIPES["lenet-5"]
    monkeypatch.setitem(quantise_subjects.RECIPES, "lenet-5", replace(recipe, epochs=1))
    assert quantise_subjects.lenet_file() != file
    assert quantise_subjects.available()[0] == ["digits"]
