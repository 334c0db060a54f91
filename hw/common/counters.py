"""Performance counters that the host can read."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Counters", "count", "tree_sum"]


def tree_sum(values):
    """Sum of `values` as a balanced tree of adders, so that depth grows with their logarithm."""
    values = list(values)
    while len(values) > 1:
        pairs = [a + b for a, b in zip(values[::2], values[1::2], strict=False)]
        values = pairs + values[len(values) & ~1:]
    return values[0]


class Counters(wiring.Component):
    """Counters of 32 bits, each with an amount to add in every cycle. They wrap.

    Timing: an amount shows in its counter a cycle later; `value` is the counter numbered `select`
    one cycle before.

    Parameters
    ----------
    names : sequence of str
        Counters, in the order of their numbers.
    widths : dict of str to int
        Width of the amount of each, in bits.
    kept : collection of str
        Those that `clear` leaves alone.

    Members
    -------
    clear : In(1)
        Set the counters to zero; what is added in this cycle is lost.
    <name> : In(widths[name])
        Amount to add.
    select : In(range(len(names)))
    value : Out(32)
    """

    def __init__(self, *, names, widths, kept=()):
        self.names = tuple(names)
        self.kept = frozenset(kept)
        super().__init__({
            "clear": In(1),
            **{name: In(widths[name]) for name in self.names},
            "select": In(range(max(2, len(self.names)))),
            "value": Out(32),
        })

    def elaborate(self, platform):
        m = Module()

        counters = []
        for name in self.names:
            counter = Signal(32, name=f"count_{name}")
            m.d.sync += counter.eq(counter + getattr(self, name))
            if name not in self.kept:
                with m.If(self.clear):
                    m.d.sync += counter.eq(0)
            counters.append(counter)
        with m.Switch(self.select):
            for number, counter in enumerate(counters):
                with m.Case(number):
                    m.d.sync += self.value.eq(counter)

        return m


def count(m, amounts, *, clear, select, kept=()):
    """Add `Counters` to a core.

    Parameters
    ----------
    m : Module
        Gets the submodule `counters`.
    amounts : dict of IntEnum to Value
        Amount to add to each counter, in the order of their numbers.
    clear, select, kept
        See `Counters`; `kept` by number.

    Returns
    -------
    Value
        The counter that was selected.
    """
    names = {counter: counter.name.lower() for counter in amounts}
    m.submodules.counters = counters = Counters(
        names=names.values(), kept={names[counter] for counter in kept},
        widths={names[counter]: len(amount) for counter, amount in amounts.items()})
    m.d.comb += [counters.clear.eq(clear), counters.select.eq(select)]
    for counter, amount in amounts.items():
        m.d.comb += getattr(counters, names[counter]).eq(amount)
    return counters.value
