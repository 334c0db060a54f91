"""Where each row of activations lies: the inner loops of a multiplication."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for, ceil_log2

from golden.formats import POSITION_WIDTH

from ..check import Check
from .loop_counter import LoopCounter
from .operations import matrix_operation
from .tile_addresses import tile_layout

__all__ = ["RowAddresses", "row_layout"]


def row_layout(config):
    """One row of activations, and where its sums go.

    Lane r is element ``address + r`` of the unified buffer if ``low <= r < high``, else `pad`.
    """
    edge = ceil_log2(config.rows) + 1
    return data.StructLayout({
        "address": ceil_log2(config.unified_depth),
        "low": edge,
        "high": edge,
        "pad": signed(config.activation_width),
        "accumulator": ceil_log2(config.accumulator_depth),
        "columns": bits_for(config.columns),
        "overwrite": 1,
        "first": 1,         # of its tile
        "settles": 1,       # is the first of a multiplication that adds to what there is
        "last": 1,          # of its multiplication
        "final": 1,         # belongs to the multiplication's last tile
    })


class RowAddresses(wiring.Component):
    """Goes through lines and pixels of a tile, a row a cycle, see `matrix_operation`.

    Element r of a row is at position x + r of its line. It exists if that is from 0 to
    ``line_length - 1``, and the line's number from 0 to ``line_limit - 1``.

    Timing: the first row of a tile is offered in the third cycle after the tile was taken, the
    others in the cycles that follow. All stages move while `rows.ready`, which must be high if no
    row is on offer; `tiles.ready` depends on it. What is `coming` comes from registers.

    Parameters
    ----------
    config : hw.config.DenseConfig

    Members
    -------
    clear : In(1)
        Forget everything.
    tiles : In(stream.Signature(tile_layout(config)))
    operation : In(matrix_operation(config))
        The tile's multiplication.
    rows : Out(stream.Signature(row_layout(config)))
    coming : Out(1)
        A row will be offered in the next cycle, if all stages move.
    coming_first, coming_settles : Out(1)
        `first` and `settles` of that row.
    """

    def __init__(self, config):
        self.config = config
        super().__init__({
            "clear": In(1),
            "tiles": In(stream.Signature(tile_layout(config))),
            "operation": In(matrix_operation(config)),
            "rows": Out(stream.Signature(row_layout(config))),
            "coming": Out(1),
            "coming_first": Out(1),
            "coming_settles": Out(1),
        })

    def elaborate(self, platform):
        m = Module()

        row_count = self.config.rows
        tile = Signal.like(self.tiles.payload, reset_less=True)
        operation = Signal.like(self.operation, reset_less=True)

        valid = Signal(3)
        advance = Signal()
        m.d.comb += [advance.eq(self.rows.ready), self.rows.valid.eq(valid[2])]
        m.submodules.check = check = Check("rows wait for one that is not there")
        m.d.comb += check.holds.eq(self.rows.valid | self.rows.ready)

        def stage(value, name):
            held = Signal(Value.cast(value).shape(), name=name, reset_less=True)
            with m.If(advance):
                m.d.sync += held.eq(value)
            return held

        # 1: the row at `x` of line `y`, which begins at `line`. What is constant in a tile is in
        # `tile` and `operation`.
        x = Signal(signed(POSITION_WIDTH), reset_less=True)
        # `y` is two of which one is 0: what looks at it may merge them beside what else it does.
        first_y = Signal(POSITION_WIDTH, reset_less=True)
        later_y = Signal(POSITION_WIDTH, reset_less=True)
        y = (first_y | later_y).as_signed()
        line = Signal(ceil_log2(self.config.unified_depth), reset_less=True)
        accumulator = Signal(ceil_log2(self.config.accumulator_depth), reset_less=True)
        m.submodules.pixels = pixels = LoopCounter(width=len(operation.pixels))
        m.submodules.lines = lines = LoopCounter(width=len(operation.lines))
        first = Signal(reset_less=True)

        ends = Signal()         # nothing of the tile comes after this row
        load = Signal()
        m.d.comb += [
            ends.eq(~valid[0] | pixels.last & lines.last),
            load.eq(advance & ends),
            self.tiles.ready.eq(load),
            pixels.items.eq(Mux(ends, self.operation.pixels, operation.pixels)),
            pixels.restart.eq(ends | pixels.last),
            pixels.step.eq(advance),
            lines.items.eq(self.operation.lines),
            lines.restart.eq(ends),
            lines.step.eq(advance & (ends | pixels.last)),
        ]
        with m.If(advance):
            m.d.sync += [
                valid.eq(Cat(~ends | self.tiles.valid, valid)),
                first.eq(ends),
                accumulator.eq(Mux(ends, self.operation.accumulator, accumulator) + ~ends),
            ]
            with m.If(ends | pixels.last):
                m.d.sync += [
                    first_y.eq(self.tiles.payload.y),
                    later_y.eq(y + operation.y_step),
                    line.eq(Mux(ends, self.tiles.payload.line, line + operation.line_step)),
                    x.eq(Mux(ends, self.tiles.payload.x, tile.x)),
                ]
                with m.If(ends):
                    m.d.sync += later_y.eq(0)
                with m.Else():
                    m.d.sync += first_y.eq(0)
            with m.Else():
                m.d.sync += x.eq(x + operation.x_step)
        with m.If(load):
            m.d.sync += [tile.eq(self.tiles.payload), operation.eq(self.operation)]

        # 2: its address; the lane of position 0, the lane behind the last of the line; whether the
        # line exists.
        edge = ceil_log2(row_count)
        address_2 = stage((line + x)[:len(line)], "address_2")
        rest_2 = stage(operation.line_length - x, "rest_2")
        low_2 = stage(Mux(x[-1], ~x[:edge] + Const(1, 1), 0)[:edge + 1], "low_2")
        exists_2 = stage(~y[-1] & (y[:-1] < operation.line_limit)
                         & (~x[-1] | x[edge:].all()), "exists_2")
        lanes_2 = stage(tile.lanes, "lanes_2")
        row_2 = Signal.like(self.rows.payload, reset_less=True)
        with m.If(advance):
            m.d.sync += [
                row_2.pad.eq(operation.pad),
                row_2.accumulator.eq(accumulator),
                row_2.columns.eq(operation.columns),
                row_2.overwrite.eq(tile.first & ~operation.accumulate),
                row_2.first.eq(first),
                row_2.settles.eq(first & tile.first & operation.accumulate),
                row_2.last.eq(pixels.last & lines.last & tile.final),
                row_2.final.eq(tile.final),
            ]

        # 3: which lanes exist, and are not beyond the end of a run.
        shown = Signal.like(self.rows.payload, reset_less=True)
        far = Signal()
        near = Signal(edge + 1)
        m.d.comb += [
            far.eq(rest_2[edge + 1:-1].any()),
            near.eq(rest_2),
            self.rows.payload.eq(shown),
            self.coming.eq(valid[1]),
            self.coming_first.eq(row_2.first),
            self.coming_settles.eq(row_2.settles),
        ]
        with m.If(advance):
            m.d.sync += [
                shown.eq(row_2),
                shown.address.eq(address_2),
                shown.low.eq(low_2),
                shown.high.eq(Mux(far | (near > lanes_2), lanes_2, near)),
            ]
            with m.If(rest_2[-1] | ~exists_2):
                m.d.sync += shown.high.eq(0)

        return ResetInserter(self.clear)(m)
