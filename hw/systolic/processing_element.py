"""One cell of the systolic array, but for its multiplier."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..common.pipeline import register

__all__ = ["ProcessingElement"]


class ProcessingElement(wiring.Component):
    """Adds ``activation * weight`` to a sum that comes from above, and hands everything on.

    The weight in use is held by the multiplier beside the element, which may be shared with a
    neighbour (`hw.common.multiplier`). The element holds the next one, its *shadow*: it takes over
    the shadow of the element above with `shift`, and the multiplier takes its own with `adopt`.

    Timing: `activation_right`, `adopt_right`, `shift_right` and `weight_below` come one cycle
    later; `sum_below` is ``sum`` of the cycle before and ``product`` of the one before that, which
    belongs to the activation two cycles before it. So a sum goes down one element a cycle.

    Parameters
    ----------
    activation_width, weight_width : int
        Bits of the factors.
    partial_width : int
        Bits of a sum, which must be enough for the sum of all elements of a column.

    Members
    -------
    activation : In(signed(activation_width)); activation_right : Out
    adopt, shift : In(1); adopt_right, shift_right : Out(1)
    weight : In(signed(weight_width)); weight_below : Out
        `weight_below` is the shadow.
    product : In(signed(activation_width + weight_width))
    sum : In(signed(partial_width)); sum_below : Out
    """

    def __init__(self, *, activation_width, weight_width, partial_width):
        super().__init__({
            "activation": In(signed(activation_width)),
            "activation_right": Out(signed(activation_width)),
            "adopt": In(1),
            "adopt_right": Out(1),
            "shift": In(1),
            "shift_right": Out(1),
            "weight": In(signed(weight_width)),
            "weight_below": Out(signed(weight_width)),
            "product": In(signed(activation_width + weight_width)),
            "sum": In(signed(partial_width)),
            "sum_below": Out(signed(partial_width)),
        })

    def elaborate(self, platform):
        m = Module()

        shadow = Signal.like(self.weight, reset_less=True)
        with m.If(self.shift):
            m.d.sync += shadow.eq(self.weight)
        m.d.sync += [self.adopt_right.eq(self.adopt), self.shift_right.eq(self.shift)]
        # A device's multipliers are where they are, and adders elsewhere: the way takes a cycle.
        product = register(m, self.product, "arriving")
        total = (self.sum + product)[:len(self.sum)].as_signed()
        m.d.comb += [
            self.weight_below.eq(shadow),
            self.activation_right.eq(register(m, self.activation, "passing")),
            self.sum_below.eq(register(m, total, "total")),
        ]

        return m
