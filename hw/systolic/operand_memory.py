"""Where the decoder finds what it computes with."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.formats import REGISTERS, Operation, Register

from ..memory import Collision, Style, block_ram
from .instruction_fetch import arrival_layout
from .microcode import CONSTANT_AREA, CONSTANTS

__all__ = ["OperandMemory"]

_WIDTH = 18
_PARTS = 4
_AREAS = 16


class OperandMemory(wiring.Component):
    """Parts of the instruction, of the registers that Set_Configuration writes, and constants.

    There are three of the same, one for each operand of the decoder's steps: of a part, `a` has the
    upper half, `b` the lower one, `c` as much as a sum has bits. The parts are in areas: 0 for the
    instruction, ``1 + n`` for register n, and one for the constants, that no instruction reaches.

    Timing: operands follow their addresses two cycles later, in cycles with `advance`. A part can
    be read two cycles after it came `early`. A reset writes 0 over the word of DESTINATION
    that has the stride, and over the first channel, which may be used without being set.

    Parameters
    ----------
    width : int
        Bits of `c`.
    rows : int
        Of the array, one of the constants.

    Members
    -------
    arrival : In(arrival_layout())
        Parts to write.
    advance : In(1)
    a_address, b_address, c_address : In(6)
    a, b : Out(signed(18))
    c : Out(width)
    """

    def __init__(self, *, width, rows):
        self.width = width
        self.rows = rows
        super().__init__({
            "arrival": In(arrival_layout()),
            "advance": In(1),
            **{f"{operand}_address": In(range(_PARTS * _AREAS)) for operand in CONSTANTS},
            "a": Out(signed(_WIDTH)),
            "b": Out(signed(_WIDTH)),
            "c": Out(width),
        })

    def elaborate(self, platform):
        m = Module()

        # At first, and after a reset, the word that has the stride, which may be missing.
        at = 32
        for field in REGISTERS[Register.DESTINATION].fields:
            if field.name == "stride":
                break
            at += field.width
        write = Signal(init=1)
        address = Signal(range(_PARTS * _AREAS),
                         init=(1 + Register.DESTINATION) * _PARTS + at // 32)
        part, has_sign = Signal(32), Signal()
        arrival = self.arrival
        number = arrival.early_look[1:]
        configures = arrival.kind[:5] == Operation.SET_CONFIGURATION
        multiplies = (arrival.kind[:5] == Operation.MATRIX_MULTIPLY) | (
            arrival.kind[:5] == Operation.CONVOLVE)
        m.d.sync += [
            write.eq(arrival.early_valid & ~arrival.early_look[0]),
            address.eq(Cat(number, Mux(configures, 1 + arrival.kind[5:8], 0))),
            part.eq(arrival.early_part),
            # Of the part that has y.
            has_sign.eq(multiplies & number.all()),
        ]

        sign = (part[31] & has_sign).replicate(2)
        values = {"a": Cat(part[16:], sign), "b": part[:16], "c": part}
        for operand, constants in CONSTANTS.items():
            width = self.width if operand == "c" else _WIDTH
            init = [0] * CONSTANT_AREA * _PARTS + [
                (self.rows if constant == "rows" else constant) % (1 << width)
                for constant in constants]
            # What is read of an instruction that has not arrived yet is not used, and `Microcode`
            # holds its rows to reading no part in the cycle in which the next one takes its place.
            writes, reads = block_ram(
                m, operand, shape=width, depth=_PARTS * _AREAS, init=init,
                collision=Collision.IGNORED, style=Style.BLOCK)
            m.d.comb += [
                writes.addr.eq(address), writes.data.eq(values[operand]), writes.en.eq(write),
                reads.addr.eq(getattr(self, f"{operand}_address")), reads.en.eq(self.advance),
            ]
            held = Signal(width, name=f"{operand}_held", reset_less=True)
            with m.If(self.advance):
                m.d.sync += held.eq(reads.data)
            m.d.comb += getattr(self, operand).eq(held)

        return m
