"""The table of what `InstructionCheck` looks at in each part of an instruction."""

from typing import NamedTuple

from amaranth.utils import bits_for

from golden.formats import INSTRUCTIONS, REGISTERS, Fault, Operation, Register

__all__ = ["CONFIGURED", "USES", "InstructionRules"]

#: Fields of registers that must not be 0 when they are used.
CONFIGURED = {
    "line_length": Register.SOURCE, "lines": Register.SOURCE, "taps": Register.SOURCE,
    "window_pixels": Register.WINDOW, "run": Register.WINDOW,
    "pixels": Register.POOL, "line_pixels": Register.POOL, "height": Register.POOL,
    "width": Register.POOL,
}
#: Which are used: by both multiplications, by Convolve, by an Activate that is pooled.
USES = (("line_length",), ("lines", "taps", "window_pixels", "run"),
        ("pixels", "line_pixels", "height", "width"))

_PARTS = 4
_LOOKS = 2


class _Rule(NamedTuple):
    """One look: bits of an instruction that must be 0, or not all 0 if `invert`.

    `part` is where to look, if `mask` does not tell; `above` are the bounds that hold too, `uses`
    the lengths of registers. The look is for what is `configured`, or not for a unary instruction.
    """

    fault: Fault
    mask: int = 0
    invert: bool = False
    part: int | None = None
    above: int = 0
    uses: int = 0
    configured: int = 0
    binary: bool = False


#: Wrong, whatever the part.
def _always(fault):
    return _Rule(fault, invert=True)


class InstructionRules:
    """Rules of each kind of instruction, by its lowest 8 bits.

    Parameters
    ----------
    geometry : DenseGeometry

    Attributes
    ----------
    bounds : list of (int, int, int)
        Bit of a part, width and limit of fields whose limit is no power of two.
    """

    def __init__(self, geometry):
        self.geometry = geometry
        self.bounds = []
        # All that there are, so that their number is known.
        for operation in INSTRUCTIONS:
            for number in range(8):
                self._rules(operation | number << 5)

    def table(self):
        """Rows of the table, by look and kind."""
        rows = []
        for kind in range(256):
            looks = self._looks(kind)
            rows += [{
                "mask": rule.mask >> 32 * (look // _LOOKS) & 0xFFFFFFFF, "invert": rule.invert,
                "above": rule.above, "uses": rule.uses,
                "fault": 1 << rule.fault if rule.fault else 0, "configured": rule.configured,
                "binary": rule.binary,
            } for look, rule in enumerate(looks)]
        return rows

    def _looks(self, kind):
        """One rule for each look."""
        looks = [None] * _PARTS * _LOOKS
        placed, free = [], []
        for rule in self._rules(kind):
            if rule.part is not None:
                placed.append((rule.part, rule))
            elif rule.mask:
                parts = [part for part in range(_PARTS) if rule.mask >> 32 * part & 0xFFFFFFFF]
                for part in parts:
                    bits = rule.mask & 0xFFFFFFFF << 32 * part
                    assert bits == rule.mask or not rule.invert
                    placed.append((part, rule._replace(mask=bits)))
            else:
                free.append(rule)
        for part, rule in placed:
            looks[looks.index(None, part * _LOOKS, part * _LOOKS + _LOOKS)] = rule
        for rule in free:
            looks[looks.index(None)] = rule
        return [rule or _Rule(Fault.NONE) for rule in looks]

    def _rules(self, kind):
        """All rules of a kind of instruction."""
        operation, rest = kind & 31, kind >> 5
        if operation not in set(Operation):
            return [_always(Fault.BAD_OPERATION)]
        fields, at = {}, 0
        for field in INSTRUCTIONS[Operation(operation)].fields:
            fields[field.name] = at, field.width
            at += field.width
        configured = {}
        if operation == Operation.SET_CONFIGURATION:
            if rest not in set(Register):
                return [_always(Fault.BAD_OPERATION)]
            at, width = fields.pop("register")
            fields["unused_high"] = at + 3, width - 3
            at, _ = fields.pop("value")
            for field in REGISTERS[Register(rest)].fields:
                configured[field.name] = at, field.width
                at += field.width

        def bits(name, low=0):
            at, width = {**fields, **configured}[name]
            return (1 << width) - (1 << min(low, width)) << at

        reserved = sum(bits(name) for name in {**fields, **configured}
                       if name.startswith(("unused", "reserved")))
        if reserved & kind:
            return [_always(Fault.BAD_OPERATION)]
        rules = [_Rule(Fault.BAD_OPERATION, reserved & ~0xFF)]
        if operation == Operation.SET_CONFIGURATION:
            return rules + self._configuration(Register(rest), bits, configured)
        return rules + self._operands(Operation(operation), rest, bits, fields)

    def _configuration(self, number, bits, fields):
        """Of a register: what will be missed, and the channel, which needs no sum."""
        rules = [_Rule(Fault.NONE, bits(name.removeprefix("window_")), invert=True,
                       configured=1 << index)
                 for index, (name, owner) in enumerate(CONFIGURED.items()) if owner == number]
        if number == Register.DESTINATION:
            at, width = fields["parameters"]
            rules.append(self._below("parameters", bits, fields, self.geometry.parameter_depth,
                                     Fault.BAD_PARAMETERS, self.geometry.lanes - 1 << at))
        return rules

    def _below(self, name, bits, fields, limit, fault, mask=0):
        """A field must be less than `limit`, and 0 where `mask` is 1."""
        at, width = fields[name]
        if limit >= 1 << width:
            return _Rule(fault, mask)
        if limit.bit_count() == 1:
            return _Rule(fault, mask | bits(name, limit.bit_length() - 1))
        bound = at % 32, width, limit
        if bound not in self.bounds:
            self.bounds.append(bound)
        return _Rule(fault, mask, part=at // 32, above=1 << self.bounds.index(bound))

    def _operands(self, operation, rest, bits, fields):
        """Of all other instructions: lengths, columns, and bits that no sum sees."""
        geometry, rules = self.geometry, []
        lengths = ("lines", "tiles", "rows", "length")
        if operation == Operation.CONVOLVE or operation == Operation.MATRIX_MULTIPLY:
            rules.append(_Rule(Fault.BAD_LENGTH, uses=3 if operation == Operation.CONVOLVE else 1))
        uses = 4 if operation == Operation.ACTIVATE else 0
        rules += [_Rule(Fault.BAD_LENGTH, bits(name), invert=True)
                  for name in lengths if name in fields]
        if "last_column" in fields:
            rule = self._below("last_column", bits, fields, geometry.columns, Fault.BAD_LENGTH)
            rules.append(rule._replace(uses=uses))
        # At the end of a memory there is room for nothing.
        depth = geometry.unified_depth
        rules += [_Rule(Fault.BAD_ADDRESS, bits(name, bits_for(depth - 1)), binary=name == "b")
                  for name in ("source", "destination", "a", "b") if name in fields]
        if operation in (Operation.READ_HOST_MEMORY, Operation.WRITE_HOST_MEMORY):
            rules.append(_Rule(Fault.BAD_ADDRESS, bits("length", bits_for(depth))))
        if "address" in fields:
            rules.append(_Rule(Fault.BAD_WEIGHTS,
                               bits("address", bits_for(geometry.weight_depth - 1))))
        if "function" in fields and rest > geometry.function_tables:
            rules.append(_always(Fault.BAD_PARAMETERS))
        if operation == Operation.ACTIVATE:
            at, _ = fields["parameters"]
            rules.append(_Rule(Fault.BAD_PARAMETERS, geometry.lanes - 1 << at))
        if "tables" in fields:
            limit = geometry.operand_tables if geometry.activation_width <= 8 else 1
            rules.append(self._below("tables", bits, fields, limit, Fault.BAD_PARAMETERS) if limit
                         else _always(Fault.BAD_PARAMETERS))
        return [rule for rule in rules if rule.mask or rule.invert or rule.above or rule.uses]
