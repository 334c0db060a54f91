"""Broadcast of non-zero activations to the processing elements."""

from functools import reduce
from operator import or_

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from golden.sparse.geometry import BROADCAST_STAGES

from ..common.pipeline import register

__all__ = ["Broadcast", "bank_layout", "column_bus_layout"]


def bank_layout(*, depth, activation_width):
    """What the broadcast sees of one `ActivationBank`."""
    return data.StructLayout({
        "found": 1,
        "index": range(depth),
        "exhausted": 1,
        "value": signed(activation_width),
    })


def column_bus_layout(*, pointer_depth, activation_width):
    """What one class of processing elements is told, see `ProcessingElement`."""
    return data.StructLayout({
        "advance": 1,
        "present": 1,
        "even_address": range(max(2, pointer_depth // 2)),
        "odd_address": range(max(2, pointer_depth // 2)),
        "odd": 1,
        "arriving": 1,
        "activation": signed(activation_width),
    })


class Broadcast(wiring.Component):
    """Sends the non-zero activations of each column group to its processing elements.

    The core has `groups` banks of activations (position j is in bank j mod `groups`) and as many
    *classes* of processing elements (k mod `groups`). A layer with G column groups gives class c
    the banks c mod G, c mod G + G, ... one after the other, so the classes that are equal modulo G
    see the same columns and wait for each other's queues.

    Timing: an activation that is `found` in one cycle is broadcast 7 cycles of `advance` later;
    one leaves every cycle, but for one cycle when a bank is exhausted and the next one taken up.
    In lock step all stages stop while an element is `blocked`, so `advance` depends combinationally
    on it. Otherwise none is taken from the banks in the cycle after that, while what has been taken
    goes on: `advance` is always high.

    Parameters
    ----------
    groups : int
        Banks and classes, a power of two.
    depth : int
        Activations in a page of a bank.
    pointer_depth : int
        Pointers in a processing element.
    activation_width : int
        Width in bits.
    lockstep : bool
    output_registers : bool
        See `hw.config.SparseConfig`; without, elements are told later, see `PointerReader`.

    Members
    -------
    start : In(1)
        Begin with the layer described by `groups_log2` and `pointer_base`, in the same cycle as the
        banks. Both stay as they are from the cycle before on.
    banks, takes, advances : In, Out, Out
        The banks, see `ActivationBank`.
    blocked : In(groups)
        Some element of the class has to write to a full queue; or, if they are not in lock step,
        has a queue that is full but for what may be on its way.
    classes : Out(ArrayLayout(column_bus_layout, groups))
    columns, waiting : Out(groups)
        One bit for each stream, that is each class below G: a column was broadcast this cycle; a
        broadcast waited (if not in lock step: to be begun).
    idle : Out(1)
        Everything has been broadcast.
    """

    def __init__(self, *, groups, depth, pointer_depth, activation_width, lockstep,
                 output_registers=True):
        self.groups = groups
        self.lockstep = lockstep
        self.output_registers = output_registers
        self.pointer_depth = pointer_depth
        self.activation_width = activation_width
        super().__init__({
            "start": In(1),
            "groups_log2": In(range(exact_log2(groups) + 1)),
            "pointer_base": In(range(pointer_depth)),
            "banks": In(data.ArrayLayout(
                bank_layout(depth=depth, activation_width=activation_width), groups)),
            "takes": Out(groups),
            "advances": Out(groups),
            "blocked": In(groups),
            "classes": Out(data.ArrayLayout(column_bus_layout(
                pointer_depth=pointer_depth, activation_width=activation_width), groups)),
            "columns": Out(groups),
            "waiting": Out(groups),
            "idle": Out(1),
        })

    def elaborate(self, platform):
        m = Module()

        groups_log2_max = exact_log2(self.groups)
        modes = range(groups_log2_max + 1)
        bank_shape = range(self.groups)
        class_idle = Signal(self.groups)
        takes = []
        groups_log2 = register(m, self.groups_log2, "groups_log2_held")     # is far from here

        for number in range(self.groups):
            bus = self.classes[number]
            free = Signal(name=f"free_{number}")            # no element is blocked
            take = Signal(name=f"take_{number}", init=1)    # what the bank shows
            streams = Signal(name=f"is_stream_{number}")    # the first class with its columns

            # Which of the other classes share the columns, and which banks they come from: what
            # follows from the number of groups alone is there before the layer starts.
            shares = Signal(self.groups, name=f"shares_{number}")
            step = Signal(range(self.groups + 1), name=f"step_{number}")
            first_bank = Signal(bank_shape, name=f"first_bank_{number}")
            last_banks = Signal(range(self.groups), name=f"last_banks_{number}")
            with m.Switch(self.groups_log2):
                for mode in modes:
                    count = 1 << mode
                    with m.Case(mode):
                        m.d.sync += [
                            shares.eq(sum(1 << other for other in range(
                                number % count, self.groups, count))),
                            streams.eq(number < count),
                            step.eq(count),
                            first_bank.eq(number % count),
                            last_banks.eq(self.groups - count),
                        ]
                        m.d.comb += self.advances[number].eq(self.classes[number % count].advance)
            current = Signal(bank_shape, name=f"bank_{number}")
            taking = Signal(self.groups, name=f"taking_{number}")       # the same, one bit each
            final = Signal(name=f"final_{number}")
            m.d.comb += [
                free.eq(~(self.blocked & shares).any()),
                final.eq(current >= last_banks),
            ]

            if self.lockstep:
                m.d.comb += [take.eq(free), bus.advance.eq(free)]
            else:
                m.d.sync += take.eq(free)
                m.d.comb += bus.advance.eq(1)

            bank = Signal(self.banks.shape().elem_shape, name=f"bank_view_{number}")
            m.d.comb += bank.eq(self.banks[current])
            next_bank = Signal(bank_shape, name=f"next_bank_{number}")
            m.d.comb += next_bank.eq(Mux(self.start, first_bank, current + step))
            with m.If(self.start | (bank.exhausted & ~final)):
                m.d.sync += [current.eq(next_bank), taking.eq(1 << next_bank)]
            # All that share a bank take from it at once. Whether it has found anything is for the
            # bank to know: that comes late.
            takes.append(taking & take.replicate(self.groups))

            # Position j = index * groups + bank is local column j >> groups_log2.
            position = Signal(range(len(self.banks[0].index) and self.groups << len(bank.index)),
                              name=f"position_{number}")
            m.d.comb += position.eq(Cat(current[:groups_log2_max], bank.index))

            valids = Signal(BROADCAST_STAGES, name=f"valid_{number}")     # of stages 1 to 7
            position_1 = Signal.like(position, name=f"position_{number}_1", reset_less=True)
            pointer_2 = Signal(range(self.pointer_depth), name=f"pointer_{number}_2",
                               reset_less=True)
            bank_1, bank_2, bank_3 = (
                Signal(bank_shape, name=f"bank_{number}_{stage}", reset_less=True)
                for stage in range(1, 4))
            activation_4, activation_5, activation_6, activation_7 = (
                Signal(signed(self.activation_width), name=f"activation_{number}_{stage}",
                       reset_less=True) for stage in range(4, 8))
            even_3, odd_address_3 = (
                Signal.like(bus.even_address, name=f"{name}_address_{number}_3", reset_less=True)
                for name in ("even", "odd"))
            odd_3, odd_4, odd_5 = (Signal(name=f"odd_{number}_{stage}", reset_less=True)
                                   for stage in (3, 4, 5))
            with m.If(bus.advance):
                m.d.sync += [
                    valids.eq(Cat(bank.found & take, valids)),
                    # 1: what was found; finding it takes most of a cycle.
                    position_1.eq(position),
                    bank_1.eq(current),
                    # 2: the bank reads the value.
                    pointer_2.eq(self.pointer_base + (position_1 >> groups_log2)),
                    bank_2.eq(bank_1),
                    # 3: the pointers' addresses are presented, and the bank shows the value.
                    bank_3.eq(bank_2),
                    even_3.eq((pointer_2 + 1) >> 1),
                    odd_address_3.eq(pointer_2 >> 1),
                    odd_3.eq(pointer_2[0]),
                    # 4 to 7: the elements read their pointers, order them, see which columns are
                    # empty, and queue the others.
                    activation_4.eq(self.banks[bank_3].value),
                    Cat(activation_5, activation_6, activation_7).eq(
                        Cat(activation_4, activation_5, activation_6)),
                    Cat(odd_4, odd_5).eq(Cat(odd_3, odd_4)),
                ]
            presented, odd = Cat(even_3, odd_address_3, valids[2]), odd_5
            if not self.output_registers:
                later = [Signal.like(presented, name=f"presented_{number}_{stage}")
                         for stage in (4, 5)]
                odd = Signal(name=f"odd_{number}_6", reset_less=True)
                with m.If(bus.advance):
                    m.d.sync += [later[0].eq(presented), later[1].eq(later[0]), odd.eq(odd_5)]
                presented = later[1]
            m.d.comb += [
                Cat(bus.even_address, bus.odd_address, bus.present).eq(presented),
                bus.odd.eq(odd),
                bus.arriving.eq(valids[5]),
                bus.activation.eq(activation_7),
                self.columns[number].eq(streams & bus.advance & valids[6]),
                self.waiting[number].eq(streams & ~take & (self.lockstep | bank.found)),
                class_idle[number].eq(bank.exhausted & final & ~valids.any()),
            ]

        m.d.comb += [
            self.takes.eq(reduce(or_, takes)),
            self.idle.eq(class_idle.all()),
        ]
        return m
