"""Where the activations of each tile begin: the outer loops of a multiplication."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for, ceil_log2

from golden.formats import POSITION_WIDTH

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

    A run of 2**16 elements, MatrixMultiply's, never ends.

    Timing: one multiplication is worked on and one waits. Of a multiplication that finds nothing
    before it, the first tile is offered in the fifth cycle after its acceptance; others at most 4
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
    one_line, one_pixel : Out(1)
        It has one line of outputs; lines of one output.
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
            "one_line": Out(1),
            "one_pixel": Out(1),
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

        # Tile `tile` is to be prepared, or on offer. Its tap begins at `tap_x`; of its run there
        # are `run` elements left, of its kernel line `taps` taps with this one, `more` tiles after.
        shown = Signal.like(tile, reset_less=True)
        m.d.comb += tile.eq(shown)
        tap_x = Signal(signed(POSITION_WIDTH), reset_less=True)
        run = Signal(17, reset_less=True)
        taps = Signal(16, reset_less=True)
        more = Signal(16, reset_less=True)
        new_tap = Signal(reset_less=True)       # it is the first chunk of its tap
        last_tap = Signal(reset_less=True)      # of its kernel line
        last_chunk = Signal(reset_less=True)    # of its tap

        # That a tile is taken is known late: next to nothing but the state depends on it.
        with m.FSM():
            with m.State("Wait"):
                m.d.comb += taken.eq(waits)
                with m.If(waits):
                    m.next = "Begin"
            with m.State("Begin"):
                # `waits` may be low again, but nothing else waits yet.
                m.d.sync += [
                    current.eq(waiting),
                    more.eq(waiting.tiles),
                    shown.first.eq(1),
                    new_tap.eq(1),
                    self.one_line.eq(waiting.lines == 1),
                    self.one_pixel.eq(waiting.pixels == 1),
                ]
                m.next = "Place"
            with m.State("Place"):
                new_line = shown.first | last_tap
                m.d.sync += [
                    more.eq(more - 1),
                    run.eq(Mux(new_tap, operation.run, run - rows)),
                ]
                with m.If(new_tap):
                    m.d.sync += [
                        tap_x.eq(Mux(new_line, operation.x, tap_x + operation.tap_step)),
                        taps.eq(Mux(new_line, operation.taps, taps - 1)),
                    ]
                with m.If(new_tap & new_line):
                    m.d.sync += [
                        shown.y.eq(Mux(shown.first, operation.y, shown.y + operation.dilation)),
                        shown.line.eq(Mux(shown.first, operation.first_line,
                                          shown.line + operation.kernel_step)),
                    ]
                m.next = "Limit"
            with m.State("Limit"):
                beyond = run > rows
                endless = operation.run[16]
                m.d.sync += [
                    shown.x.eq(Mux(new_tap, tap_x, shown.x + rows)),
                    shown.final.eq(more == 0),
                    last_tap.eq(taps == 1),
                    shown.lanes.eq(Mux(beyond | endless, rows, run)),
                    last_chunk.eq(~beyond & ~endless),
                ]
                m.next = "Offer"
            with m.State("Offer"):
                m.d.comb += self.tiles.valid.eq(1)
                with m.If(self.tiles.ready):
                    m.d.sync += [shown.first.eq(0), new_tap.eq(last_chunk)]
                    m.next = "Place"
                    with m.If(shown.final):
                        m.d.comb += taken.eq(waits)
                        m.next = "Wait"
                        with m.If(waits):
                            m.next = "Begin"

        return ResetInserter(self.clear)(m)
