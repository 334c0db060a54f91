"""Where activations live: a memory whose every access may start at any element."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from ..check import Check
from ..common.pipeline import delay, register, rotate
from ..memory import Collision, block_ram

__all__ = ["UnifiedBuffer"]


class UnifiedBuffer(wiring.Component):
    """Elements in `banks` memories, one read and one write of consecutive elements a cycle.

    Element e is row e // banks of bank e mod banks, so that any `banks` consecutive ones come from
    different banks, and are rotated into the order of lanes::

        read_data[lane]                    = element[read_address + lane]  where read_mask[lane]
        read_data[lane]                    = read_padding                  in the other lanes
        element[write_address + lane]      = write_data[lane]  where write_enable[lane]

    with addresses modulo `depth`.

    What a read sees that meets a write of the same element, or one later than `write_latency`
    cycles before it, is undefined; an assertion in simulation holds the lanes of `read_mask` to
    meeting no write. The padding is put in where it is next to free: elements that are not wanted
    are cleared in the step before the last of the rotation, whose multiplexers have an input left.

    Timing: `read_data` is valid `read_latency` cycles after `read_enable`, for that one cycle. A
    read sees a write if it comes `write_latency` cycles after it or later. Inputs should come from
    registers, at most one multiplexer away. A block RAM's data goes straight into a register.

    Parameters
    ----------
    depth : int
        Elements, a power of two and at least twice `banks`.
    banks : int
        Lanes of a read: a power of two, at least 4.
    write_lanes : int
        Lanes of a write: a power of two, at most `banks`.
    width : int
        Bits of an element.

    Attributes
    ----------
    read_latency : int
        4 + log2(`banks`).
    write_latency : int
        log2(`banks`) - 1, at least 1.

    Members
    -------
    read_enable : In(1)
    read_address : In(range(depth))
    read_mask : In(banks)
    read_padding : In(signed(width))
    read_data : Out(ArrayLayout(signed(width), banks))
    write_enable : In(write_lanes)
    write_address : In(range(depth))
    write_data : In(ArrayLayout(signed(width), write_lanes))
    """

    def __init__(self, *, depth, banks, write_lanes, width):
        for name, value in (("depth", depth), ("banks", banks), ("write_lanes", write_lanes)):
            if value < 1 or value.bit_count() != 1:
                raise ValueError(f"{name} must be a power of two, not {value}")
        if banks < 4 or depth < 2 * banks:
            raise ValueError(f"depth={depth} must be at least twice banks={banks}, at least 4")
        if write_lanes > banks:
            raise ValueError(f"write_lanes={write_lanes} must be at most banks={banks}")
        if width < 1:
            raise ValueError(f"Width must be at least 1 bit, not {width}")
        self.depth = depth
        self.banks = banks
        self.write_lanes = write_lanes
        self.width = width

        # A rotation takes a cycle for each power of two: yosys 0.70 makes a multiplexer of four of
        # two levels without a register between them, in twice as many look-up tables.
        stages = exact_log2(banks)
        # A read: row of each bank (2), block RAM, register, rotation.
        self.read_latency = 2 + 1 + 1 + stages
        # A write is in its bank after `stages` cycles, a read at its bank after 2.
        self.write_latency = max(1, stages - 1)

        super().__init__({
            "read_enable": In(1),
            "read_address": In(range(depth)),
            "read_mask": In(banks),
            "read_padding": In(signed(width)),
            "read_data": Out(data.ArrayLayout(signed(width), banks)),
            "write_enable": In(write_lanes),
            "write_address": In(range(depth)),
            "write_data": In(data.ArrayLayout(signed(width), write_lanes)),
        })

    def elaborate(self, platform):
        m = Module()

        banks, banks_log2 = self.banks, exact_log2(self.banks)

        # Write: each lane goes to the bank of its element, in as many steps as a rotation has. With
        # half as many lanes as banks or fewer, a bank's data can only be that of one lane of each
        # residue, and the lower half of the banks is met in the next row whenever the first lane
        # meets the upper half.
        few = 2 * self.write_lanes <= banks
        offset = self.write_address[:banks_log2]
        row = self.write_address[banks_log2:]
        elements = [self.write_data[lane] for lane in range(self.write_lanes)]
        enables = [*self.write_enable, *[Const(0, 1)] * (banks - self.write_lanes)]
        rows_next = [row + offset[-1]] if few else [row, row + 1]
        for step in range(banks_log2):
            if 1 << step < self.write_lanes:
                elements = rotate(elements, offset, [step], back=True)
            elements = [register(m, element.as_signed(), f"element_{lane}_{step}")
                        for lane, element in enumerate(elements)]
            rotated, enables = rotate(enables, offset, [step], back=True), []
            for bank, value in enumerate(rotated):
                enable = Signal(name=f"enable_{bank}_{step}")
                m.d.sync += enable.eq(value)
                enables.append(enable)
            row = register(m, row, f"write_row_{step}")
            offset = register(m, offset, f"write_offset_{step}")
            rows_next = [register(m, value[:len(row)], f"write_rows_{step}_{index}")
                         for index, value in enumerate(rows_next)]

        if few:
            write_rows = [rows_next[0] if bank < banks // 2 else row for bank in range(banks)]
        else:
            write_rows = [Mux(bank < offset, rows_next[1], row) for bank in range(banks)]

        # Read: banks below that of the first element are met in the next row.
        offset = self.read_address[:banks_log2]
        row = register(m, self.read_address[banks_log2:], "read_row")
        next_row = register(m, (self.read_address[banks_log2:] + 1)[:len(row)], "read_next_row")
        wraps = register(m, Cat(bank < offset for bank in range(banks)), "read_wraps")
        enable = Signal(2)
        m.d.sync += enable.eq(Cat(self.read_enable, enable))
        wanted = register(m, Cat(rotate(list(self.read_mask), offset, range(banks_log2),
                                        back=True)), "read_wanted")
        wanted = register(m, wanted, "bank_wanted")

        read_data, collides = [], []
        for bank in range(banks):
            write, read = block_ram(m, f"bank_{bank}", shape=signed(self.width),
                                    depth=self.depth // banks, collision=Collision.IGNORED)
            read_row = register(m, Mux(wraps[bank], next_row, row), f"bank_{bank}_row")
            m.d.comb += [
                write.en.eq(enables[bank]),
                write.addr.eq(write_rows[bank]),
                write.data.eq(elements[bank % self.write_lanes]),
                read.en.eq(enable[1]),
                read.addr.eq(read_row),
            ]
            collides.append(wanted[bank] & write.en & read.en & (write.addr == read.addr))
            read_data.append(register(m, read.data, f"bank_{bank}_data"))
        m.submodules.check = check = Check("an element is read where it is written")
        m.d.comb += check.holds.eq(~Cat(collides).any())

        # Which elements are not wanted, where they are before the last step, and the padding of the
        # lanes that want none.
        steps = range(banks_log2)
        unwanted = delay(m, ~Cat(rotate(list(self.read_mask), offset, [steps[-1]])),
                         self.read_latency - 2, "unwanted")
        lanes = delay(m, self.read_mask, self.read_latency - 2, "read_lanes")
        given = delay(m, self.read_padding, self.read_latency - 2, "given_padding")
        padding = []
        for lane in range(banks):
            own = register(m, given, f"padding_{lane}")
            with m.If(lanes[lane]):
                m.d.sync += own.eq(0)
            padding.append(own)

        offset = delay(m, offset, 4, "read_offset")
        for step in steps:
            rotated = rotate(read_data, offset, [step])
            if step == steps[-1]:
                rotated = [(element | pad).as_signed()
                           for element, pad in zip(rotated, padding, strict=True)]
            read_data = [register(m, element.as_signed(), f"read_{lane}_{step}")
                         for lane, element in enumerate(rotated)]
            if step == steps[-1] - 1:
                for lane, element in enumerate(read_data):
                    with m.If(unwanted[lane]):
                        m.d.sync += element.eq(0)
            offset = register(m, offset, f"rotated_offset_{step}")
        for lane in range(banks):
            m.d.comb += self.read_data[lane].eq(read_data[lane])

        return m
