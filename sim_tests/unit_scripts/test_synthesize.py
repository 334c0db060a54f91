"""`weft synthesize`: figures, and exit code 4 where a design does not fit."""

import dataclasses
import json

import pytest

from hw.boards.devices import BOARDS
from hw.systolic.core import DenseCore
from scripts import api, synthesize
from scripts.cli import main
from scripts.errors import DoesNotFit, ToolMissing, UsageError
from scripts.progress import Steps, console
from scripts.settings import CORES, configuration
from scripts.synthesis import Synthesis

WEFT = configuration("weft")


@pytest.mark.parametrize("core, unit, preset", [
    ("sparse", "column_queue", "ulx3s"), ("dense", "tile_ledger", "dense")])
def test_figures_of_a_unit(core, unit, preset, tmp_path, capsys):
    target = tmp_path / "area.json"
    code = main(["synthesize", core, "--unit", unit, "-o", str(tmp_path), "--json", str(target)])
    assert code == 0
    figures, = json.loads(target.read_text())
    assert figures["bench"] == "synthesize" and figures["source"] == "netlist"
    assert (figures["unit"], figures["board"], figures["config"]) == (
        unit, "ulx3s-85f", preset)
    assert figures["fits"] is True
    assert figures["lut4"] > 0 and figures["ff"] > 0 and figures["fmax_mhz"] > 50
    assert figures["dsp"] == figures["bram"] == 0
    printed = capsys.readouterr().out
    assert f"Fmax {figures['fmax_mhz']:.1f} MHz" in printed
    assert f"LUT4-equivalents {figures['lut4_equivalents']} " in " ".join(printed.split())
    assert "for each of" not in printed
    assert json.loads((tmp_path / f"{unit}-ulx3s-85f.json").read_text()) == [figures]


def test_a_whole_core_is_counted_by_its_elements(tmp_path, capsys):
    figures = {"unit": "sparse_core", "board": "ulx3s-85f", "fmax_mhz": 60.0, "fits": True,
               "lut4_equivalents": 406, "dsp": 8}
    found = Synthesis(record=figures, used={}, exceeded={}, clock_mhz=50.0, critical_path=[],
                      bitstream=None)
    result = synthesize.Synthesized(WEFT, "sparse_core", found, tmp_path, [figures])
    synthesize.report(result, console())
    assert ("101.5 LUT4-equivalents and 2.00 multipliers for each of 4 processing elements"
            in " ".join(capsys.readouterr().out.split()))


def test_a_clock_rate_that_is_missed_is_exit_code_4(tmp_path, capsys):
    code = main(["synthesize", "sparse", "--unit", "column_queue", "--freq", "2000",
                 "-o", str(tmp_path), "--json", "-"])
    captured = capsys.readouterr()
    assert code == 4
    assert json.loads(captured.out)[0]["fits"] is False
    assert captured.err.splitlines()[-1].startswith(
        "weft: error: column_queue of ulx3s misses its timing on ulx3s-85f: ")


@pytest.mark.parametrize("exceeded, message", [
    ({"DP16KD": (300, 208)}, "does not fit ulx3s-85f: it needs 300 DP16KD of 208; choose fewer"),
    ({}, "could not be placed on ulx3s-85f; choose fewer"),
])
def test_a_device_that_is_too_small(exceeded, message, tmp_path):
    figures = {"unit": "sparse_core", "board": "ulx3s-85f", "fmax_mhz": None, "fits": False}
    found = Synthesis(record=figures, used=exceeded, exceeded=exceeded, clock_mhz=50.0,
                      critical_path=[], bitstream=None)
    result = synthesize.Synthesized(WEFT, "sparse_core", found, tmp_path, [figures])
    with pytest.raises(DoesNotFit, match=message):
        synthesize.report(result, console())


@pytest.mark.parametrize("board, name, exceeded, way_out", [
    ("icebreaker", "dense_core", {"ICESTORM_LC": (14128, 5280)},
     "no dense core is small enough for an iCE40; its array alone is .--unit systolic_array"),
    ("icebreaker", "matrix_unit", {"ICESTORM_LC": (5281, 5280)}, "choose fewer rows, columns or"),
    ("ulx3s-12f", "dense_core", {"MULT18X18D": (35, 28)}, "fewer rows or columns, shift_mult"),
    ("ulx3s-12f", "dense_core", {"MULT18X18D": (35, 28), "DP16KD": (76, 56)}, "or lanes, smaller"),
])
def test_the_way_out_for_a_dense_core(board, name, exceeded, way_out, tmp_path):
    figures = {"unit": name, "board": board, "fmax_mhz": None, "fits": False}
    found = Synthesis(record=figures, used=exceeded, exceeded=exceeded, clock_mhz=12.0,
                      critical_path=[], bitstream=None)
    result = synthesize.Synthesized(configuration("dense", core="dense"), name, found, tmp_path,
                                    [figures])
    with pytest.raises(DoesNotFit, match=way_out):
        synthesize.report(result, console())


def test_files_go_where_they_are_told_to(tmp_path, monkeypatch, capsys):
    (tmp_path / "top.bit").write_bytes(b"bits")
    figures = {"unit": None, "board": "ulx3s-85f", "fmax_mhz": 60.0, "fits": True}
    found = Synthesis(record=figures, used={}, exceeded={}, clock_mhz=50.0, critical_path=[],
                      bitstream=str(tmp_path / "top.bit"))
    monkeypatch.setattr(synthesize.synthesis, "synthesize", lambda *_, **__: found)
    result = synthesize.synthesize(WEFT, out_dir=tmp_path / "out", steps=Steps(quiet=True))
    synthesize.report(result, console())
    written = tmp_path / "out" / "sparse_core-ulx3s-85f.bit"
    assert written.read_bytes() == b"bits"
    # A core that does not fit leaves no bitstream of another beside its figures.
    monkeypatch.setattr(synthesize.synthesis, "synthesize", lambda *_, **__: dataclasses.replace(
        found, bitstream=None))
    synthesize.synthesize(WEFT, out_dir=tmp_path / "out", steps=Steps(quiet=True))
    assert not written.exists()
    assert str(written) in capsys.readouterr().out.replace("\n", "")


def test_several_placements_of_one_netlist(tmp_path, capsys):
    result = synthesize.synthesize(WEFT, unit="leading_nonzero_detector", seed=2, seeds=3,
                                   out_dir=tmp_path, steps=Steps(quiet=True))
    rates = {entry["seed"]: entry["fmax_mhz"] for entry in result.records}
    assert list(rates) == [2, 3, 4]
    assert len(set(rates.values())) > 1
    assert len({entry["lut4"] for entry in result.records}) == 1
    assert result.synthesis.record["fmax_mhz"] == max(rates.values())
    assert json.loads(result.file.read_text()) == result.records
    synthesize.report(result, console())
    assert f"{min(rates.values()):.1f} to {max(rates.values()):.1f}" in " ".join(
        capsys.readouterr().out.split())


@pytest.mark.parametrize("options, message", [
    ({"board": "ulx3s"}, "--board ulx3s: no board is called that, did you mean ulx3s-"),
    ({"unit": "colum_queue"}, "weft has no such component, did you mean column_queue?"),
])
def test_unknown_names(options, message):
    with pytest.raises(UsageError) as raised:
        api.synthesize(WEFT, **options)
    assert message in str(raised.value)


def test_a_missing_tool_is_exit_code_3(monkeypatch, tmp_path, capsys):
    def absent(name):
        raise ToolMissing(f"{name} is not installed; mend it with: pip install it")
    monkeypatch.setattr("scripts.synthesis.find", absent)
    code = main(["synthesize", "sparse", "--unit", "column_queue", "-o", str(tmp_path)])
    assert code == 3
    assert "is not installed; mend it with" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("core", CORES)
def test_every_board_has_a_configuration_that_suits_it(core):
    assert {synthesize.preset_of(board, core) for board in BOARDS} <= CORES[core].keys()


@pytest.mark.parametrize("board, cell", [("ulx3s-85f", "MULT18X18D"), ("icebreaker", "SB_MAC16")])
def test_multipliers_are_those_of_the_device(board, cell, monkeypatch, tmp_path):
    seen = []

    def taken(what, **_):
        seen.append(what)
        raise ToolMissing("no further")
    monkeypatch.setattr("scripts.synthesis.synthesize", taken)
    with pytest.raises(ToolMissing):
        api.synthesize(configuration("dense", core="dense", rows=2, columns=2), board=board,
                       out_dir=tmp_path)
    assert cell in seen[0]


def test_a_core_without_its_serial_line(monkeypatch, tmp_path):
    def taken(what, *, name, unit, **_):
        assert unit and name == "dense_core" and isinstance(what, DenseCore)
        raise ToolMissing("no further")
    monkeypatch.setattr("scripts.synthesis.synthesize", taken)
    with pytest.raises(ToolMissing, match="no further"):
        api.synthesize(configuration("dense", core="dense", rows=2, columns=2), unit="dense_core",
                       out_dir=tmp_path)


@pytest.mark.parametrize("core", CORES)
def test_the_help_names_every_board(core, capsys):
    main(["synthesize", core, "--help"])
    page = capsys.readouterr().out
    assert all(board in page for board in BOARDS)
