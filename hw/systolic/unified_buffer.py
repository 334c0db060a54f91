"""Where activations live: a memory whose every access may start at any element."""

from functools import reduce
from operator import or_

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from ..check import Check
from ..common.pipeline import delay, register
from ..memory import Collision, block_ram

__all__ = ["UnifiedBuffer"]


def _steps(places):
    """Steps of a rotation among so many places: lowest bit and number of bits, two at most."""
    bits = exact_log2(places)
    return [(low, min(2, bits - low)) for low in range(0, bits, 2)]


def _choose(m, name, number, choices):
    """One of each list of values, that with `number` two cycles before it is looked at.

    Values of all places share a signal: there are thousands of them in a large buffer.
    """
    chosen = Signal(sum(len(values[0]) for values in choices), name=name)
    m.d.comb += chosen.eq(reduce(or_, (
        register(m, Mux(register(m, number == each, f"{name}_is_{each}"),
                        Cat(values[each] for values in choices), 0), f"{name}_{each}")
        for each in range(1 << len(number)))))
    return [chosen.word_select(place, len(values[0])) for place, values in enumerate(choices)]


class UnifiedBuffer(wiring.Component):
    """Elements in memories of their own, one read and one write of consecutive elements a cycle.

    There are twice as many memories as a read has lanes, and element e is row e // M of memory
    e mod M. So the elements of an access come from different memories, in order from that of the
    first one on, and only the lower half of the memories is ever met in the row behind that of the
    first element, which is when that one is in the upper half: no memory has to choose a row::

        read_data[lane]                    = element[read_address + lane]
        element[write_address + lane]      = write_data[lane]  where write_enable[lane]

    with addresses modulo `depth`. Elements are rotated from memories to lanes, and back, by two
    bits of the address at a time: each is in four registers, of which three are cleared, so that
    what chooses one of four is a single look-up table.

    What a read sees that meets a write of the same element, or one later than `write_latency`
    cycles before it, is undefined. Every read takes `banks` elements, also where its reader wants
    fewer: the others may well be written then. `read_mask` says which lanes will be looked at, and
    an assertion in simulation holds those to meeting no write; no hardware comes of it.

    Timing: `read_data` is valid `read_latency` cycles after `read_enable`, for that one cycle. A
    read sees a write if it comes `write_latency` cycles after it or later. Inputs should come from
    registers, at most one multiplexer away. A block RAM's data goes straight into a register.

    Parameters
    ----------
    depth : int
        Elements, a power of two and at least twice `banks`.
    banks : int
        Lanes of a read: a power of two, at least 2.
    write_lanes : int
        Lanes of a write: a power of two, at most `banks`.
    width : int
        Bits of an element.

    Attributes
    ----------
    read_latency : int
        4, and 1 for each two bits of a place among the memories.
    write_latency : int
        1 for each two bits of a place among the memories, or for each two bits of a lane of a write
        and 2 more, whichever is larger.

    Members
    -------
    read_enable : In(1)
    read_address : In(range(depth))
    read_mask : In(banks)
    read_data : Out(ArrayLayout(signed(width), banks))
    write_enable : In(write_lanes)
    write_address : In(range(depth))
    write_data : In(ArrayLayout(signed(width), write_lanes))
    """

    def __init__(self, *, depth, banks, write_lanes, width):
        for name, value in (("depth", depth), ("banks", banks), ("write_lanes", write_lanes)):
            if value < 1 or value.bit_count() != 1:
                raise ValueError(f"{name} must be a power of two, not {value}")
        if banks < 2 or depth < 2 * banks:
            raise ValueError(f"depth={depth} must be at least twice banks={banks}, at least 2")
        if write_lanes > banks:
            raise ValueError(f"write_lanes={write_lanes} must be at most banks={banks}")
        if width < 1:
            raise ValueError(f"Width must be at least 1 bit, not {width}")
        self.depth = depth
        self.banks = banks
        self.write_lanes = write_lanes
        self.width = width
        self._memories = 2 * banks

        places, lanes = _steps(self._memories), _steps(write_lanes)
        # Rows of the memories, a memory, its register, and the rotation: registers that are cleared
        # before each step, and one behind the last.
        self.read_latency = 4 + len(places)
        # A write is in its memory after so many cycles, a read at its memory after 1.
        self.write_latency = max(len(places), len(lanes) + 2)

        super().__init__({
            "read_enable": In(1),
            "read_address": In(range(depth)),
            "read_mask": In(banks),
            "read_data": Out(data.ArrayLayout(signed(width), banks)),
            "write_enable": In(write_lanes),
            "write_address": In(range(depth)),
            "write_data": In(data.ArrayLayout(signed(width), write_lanes)),
        })

    def elaborate(self, platform):
        m = Module()

        count = self._memories
        elements, enables, rows = self._write(m)
        read_rows, enable, wanted = self._read(m)
        read_data = []
        for place in range(count):
            write, read = block_ram(m, f"memory_{place}", shape=signed(self.width),
                                    depth=self.depth // count, collision=Collision.IGNORED)
            upper = 2 * place >= count
            m.d.comb += [
                write.en.eq(enables[place]),
                write.addr.eq(rows[upper]),
                write.data.eq(elements[place % self.write_lanes]),
                read.en.eq(enable),
                read.addr.eq(read_rows[upper]),
            ]
            read_data.append(register(m, read.data.as_unsigned(), f"memory_{place}_data"))
        m.submodules.check = check = Check("an element is read where it is written")
        met = Cat((row == read_row).replicate(count // 2)
                  for row, read_row in zip(rows, read_rows, strict=True))
        m.d.comb += check.holds.eq(~(enable & (wanted & enables & met).any()))

        # From memories to lanes, by the highest bits first: what is left to be rotated needs but a
        # few places more than there are lanes.
        offset = delay(m, self.read_address[:exact_log2(count)], 2, "read_offset")
        for low, bits in reversed(_steps(count)):
            places = min(count, self.banks + (1 << low) - 1)
            read_data = _choose(m, f"read_{low}", offset[low:low + bits], [
                [read_data[(place + (turns << low)) % len(read_data)]
                 for turns in range(1 << bits)] for place in range(places)])
            offset = register(m, offset, f"read_offset_{low}")
        for lane, element in enumerate(read_data):
            m.d.comb += self.read_data[lane].eq(register(m, element, f"read_{lane}"))

        return m

    def _rows(self, m, address, name):
        """Rows in which the lower and the upper half of the memories are met, a cycle later."""
        row = address[exact_log2(self._memories):]
        wraps = address[exact_log2(self._memories) - 1]
        return [register(m, (row + wraps)[:len(row)], f"{name}_lower_row"),
                register(m, row, f"{name}_upper_row")]

    def _read(self, m):
        """Rows of both halves of the memories, whether they are read, and which are looked at."""
        enable = Signal()
        m.d.sync += enable.eq(self.read_enable)
        wanted = Signal(self._memories, name="read_wanted_0")
        m.d.comb += wanted.eq(self.read_mask)
        for step in range(exact_log2(self._memories)):
            moved = Signal(self._memories, name=f"read_wanted_{step + 1}")
            m.d.comb += moved.eq(Mux(self.read_address[step], wanted.rotate_left(1 << step),
                                     wanted))
            wanted = moved
        return (self._rows(m, self.read_address, "read"), enable,
                register(m, wanted, "read_wanted"))

    def _write(self, m):
        """What the memories take: elements by lane, enables, and rows of both halves."""
        cycles, count, lanes = self.write_latency, self._memories, self.write_lanes
        address = self.write_address[:exact_log2(count)]

        # Each lane goes to all memories of its residue.
        steps = _steps(lanes)
        elements = [delay(m, element.as_unsigned(), cycles - len(steps) - 1, f"element_{lane}")
                    for lane, element in enumerate(self.write_data)]
        offset = delay(m, address, max(0, cycles - len(steps) - 2), "element_offset")
        for low, bits in steps:
            elements = _choose(m, f"element_{low}", offset[low:low + bits], [
                [elements[(lane - (turns << low)) % lanes] for turns in range(1 << bits)]
                for lane in range(lanes)])
            offset = register(m, offset, f"element_offset_{low}")
        elements = [register(m, element, f"element_{lane}_moved")
                    for lane, element in enumerate(elements)]

        # Its enable goes to one. Most places are empty: there is little to choose from.
        steps = _steps(count)
        idle = cycles - len(steps)
        offset = delay(m, address, idle, "enable_offset")
        enables = delay(m, self.write_enable, idle, "enables")
        for low, bits in steps:
            places = min(count, len(enables) + (((1 << bits) - 1) << low))
            moved = Signal(places, name=f"enables_{low}")
            # Those that come from a place, if it is there: by each distance that they may go.
            m.d.sync += moved.eq(reduce(or_, (
                Mux(offset[low:low + bits] == turns,
                    Cat(enables[source] if source < len(enables) else Const(0, 1) for source in (
                        (place - (turns << low)) % count for place in range(places))), 0)
                for turns in range(1 << bits))))
            enables = moved
            offset = register(m, offset, f"enable_offset_{low}")

        rows = self._rows(m, delay(m, self.write_address, cycles - 1, "write_address"), "write")
        return elements, enables, rows
