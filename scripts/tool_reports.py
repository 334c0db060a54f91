"""What Yosys and nextpnr say of a design, as records have it."""

import re

__all__ = ["area_of", "complaint", "critical_path", "lut4_equivalents", "resources_used"]

# Cells of Yosys' netlist, by the names used in records.
_AREA = {
    "ecp5": {"lut4": ("LUT4",), "ccu2c": ("CCU2C",), "dpr16x4": ("TRELLIS_DPR16X4",),
             "ff": ("TRELLIS_FF",), "dsp": ("MULT18X18D",), "bram": ("DP16KD",)},
    "ice40": {"lut4": ("SB_LUT4",), "carry": ("SB_CARRY",), "ff": (r"SB_DFF\w*",),
              "dsp": ("SB_MAC16",), "bram": (r"SB_RAM40_4K\w*",), "spram": ("SB_SPRAM256KA",)},
}
#: LUT4s that other cells take the place of; an iCE40 has its carry beside a LUT4.
_IN_PLACE_OF_LUT4 = {"ccu2c": 2, "dpr16x4": 4}
_USED = re.compile(r"^Info:\s+(\w+):\s*(\d+)/\s*(\d+)\s+\d+%", re.M)


def area_of(statistics, top, family):
    """Cells of a module and everything in it.

    Parameters
    ----------
    statistics : dict
        Of Yosys' ``stat -json``.
    top : str
    family : str
        ``ecp5`` or ``ice40``.

    Returns
    -------
    dict of str to int
    """
    modules = {name.removeprefix("\\"): module for name, module in statistics["modules"].items()}

    def count(module):
        cells = {}
        for cell, number in modules[module]["num_cells_by_type"].items():
            inside = count(cell) if cell in modules else {cell: 1}
            for kind, amount in inside.items():
                cells[kind] = cells.get(kind, 0) + number * amount
        return cells

    cells = count(top)
    return {resource: sum(number for cell, number in cells.items()
                          if any(re.fullmatch(pattern, cell) for pattern in patterns))
            for resource, patterns in _AREA[family].items()}


def lut4_equivalents(area):
    """LUT4s of an `area_of`, and those that its other cells take the place of."""
    return area["lut4"] + sum(
        number * area.get(cell, 0) for cell, number in _IN_PLACE_OF_LUT4.items())


def resources_used(log):
    """Resources of the device, used and available, from what nextpnr said: {name: (int, int)}."""
    return {resource: (int(used), int(available))
            for resource, used, available in _USED.findall(log)}


def critical_path(report):
    """Cells along the slowest path of nextpnr's report, each with what follows it, in ns."""
    paths = [path["path"] for path in report["critical_paths"]
             if path["from"].startswith("posedge") and path["to"].startswith("posedge")]
    if not paths:
        return []
    slowest = max(paths, key=lambda path: sum(step["delay"] for step in path))
    return [f"{step['from']['cell']} {step['type']} {step['delay']:.2f}" for step in slowest]


def complaint(said):
    """The line of a tool's output that says what went wrong."""
    errors = [line for line in said.splitlines() if line.startswith("ERROR")]
    return (errors or said.strip().splitlines() or ["no message"])[-1]
