"""`weft generate`: the files it writes, and what it says when it can't."""

import json
import re
import subprocess

import pytest

from scripts import api, toolchain
from scripts.cli import main
from scripts.settings import configuration


@pytest.mark.parametrize("core, label, name", [
    ("sparse", "weft-pes2", "pes"), ("dense", "dense-rows2", "rows")])
def test_verilog_and_manifest(core, label, name, tmp_path, capsys):
    assert main(["generate", core, "--set", f"{name}=2", "-o", str(tmp_path / "new")]) == 0
    verilog = (tmp_path / "new" / f"{core}_core.v").read_text()
    manifest = json.loads((tmp_path / "new" / f"{core}_core.json").read_text())
    assert f"module {core}_core(" in verilog
    assert manifest["label"] == label and manifest["config"][name] == 2
    assert {"interface", "formats", "tools", "revision"} <= manifest.keys()
    printed = capsys.readouterr().out
    assert str(tmp_path / "new" / f"{core}_core.v") in printed
    assert str(tmp_path / "new" / f"{core}_core.json") in printed


@pytest.mark.parametrize("preset, core", [("eie", "sparse"), ("dense", "dense")])
def test_the_ports_are_those_of_the_interface_and_nothing_else(preset, core, tmp_path):
    """A mistyped clock domain would turn up here, as one more clock."""
    files = api.generate(configuration(preset, core=core), out_dir=tmp_path)
    text = files.verilog.read_text()
    header, = re.findall(rf"^module {core}_core\((.*?)\);", text, re.M | re.S)
    names = {port.split()[-1] for port in header.split(",")}
    assert names == {"clk", "rst"} | {
        f"{stream}__{part}" for stream in ("commands", "responses")
        for part in ("payload", "valid", "ready")}


@pytest.mark.parametrize("preset, core, size", [
    ("weft", "sparse", {"pes": 2}), ("dense", "dense", {"rows": 2, "columns": 2})])
def test_the_same_configuration_gives_the_same_bytes(preset, core, size, tmp_path):
    settings = configuration(preset, core=core, **size)
    first, second = (api.generate(settings, out_dir=tmp_path / name) for name in "ab")
    assert first.verilog.read_bytes() == second.verilog.read_bytes()
    assert first.manifest.read_bytes() == second.manifest.read_bytes()


def test_a_folder_that_cannot_be_made(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["generate", "sparse", "-o", str(tmp_path / "file" / "below")]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("weft: error: --out-dir ") and "cannot be written" in last


@pytest.mark.cosim
def test_verilator_translates_what_an_array_repeats_once(tmp_path):
    """The command of hw/README.md, without which an array of 256 x 256 is too much for it."""
    settings = configuration("dense", core="dense", rows=32, columns=2)
    files = api.generate(settings, out_dir=tmp_path)
    assert files.blocks == tmp_path / "dense_core.vlt"
    done = subprocess.run(
        [toolchain.find("perl"), toolchain.verilator_root() / "bin" / "verilator", "--cc",
         "--hierarchical", "-Wno-fatal", "-Wno-lint", "-Wno-style", "dense_core.vlt",
         "dense_core.v"],
        cwd=tmp_path, env=toolchain.build_environment(), capture_output=True, text=True,
        check=False)
    assert done.returncode == 0, done.stderr
    objects = tmp_path / "obj_dir"
    assert (objects / "Vdense_core_group" / "Vdense_core_group.mk").is_file()
    assert (objects / "Vdense_core.mk").is_file()
    # The rest was translated without what is in the groups.
    assert not list(objects.glob("*dense_core_row__*")), "the groups were not kept apart"


def test_the_sparse_core_has_no_blocks(tmp_path):
    files = api.generate(configuration("weft", core="sparse", pes=2), out_dir=tmp_path)
    assert files.blocks is None and not list(tmp_path.glob("*.vlt"))
