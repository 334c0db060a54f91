"""Performance counters that the host can read."""

from functools import reduce
from operator import or_

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from ..check import Check
from .pipeline import delay, register
from .shift_counts import count_down, shift_codes, shifted

__all__ = ["Counters", "count", "tree_sum"]

#: Cycles from the look at the low part of a counter to its word: masked, merged, decoded, merged.
_LOOK_CYCLES = 4


def tree_sum(values):
    """Sum of `values` as a balanced tree of adders, so that depth grows with their logarithm."""
    values = list(values)
    while len(values) > 1:
        pairs = [a + b for a, b in zip(values[::2], values[1::2], strict=False)]
        values = pairs + values[len(values) & ~1:]
    return values[0]


class Counters(wiring.Component):
    """Counters of 32 bits, each with an amount to add in every cycle. They wrap.

    Only a low part of each counts in every cycle. The whole words go round in a ring, one place a
    cycle, and at one place they meet the only wide adder: there each takes over its low part, and a
    carry into the upper part if the low part is less than it was a round before. That is exact
    because a low part wraps once a round at most: in the ``P`` cycles of a round, with P places in
    the ring, it advances by P times its largest amount, and it is so wide that this is less than
    2**width. Low parts of amounts of one bit count in `shift_codes`, which take one look-up table
    whatever their width. All tell their complements: those are 0 where they are masked away, and
    added to the low part of a round before they carry if the low part is less.

    A `marked` counter shows what a count was at its last mark, 0 before the first one. It has two
    neighbouring places: that of the count, and that of what is shown, which after a mark takes the
    word of the count over, as it was a round before, and advances it to the count at the mark.

    Timing: every P cycles `shows` is high and `value` is the counter numbered `select`, as it was
    some cycles before. What is taken of it in each such cycle is, `read_cycles` cycles after
    `select` has changed and from then on, the counter in one of the cycles since that change. An
    amount that is added in a cycle belongs to the counter from the next cycle on.

    Parameters
    ----------
    names : sequence of str
        Counters, in the order of their numbers.
    widths : dict of str to int
        Width of the amount of each, in bits.
    largest : dict of str to int
        Largest amounts, where they are less than that of the width.
    kept : collection of str
        Those that `clear` leaves alone.
    marked : collection of str
        Others, which show what they were at the last mark.

    Attributes
    ----------
    read_cycles : int

    Members
    -------
    clear : In(1)
        Set the counters to zero; what is added in this cycle is lost.
    <name> : In(widths[name])
        Amount to add.
    <name>_mark : In(1)
        Strobe: show what has been added before this cycle.
    select : In(range(len(names)))
    shows : Out(1)
    value : Out(32)
    """

    def __init__(self, *, names, widths, largest=None, kept=(), marked=()):
        self.names = tuple(names)
        self.kept = frozenset(kept)
        self.marked = frozenset(marked)
        if self.kept & self.marked:
            raise ValueError(f"Counters can't be both kept and marked: "
                             f"{sorted(self.kept & self.marked)}")
        self.largest = {name: (1 << widths[name]) - 1 for name in self.names} | dict(largest or {})
        # Places of the ring: a counter, or what a marked counter counts and then what it shows.
        self._places = [(name, shows) for name in self.names
                        for shows in ((False, True) if name in self.marked else (True,))]
        self.read_cycles = self.cycles_to_read(len(self.names), marked=len(self.marked))
        for name, most in self.largest.items():
            if not 1 <= most * len(self._places) < 1 << 32:
                raise ValueError(f"{name} can't count amounts of up to {most}, {len(self._places)} "
                                 f"times before it is looked at")
        super().__init__({
            "clear": In(1),
            **{name: In(widths[name]) for name in self.names},
            **{f"{name}_mark": In(1) for name in self.names if name in self.marked},
            "select": In(range(max(2, len(self.names)))),
            "shows": Out(1),
            "value": Out(32),
        })

    @staticmethod
    def cycles_to_read(count, *, marked=0):
        """`read_cycles` of `count` counters, some of which are `marked`."""
        return count + marked + _LOOK_CYCLES

    def elaborate(self, platform):
        m = Module()

        places = self._places
        count = len(places)
        m.submodules.check = check = Check("an amount is larger than it ever should be")
        m.d.comb += check.holds.eq(Cat(
            getattr(self, name) <= self.largest[name] for name in self.names).all())

        # Each place is looked at once a round. In the first round after it has been cleared, its
        # word is forgotten.
        others = Signal(count, init=(1 << count) - 2)
        turn = ~others
        m.d.sync += others.eq(others.rotate_left(1))
        counted, stays = Signal(count), Const(0)
        m.d.sync += counted.eq(Cat(counted[1:], 1))
        with m.If(self.clear):
            m.d.sync += counted.eq(0)
        if self.kept:
            # What has been kept is counted from the beginning.
            begun = Signal(count)
            m.d.sync += begun.eq(Cat(begun[1:], 1))
            stays = begun[0] & Cat(turn[place] for place, (name, _) in enumerate(places)
                                   if name in self.kept).any()
        forgets = ~(counted[0] | stays)

        lows = {name: self._low(m, name) for name in self.names}
        moves, sampled = Const(1), []
        for place, (name, shows) in enumerate(places):
            low = lows[name]
            if shows and name in self.marked:
                low, takes_over = self._mark(m, name, low, turn[place])
                moves = moves & ~takes_over
            sampled.append((name, register(m, Mux(turn[place], low, 0), f"sampled_{place}")))

        # Of these one is not 0. Codes become numbers. Two or three of the others are merged last.
        parts = [low for name, low in sampled if not self._coded(name)]
        if len(parts) > 3:
            parts = [delay(m, reduce(or_, parts), 2, "part")]
        else:
            parts = [delay(m, low, 2, f"part_{number}") for number, low in enumerate(parts)]
        codes = [low for name, low in sampled if self._coded(name)]
        if codes:
            code = register(m, reduce(or_, codes), "code")
            parts.append(register(m, count_down(code), "number"))
        low = register(m, reduce(or_, parts), "low")

        m.d.comb += self.value.eq(self._ring(
            m, low, turn, widths={name: len(low) for name, low in lows.items()},
            moves=delay(m, moves, _LOOK_CYCLES - 1, "moves") if self.marked else moves,
            forgets=delay(m, forgets, _LOOK_CYCLES - 1, "forgets")))
        # What a marked counter counts has no number of its own.
        numbers = [self.names.index(name) if shows else len(self.names) for name, shows in places]
        at = [Signal(range(max(numbers) + 1), name=f"number_{place}",
                     init=numbers[(place - _LOOK_CYCLES) % count]) for place in range(count)]
        m.d.sync += [number.eq(behind) for number, behind in zip(at, at[1:] + at[:1], strict=True)]
        m.d.comb += self.shows.eq(at[0] == self.select)

        return m

    def _ring(self, m, low, turn, *, widths, moves, forgets):
        """All words; return the one that meets its low part, as it is after that.

        The first one stays for another cycle if the second does not move; it is 0 if forgotten.
        """
        count = len(self._places)
        words = [Signal(32, name=f"word_{place}", reset_less=True) for place in range(count)]
        met = Signal(32)
        with m.If(moves):
            m.d.sync += words[0].eq((words[1:] + [met])[0])
        with m.If(forgets):
            m.d.sync += words[0].eq(0)
        for word, behind in zip(words[1:], words[2:] + [met], strict=False):
            m.d.sync += word.eq(behind)

        # A carry into the upper part, for which the lower one makes room.
        total = words[0] + low
        for bit in range(32):
            in_low = [place for place, (name, _) in enumerate(self._places) if bit < widths[name]]
            if len(in_low) == count:
                m.d.comb += met[bit].eq(~low[bit])
            elif in_low:
                takes = Cat(turn[(place + _LOOK_CYCLES) % count] for place in in_low).any()
                m.d.comb += met[bit].eq(Mux(takes, ~low[bit], total[bit]))
            else:
                m.d.comb += met[bit].eq(total[bit])
        return met

    def _coded(self, name):
        return self.largest[name] == 1

    def _low(self, m, name):
        """The low part of a counter: how much less than all ones, or the code of the number."""
        width = bits_for(self.largest[name] * len(self._places))
        amount = getattr(self, name)
        if self._coded(name):
            low = Signal(width, name=f"code_{name}", init=shift_codes(width)[0])
            with m.If(amount):
                m.d.sync += low.eq(shifted(low))
        else:
            low = Signal(width, name=f"low_{name}", init=-1)
            m.d.sync += low.eq(low - amount)
        if name not in self.kept:
            with m.If(self.clear):
                m.d.sync += low.eq(low.init)
        return low

    def _mark(self, m, name, low, turn):
        """The low part at the last mark; is it the turn to take one over?"""
        mark = getattr(self, f"{name}_mark")
        at_mark = Signal(len(low), name=f"{name}_at_mark", init=low.init)
        marked = Signal(name=f"{name}_marked")
        m.d.sync += marked.eq(mark | (marked & ~turn))
        with m.If(mark):
            m.d.sync += at_mark.eq(low)
        with m.If(self.clear):
            m.d.sync += at_mark.eq(low.init)
        return at_mark, marked & turn


def count(m, amounts, *, clear, largest=None, kept=(), marks=None):
    """Add `Counters` to a core.

    Parameters
    ----------
    m : Module
        Gets the submodule `counters`.
    amounts : dict of IntEnum to Value
        Amount to add to each counter, in the order of their numbers.
    clear, largest, kept
        See `Counters`; `largest` and `kept` by number.
    marks : dict of IntEnum to Value
        Marks of those that are marked.

    Returns
    -------
    Counters
        `select`, `shows` and `value` are the caller's.
    """
    names = {counter: counter.name.lower() for counter in amounts}
    marks = marks or {}
    m.submodules.counters = counters = Counters(
        names=names.values(), kept={names[counter] for counter in kept},
        widths={names[counter]: len(amount) for counter, amount in amounts.items()},
        largest={names[counter]: most for counter, most in (largest or {}).items()},
        marked={names[counter] for counter in marks})
    m.d.comb += counters.clear.eq(clear)
    for counter, amount in amounts.items():
        m.d.comb += getattr(counters, names[counter]).eq(amount)
    for counter, mark in marks.items():
        m.d.comb += getattr(counters, f"{names[counter]}_mark").eq(mark)
    return counters
