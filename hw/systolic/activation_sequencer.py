"""Which accumulators and elements an activation instruction reads, in which order, and when."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..common.pipeline import register
from .loop_counter import LoopCounter
from .operations import activation_operation, ticket_width

__all__ = ["BEAT", "ActivationSequencer"]

#: What goes with a read: whether it is the first and the last of its beat, and whether its beat is
#: the last of its row and of the instruction.
BEAT = data.StructLayout({"first": 1, "last": 1, "row_last": 1, "final": 1})


class ActivationSequencer(wiring.Component):
    """Reads what Activate, VectorAdd and VectorMultiply work on.

    A *beat* is what becomes of `lanes` neighbouring elements. Activate reads for each output line,
    output pixel and beat of its columns the rows of the window, line by line::

        accumulator + oy * line_step + wy * line_rows + ox * x_step + wx

    A vector instruction reads for each beat of its length lanes from `a` on, and then, unless it is
    unary, lanes from `b` on.

    An accumulator row is read when it has been written, which `written` tells: the rows that all
    multiplications so far have finished. Of the last one before the instruction, whose rows come
    after `ticket` others, rows are finished in order; all others are finished before it finishes
    any.

    Timing: the first read comes 7 cycles after `start`, then one a cycle; a row that `written`
    lets go in a cycle is read 4 cycles later at the earliest. With `serial_output`, the first read
    of a beat follows the `release` that comes after the last one of the beat before, 2 cycles later
    at the earliest. The outputs are registers.

    Parameters
    ----------
    config : hw.config.DenseConfig

    Members
    -------
    operation : In(activation_operation(config))
        The instruction under way: from the cycle after `start` to that of the last read, at least.
    next_operation : In(activation_operation(config))
        The one that starts next.
    pending : In(1)
        There is one; until `start`, in whose cycle too.
    free : In(1)
        None is under way: until `start`, in whose cycle too. Not before the last read of one.
    start : In(1)
    written : In(ticket_width(config))
    release : In(1)
        The next beat may be read; only looked at with `serial_output`.
    accumulator_read : Out(1)
        Read row `accumulator_address`; of its columns, beat number `column_beat` is meant.
    unified_read : Out(1)
        Read `lanes` elements from `unified_address` on.
    beat : Out(BEAT)
        What goes with either.
    waits : Out(1)
        A row is to be read next that has yet to be written.
    """

    def __init__(self, config):
        self.config = config
        self.column_beats = -(-config.columns // config.lanes)
        super().__init__({
            "operation": In(activation_operation(config)),
            "next_operation": In(activation_operation(config)),
            "pending": In(1),
            "free": In(1),
            "start": In(1),
            "written": In(ticket_width(config)),
            "release": In(1),
            "accumulator_read": Out(1),
            "accumulator_address": Out(range(config.accumulator_depth)),
            "column_beat": Out(range(max(2, self.column_beats))),
            "unified_read": Out(1),
            "unified_address": Out(range(config.unified_depth)),
            "beat": Out(BEAT),
            "waits": Out(1),
        })

    def elaborate(self, platform):
        m = Module()

        lanes = self.config.lanes
        operation, vector = self.operation, self.operation.vector
        begin = Signal()
        m.d.sync += begin.eq(self.start)

        # The loops, innermost first. All of a vector's beats are lines, of one position for each
        # operand; the loops between take one turn. What is held for an instruction is taken over
        # while none is under way: `start`, which is known later, goes to few.
        advance = Signal()
        positions = LoopCounter(width=8)
        window_lines = LoopCounter(width=8)
        column_beats = LoopCounter(width=len(operation.columns), stride=lanes)
        pixels = LoopCounter(width=16)
        lines = LoopCounter(width=16, stride=lanes)
        given, is_vector = self.next_operation, self.next_operation.vector
        for name, loop, items in (
                ("positions", positions, given.width), ("window_lines", window_lines, given.height),
                ("column_beats", column_beats, given.columns), ("pixels", pixels, given.pixels),
                ("lines", lines, Mux(is_vector, given.length, given.lines))):
            m.submodules[name] = loop
            # What a flip-flop is cleared to, or set to, takes no look-up table, if it starts so.
            held = Signal(len(loop.items), name=f"{name}_items", init=1, reset_less=True)
            with m.If(self.free):
                m.d.sync += held.eq(items)
                if loop is not lines:
                    with m.If(is_vector):
                        m.d.sync += held.eq(1)
                if loop is positions:
                    with m.If(is_vector & ~given.unary):
                        m.d.sync += held.eq(2)
            m.d.comb += loop.items.eq(held)
        m.d.comb += [column_beats.many.eq(1), lines.many.eq(vector)]
        first = Signal()
        position_last = positions.last
        window_last = position_last & window_lines.last
        row_last = column_beats.last
        line_last = row_last & pixels.last
        m.d.comb += [
            positions.step.eq(begin | advance),
            positions.restart.eq(begin | positions.last),
            window_lines.step.eq(begin | (advance & position_last)),
            window_lines.restart.eq(begin | window_last),
            column_beats.step.eq(begin | (advance & window_last)),
            column_beats.restart.eq(begin | row_last),
            pixels.step.eq(begin | (advance & window_last & row_last)),
            pixels.restart.eq(begin | line_last),
            lines.step.eq(begin | (advance & window_last & line_last)),
            lines.restart.eq(begin),
        ]
        beat = Signal(BEAT)
        m.d.comb += [
            beat.first.eq(first),
            beat.last.eq(window_last),
            beat.row_last.eq(Mux(vector, lines.last, column_beats.last)),
            beat.final.eq(window_last & line_last & lines.last),
        ]

        column_beat = Signal.like(self.column_beat)
        active = Signal()
        with m.If(begin):
            m.d.sync += [active.eq(1), first.eq(1), column_beat.eq(0)]
        with m.Elif(active & advance):
            m.d.sync += first.eq(window_last)
            with m.If(window_last):
                m.d.sync += column_beat.eq(Mux(row_last, 0, column_beat + 1))
                with m.If(line_last & lines.last):
                    m.d.sync += active.eq(0)

        # Where each loop is, one step behind: the next address is one of them, moved on by one step
        # of its own. `moves` are the loops that begin a new turn there; at first all, from the
        # start on. A choice of four is made of ANDs and ORs, which takes fewer look-up tables; of
        # the steps, all registers but one are cleared.
        address = Signal.like(self.accumulator_address, reset_less=True)
        window_line, pixel, line = (Signal.like(address, name=name, reset_less=True)
                                    for name in ("window_line", "pixel", "line"))
        bases, moves = Signal(4), Signal(4)
        base, step, steps = Const(0), Const(0), []
        for number, (own_base, own_step) in enumerate((
                (address, Const(1)), (window_line, operation.line_rows), (pixel, operation.x_step),
                (line, operation.line_step))):
            base = base | (own_base & bases[number].replicate(len(own_base)))
            steps.append((own_step, Signal(len(own_step), name=f"step_{number}", reset_less=True)))
            step = step | steps[-1][1]
        following = (base + step)[:len(address)]
        ends = Cat(Const(1, 1), position_last, window_last, window_last & line_last)
        innermost = ends & ~Cat(ends[1:], Const(0, 1))
        # One gate each from four registers, which are not to be shared with the way of `advance`.
        moved = Signal(4, attrs={"keep": 1})
        m.d.comb += moved.eq(Cat(
            ~position_last, position_last & ~window_lines.last,
            window_last & row_last & ~pixels.last, window_last & row_last & pixels.last))
        with m.If(advance | begin):
            for chosen, (own_step, held) in zip(moved, steps, strict=True):
                m.d.sync += held.eq(own_step)
                with m.If(begin | ~chosen):
                    m.d.sync += held.eq(0)
        with m.If(advance):
            m.d.sync += [moves.eq(ends), bases.eq(innermost)]
            for number, loop in enumerate((address, window_line, pixel, line)):
                with m.If(moves[number]):
                    m.d.sync += loop.eq(following)
        with m.If(begin):
            m.d.sync += [line.eq(operation.accumulator), bases.eq(0b1000), moves.eq(0b1111)]

        # What has been written: `done` rows of the last multiplication, less than none while those
        # before it are not finished.
        ticket = Signal.like(given.ticket, reset_less=True)
        done = register(m, (self.written - ticket)[:len(ticket)].as_signed(), "done")
        compared = len(operation.written_rows)
        finished = register(m, done[:compared], "finished")
        begun = Signal()
        beyond = Signal()
        m.d.sync += [begun.eq(done >= 0), beyond.eq(done[compared:].any())]

        # Numbers of rows come round. So it is remembered that all have been written; from then on
        # `ticket` is that of the instruction that waits, for which there is no hurry before.
        all_written, next_written = Signal(), Signal()
        own, others = Signal(2), Signal(3)
        m.d.sync += [
            own.eq(Cat(~all_written, own)),
            others.eq(Cat(all_written & self.pending, others)),
            all_written.eq(all_written | begun & beyond & own[-1]),
            next_written.eq(next_written | begun & beyond & others[-1]),
        ]
        with m.If(self.free | (all_written & self.pending)):
            m.d.sync += ticket.eq(given.ticket)
        with m.If(self.free):
            m.d.sync += [all_written.eq(next_written | is_vector), next_written.eq(0),
                         own.eq(0), others.eq(0)]

        # Four steps to the decision: the row, its place in that multiplication, is it one of its,
        # may it be read? The last is a register, made for whichever row will be there: what holds
        # everything up must not come out of a comparison.
        places = [Signal(compared, name=f"place_{step}", reset_less=True) for step in (2, 3, 4)]
        foreign = [Signal(name=f"foreign_{step}", reset_less=True) for step in (3, 4)]
        rows = [address, *(Signal.like(address, name=f"address_{step}", reset_less=True)
                           for step in (2, 3, 4))]
        beats_of = [Cat(beat, column_beat)]
        beats_of += [Signal(len(beats_of[0]), name=f"beat_{step}", reset_less=True)
                     for step in (1, 2, 3, 4)]
        valid = Signal(4)
        readable, held = Signal(), Signal()
        with m.If(advance):
            m.d.sync += [
                valid.eq(Cat(active, valid)),
                *[later.eq(now) for now, later in zip(beats_of[:-1], beats_of[1:], strict=True)],
                *[later.eq(now) for now, later in zip(rows[:-1], rows[1:], strict=True)],
                places[0].eq(address - operation.written_base),
                *[later.eq(now) for now, later in zip(places[:-1], places[1:], strict=True)],
                foreign[0].eq(~(places[0] < operation.written_rows)),
                foreign[1].eq(foreign[0]),
            ]
        next_readable, still_readable = (
            all_written | (begun & (alien | beyond | (place < finished)))
            for place, alien in zip(places[1:], foreign, strict=True))
        m.d.sync += readable.eq(Mux(advance, next_readable, still_readable))
        allowed = readable & ~held
        m.d.comb += [self.waits.eq(valid[-1] & ~readable), advance.eq(~valid[-1] | allowed)]

        # The read itself. A vector's address is in the operand whose turn it is.
        offset = Signal(16, reset_less=True)
        issue = valid[-1] & allowed
        issued = data.View(BEAT, beats_of[-1][:BEAT.size])
        if self.config.serial_output:
            with m.If(issue & issued.last):
                m.d.sync += held.eq(1)
            with m.Elif(self.release):
                m.d.sync += held.eq(0)
        at = (Mux(issued.first, operation.a, operation.b) + offset)[:len(operation.a)]
        m.d.sync += [
            self.accumulator_read.eq(issue & ~vector),
            self.unified_read.eq(issue & vector),
            Cat(self.beat, self.column_beat).eq(beats_of[-1]),
            self.accumulator_address.eq(rows[-1]),
            self.unified_address.eq(at),
        ]
        with m.If(begin):
            m.d.sync += offset.eq(0)
        with m.Elif(issue & issued.last):
            m.d.sync += offset.eq(offset + lanes)

        return m
