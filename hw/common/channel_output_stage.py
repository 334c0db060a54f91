"""Bias, requantisation and clamp with constants of each result's own."""

from amaranth import *

from .multiplier import Multiplier
from .output_stage import OutputStage
from .pipeline import add_carry, delay, register, shift_left
from .power_multiplier import POWER_WIDTH, PowerMultiplier, power_of

__all__ = ["ChannelOutputStage", "differs", "shift_code"]


def differs(bits, bit):
    """Whether any of `bits` is not `bit`; there may be none."""
    return (bits ^ bit.replicate(len(bits))).any() if len(bits) else Const(0, 1)


def shift_code(shift):
    """A shift, a Value of 5 bits, as 2 to the power of its lower 4 bits, and the highest bit."""
    return Cat(power_of(shift[:4]), shift[4])


class ChannelOutputStage(OutputStage):
    """Computes what `OutputStage` does, in more cycles and fewer look-up tables.

    Numbers stay two's complement throughout. With signed x, its first rounding is the plain
    ``m1 = (x * multiplier + 2**30) >> 31``; the second adds 1 to ``m1 >> right_shift`` where more
    than half is cut off, or half from a number that is not negative.

    Barrel shifters have a register after every step: yosys 0.70 makes wide multiplexers of two
    steps without one, which share nothing. The shift to the right begins with the largest step, so
    that only as many bits are left behind each as can still reach the result.

    Timing: a result a cycle, `latency` cycles after its sum; no back-pressure. A constant belongs
    to the sum that went in `delays` of its name cycles before; `low` and `high` must be stable
    while there are sums under way.

    There are four `Multiplier` of signed factors of 17 bits, which suit a MULT18X18D of an ECP5.

    Parameters
    ----------
    sum_in_width, activation_width : int
        As for `OutputStage`, whose members it has.
    shift_multipliers : bool
        Shift by multiplication with powers of two: four multipliers more, and a third of the
        shifters' look-up tables less. Shifts come as `shift_code` then, which whoever keeps them
        can make once for all lanes.
    """

    latency = 21

    #: Cycles from a sum to each of its constants.
    delays = {"bias": 0, "left_shift": 1, "multiplier": 8, "right_shift": 13}

    def __init__(self, *, sum_in_width, activation_width, shift_multipliers=False):
        self.shift_multipliers = shift_multipliers
        if shift_multipliers:
            self.shift_width = POWER_WIDTH + 1
        super().__init__(sum_in_width=sum_in_width, activation_width=activation_width)

    def elaborate(self, platform):
        m = Module()

        # 1: the sum with its bias, exact.
        total = register(m, self.sum + self.bias, "total")
        negative = total[-1]
        clipped = differs(total[31:], negative)

        # 2 to 6: shifted left, with news of what leaves 32 bits at the top. What has been out of
        # them before is again as soon as it is shifted at all.
        to_left = self._multiply_left if self.shift_multipliers else self._shift_left
        value, lost, clipped, negative = to_left(m, total[:32], clipped, negative)
        saturations = delay(m, clipped + lost, self.latency - 7, "saturations")

        # 7, 8: then it is the largest number, made by registers that are cleared, or set, and not
        # by multiplexers. 9, 10: four products; its upper half has the sign.
        outside = clipped | lost
        cleared = register(m, value[:31], "cleared")
        with m.If(outside & negative):
            m.d.sync += cleared.eq(0)
        # A flip-flop that can be set has to start at 1.
        saturated = Signal(31, init=(1 << 31) - 1, reset_less=True)
        m.d.sync += saturated.eq(cleared)
        with m.If(register(m, outside & ~negative, "outside_above")):
            m.d.sync += saturated.eq(saturated.init)
        factor = Cat(saturated, delay(m, negative, 2, "factor_sign"))
        halves = factor[:16], factor[16:].as_signed()
        products = {}
        for a in range(2):
            for b in range(2):
                m.submodules[f"multiply_{a}{b}"] = multiply = Multiplier(a_width=17, b_width=17)
                m.d.comb += [
                    multiply.a[0].eq(halves[a]),
                    multiply.b[0].eq(self.multiplier.word_select(b, 16)),
                    multiply.load.eq(1),
                ]
                products[a, b] = multiply.product[0][:33].as_signed()

        # 11, 12: the product without its 16 low bits, in two overlapping parts: middle +
        # high * 2**16. Three numbers at once would be added by twice the logic.
        middle = register(m, products[0, 1] + products[1, 0], "cross_products")
        low = register(m, products[0, 0][16:32], "low_product")
        middle = register(m, middle + low, "middle")
        high = delay(m, products[1, 1][:31], 2, "high_product")

        # 13: m1, with half a bit added.
        upper = middle[15:]
        value = register(m, add_carry(
            Cat(Const(0, 1), high),
            Cat(upper, upper[-1].replicate(32 - len(upper))), middle[14])[:32], "rounded")

        # 14 to 18: shifted right. `half` and `less` are the first bit cut off and whether there are
        # ones below it; what can't fit the result any more is far.
        to_right = self._multiply_right if self.shift_multipliers else self._shift_right
        value, half, less, far, negative = to_right(m, value)

        # 19: rounded.
        result = register(m, value.as_signed() + (half & (~negative | less)), "result")
        above = register(m, far & ~negative, "far_above")
        below = register(m, far & negative, "far_below")

        # 20, 21: clamped.
        above = register(m, above | (~below & (self.high < result)), "above")
        below = register(m, below | (result < self.low), "below")
        result = register(m, result[:self.activation_width].as_signed(), "inside")
        # One of three registers, the others of which are cleared.
        choices = []
        for name, value, chosen in (("highest", self.high, above), ("lowest", self.low,
                                    ~above & below), ("activation", result, ~above & ~below)):
            choice = register(m, value.as_unsigned(), name)
            with m.If(~chosen):
                m.d.sync += choice.eq(0)
            choices.append(choice)
        highest, lowest, inside = choices
        m.d.comb += self.payload.eq((highest | lowest | inside).as_signed())

        # What goes along: is there data at all, and what has it met?
        valid = Signal(self.latency)
        m.d.sync += valid.eq(Cat(self.input_valid, valid))
        m.d.comb += self.output_valid.eq(valid[-1])
        m.d.sync += self.saturated.eq(Mux(valid[-2], saturations, 0))

        return m

    # Each returns values that are registers 5 cycles later.

    def _shift_left(self, m, value, clipped, negative):
        amount, lost = self.left_shift, Const(0, 1)
        for step in range(5):
            lost = lost | (amount[0] & (clipped | differs(value[31 - (1 << step):], negative)))
            value, _ = shift_left(value, Cat(Const(0, step), amount[0]), [step])
            value = register(m, value, f"shifted_left_{step}")
            lost = register(m, lost, f"lost_{step}")
            negative = register(m, negative, f"negative_{step}")
            clipped = register(m, clipped, f"clipped_{step}")
            amount = register(m, amount[1:], f"left_shift_{step}") if step < 4 else None
        return value, lost, clipped, negative

    def _multiply_left(self, m, value, clipped, negative):
        m.submodules.shift_left = power = PowerMultiplier()
        m.d.comb += [power.number.eq(value), power.power.eq(self.left_shift)]
        cycles = power.latency + 1
        low, high = (register(m, part, name) for part, name in zip(
            power.products, ("multiplied_left", "multiplied_left_high"), strict=True))
        far = delay(m, self.left_shift[-1], cycles, "left_far")
        shifts = delay(m, ~self.left_shift[0] | self.left_shift[-1], cycles, "left_shifts")
        negative = delay(m, negative, cycles, "negative")
        clipped = delay(m, clipped, cycles, "clipped")
        middle = low[16:32] | high[:16]
        lost = shifts & (clipped | differs(Cat(middle[-1], high[16:32]), negative)
                         | (far & differs(Cat(low[15], middle[:15]), negative)))
        near = register(m, low[:16], "shifted_left")
        with m.If(far):
            m.d.sync += near.eq(0)
        upper = register(m, Mux(far, low[:16], middle), "shifted_left_high")
        return (Cat(near, upper), register(m, lost, "lost"),
                register(m, clipped, "clipped_sum"), register(m, negative, "negative_sum"))

    def _shift_right(self, m, value):
        negative = value[-1]
        half, less, far = Const(0, 1), Const(0, 1), Const(0, 1)
        amount = self.right_shift
        for step in reversed(range(5)):
            distance = 1 << step
            cut = value[:distance]
            kept = min(len(value), self.activation_width + distance - 1)
            far = (far | differs(value[kept - 1 + distance:], negative)
                   | (~amount[-1] & differs(value[kept - 1:][:distance], negative)))
            less = less | (amount[-1] & (half | cut[:-1].any()))
            half = Mux(amount[-1], cut[-1], half)
            extended = Cat(value, negative.replicate(distance))
            value = Mux(amount[-1], extended[distance:][:kept], extended[:kept])
            value = register(m, value, f"shifted_right_{step}")
            half = register(m, half, f"half_{step}")
            less = register(m, less, f"less_{step}")
            far = register(m, far, f"far_{step}")
            negative = register(m, negative, f"sign_{step}")
            amount = register(m, amount[:-1], f"right_shift_{step}") if step else None
        return value, half, less, far, negative

    def _multiply_right(self, m, value):
        m.submodules.shift_right = power = PowerMultiplier(down=True)
        m.d.comb += [power.number.eq(value), power.power.eq(self.right_shift)]
        low, high = (register(m, part, name) for part, name in zip(
            power.products, ("multiplied_right", "multiplied_right_high"), strict=True))
        amount = delay(m, self.right_shift[-1], power.latency + 1, "right_far")
        negative = high[31]
        # What is cut off next to nothing but zeros is known from the factors' products alone, part
        # by part, for multipliers are far away.
        low_less = register(m, power.products[0][:15].any(), "low_less")
        more = register(m, Cat(
            power.products[number][first:first + 8].any() for number, first in
            ((0, 15), (0, 23), (1, 0), (1, 7))), "more").any()
        product = Cat(low[:16], low[16:32] | high[:16], high[16:32])

        def shifted(point, less):
            whole = product[point:]
            return (whole[:self.activation_width], product[point - 1], less,
                    differs(whole[self.activation_width - 1:], negative))

        values = [register(m, Mux(amount, far, near), name) for name, far, near in zip(
            ("shifted_right", "half", "less", "far"), shifted(32, low_less | more),
            shifted(16, low_less), strict=True)]
        return (*values, register(m, negative, "sign"))
