"""Builds simulators with Verilator and cocotb, cached by content.

A build is kept under `build/sim/<name>-<hash>/`, where the hash covers everything that goes in:
sources, flags and tool versions. It is made in a directory of its own and renamed into place under
a lock, so that any number of processes may ask for the same one at once.
"""

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from cocotb_tools import config as cocotb_config

from scripts import toolchain
from scripts.locking import exclusively

__all__ = ["SIM_DIR", "BuildError", "build_simulation"]

#: Where simulators are built and run.
SIM_DIR = toolchain.BUILD / "sim"

_VERILATE = (
    "--cc", "--exe", "--vpi", "--prefix", "Vtop", "-O3",
    # Many instances of a module share its class: 64 elements build in half the time, and run as
    # fast to within 5 %.
    "-fno-inline",
    # There is no X in two-valued simulation; every emitted register has an initial value.
    "--x-assign", "fast", "--x-initial", "fast",
    "--timescale", "1ns/1ns",
    # Lint is a test of its own (hw.emission); here a warning must not stop a build.
    "-Wno-fatal", "-Wno-lint", "-Wno-style",
)
_CXXFLAGS = "-std=c++20"
_MAKE = (
    # The wheel leaves out what its configure script would have found.
    "CFG_CXXFLAGS_PCH_I=-include",
    "OPT_FAST=-O2", "OPT_GLOBAL=-O2", "OPT_SLOW=-O0",
    # All of it in one file: a core has some 150, and a compiler takes longer to read the headers
    # than to translate one of them (98 seconds of CPU together, 15 in one).
    "VM_PARALLEL_BUILDS=0",
)


class BuildError(RuntimeError):
    """Verilator or the C++ compiler refused the design; the message ends with what it said."""


def build_simulation(sources, *, name, top, arguments=(), waves=False):
    """Build a simulator that cocotb can be loaded into; return the directory that holds it.

    Parameters
    ----------
    sources : dict of str to str
        Text of each source by file name, `.v` or `.sv`.
    name : str
        Names the directory, for people.
    top : str
        Top-level module, and name of the executable in the directory.
    arguments : sequence of str
        More arguments for Verilator.
    waves : bool
        Whether the simulator can write VCD (with `--trace --trace-file FILE`); it is slower then.

    Raises
    ------
    BuildError
        If the design does not build.
    ToolMissing
        If Verilator, the compiler, make or perl is not installed.
    """
    arguments = [*_VERILATE, *arguments, *(["--trace"] if waves else [])]
    tools = toolchain.versions(["verilator", "cocotb", "g++"])
    runtime_key = _digest([tools, _CXXFLAGS, _MAKE, waves, platform.machine(),
                           str(cocotb_config.libs_dir)])
    key = _digest([runtime_key, sources, top, arguments])
    final = SIM_DIR / f"{name}-{key}"
    if (final / top).is_file():
        return final
    with exclusively(SIM_DIR / ".locks" / key):
        if not (final / top).is_file():
            shutil.rmtree(final, ignore_errors=True)
            _build(sources, top, arguments, final, SIM_DIR / f"runtime-{runtime_key}")
    return final


def _digest(value):
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def _build(sources, top, arguments, final, runtime):
    with tempfile.TemporaryDirectory(prefix=".build-", dir=SIM_DIR) as work:
        work = Path(work)
        objects = work / "objects"
        objects.mkdir()
        for file_name, text in sources.items():
            (work / file_name).write_text(text)

        compiler = toolchain.find("g++")
        libraries = cocotb_config.libs_dir
        main = Path(cocotb_config.share_dir) / "lib" / "verilator" / "verilator.cpp"
        _run([toolchain.find("perl"), toolchain.verilator_root() / "bin" / "verilator",
              *arguments, "--top-module", top, "-o", f"../{top}", "--Mdir", "objects",
              "-CFLAGS", _CXXFLAGS,
              "-LDFLAGS", f"-Wl,-rpath,{libraries} -L{libraries} -lcocotbvpi_verilator",
              main, *sources], work, final.name)
        # Verilator's own runtime is the larger part of a small simulator: compile it once. Its
        # objects depend on flags and versions only; make takes those newer than its makefile.
        for compiled in runtime.glob("*.o"):
            shutil.copyfile(compiled, objects / compiled.name)
        _run([toolchain.find("make"), "-s", "-j", str(os.cpu_count()), "-C", "objects",
              "-f", "Vtop.mk", f"CXX={compiler}", f"LINK={compiler}",
              f"PYTHON3={sys.executable}", *_MAKE], work, final.name)

        with exclusively(SIM_DIR / ".locks" / runtime.name):
            runtime.mkdir(exist_ok=True)
            for compiled in objects.glob("verilated*.o"):
                if not (runtime / compiled.name).exists():
                    os.replace(compiled, runtime / compiled.name)
        shutil.rmtree(objects)
        os.chmod(work, 0o755)
        os.rename(work, final)
        work.mkdir()        # for TemporaryDirectory to remove


def _run(command, work, name):
    with open(work / "build.log", "a+") as log:
        done = subprocess.run([str(word) for word in command], cwd=work, stdout=log,
                              stderr=subprocess.STDOUT, check=False,
                              env=toolchain.build_environment())
        if done.returncode:
            log.seek(0)
            said = "".join(log.readlines()[-40:])
            raise BuildError(f"Building the simulator {name} failed:\n{said}")
