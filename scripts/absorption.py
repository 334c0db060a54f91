"""What an ECP5's cells can take in and Yosys leaves outside: both passes over a netlist."""

import json

from .carry_inputs import absorb_carry_inputs
from .output_registers import absorb_output_registers

__all__ = ["absorb"]


def absorb(file, *, within=""):
    """Move registers behind block RAM and look-up tables before carry chains into those.

    Parameters
    ----------
    file : Path
        Netlist as Yosys writes it as JSON; it is written anew.
    within : str
        Only cells whose names start so.

    Returns
    -------
    dict of str to int
        ``ff`` and ``lut4`` that are gone.
    """
    netlist = json.loads(file.read_text())
    top, = (module for module in netlist["modules"].values() if "top" in module["attributes"])
    absorbed = {"ff": len(absorb_output_registers(top, within=within)),
                "lut4": len(absorb_carry_inputs(top, within=within))}
    file.write_text(json.dumps(netlist))
    return absorbed
