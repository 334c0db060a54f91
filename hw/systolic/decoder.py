"""Works out what an instruction touches, and whether it may."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from golden.formats import Fault

from ..common.multiplier import Multiplier
from ..common.pipeline import delay, register
from ..memory import Style, rom
from .instruction_check import FLAGS, InstructionCheck
from .instruction_fetch import arrival_layout
from .microcode import RESULTS, SUM_FAULTS, Microcode
from .operand_memory import OperandMemory
from .region_memory import region_layout

__all__ = ["Decoder"]


class Decoder(wiring.Component):
    """Checks an instruction and computes its products, with one multiplier.

    What an instruction needs is a list of steps, ``a * b + c`` each, see `Microcode`: ends of
    regions, to be compared with the size of a memory, and distances in memory. They go through a
    pipeline, a step a cycle: it looks up what the step is, then its operands, and holds the first
    one there until `start`. Nothing but its address in a memory selects an operand. The fault is
    the first of `golden.formats.Fault` that applies, but for those that depend on earlier
    instructions.

    Timing: `done` is high ``latency + steps - 1`` cycles after `start`, where an instruction has at
    least three steps, not counting those that only leave results. All outputs hold from two cycles
    after it on, `fault` from the cycle after it, until the next `start`. A fault is never taken
    back but by a reset.

    Parameters
    ----------
    geometry : DenseGeometry

    Members
    -------
    arrival : In(arrival_layout())
    begin, fill : In(1)
        Of the instruction that arrives, see `InstructionFetch`.
    start : In(1)
        It is taken. Not before it has arrived.
    proceed : Out(1)
        Strobe: the next one may arrive.
    done : Out(1)
    fault : Out(Fault)
    faulty : Out(1)
        `fault` is not NONE; sooner than that.
    region : Out(region_layout(region_width))
        Elements of the unified buffer that are read or written (of a vector instruction: written),
        and accumulator rows that are written or read, as they come out.
    kind : Out(StructLayout)
        A bit for each of `KINDS`; from the cycle after `start` on.
    rows : Out(17)
        Rows that a multiplication writes; outputs that Activate makes.
    destination : Out
        First element of the unified buffer that is touched.
    parameters : Out
        First channel of an instruction of the activation unit.
    first_line, line_step, kernel_step : Out
        See `matrix_operation`; `line_step` also that of `activation_operation`.
    """

    #: Cycles from `start` to the result of the first step.
    latency = 4

    def __init__(self, geometry):
        self.geometry = geometry
        self.microcode = Microcode(geometry)
        #: Bits of the end of a region.
        self.region_width = max(bits_for(geometry.unified_depth),
                                bits_for(geometry.accumulator_depth))
        super().__init__({
            "arrival": In(arrival_layout()),
            "begin": In(1),
            "fill": In(1),
            "start": In(1),
            "proceed": Out(1),
            "done": Out(1),
            "fault": Out(Fault),
            "faulty": Out(1),
            "region": Out(region_layout(self.region_width)),
            "kind": Out(self.microcode.layout["kind"].shape),
            "rows": Out(17),
            "destination": Out(range(geometry.unified_depth)),
            "parameters": Out(range(geometry.parameter_depth)),
            "first_line": Out(range(geometry.unified_depth)),
            "line_step": Out(range(max(geometry.unified_depth, geometry.accumulator_depth))),
            "kernel_step": Out(range(geometry.unified_depth)),
        })

    def elaborate(self, platform):
        m = Module()

        microcode, arrival = self.microcode, self.arrival
        m.submodules.check = check = InstructionCheck(self.geometry)
        m.submodules.operands = operands = OperandMemory(
            width=microcode.width, rows=self.geometry.rows)
        table = rom(m, "table", shape=microcode.layout, init=microcode.table(), style=Style.BLOCK)
        m.d.comb += [check.arrival.eq(arrival), operands.arrival.eq(arrival)]

        # The first rows are looked up as an instruction arrives, and wait there.
        active, moving, advance = Signal(), Signal(), Signal()
        step = Signal(microcode.step_width, reset_less=True)
        m.d.comb += [
            moving.eq(self.start | active),
            advance.eq(moving | self.fill),
            table.addr.eq(Cat(step, arrival.kind[8], arrival.kind[:4])),
            table.en.eq(advance),
        ]
        with m.If(self.begin):
            m.d.sync += step.eq(0)
        with m.Elif(advance):
            m.d.sync += step.eq(step + 1)

        def advanced(value, cycles, name):
            for cycle in range(cycles):
                held = Signal.like(value, name=f"{name}_{cycle + 1}", reset_less=True)
                with m.If(advance):
                    m.d.sync += held.eq(value)
                value = held
            return value

        found = data.View(microcode.layout, advanced(table.data.as_value(), 1, "found"))
        m.d.comb += [
            operands.advance.eq(advance),
            operands.a_address.eq(found.a),
            operands.b_address.eq(found.b),
            operands.c_address.eq(found.c),
            self.proceed.eq(found.proceed & moving),
        ]

        # 4: factors.
        row = data.View(microcode.layout, advanced(found.as_value(), 2, "row"))
        m.d.sync += active.eq(moving & ~row.last)
        with m.If(self.start):
            m.d.sync += self.kind.eq(row.kind)
        factor = Signal(16, reset_less=True)
        m.submodules.multiplier = multiplier = Multiplier(a_width=18, b_width=18)
        m.d.comb += [
            multiplier.a[0].eq(operands.a),
            multiplier.b[0].eq(Mux(row.feedback, factor, operands.b)),
            multiplier.load.eq(1),
        ]

        def told(name, cycles):
            """Bits of the row, as many cycles later; 0 unless it counts. A reset forgets them."""
            return delay(m, Mux(moving, row[name], 0), cycles, name, resets=True)

        # 5: addends. 6: product. 7: sum, and what it is compared with. 8: result, and verdict.
        c = Signal(microcode.width, reset_less=True)
        m.d.sync += [c.eq(operands.c), c[16:].eq(Mux(row.narrow, 0, operands.c[16:]))]
        kept, total = (Signal(microcode.width, name=name, reset_less=True)
                       for name in ("kept", "total"))
        addend = register(m, c + kept, "addend")
        product = multiplier.product[0]
        m.d.sync += [total.eq(product + addend), kept.eq(Mux(told("keep", 3), total, 0))]
        # Beyond what a sum can hold: if it counts, the product has no sign.
        huge = register(m, product[microcode.width - 1:34].any() & told("exact", 2), "huge")
        limit = delay(m, row.limit, 3, "limit")
        beyond = register(m, (total > limit) | huge, "beyond")
        before = register(m, beyond, "before")

        left = dict(zip(RESULTS, told("results", 2), strict=True))
        for name in ("rows", "parameters"):
            with m.If(left[name]):
                m.d.sync += getattr(self, name).eq(product)
        left = dict(zip(RESULTS, told("results", 3), strict=True))
        for name in ("first_line", "line_step", "kernel_step", "factor"):
            with m.If(left[name]):
                m.d.sync += (factor if name == "factor" else getattr(self, name)).eq(total)
        first = delay(m, c, 2, "first")
        with m.If(left["region_first"]):
            m.d.sync += self.destination.eq(first)
        m.d.comb += [
            self.region.first.eq(first),
            self.region.first_valid.eq(left["region_first"] | left["rows_first"]),
            self.region.first_is_rows.eq(left["rows_first"]),
            self.region.end.eq(total),
            self.region.end_valid.eq(left["region_end"] | left["rows_end"]),
            self.region.end_is_rows.eq(left["rows_end"]),
        ]

        # All that is wrong. The parts have been looked at five cycles after `start`. Whether
        # anything is has registers of its own: much follows from it.
        flags, checked = Signal(len(SUM_FAULTS)), Signal(FLAGS, reset_less=True)
        sum_faulty, part_faulty = Signal(), Signal(reset_less=True)
        wrong = beyond & (before | ~told("both", 4))
        judged = delay(m, told("fault", 3).any(), 1, "judged", resets=True)
        m.d.sync += [
            flags.eq(flags | told("fault", 4) & wrong.replicate(len(flags))),
            sum_faulty.eq(sum_faulty | wrong & judged),
        ]
        with m.If(delay(m, self.start, 5, "started")):
            m.d.sync += [checked.eq(check.flags),
                         part_faulty.eq(check.flags[Fault.BAD_OPERATION:].any())]
        m.d.comb += [
            self.done.eq(told("done", 4)),
            self.faulty.eq(sum_faulty | part_faulty),
        ]
        for fault in reversed(range(Fault.BAD_OPERATION, FLAGS)):
            sums = flags[SUM_FAULTS.index(fault)] if fault in SUM_FAULTS else 0
            with m.If(checked[fault] | sums):
                m.d.comb += self.fault.eq(fault)

        return m
