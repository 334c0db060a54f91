"""Barrel shifter made of multipliers."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from .multiplier import Multiplier
from .pipeline import register

__all__ = ["POWER_WIDTH", "PowerMultiplier", "power_of"]

#: Bits of a power of two as it is handed on.
POWER_WIDTH = 16


def power_of(exponent):
    """2**exponent, of 4 bits, as a Value of POWER_WIDTH bits: a look-up table each."""
    return Cat(exponent == bit for bit in range(POWER_WIDTH))


class PowerMultiplier(wiring.Component):
    """A number times a power of two, where there are multipliers to spare::

        product = number * 2**exponent,  or  number * 2**(16 - exponent)  if `down`

    The latter is the number shifted right by `exponent`, in units of 2**-16, with all that is
    shifted out still there. The halves of the number are multiplied alone; their products have no
    ones in the same place, so that ORs add them up::

        product = products[0] | products[1] << 16

    which is left to the reader, whose look-up tables may do so beside what else they do.

    Timing: `latency` cycles; the products are the multipliers' registers.

    Parameters
    ----------
    down : bool

    Members
    -------
    number : In(signed(32))
    power : In(POWER_WIDTH)
        2**exponent, for an exponent from 0 to 15.
    products : Out(ArrayLayout(32, 2))
    """

    latency = 1 + Multiplier.latency

    number: In(signed(32))
    power: In(POWER_WIDTH)
    products: Out(data.ArrayLayout(32, 2))

    def __init__(self, *, down=False):
        self.down = down
        super().__init__()

    def elaborate(self, platform):
        m = Module()

        power = register(m, Cat(Const(0, 1), reversed(self.power)) if self.down else self.power,
                         "power_held")
        for half, (name, part) in enumerate((
                ("low", self.number[:16]), ("high", self.number[16:].as_signed()))):
            m.submodules[name] = multiply = Multiplier(a_width=17, b_width=18)
            m.d.comb += [
                multiply.a[0].eq(register(m, part, f"{name}_half")),
                multiply.b[0].eq(power),
                multiply.load.eq(1),
                self.products[half].eq(multiply.product[0]),
            ]

        return m
