"""Bias, requantisation and clamp without a multiplier, one bit after the other."""

from amaranth import *

from .channel_output_stage import differs
from .output_stage import OutputStage
from .pipeline import register

__all__ = ["SerialOutputStage"]


class SerialOutputStage(OutputStage):
    """Computes what `OutputStage` does, a sum at a time.

    Of the product, ``floor((x * multiplier + 2**30) / 2**31)``, the multiplier's bits are used from
    the lowest on, each time half of what has been added up so far being kept; the shift to the
    right goes on with that. See `ChannelOutputStage` for the rounding.

    Timing: a result ``latency + left_shift + right_shift`` cycles after its sum. No other sum may
    come before. Constants are taken over together with the sum, but for `low` and `high`, which
    must be stable until the result.

    Parameters, members: those of `OutputStage`.
    """

    latency = 37

    #: Cycles from a sum to each of its constants.
    delays = {"bias": 0, "left_shift": 0, "multiplier": 0, "right_shift": 0}

    def elaborate(self, platform):
        m = Module()

        # The number: a sum with its bias, then shifted left, then within 32 bits.
        number = Signal(max(len(self.sum), 32) + 1, reset_less=True)
        outside = differs(number[31:], number[-1])
        left = Signal(5, reset_less=True)
        negative, clipped, lost, shifted = (Signal(reset_less=True, name=name) for name in (
            "negative", "clipped", "lost", "shifted"))
        fresh = Signal()

        # What has been added up of the product, and the bits of the multiplier still to come.
        added = Signal(signed(35), reset_less=True)
        multiplier = Signal(32, reset_less=True)
        factor = number[:32].as_signed()
        more = Mux(multiplier[0], added + Cat(Const(0, 1), factor).as_signed(), added)
        bits = Signal(5, reset_less=True)
        right = Signal(5, reset_less=True)
        half, less = Signal(reset_less=True), Signal(reset_less=True)

        valid = Signal(3)
        finished = Signal()
        m.d.sync += valid.eq(Cat(finished, valid))
        m.d.sync += fresh.eq(0)
        with m.FSM(name="phase"):
            with m.State("Take"):
                m.d.sync += [
                    number.eq(self.sum + self.bias),
                    left.eq(self.left_shift),
                    right.eq(self.right_shift),
                    multiplier.eq(self.multiplier),
                    lost.eq(0), shifted.eq(0), half.eq(0), less.eq(0), bits.eq(0),
                    added.eq(1 << 31),
                    fresh.eq(1),
                ]
                with m.If(self.input_valid):
                    m.next = "ShiftLeft"

            with m.State("ShiftLeft"):
                with m.If(fresh):
                    m.d.sync += [negative.eq(number[-1]), clipped.eq(outside)]
                with m.If(left == 0):
                    m.d.sync += lost.eq(lost | outside)
                    with m.If(lost | outside):
                        sign = Mux(fresh, number[-1], negative)
                        m.d.sync += number.eq(Cat((~sign).replicate(31), sign))
                    m.next = "Multiply"
                with m.Else():
                    m.d.sync += [number.eq(number << 1), left.eq(left - 1),
                                 lost.eq(lost | outside), shifted.eq(1)]

            with m.State("Multiply"):
                m.d.sync += [added.eq(more >> 1), multiplier.eq(multiplier >> 1), bits.eq(bits + 1)]
                with m.If(bits == 31):
                    m.next = "ShiftRight"

            with m.State("ShiftRight"):
                with m.If(right == 0):
                    m.d.comb += finished.eq(1)
                    m.next = "Take"
                with m.Else():
                    # No bits of the multiplier are left.
                    m.d.sync += [added.eq(more >> 1), right.eq(right - 1), half.eq(added[0]),
                                 less.eq(less | half)]

        # Rounded, compared, clamped: as the bits come to rest, a cycle each.
        width = self.activation_width
        sign = added[-1]
        far = differs(added[width - 1:], sign)
        result = register(m, added[:width].as_signed() + (half & (~sign | less)), "result")
        far_above, far_below = (register(m, far & value, name) for value, name in (
            (~sign, "far_above"), (sign, "far_below")))
        above = register(m, far_above | (~far_below & (self.high < result)), "above")
        below = register(m, far_below | (result < self.low), "below")
        inside = register(m, result[:width].as_signed(), "inside")
        m.d.comb += self.payload.eq(register(
            m, Mux(above, self.high, Mux(below, self.low, inside)), "activation"))
        m.d.comb += self.output_valid.eq(valid[-1])
        counted = register(m, register(m, clipped + (lost & shifted), "counted_1"), "counted_2")
        m.d.sync += self.saturated.eq(Mux(valid[1], counted, 0))

        return m
