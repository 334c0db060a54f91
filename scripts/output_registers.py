"""Registers behind the block RAM of an ECP5, moved into it."""

import re
from collections import defaultdict

__all__ = ["absorb_output_registers"]

#: Outputs of a DP16KD; a port read 36 bits wide takes those of both sides.
_OUTPUT = re.compile(r"DO([AB])(\d+)")


def absorb_output_registers(module, *, within=""):
    """Use the output registers of block RAM, which yosys 0.70 leaves alone.

    A DP16KD shows what it reads 5.7 ns into the cycle, by the timing that nextpnr has of it; from
    its own output register it comes in 1.0 ns. Where all that is looked at of a port goes nowhere
    but into flip-flops of the RAM's clock, with one clock enable and without reset, that register
    takes their place (Lattice FPGA-TN-02204, memory usage guide, output register): it has an enable
    of its own, OCE, beside that of the read. Registers whose signal has the attribute `keep` stay
    where they are: it is far from a RAM to the logic behind it.

    Parameters
    ----------
    module : dict
        A flat module of yosys' JSON, of the cells of an ECP5; changed in place.
    within : str
        Only flip-flops whose names start so.

    Returns
    -------
    list of str
        Names of the flip-flops that are gone.
    """
    cells = module["cells"]
    kept = {bit for net in module["netnames"].values() if "keep" in net["attributes"]
            for bit in net["bits"]}
    rams = {name: cell for name, cell in cells.items() if cell["type"] == "DP16KD"}
    # Where each net ends: ports of cells, or None for a port of the module.
    sinks = defaultdict(list)
    for name, cell in cells.items():
        for port, bits in cell["connections"].items():
            if not _drives(cell, port):
                for bit in bits:
                    sinks[bit].append((name, port))
    for port in module["ports"].values():
        for bit in port["bits"]:
            sinks[bit].append(None)

    absorbed = []
    for ram in rams.values():
        for sides in _read_ports(ram):
            absorbed += _absorb(ram, sides, cells, sinks, kept, within)
    for name in absorbed:
        del cells[name]
    return absorbed


def _drives(cell, port):
    if cell["type"] == "DP16KD":
        return _OUTPUT.fullmatch(port) is not None
    return cell["port_directions"][port] == "output"


def _read_ports(ram):
    """Sides whose outputs are read together."""
    wide = int(ram["parameters"]["DATA_WIDTH_B"], 2) == 36
    return ["AB"] if wide else ["A", "B"]


def _absorb(ram, sides, cells, sinks, kept, within):
    """Names of the flip-flops that the register of these sides replaces: all of them, or none."""
    places, registers = [], []
    for port, bits in ram["connections"].items():
        match = _OUTPUT.fullmatch(port)
        if not match or match[1] not in sides or not bits or not sinks[bits[0]]:
            continue
        ends = sinks[bits[0]]
        if len(ends) != 1 or ends[0] is None or ends[0][1] != "DI" \
                or not ends[0][0].startswith(within):
            return []
        places.append(port)
        registers.append(ends[0][0])
    if not places:
        return []

    def signal(register, port, fixed):
        """What drives a control input: a net, or a constant."""
        return cells[register]["connections"].get(port, [fixed])[0]

    def enable(register):
        # JSON of yosys puts a space behind a string that could be taken for bits.
        kind = cells[register]["parameters"]["CEMUX"].strip()
        return signal(register, "CE", "1") if kind == "CE" else kind

    if any(signal(register, "Q", None) in kept for register in registers):
        return []
    clocks = {signal(register, "CLK", "0") for register in registers}
    enables = {enable(register) for register in registers}
    clock = ram["connections"][f"CLK{sides[-1]}"][0]
    if clocks != {clock} or len(enables) != 1 or "INV" in enables or any(
            cells[register]["type"] != "TRELLIS_FF"
            or cells[register]["parameters"]["CLKMUX"] != "CLK"
            or cells[register]["parameters"]["REGSET"] != "RESET"
            or signal(register, "LSR", "0") != "0" for register in registers):
        return []
    if ram["parameters"][f"CLK{sides[-1]}MUX"] != f"CLK{sides[-1]}":
        return []

    for side in sides:
        ram["parameters"][f"REGMODE_{side}"] = "OUTREG"
        ram["connections"][f"OCE{side}"] = [*enables]
    for place, register in zip(places, registers, strict=True):
        ram["connections"][place] = cells[register]["connections"]["Q"]
    return registers
