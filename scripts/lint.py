"""Verilator's lint of emitted Verilog, with the waivers that the project allows itself."""

import re
import subprocess
from pathlib import Path

from .toolchain import build_environment, find, verilator_root

__all__ = ["WAIVERS", "lint_verilog"]

#: Rule, start of the message, and why such a warning says nothing about the design.
WAIVERS = (
    ("DECLFILENAME", "", "all modules of a core are in one file, which is easier to pass on"),
    ("PROCASSINIT", "", "registers have the value that they start with in an FPGA and their reset "
                        "value, both in Verilog-2001"),
    ("CASEINCOMPLETE", "", "every signal has its default before the case that overrides it"),
    ("WIDTHEXPAND", "", "Amaranth's arithmetic is exact, each result as wide as it has to be; "
                        "Yosys leaves the extension of operands to Verilog's own rules"),
    ("WIDTHTRUNC", "Logical operator LOGNOT", "Yosys writes `! x` for `x == 0`"),
    ("WIDTHTRUNC", "Operator ", "Yosys leaves the truncation of results, such as those of shifts, "
                                "to Verilog's own rules"),
    ("UNUSEDSIGNAL", "Bits of signal are not used", "exact sums have carries that a counter or a "
                                                    "saturation drops"),
)
_WARNING = re.compile(r"^%(?:Warning|Error)(?:-(\w+))?: (?:(.+?):(\d+):\d+: )?(.*)$")


def lint_verilog(path):
    """Lint a Verilog file with ``verilator --lint-only -Wall``.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    list of str
        Warnings and errors that no waiver covers, each as ``RULE line N: message``.

    Raises
    ------
    ToolMissing
        If Verilator or perl is not installed.
    """
    done = subprocess.run(
        [find("perl"), verilator_root() / "bin" / "verilator", "--lint-only", "-Wall",
         Path(path).resolve()],
        capture_output=True, text=True, check=False, env=build_environment())
    warnings = []
    for line in done.stderr.splitlines():
        if not (found := _WARNING.match(line)):
            continue
        rule, _, number, message = found.groups()
        if "Exiting due to" in message:
            continue
        if not any(rule == waived and message.startswith(start) for waived, start, _ in WAIVERS):
            warnings.append(f"{rule or 'ERROR'} line {number}: {message}")
    if done.returncode and not done.stderr:
        warnings.append(f"ERROR Verilator ended with exit code {done.returncode}")
    return warnings
