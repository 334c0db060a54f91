"""The doctor notices what is missing or broken, and says what mends it."""

import os
import shutil
import sys

import pytest

from scripts import doctor
from scripts.errors import ToolMissing
from scripts.probes import Fault, command, package, system
from scripts.progress import Steps, console
from scripts.toolchain import TOOLS, Tool
from sim_tests.bench.command_line import weft

#: Tools of the system, with the package that brings each.
SYSTEM_TOOLS = {"make": "make", "g++": "g++", "perl": "perl"}


@pytest.fixture
def path_without(tmp_path):
    """Factory of a PATH with the tools of the system, but for those that are named."""
    def path(*hidden, broken=()):
        for tool in [*SYSTEM_TOOLS, "as", "ld"]:        # g++ finds the last two through PATH
            if tool in broken:
                (tmp_path / tool).write_text("#!/bin/sh\necho it broke >&2\nexit 7\n")
                (tmp_path / tool).chmod(0o755)
            elif tool not in hidden:
                (tmp_path / tool).symlink_to(shutil.which(tool))
        return str(tmp_path)
    return path


def test_a_complete_system_is_fine(path_without):
    done = weft("doctor", PATH=path_without(), timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    for check in doctor.CHECKS:
        assert check.tool in done.stdout
    assert "(optional)" in done.stdout


@pytest.mark.parametrize("tool", SYSTEM_TOOLS)
def test_a_missing_tool_is_named_with_its_fix(tool, path_without, monkeypatch, capsys):
    monkeypatch.setenv("PATH", path_without(tool))
    checks = [check for check in doctor.CHECKS if check.tool in SYSTEM_TOOLS]
    monkeypatch.setattr(doctor, "CHECKS", checks)
    with pytest.raises(ToolMissing, match=f"^{tool.replace('+', '[+]')} does not work"):
        doctor.report(doctor.diagnose(Steps(quiet=True)), console())
    assert f"{tool}: sudo apt-get install {SYSTEM_TOOLS[tool]}" in capsys.readouterr().out


def test_the_exit_code_says_that_a_tool_is_missing(path_without):
    done = weft("doctor", PATH=path_without("g++"), timeout=900)
    assert done.returncode == 3
    assert "g++: sudo apt-get install g++" in done.stdout
    assert done.stderr.splitlines()[-1] == (
        "weft: error: g++ does not work; the fixes are listed above")


def test_a_tool_that_fails_does_not_count_as_working(path_without, monkeypatch):
    monkeypatch.setenv("PATH", path_without(broken=["make"]))
    with pytest.raises(Fault, match="exit code 7: it broke"):
        system("make")()


def test_what_is_optional_does_not_fail(monkeypatch):
    def absent():
        raise Fault("not found")
    monkeypatch.setattr(doctor, "CHECKS", [doctor.Check("x", "y", False, absent, "install x")])
    finding, = doctor.diagnose(Steps(quiet=True))
    assert (finding.fault, finding.fix) == ("not found", "install x")
    doctor.report([finding], console())


def test_packages_that_are_absent_or_broken(monkeypatch):
    monkeypatch.setitem(TOOLS, "broken", Tool("no-such-command", "install it", "numpy"))
    with pytest.raises(Fault, match="not installed"):
        package("no-such-package", "os")()
    with pytest.raises(Fault, match="No module named 'no_such_module'"):
        package("numpy", "no_such_module")()
    with pytest.raises(Fault, match="not found"):
        command("broken")()


def test_the_data_folder_is_shown(tmp_path, monkeypatch):
    data = next(check for check in doctor.CHECKS if check.tool == "WEFT_DATA")
    monkeypatch.setenv("WEFT_DATA", str(tmp_path))
    assert data.probe() == str(tmp_path)
    monkeypatch.setenv("WEFT_DATA", str(tmp_path / "absent"))
    with pytest.raises(Fault, match="is no folder"):
        data.probe()


def test_this_python_is_the_one_that_is_examined():
    python = next(check for check in doctor.CHECKS if check.tool == "python")
    assert python.probe() == ".".join(map(str, sys.version_info[:3]))
    assert os.path.basename(python.fix.split()[-1]).startswith("libpython3.")
