"""Every tool that weft uses: its version, whether it works, and what mends it."""

import dataclasses
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from rich.markup import escape
from rich.table import Table

from . import probes
from .errors import ToolMissing
from .paths import REPO
from .probes import command, package, system
from .toolchain import TOOLS

__all__ = ["CHECKS", "Check", "Finding", "diagnose", "report"]

_PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"


@dataclass(frozen=True)
class Check:
    """One tool.

    Parameters
    ----------
    tool, purpose : str
    needed : bool
        Whether `weft demo` can't do without it.
    probe : callable
        Tries the tool and returns its version; see `scripts.probes`.
    fix : str
        Command that installs or mends it.
    """

    tool: str
    purpose: str
    needed: bool
    probe: Callable[[], str]
    fix: str


@dataclass(frozen=True)
class Finding:
    """What became of one check.

    Parameters
    ----------
    tool, purpose : str
    needed : bool
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


def _system(tool, purpose, probe):
    return Check(tool, purpose, True, probe, TOOLS[tool].fix)


def _pip(tool, purpose, probe, needed=True):
    return Check(tool, purpose, needed, probe, f"make -C {REPO} setup")


#: Every tool, in the order in which it comes into play.
CHECKS = (
    Check("python", "everything", True, probes.python,
          f"sudo apt-get install {_PYTHON} lib{_PYTHON}"),
    _system("make", "set-up, building simulators", system("make")),
    _system("g++", "building simulators", probes.compiler),
    _system("perl", "starting Verilator", system("perl")),
    _pip("numpy", "golden model", package("numpy", "numpy")),
    _pip("scipy", "golden model", package("scipy", "scipy.sparse")),
    _pip("scikit-learn", "the digits", package("scikit-learn", "sklearn.datasets")),
    _pip("amaranth", "the hardware, as Verilog", probes.amaranth),
    _pip("amaranth-boards", "pins of the boards",
         package("amaranth-boards", "amaranth_boards.ulx3s")),
    _pip("verilator", "simulation", probes.verilator),
    _pip("cocotb", "simulation", probes.cocotb),
    _pip("yosys", "synthesis", command("yosys", "-V")),
    _pip("nextpnr-ecp5", "place and route: ULX3S",
         command("nextpnr-ecp5", "--version")),
    _pip("nextpnr-ice40", "place and route: iCEBreaker",
         command("nextpnr-ice40", "--version"), needed=False),
    _pip("pytest", "the tests", package("pytest", "pytest", "xdist", "hypothesis"), needed=False),
    _pip("ruff", "the linter", command("ruff", "--version"), needed=False),
    _pip("ai-edge-litert", "the tests: TFLite's kernels",
         package("ai-edge-litert", "ai_edge_litert.interpreter"), needed=False),
    Check("torch", "training: weft compress --retrain", False,
          package("torch", "torch"), f"{sys.executable} -m pip install '{REPO}[train]'"),
    Check("WEFT_DATA", "tests on the papers' layers", False, probes.data,
          "export WEFT_DATA=/folder/of/the/data  # of mnist/, squeezenet/, images/, mlperf_tiny/, "
          "eie/, or some of them"),
)


def _examine(check):
    """The finding of one check, whatever happens in its probe."""
    finding = Finding(check.tool, check.purpose, check.needed)
    try:
        return dataclasses.replace(finding, version=check.probe())
    except (probes.Fault, ImportError, OSError) as error:
        fault = str(error).splitlines()[0] if str(error) else type(error).__name__
        return dataclasses.replace(finding, fault=fault, fix=check.fix)


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
