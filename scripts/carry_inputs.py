"""Functions in front of the carry chains of an ECP5, moved into them."""

from collections import defaultdict
from itertools import permutations

__all__ = ["absorb_carry_inputs"]

#: Table of an adder or subtractor as yosys makes it, by inputs D, C, B, A from the highest bit on:
#: its sum without the carry is A ^ B ^ C, and D is 1.
_PLAIN = 0x96AA
#: The lowest four entries are also what a half hands on if its sum has no use for a carry.
_CARRY = {"A": 0b1010, "B": 0b1100}


def absorb_carry_inputs(module, *, within=""):
    """Use the look-up tables of carry chains, of which yosys 0.70 uses half.

    Each half of a CCU2C has a table of four inputs, A and B of which are the operands, C says
    whether B is inverted, and D is not used. What feeds one operand and nothing else is a function
    of up to three nets, which that table can compute too: of two nets always, of three if it is 0
    (what it inverts: 1) wherever two of them are 0, because then the table is looked at for the
    carry as well. So a multiplexer in front of an adder takes nothing, where one behind it takes a
    LUT4 a bit.

    Parameters
    ----------
    module : dict
        A flat module of yosys' JSON, of the cells of an ECP5; changed in place.
    within : str
        Only look-up tables whose names start so.

    Returns
    -------
    list of str
        Names of the LUT4s that are gone.
    """
    cells = module["cells"]
    kept = {bit for net in module["netnames"].values() if "keep" in net["attributes"]
            for bit in net["bits"]}
    kept |= {bit for port in module["ports"].values() for bit in port["bits"]}
    sinks = defaultdict(int)
    for cell in cells.values():
        for port, bits in cell["connections"].items():
            for bit in bits:
                sinks[bit] += cell["port_directions"][port] == "input"
    operands = defaultdict(list)
    for cell in cells.values():
        if cell["type"] == "CCU2C":
            for half in "01":
                for operand in "AB":
                    operands[cell["connections"][f"{operand}{half}"][0]].append((cell, half))

    absorbed = []
    for name, cell in cells.items():
        if cell["type"] == "LUT4" and name.startswith(within):
            output, = cell["connections"]["Z"]
            # A sign may be an operand of several halves.
            if 0 < len(operands[output]) == sinks[output] and output not in kept \
                    and _absorb(output, operands[output], *_function(cell)):
                absorbed.append(name)
    for name in absorbed:
        del cells[name]
    return absorbed


def _function(lut):
    """Nets that a LUT4 looks at, and its table, the first net in the lowest bit."""
    table = int(lut["parameters"]["INIT"], 2)
    pins = [lut["connections"].get(port, ["0"])[0] for port in "ABCD"]
    nets = list(dict.fromkeys(pin for pin in pins if isinstance(pin, int)))
    values = []
    for case in range(1 << len(nets)):
        given = {net: case >> place & 1 for place, net in enumerate(nets)} | {"1": 1}
        values.append(table >> sum(given.get(pin, 0) << at for at, pin in enumerate(pins)) & 1)
    return nets, values


def _absorb(output, halves, nets, values):
    """Have halves of CCU2Cs compute what they are given by `output`; return if all of them can."""
    changes = [_change(output, cell, half, nets, values) for cell, half in halves]
    twice = len({(id(cell), half) for cell, half in halves}) < len(halves)
    if twice or not all(changes):
        return False
    for (cell, half), (table, pins) in zip(halves, changes, strict=True):
        cell["parameters"][f"INIT{half}"] = f"{table:016b}"
        for pin, net in pins.items():
            cell["connections"][f"{pin}{half}"] = [net]
    return True


def _change(output, cell, half, nets, values):
    """New table of one half of a CCU2C, and what is at three of its pins; or None."""
    connections = cell["connections"]
    inverted = {"0": 0, "1": 1}.get(connections[f"C{half}"][0])
    if (int(cell["parameters"][f"INIT{half}"], 2) != _PLAIN or inverted is None
            or connections[f"D{half}"] != ["1"]
            or cell["parameters"][f"INJECT1_{half}"].strip() != "NO"):
        return None
    operand, other = "AB" if connections[f"A{half}"] == [output] else "BA"
    return _table(operand, other, nets, values, inverted)


def _table(operand, other, nets, values, inverted):
    """See `_change`."""
    # The carry is that of the other operand: where it matters, both are equal.
    carry = _CARRY[other] ^ (0b1111 if inverted and other == "B" else 0)
    flips = inverted if operand == "B" else 0
    if len(nets) > 3:
        return None
    for order in permutations(range(len(nets))):
        pins = dict(zip((operand, "C", "D"), [nets[place] for place in order], strict=False))
        for pin in (operand, "C", "D"):
            pins.setdefault(pin, "1" if pin == "D" else "0")
        table = 0
        for case in range(16):
            bits = {pin: case >> at & 1 for at, pin in enumerate("ABCD")}
            chosen = sum(bits[pin] << place for pin, place in zip(
                (operand, "C", "D"), order, strict=False))
            table |= (values[chosen] ^ bits[other] ^ inverted) << case
        if len(nets) < 3:
            return table & ~0b1111 | carry, pins
        # With C and D at 0 the carry has to be the sum without it.
        if all(values[first << order[0]] == flips for first in range(2)):
            assert table & 0b1111 == carry
            return table, pins
    return None
