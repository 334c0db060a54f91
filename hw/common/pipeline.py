"""Helpers for datapaths without back-pressure."""

from amaranth import *

__all__ = ["add_carry", "delay", "register", "shift_left", "shift_right", "up_or_down"]


def register(m, value, name, **attrs):
    """`value` one cycle later, in a register without a reset: nobody looks before data arrives."""
    stage = Signal(Value.cast(value).shape(), name=name, reset_less=True, attrs=attrs)
    m.d.sync += stage.eq(value)
    return stage


def delay(m, value, cycles, name, *, resets=False):
    """`value` `cycles` cycles later; a reset forgets what is under way if it `resets`."""
    for cycle in range(cycles):
        stage = Signal(Value.cast(value).shape(), name=f"{name}_{cycle + 1}",
                       reset_less=not resets)
        m.d.sync += stage.eq(value)
        value = stage
    return value


def add_carry(a, b, carry):
    """``a + b + carry`` in one carry chain, where a third operand would take a second one."""
    return (Cat(Const(1, 1), a) + Cat(carry, b))[1:]


def shift_left(value, amount, steps):
    """Part of a barrel shifter to the left, on unsigned values.

    Parameters
    ----------
    value : Value, unsigned
    amount : Value
    steps : iterable of int
        Bits of `amount` that are obeyed: bit `step` shifts by ``2**step``.

    Returns
    -------
    shifted : Value, as wide as `value`
    lost : Value
        1 bit: a set bit has left at the top.
    """
    width, lost = len(value), Const(0)
    for step in steps:
        distance = 1 << step
        lost = lost | (amount[step] & value[max(0, width - distance):].any())
        value = Mux(amount[step], Cat(Const(0, distance), value)[:width], value)
    return value, lost


def shift_right(value, amount, steps):
    """Part of a barrel shifter to the right, on unsigned values; see `shift_left`.

    Returns
    -------
    shifted : Value, as wide as `value`
    """
    for step in steps:
        value = Mux(amount[step], value[1 << step:], value)
    return value


def up_or_down(count, up, down):
    """``count + up - down``, of bits `up` and `down`, with one adder."""
    return (count + Cat(up ^ down, (down & ~up).replicate(len(count) - 1)))[:len(count)]
