"""States of which each has a flip-flop of its own."""

from amaranth import *

__all__ = ["OneHot"]


class OneHot:
    """A state machine of which one flip-flop is 1.

    `m.FSM` numbers its states, and what depends on one looks at all bits of the number. Here it
    looks at a single bit, which takes fewer look-up tables where there are flip-flops to spare.

    Parameters
    ----------
    m : Module
    states : iterable of str
        The first is that after reset.
    """

    def __init__(self, m, states):
        self._m = m
        self._flags = {state: Signal(name=f"at_{state.lower()}", init=not number)
                       for number, state in enumerate(states)}
        self._ways = []

    def __getitem__(self, state):
        """1 bit: whether it is in a state."""
        return self._flags[state]

    def go(self, source, target, when=1):
        """From one state go to another one; conditions of the same source exclude each other."""
        way = Signal(name=f"from_{source.lower()}_to_{target.lower()}")
        self._m.d.comb += way.eq(self[source] & when)
        self._ways.append((source, target, way))

    def finish(self):
        """All ways are known."""
        for state, flag in self._flags.items():
            comes = Cat(way for _, target, way in self._ways if target == state).any()
            leaves = Cat(way for source, _, way in self._ways if source == state).any()
            self._m.d.sync += flag.eq(comes | (flag & ~leaves))
