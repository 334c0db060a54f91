"""`weft generate`: the files it writes, and what it says when it can't."""

import json
import re

from scripts import api
from scripts.cli import main
from scripts.settings import configuration


def test_verilog_and_manifest(tmp_path, capsys):
    assert main(["generate", "sparse", "--set", "pes=2", "-o", str(tmp_path / "new")]) == 0
    verilog = (tmp_path / "new" / "sparse_core.v").read_text()
    manifest = json.loads((tmp_path / "new" / "sparse_core.json").read_text())
    assert "module sparse_core(" in verilog
    assert manifest["label"] == "weft-pes2" and manifest["config"]["pes"] == 2
    assert {"interface", "formats", "tools", "revision"} <= manifest.keys()
    printed = capsys.readouterr().out
    assert str(tmp_path / "new" / "sparse_core.v") in printed
    assert str(tmp_path / "new" / "sparse_core.json") in printed


def test_the_ports_are_those_of_the_interface_and_nothing_else(tmp_path):
    """A mistyped clock domain would turn up here, as one more clock."""
    files = api.generate(configuration("eie"), out_dir=tmp_path)
    text = files.verilog.read_text()
    header, = re.findall(r"^module sparse_core\((.*?)\);", text, re.M | re.S)
    names = {port.split()[-1] for port in header.split(",")}
    assert names == {"clk", "rst"} | {
        f"{stream}__{part}" for stream in ("commands", "responses")
        for part in ("payload", "valid", "ready")}


def test_the_same_configuration_gives_the_same_bytes(tmp_path):
    first, second = (api.generate(configuration("weft", pes=2), out_dir=tmp_path / name)
                     for name in "ab")
    assert first.verilog.read_bytes() == second.verilog.read_bytes()
    assert first.manifest.read_bytes() == second.manifest.read_bytes()


def test_a_folder_that_cannot_be_made(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["generate", "sparse", "-o", str(tmp_path / "file" / "below")]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("weft: error: --out-dir ") and "cannot be written" in last
