"""A number that is loaded, and then goes on in equal steps."""

from amaranth import *

__all__ = ["stepper"]


def stepper(m, name, *, width, start, first, step, load, advance, begin=None):
    """Add a register that is ``start + first`` after one advance, and `step` more after each other.

    What is to be added waits in a register of its own, so that loading takes no multiplexer in
    front of the adder.

    Parameters
    ----------
    m : Module
    name : str
    width : int
        Bits of the register, whose arithmetic is modulo 2**width.
    start, step : int
        Constants; negative ones are taken modulo 2**width too.
    first : Value
        Taken over in each cycle with `load`.
    load, advance : Value
        With both at the same time the number is loaded. They may only come so with a `begin`, which
        is 0 then: without one, `first` would be lost.
    begin : Value, optional
        The first advance after `load`. By default any `advance`, which may come later if it does
        not have to change this too.

    Returns
    -------
    Signal
    """
    start, step = (value % (1 << width) for value in (start, step))
    number = Signal(width, name=name, init=start, reset_less=True)
    adds = Signal(width, name=f"{name}_adds", init=step, reset_less=True)
    # What sets a constant comes last: synthesis then takes the reset of the flip-flops for it.
    with m.If(load):
        m.d.sync += adds.eq(first)
    with m.If(advance):
        m.d.sync += number.eq(number + adds)
    with m.If(advance if begin is None else begin):
        m.d.sync += adds.eq(step)
    with m.If(load):
        m.d.sync += number.eq(start)
    return number
