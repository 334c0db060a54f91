"""MatrixMultiply and Convolve: from the unified buffer through the array to the accumulators."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for, ceil_log2

from ..common.counters import tree_sum
from ..common.pipeline import delay, register
from .accumulators import Accumulators
from .feed_gate import FeedGate
from .operations import matrix_operation, ticket_width
from .row_addresses import RowAddresses
from .systolic_array import SystolicArray
from .tile_addresses import TileAddresses

__all__ = ["MatrixUnit"]


class MatrixUnit(wiring.Component):
    """Multiplies activations by tiles, one row of activations a cycle.

    For every row that it feeds it reads the unified buffer, puts `pad` where there is nothing, and
    adds what leaves the array to a row of accumulators, see `matrix_operation`.

    Timing. Let I(n) be the cycle in which the first row of tile n is fed, that is its read of the
    unified buffer begins; the others follow, one a cycle. With m the rows of the tile before,

        I(n) >= I(n-1) + max(m, rows, accumulate_cycles)
        I(n) >= the cycle from which `weights_ready` says that the tile can be taken; `WeightUnit`
        I(n) >= accepted + first_cycles     for the first tile of a multiplication
        I(n) >= last row before it + accumulate_cycles   for the first tile of one that accumulates

    and it is the smallest that fulfils all of them. `accumulate_cycles` is the time between two
    additions to the same row. `operations` is ready while less than two multiplications are under
    way; the older of two ends with `fed`, and it is ready in the cycle after that.

    Of a row fed in cycle i, with K = `feed_cycles` = read_latency + 1:

    * it is at the array in cycle i + K, and its lane 0 meets the first multiplier there;
    * its sum c is in the accumulators, to be read out, from cycle ``i + K + rows + 5 + c`` on;
    * `row_written` is high, and its row can be read out, in cycle ``i + written_cycles``, with
      written_cycles = K + rows + columns + 4; `written` counts it from the next cycle on.

    `fed` is high in the cycle after the last row of a multiplication was fed; `active`,
    `weight_stall`, `weight_shift` and `tile` tell of the cycle before, `useful` of the third last.

    Parameters
    ----------
    config : hw.config.DenseConfig
    read_latency : int
        Cycles from `read_enable` to `read_data`, at least 2.

    Attributes
    ----------
    feed_cycles, first_cycles, accumulate_cycles, written_cycles : int
        See Timing.
    sums_latency : int
        Cycles from `sums_read` to `sums`.

    Members
    -------
    clear : In(1)
        Forget everything that is under way; `written` starts at 0. The accumulators keep what they
        hold.
    operations : In(stream.Signature(matrix_operation(config)))
    fed : Out(1)
        The oldest multiplication has read all that it reads.
    idle : Out(1)
        Nothing is under way; the accumulators hold all sums.
    written : Out(ticket_width(config))
        Rows written by the last tiles of multiplications, since `clear`.
    row_written : Out(1)
        A row has been written by any tile.
    read_enable, read_address, read_mask, read_data
        Port of the unified buffer: `read_mask` has the lanes that will be looked at.
    weights_ready, weights_readies, weights_stalled : In(1); taken : Out(1)
    weights, shift, shift_first : In
        See `WeightUnit`.
    sums_read, sums_address : In; sums : Out(ArrayLayout(signed(32), columns))
        Reads a row of accumulators.
    active, weight_stall, weight_shift : Out(1)
        A row was fed; none was of a multiplication that has been accepted, while its next tile has
        not come out of the weight memory, or is not in the array yet. One of them at most.
    tile : Out(1)
        A tile was taken.
    useful : Out(range(rows * columns + 1))
        Products of a row that are neither of padding nor for unused columns.
    saturations : Out(range(columns + 1))
    """

    def __init__(self, config, *, read_latency):
        if read_latency < 2:
            raise ValueError(f"A read takes at least 2 cycles, not {read_latency}")
        self.config = config
        self.read_latency = read_latency
        self.tiles = TileAddresses(config)
        self.rows = RowAddresses(config)
        self.array = SystolicArray(
            rows=config.rows, columns=config.columns, activation_width=config.activation_width,
            weight_width=config.weight_width)
        self.accumulators = Accumulators(
            columns=config.columns, depth=config.accumulator_depth,
            partial_width=self.array.partial_width)
        self.gate = FeedGate(rows=config.rows,
                             accumulate_cycles=self.accumulators.accumulate_cycles)
        self.feed_cycles = read_latency + 1
        self.first_cycles = 7
        self.accumulate_cycles = self.accumulators.accumulate_cycles
        # From the read of a row to `valid` of the accumulators.
        self._sum_cycles = (self.feed_cycles + self.array.sum_latency
                            - self.accumulators.sum_cycle)
        self.written_cycles = self._sum_cycles + config.columns - 1 + self.accumulate_cycles
        self.sums_latency = self.accumulators.read_latency
        activation = signed(config.activation_width)
        super().__init__({
            "clear": In(1),
            "operations": In(stream.Signature(matrix_operation(config))),
            "fed": Out(1),
            "idle": Out(1),
            "written": Out(ticket_width(config)),
            "row_written": Out(1),
            "read_enable": Out(1),
            "read_address": Out(ceil_log2(config.unified_depth)),
            "read_mask": Out(config.banks),
            "read_data": In(data.ArrayLayout(activation, config.banks)),
            "weights_ready": In(1),
            "weights_readies": In(1),
            "weights_stalled": In(1),
            "taken": Out(1),
            "weights": In(data.ArrayLayout(signed(config.weight_width), config.columns)),
            "shift": In(1),
            "shift_first": In(1),
            "sums_read": In(1),
            "sums_address": In(range(config.accumulator_depth)),
            "sums": Out(data.ArrayLayout(signed(32), config.columns)),
            "active": Out(1),
            "weight_stall": Out(1),
            "weight_shift": Out(1),
            "tile": Out(1),
            "useful": Out(bits_for(config.rows * config.columns)),
            "saturations": Out(bits_for(config.columns)),
        })

    def elaborate(self, platform):
        m = Module()

        m.submodules.tiles = tiles = self.tiles
        m.submodules.rows = rows = self.rows
        m.submodules.gate = gate = self.gate
        wiring.connect(m, wiring.flipped(self.operations), tiles.operations)
        wiring.connect(m, tiles.tiles, rows.tiles)
        m.d.comb += [
            tiles.clear.eq(self.clear),
            tiles.done.eq(self.fed),
            rows.clear.eq(self.clear),
            rows.operation.eq(tiles.operation),
        ]

        row, fed = rows.rows.payload, gate.fed
        m.d.comb += [
            gate.clear.eq(self.clear),
            gate.first.eq(row.first),
            gate.settles.eq(row.settles),
            gate.coming.eq(rows.coming),
            gate.coming_first.eq(rows.coming_first),
            gate.coming_settles.eq(rows.coming_settles),
            gate.weights_ready.eq(self.weights_ready),
            gate.weights_readies.eq(self.weights_readies),
            rows.rows.ready.eq(~gate.waits),
            self.taken.eq(gate.taken),
            self.read_enable.eq(fed),
            self.read_address.eq(row.address),
            self.read_mask.eq(Cat((row.low <= lane) & (lane < row.high)
                                  for lane in range(self.config.rows))),
        ]
        # Of the multiplications accepted one is not yet `fed`, and can't go on.
        waits = ((tiles.outstanding > self.fed) & ~fed & ~self.weights_ready)
        m.d.sync += [
            self.fed.eq(fed & row.last),
            self.active.eq(fed),
            self.tile.eq(self.taken),
            self.weight_stall.eq(waits & self.weights_stalled),
            self.weight_shift.eq(waits & ~self.weights_stalled),
        ]

        self._multiply(m, row)
        self._accumulate(m, row, fed)
        self._count_useful(m, row, fed)

        # The end: rows that have been fed and are not in the accumulators yet.
        under_way = Signal(range(self.written_cycles + 2))
        m.d.sync += [
            under_way.eq(under_way + self.active - self.row_written),
            self.written.eq(self.written + self.accumulators.written_final),
        ]
        m.d.comb += self.idle.eq((tiles.outstanding == 0) & (under_way == 0))
        with m.If(self.clear):
            m.d.sync += [under_way.eq(0), self.written.eq(0), self.fed.eq(0), self.active.eq(0)]

        return m

    def _multiply(self, m, row):
        """What is read goes to the array, with padding in the lanes that have nothing."""
        m.submodules.array = array = self.array
        lanes = delay(m, self.read_mask[:self.config.rows], self.read_latency, "lanes")
        pad = delay(m, row.pad, self.read_latency, "pad")
        for lane in range(self.config.rows):
            m.d.comb += array.activations[lane].eq(register(
                m, Mux(lanes[lane], self.read_data[lane], pad), f"activation_{lane}").as_signed())
        m.d.comb += [
            array.adopt.eq(delay(m, self.taken, self.feed_cycles, "adopt")),
            array.weights.eq(self.weights),
            array.shift.eq(self.shift),
            array.shift_first.eq(self.shift_first),
        ]

    def _accumulate(self, m, row, fed):
        """Where sums go follows them through the array."""
        m.submodules.accumulators = accumulators = self.accumulators
        valid = Signal(self._sum_cycles)
        m.d.sync += valid.eq(Mux(self.clear, 0, Cat(fed, valid)))
        place = delay(m, Cat(row.accumulator, row.overwrite, row.final), self._sum_cycles, "place")
        m.d.comb += [
            Cat(accumulators.address, accumulators.overwrite, accumulators.final).eq(place),
            accumulators.valid.eq(valid[-1]),
            accumulators.clear.eq(self.clear),
            accumulators.sums.eq(self.array.sums),
            accumulators.read.eq(self.sums_read),
            accumulators.read_address.eq(self.sums_address),
            self.sums.eq(accumulators.values),
            self.row_written.eq(accumulators.written),
            self.saturations.eq(accumulators.saturations),
        ]

    def _count_useful(self, m, row, fed):
        """Lanes times columns, in three cycles and without a multiplier."""
        lanes = register(m, row.high - row.low, "lanes_or_less")
        valid = Signal(name="lanes_valid")
        m.d.sync += valid.eq(fed)
        columns = delay(m, row.columns, 2, "columns")
        lanes = register(m, Mux(valid & ~lanes[-1], lanes[:-1], 0), "useful_lanes")
        m.d.sync += self.useful.eq(tree_sum(
            Mux(lanes[bit], columns << bit, 0) for bit in range(len(lanes))))
