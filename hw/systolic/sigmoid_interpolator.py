"""Sigmoid and hyperbolic tangent of 16-bit activations, as TensorFlow Lite computes them."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..common.pipeline import delay, register
from ..memory import Collision, block_ram

__all__ = ["SigmoidInterpolator"]


class SigmoidInterpolator(wiring.Component):
    """One lane: the input itself, its sigmoid or its tanh, from a table of the sigmoid.

    TensorFlow Lite's int16 kernels (tensorflow/lite/kernels/internal/reference/integer_ops/
    logistic.h and tanh.h) for inputs in units of 2**-12 and results in units of 2**-15. With
    x = 3 * input, n = 9 for the sigmoid and 8 for tanh, u = |x| >> n and t = |x| mod 2**n, both
    interpolate::

        r = (table[u] << 9) + (t << 9 - n) * (table[u + 1] - table[u])

    where tanh, from u = 255 on, takes 0xFFFF << 9 instead. With v = r or, for negative x, its
    complement, the result is v divided by 2**10 (sigmoid) or 2**9 (tanh), rounded, with the top bit
    inverted for tanh and for negative x.

    Bit growth: |x| is at most 3 * 2**15, 17 bits, so that the sigmoid's u is at most 192. r lies
    between two entries of the table: 25 bits.

    Timing: a result `latency` cycles after its input.

    Members
    -------
    selection : In(3)
        0: none; 1: sigmoid; 2: tanh. Stable while inputs are under way.
    argument : In(signed(16))
    result : Out(signed(16))
    load : In(1)
        Write `load_data` into the table at `load_address`, while nothing is under way.
    load_address : In(8)
    load_data : In(16)
    """

    latency = 10

    selection: In(3)
    argument: In(signed(16))
    result: Out(signed(16))
    load: In(1)
    load_address: In(8)
    load_data: In(16)

    def elaborate(self, platform):
        m = Module()

        tanh = register(m, self.selection == 2, "tanh")

        # 1, 2: three times the magnitude.
        negative = register(m, self.argument < 0, "negative")
        sign = (self.argument < 0).replicate(16)
        magnitude = register(m, (self.argument.as_unsigned() ^ sign) + sign[0], "magnitude")
        tripled = register(m, (magnitude + (magnitude << 1))[:17], "tripled")

        # 3: place in the table, and between two of its entries.
        place = register(m, Mux(tanh, tripled[8:], tripled[9:]), "place")
        fraction = register(m, Mux(tanh, Cat(Const(0, 1), tripled[:8]), tripled[:9]), "fraction_3")
        limited = delay(m, place >= 255, 2, "limited")

        # 4, 5: both entries. The second memory holds each entry one row further down.
        entries = []
        for name, offset in (("entries", 0), ("next_entries", 1)):
            write, read = block_ram(m, name, shape=16, depth=256, collision=Collision.NEVER)
            m.d.comb += [
                write.en.eq(self.load),
                write.addr.eq(self.load_address - offset),
                write.data.eq(self.load_data),
                read.en.eq(~self.load),
                read.addr.eq(place),
            ]
            entries.append(register(m, read.data, f"{name}_read"))

        # 6: their difference; 7: its share; 8: both together.
        entry, following = entries
        difference = register(m, following - entry, "difference")
        start = register(m, Mux(limited, 0xFFFF, entry), "start")
        fraction = delay(m, fraction, 2, "fraction")
        fraction = register(m, Mux(limited, 0, fraction), "fraction_limited")
        share = register(m, (difference * fraction)[:25], "share")
        start = register(m, start, "start_7")
        r = register(m, (Cat(Const(0, 9), start) + share)[:25], "interpolated")

        # 9: rounded.
        negative = delay(m, negative, 7, "negative_input")
        v = Cat(r, Const(0, 1)) ^ negative.replicate(26)
        quotient = Mux(tanh, v[9:25], v[10:26]) ^ ((tanh | negative) << 15)
        half = Mux(tanh, v[8], v[9])
        computed = register(m, (quotient + half)[:16], "computed")

        # 10: chosen.
        passed = delay(m, self.argument, 9, "passed")
        m.d.comb += self.result.eq(
            register(m, Mux(self.selection == 0, passed.as_unsigned(), computed), "chosen"))

        return m
