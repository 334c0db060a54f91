"""Where the activations of each tile begin: the outer loops of a multiplication."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for, ceil_log2

from golden.formats import POSITION_WIDTH

from .loop_counter import LoopCounter
from .operations import matrix_operation

__all__ = ["TileAddresses", "tile_layout"]


def tile_layout(config):
    """What is different from tile to tile of a multiplication.

    Lane r of the first output meets element ``x + r`` of line `y`, which begins at address `line`,
    if r < `lanes`.
    """
    return data.StructLayout({
        "x": signed(POSITION_WIDTH),
        "y": signed(POSITION_WIDTH),
        "line": ceil_log2(config.unified_depth),
        "lanes": bits_for(config.rows),
        "first": 1,
        "final": 1,
    })


class TileAddresses(wiring.Component):
    """Goes through kernel lines, taps and chunks of a multiplication, see `matrix_operation`.

    The run of 2**16 elements that a MatrixMultiply has is longer than its tiles.

    Timing: one multiplication is worked on and one waits. Of a multiplication that finds nothing
    before it, the first tile is offered in the fourth cycle after its acceptance; others at most 4
    cycles after the one before them was taken, and those of a multiplication that waits too, if it
    was accepted before the cycle in which the last tile of the one before it is taken.

    Parameters
    ----------
    config : hw.config.DenseConfig

    Members
    -------
    clear : In(1)
        Forget everything.
    operations : In(stream.Signature(matrix_operation(config)))
    done : In(1)
        The older of the multiplications accepted is done: another is accepted. At most two are
        under way.
    outstanding : Out(range(3))
        Multiplications accepted and not yet done.
    tiles : Out(stream.Signature(tile_layout(config)))
    operation : Out(matrix_operation(config))
        The multiplication of the tile on offer.
    """

    def __init__(self, config):
        self.config = config
        layout = matrix_operation(config)
        super().__init__({
            "clear": In(1),
            "operations": In(stream.Signature(layout)),
            "done": In(1),
            "outstanding": Out(range(3)),
            "tiles": Out(stream.Signature(tile_layout(config))),
            "operation": Out(layout),
        })

    def elaborate(self, platform):
        m = Module()

        rows = self.config.rows
        operation, tile = self.operation, self.tiles.payload

        # The multiplication that waits.
        waiting = Signal.like(self.operations.payload, reset_less=True)
        waits = Signal()
        taken = Signal()
        accepted = self.operations.valid & self.operations.ready
        m.d.comb += self.operations.ready.eq(~waits & (self.outstanding != 2))
        m.d.sync += [
            waits.eq(accepted | waits & ~taken),
            self.outstanding.eq(self.outstanding + accepted - self.done),
        ]
        # Taken over before it is known whether it comes: that is known late, and has far to go.
        with m.If(~waits):
            m.d.sync += waiting.eq(self.operations.payload)

        current = Signal.like(operation, reset_less=True)
        m.d.comb += operation.eq(current)

        # Tile `tile` is to be prepared, or on offer: a chunk of a run of `chunks`, which begins at
        # `tap_x`; its tap is one of the `taps` of a kernel line.
        tiles, taps = LoopCounter(width=16), LoopCounter(width=16)
        chunks = LoopCounter(width=17, stride=rows)
        m.submodules.tile_count, m.submodules.taps, m.submodules.chunks = tiles, taps, chunks
        shown = Signal.like(tile, reset_less=True)
        tap_x = Signal(signed(POSITION_WIDTH), reset_less=True)
        new_tap = Signal(reset_less=True)       # it is the first chunk of its tap
        new_line = Signal(reset_less=True)      # its tap is the first of its kernel line
        m.d.comb += [
            tile.eq(shown),
            tile.final.eq(tiles.last),
            tiles.items.eq(waiting.tiles),
            taps.items.eq(operation.taps),
            taps.restart.eq(new_line),
            chunks.items.eq(operation.run),
            chunks.restart.eq(new_tap),
            chunks.many.eq(1),
        ]

        # What a line, or a kernel, starts with is added to nothing, where the choice of what is
        # added may be part of a carry chain. That a tile is taken is known late: next to nothing
        # but the state depends on it.
        def begin():
            m.d.comb += [tiles.restart.eq(1), tiles.step.eq(1)]
            m.d.sync += [
                current.eq(waiting),
                shown.first.eq(1),
                new_tap.eq(1),
                new_line.eq(1),
                tap_x.eq(0),
                shown.y.eq(0),
                shown.line.eq(0),
            ]

        with m.FSM():
            with m.State("Wait"):
                m.d.comb += taken.eq(waits)
                begin()
                with m.If(waits):
                    m.next = "Place"
            with m.State("Begin"):
                m.d.comb += taken.eq(1)
                begin()
                m.next = "Place"
            with m.State("Place"):
                m.d.comb += [chunks.step.eq(1), tiles.step.eq(~shown.first)]
                with m.If(new_tap):
                    m.d.comb += taps.step.eq(1)
                    m.d.sync += tap_x.eq(tap_x + Mux(new_line, operation.x, operation.tap_step))
                with m.If(new_tap & new_line):
                    m.d.sync += [
                        shown.y.eq(shown.y + Mux(shown.first, operation.y, operation.dilation)),
                        shown.line.eq(shown.line + Mux(shown.first, operation.first_line,
                                                       operation.kernel_step)),
                    ]
                m.next = "Limit"
            with m.State("Limit"):
                m.d.sync += [
                    shown.x.eq(Mux(new_tap, tap_x, shown.x) + Mux(new_tap, 0, rows)),
                    shown.lanes.eq(Mux(chunks.last, chunks.left, rows)),
                ]
                m.next = "Offer"
            with m.State("Offer"):
                m.d.comb += self.tiles.valid.eq(1)
                m.d.sync += [new_tap.eq(chunks.last), new_line.eq(taps.last)]
                with m.If(chunks.last & taps.last):
                    m.d.sync += tap_x.eq(0)
                with m.If(self.tiles.ready):
                    m.d.sync += shown.first.eq(0)
                    m.next = "Place"
                    with m.If(tiles.last):
                        m.next = "Wait"
                        with m.If(waits):
                            m.next = "Begin"

        return ResetInserter(self.clear)(m)
