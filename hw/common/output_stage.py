"""Bias, requantisation and clamp: from the sums of a layer to the activations of the next."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .multiplier import Multiplier
from .pipeline import add_carry, delay, register, shift_left, shift_right

__all__ = ["OutputStage"]


class OutputStage(wiring.Component):
    """One lane: a sum in, an activation out.

    With every intermediate saturated to int32 where marked ``sat``::

        x  = sat(sum + bias)
        x  = sat(x << left_shift);  s = x < 0
        m1 = (|x| * multiplier + 2**30 - s) >> 31
        m2 = (m1 + (1 << right_shift >> 1)) >> right_shift
        payload = clamp(-m2 if s else m2, low, high)

    which is gemmlowp's fixed point: TensorFlow Lite's `MultiplyByQuantizedMultiplier` with double
    rounding (tensorflow/lite/kernels/internal/common.cc), multiplier 2**31 being exactly 1.0.
    A ReLU is a clamp from 0, or from wherever the output's zero point puts it.

    Bit growth: |x| has 32 bits (2**31 is one of them), the product 63, m1 and m2 32 again. A
    product is the sum of four of unsigned 16 by 16 bits, one multiplier of an ECP5 (MULT18X18D) or
    an iCE40 (SB_MAC16) each, with registers on both sides of it.

    Timing: a result a cycle, `latency` cycles after its sum; no back-pressure. The constants of the
    layer must be stable from the first sum that goes in to the last result that comes out.

    Parameters
    ----------
    sum_in_width : int
        Bits of a signed sum, from 2 to 48.
    activation_width : int
        Bits of a signed activation, from 2 to 16.
    short : bool
        Two registers less, for a device whose clock is slow anyway.

    Members
    -------
    input_valid : In(1)
    sum : In(signed(sum_in_width))
    bias : In(signed(32))
    multiplier : In(32)
        At most 2**31.
    left_shift, right_shift : In(5)
    low, high : In(signed(activation_width))
        ``low <= high``.
    output_valid : Out(1)
    payload : Out(signed(activation_width))
    saturated : Out(2)
        Saturations that this result met, 0 to 2; 0 while `output_valid` is low.
    """

    #: Bits of a shift.
    shift_width = 5
    #: Cycles from `input_valid` to `output_valid`; 2 less if it is short.
    latency = 14

    def __init__(self, *, sum_in_width, activation_width, short=False):
        if not 2 <= sum_in_width <= 48:
            raise ValueError(f"Sum width must be from 2 to 48 bits, not {sum_in_width}")
        if not 2 <= activation_width <= 16:
            raise ValueError(f"Activation width must be from 2 to 16 bits, not {activation_width}")
        self.sum_in_width = sum_in_width
        self.activation_width = activation_width
        self.short = short
        if short:
            self.latency -= 2

        super().__init__({
            "input_valid": In(1),
            "sum": In(signed(sum_in_width)),
            "bias": In(signed(32)),
            "multiplier": In(32),
            "left_shift": In(self.shift_width),
            "right_shift": In(self.shift_width),
            "low": In(signed(activation_width)),
            "high": In(signed(activation_width)),
            "output_valid": Out(1),
            "payload": Out(signed(activation_width)),
            "saturated": Out(2),
        })

    def elaborate(self, platform):
        m = Module()

        # 1: the sum with its bias, exact.
        total = register(m, self.sum + self.bias, "total")

        # 2: its magnitude, or news that it leaves int32. The magnitude of -2**31 is 2**31.
        negative = register(m, total < 0, "negative")
        clipped = register(m, total[31:].any() & ~total[31:].all(), "clipped")
        sign = (total < 0).replicate(len(total))
        magnitude = register(m, ((total ^ sign).as_unsigned() + sign[0])[:32], "magnitude")

        def largest(sign):
            return Cat(sign.replicate(31) ^ 0x7FFF_FFFF, sign)

        # 3, 4: shifted left, with news of what is lost.
        shifted, lost = shift_left(Mux(clipped, largest(negative), magnitude), self.left_shift,
                                   (0, 1))
        shifted, lost = register(m, shifted, "shifted_3"), register(m, lost, "lost_3")
        negative_4 = delay(m, negative, 2, "negative_shifted")
        shifted, lost_4 = shift_left(shifted, self.left_shift, (2, 3, 4))
        shifted, lost = register(m, shifted, "shifted_4"), register(m, lost | lost_4, "lost_4")

        # 5, unless it is short: what to multiply, and whether it has overflowed.
        overflow = lost | (shifted[31] & (~negative_4 | shifted[:31].any()))
        negative_5 = negative_4
        if not self.short:
            overflow = register(m, overflow, "overflow")
            shifted = register(m, shifted, "shifted_5")
            negative_5 = register(m, negative_4, "negative_5")

        # 6: the factors of the product, in halves.
        factor = Mux(overflow, largest(negative_5), shifted)
        negative_6 = register(m, negative_5, "negative_6")

        # 7: four products.
        products = {}
        for a in range(2):
            for b in range(2):
                m.submodules[f"multiply_{a}{b}"] = multiply = Multiplier(
                    a_width=16, b_width=16, unsigned=True)
                m.d.comb += [
                    multiply.a[0].eq(factor.word_select(a, 16)),
                    multiply.b[0].eq(self.multiplier.word_select(b, 16)),
                    multiply.load.eq(1),
                ]
                products[a, b] = multiply.product[0]

        # 8: the product in two overlapping parts, middle * 2**16 + high * 2**32, and what is below.
        middle = register(m, products[0, 1] + products[1, 0] + products[0, 0][16:], "middle")
        high = register(m, products[1, 1], "high_product")
        below = register(m, products[0, 0][:16].any(), "below")
        negative_8 = delay(m, negative_6, 2, "negative_product")

        # 9: m1. Half is rounded away from 0, but for the negative half itself.
        half = middle[14] & (~negative_8 | below | middle[:14].any())
        rounded = register(m, add_carry(Cat(Const(0, 1), high), middle[15:], half)[:32], "rounded")

        # 10, 11: shifted right, with the bit below for rounding.
        fine = register(m, shift_right(Cat(Const(0, 1), rounded), self.right_shift, (0, 1)),
                        "shifted_10")
        coarse = register(m, shift_right(fine, self.right_shift, (2, 3, 4)), "shifted_11")
        negative_11 = delay(m, negative_8, 3, "negative_rounded")

        # 12: the result with its sign, -(n + r) being ~n + ~r; beyond 17 bits the clamp cares for
        # nothing but the sign.
        sign = negative_11.replicate(17)
        near = Cat(coarse[1:17] ^ sign[:16], sign[:2]).as_signed() + (coarse[0] ^ negative_11)
        far = Cat(~sign[:16], sign[:2]).as_signed()
        result = register(m, Mux(coarse[17:].any(), far, near[:18].as_signed()), "result")

        # 13, unless it is short, and 14: clamped.
        above, beneath = result > self.high, result < self.low
        result = result[:self.activation_width].as_signed()
        if not self.short:
            above, beneath = register(m, above, "above"), register(m, beneath, "beneath")
            result = register(m, result, "result_13")
        clamped = Mux(above, self.high, Mux(beneath, self.low, result))
        m.d.comb += self.payload.eq(register(m, clamped, "activation"))

        # What goes along: is there data at all, and what has it met?
        valid = Signal(self.latency)
        m.d.sync += valid.eq(Cat(self.input_valid, valid))
        m.d.comb += self.output_valid.eq(valid[-1])
        clipped_13 = delay(m, clipped, self.latency - 3, "clipped")
        overflowed_13 = delay(m, overflow, self.latency - (5 if self.short else 6), "overflowed")
        m.d.sync += self.saturated.eq(Mux(valid[-2], clipped_13 + overflowed_13, 0))

        return m
