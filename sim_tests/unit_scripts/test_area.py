# amaranth: UnusedElaboratable=no

"""Area by component and by idea: what is in the tables, with placements that were made up."""

import json

import pytest

from hw.config import PRESETS
from scripts import api, synthesis, synthesize_parts
from scripts.bench import area
from scripts.bench.ladder import Rung, Run, ladder, layers_for
from scripts.cli import main
from scripts.designs import design_of, parts_of
from scripts.errors import UsageError
from scripts.progress import Steps, console
from scripts.records import FIELDS
from scripts.settings import configuration
from scripts.synthesis import Synthesis

QUIET = Steps(quiet=True)


@pytest.fixture
def placed(monkeypatch, tmp_path):
    """Replace yosys and nextpnr; return what was placed, as (name, whether it is a unit)."""
    calls = []

    def synthesize(component, *, name, board="ulx3s-85f", unit=True, seed=1, freq=None):
        number = len(calls) + 1
        calls.append((name, unit))
        figures = {"unit": name if unit else None, "board": board, "lut4": 100 * number,
                   "ccu2c": 10, "dpr16x4": 5, "lut4_equivalents": 100 * number + 40,
                   "ff": 50, "dsp": 4, "bram": 8, "fmax_mhz": 100.0, "fits": True}
        return Synthesis(record=figures, used={}, exceeded={}, clock_mhz=None, critical_path=[],
                         bitstream=None)

    monkeypatch.setattr("scripts.synthesis.synthesize", synthesize)
    monkeypatch.setattr("scripts.synthesize.build_dir", lambda label: tmp_path / label)
    return calls


def test_every_component_of_the_core_is_a_part():
    parts = {preset: parts_of(design_of(configuration(preset).config))
             for preset in ("weft", "eie")}
    common = {"processing_element", "arithmetic_unit", "column_queue", "pointer_reader",
              "leading_nonzero_detector", "layer_sequencer", "command_port", "output_stage"}
    assert common <= parts["weft"].keys() & parts["eie"].keys()
    assert "fused_entry_reader" in parts["weft"] and "entry_reader" in parts["eie"]
    assert not {"check", "memory", "sparse_core"} & (parts["weft"].keys() | parts["eie"].keys())


def test_parts_are_counted_where_they_lie():
    parts = parts_of(design_of(PRESETS["ulx3s"].replace(pes=8, groups=2, lanes=2)))
    assert {name: (parts[name].count, parts[name].depth) for name in (
        "processing_array", "processing_element", "column_queue", "output_stage",
        "leading_nonzero_detector")} == {
            "processing_array": (1, 0), "processing_element": (8, 1), "column_queue": (8, 2),
            "output_stage": (2, 0), "leading_nonzero_detector": (2, 1)}


def test_a_table_of_components(placed, tmp_path, capsys):
    target = tmp_path / "units.json"
    assert main(["synthesize", "sparse", "-c", "eie", "--set", "pes=2", "--units",
                 "--json", str(target)]) == 0
    records = json.loads(target.read_text())
    names = [*parts_of(design_of(configuration("eie", pes=2).config))]
    assert [entry["unit"] for entry in records] == [*names, "sparse_core"]
    assert placed == [*((name, True) for name in names), ("sparse_core", False)]
    assert {entry["config"] for entry in records} == {"eie-pes2"}
    instances = {entry["unit"]: entry["instances"] for entry in records}
    assert instances["processing_element"] == 2 and instances["sparse_core"] == 1
    printed = capsys.readouterr().out.splitlines()
    count = len(names) + 1
    row, = (line.split() for line in printed if line.startswith("sparse_core"))
    assert row == ["sparse_core", "1", f"{100 * count}", f"{100 * count + 40}", "50", "4", "8",
                   "100.0"]
    share, = (line.split() for line in printed if line.startswith("a processing element"))
    assert share[3:] == [f"{50 * count}", f"{50 * count + 20}", "25", "2", "4"]
    assert any(line.startswith("    column_queue ") for line in printed)


def test_units_is_for_all_of_them(capsys):
    assert main(["synthesize", "sparse", "--units", "--unit", "drain"]) == 2
    assert "leave out --unit" in capsys.readouterr().err
    with pytest.raises(UsageError, match="no board is called that"):
        api.synthesize_parts(configuration("eie"), board="ulx")


@pytest.mark.parametrize("pes", [1, 4, 16])
def test_the_ladder_goes_from_eie_to_weft(pes):
    rungs = ladder(pes, steps=QUIET)
    configs = [rung.settings.config for rung in rungs]
    assert not (configs[0].lookahead or configs[0].escape) and configs[0].queue_depth == 7
    assert configs[-1].escape and configs[-1].queue_depth == 16
    assert configs[-1].groups == {1: 1, 4: 2, 16: 4}[pes] and configs[0].groups == 1
    if pes == 16:
        assert configs[-1] == PRESETS["ulx3s"]
    # One idea at a time: what else differs is nothing.
    for before, after in zip(configs, configs[1:], strict=False):
        assert sum(getattr(before, name) != getattr(after, name) for name in (
            "lookahead", "escape", "queue_depth", "groups", "lockstep")) == 1
        assert before.replace(lookahead=after.lookahead, escape=after.escape,
                              queue_depth=after.queue_depth, groups=after.groups,
                              lockstep=after.lockstep) == after
    # The layers fit, and the ideas pay; the last in clock rate alone.
    *cycles, last = [sum(run.cycles for run in rung.runs) for rung in rungs]
    assert all(later <= earlier for earlier, later in zip(cycles, cycles[1:], strict=False))
    assert cycles[-1] <= last < 1.02 * cycles[-1] and not configs[-1].lockstep
    assert cycles[-1] < .85 * cycles[0]
    for layer in layers_for(pes):
        assert layer.columns <= configs[0].activation_depth >= layer.rows
        assert layer.columns < configs[0].pointer_depth
        assert layer.rows * configs[-1].groups <= pes * configs[0].accumulator_depth


def test_ideas_are_told_with_their_cost(placed, capsys):
    def rungs(pes, steps):
        return [Rung(idea, configuration("eie", pes=pes), (Run("a", cycles, .5), Run("b", 10, .5)))
                for idea, cycles in (("first", 190), ("second", 90))]

    result = api.bench_area(pes=[2], rungs=rungs)
    assert [(entry["config"], entry["layer"], entry["cycles"], entry["placed_microseconds"])
            for entry in result.records] == [
        ("eie-pes2", "a", 190, 1.9), ("eie-pes2", "b", 10, .1),
        ("eie-pes2", "a", 90, .9), ("eie-pes2", "b", 10, .1)]
    assert all(entry["bench"] == "area" and entry.keys() <= FIELDS.keys()
               for entry in result.records)
    area.report(result, console())
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["first", "100", "140", "50", "4", "8", "70", "100.0", "190", "10", "2.00", "1.00",
            "1.00"] in printed
    # Half the time, with 240 LUT4-equivalents instead of 140.
    assert ["second", "200", "240", "50", "4", "8", "120", "100.0", "90", "10", "1.00", "0.50",
            "0.86"] in printed


def test_of_several_placements_the_median_counts(placed, monkeypatch):
    rates = {1: 90.0, 2: 120.0, 3: None, 4: 100.0, 5: 110.0}
    made_up = synthesis.synthesize

    def synthesize(component, *, seed, **options):
        result = made_up(component, seed=seed, **options)
        result.record["fmax_mhz"] = rates[seed]
        return result

    monkeypatch.setattr("scripts.synthesis.synthesize", synthesize)
    rungs = [Rung("only", configuration("eie"), (Run("a", 5, .5),))]
    for seed, seeds, rate, used in (
            (1, 5, 100, 4), (4, 2, 100, 4), (5, 1, 110, 5), (3, 1, None, 3)):
        result = area.bench(pes=[1], seed=seed, seeds=seeds, steps=QUIET,
                            rungs=lambda pes, steps: rungs)
        entry, = result.records
        assert (entry["fmax_mhz"], entry["seed"]) == (rate, used)


def test_what_does_not_fit_has_no_time(placed, capsys):
    rungs = [Rung("only", configuration("eie"), (Run("a", 5, .5),))]
    result = api.bench_area(pes=[1], rungs=lambda pes, steps: rungs)
    figures = {**result.records[0], "fmax_mhz": None, "placed_microseconds": None}
    area.report(area.Area("ulx3s-85f", [[area.Placed(rungs[0], [figures])]], [figures]), console())
    row, = (line.split() for line in capsys.readouterr().out.splitlines()
            if line.startswith("only"))
    assert row[-5:] == ["-", "5", "-", "-", "-"]


def test_the_parts_of_a_core_without_a_clock_rate(capsys):
    entry = {"unit": "drain", "instances": 1, "lut4": 1, "lut4_equivalents": 1, "ff": 1, "dsp": 0,
             "bram": 0, "fmax_mhz": None}
    synthesize_parts.report(synthesize_parts.Parts(
        configuration("eie", pes=1), "icebreaker", {"drain": 0}, [entry]), console())
    assert "drain" in capsys.readouterr().out
