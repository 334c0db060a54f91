"""The dense core: everything between its command stream and its response stream."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from golden.formats import (
    DENSE_IDENTITY,
    INSTRUCTION_WIDTH,
    PARAMETER,
    PROTOCOL_VERSION,
    DenseCounter,
    DenseMemory,
)

from ..common.counters import Counters, count
from ..common.pipeline import delay
from ..host.command_port import CommandPort, MemoryPort
from ..host.packet_arbiter import PacketArbiter
from .activation_unit import ActivationUnit
from .buffer_ports import BufferPorts
from .dispatcher import Dispatcher
from .host_unit import HostUnit
from .matrix_unit import MatrixUnit
from .readback import Readback
from .unified_buffer import UnifiedBuffer
from .weight_unit import WeightUnit

__all__ = ["DenseCore"]

#: Words that one command may send to Read_Host_Memory.
_HOST_INPUT_WORDS = 1 << 20


class DenseCore(wiring.Component):
    """Runs programs on a weight-stationary systolic array, after TPU v1 (Jouppi et al., ISCA'17).

    The host writes weights, parameters and a program once; then, for each input, it writes
    activations to the unified buffer, runs the program and reads activations back. Or the program
    asks for them and sends them itself.

    Timing: `golden.systolic.cycles`, to the cycle, as far as the host is not waited for.

    Parameters
    ----------
    config : hw.config.DenseConfig

    Members
    -------
    commands : In(stream.Signature(32))
    responses : Out(stream.Signature(32))
        See `hw.host.command_port.CommandPort`; between the answers to commands come packets of
        Write_Host_Memory.
    """

    def __init__(self, config):
        self.config = config
        self.buffer = UnifiedBuffer(
            depth=config.unified_depth, banks=config.banks,
            write_lanes=max(config.lanes, config.word_elements), width=config.activation_width)
        super().__init__({
            "commands": In(stream.Signature(32)),
            "responses": Out(stream.Signature(32)),
        })

    #: Cycles from the choice of a counter to its value.
    counter_cycles = Counters.cycles_to_read(len(DenseCounter), marked=1)

    @property
    def memory_map(self):
        """Memories as the host sees them, see `CommandPort`."""
        config = self.config
        written, read_only = MemoryPort.written, MemoryPort.read_only
        memories = {
            DenseMemory.PROGRAM: written(config.program_depth, parts=INSTRUCTION_WIDTH // 32),
            DenseMemory.PARAMETERS: written(config.parameter_depth, parts=PARAMETER.words()),
            DenseMemory.WEIGHTS: written(config.weight_depth, parts=config.weight_words),
            DenseMemory.UNIFIED: written(config.unified_depth // config.word_elements,
                                         readable=True),
            DenseMemory.COUNTERS: read_only(
                len(DenseCounter), later=max(0, self.counter_cycles - self.buffer.read_latency)),
            DenseMemory.IDENTITY: read_only(len(DENSE_IDENTITY)),
            DenseMemory.HOST_INPUT: written(_HOST_INPUT_WORDS, while_running=True),
        }
        if config.function_words:
            memories[DenseMemory.FUNCTIONS] = written(config.function_words)
        if config.operand_words:
            memories[DenseMemory.OPERANDS] = written(config.operand_words)
        return memories

    @property
    def identity(self):
        """Values of `golden.formats.DENSE_IDENTITY`."""
        return [1 << 16 | PROTOCOL_VERSION,
                *(getattr(self.config, name) for name in DENSE_IDENTITY[1:])]

    def elaborate(self, platform):
        m = Module()

        config = self.config
        m.submodules.buffer = buffer = self.buffer
        # From the fetch of the host, a register, the unified buffer, two registers of Readback.
        m.submodules.port = port = CommandPort(
            memories=self.memory_map, layer_count=config.program_depth,
            read_latency=buffer.read_latency + 3, programs=True, held=DenseMemory.HOST_INPUT)
        dispatcher = Dispatcher(config)
        # All units hear of an end by registers of their own, a cycle late: it is far to them. None
        # is told of anything new so soon.
        reset, abort, clear = Signal(), Signal(), Signal()
        m.submodules.dispatcher = ResetInserter(reset)(dispatcher)
        m.d.sync += [
            reset.eq(port.reset_run),
            abort.eq(port.reset_run | dispatcher.give_up),
            clear.eq(port.reset_run | dispatcher.give_up | dispatcher.clear),
        ]
        host = HostUnit(config, read_latency=buffer.read_latency,
                        write_latency=buffer.write_latency)
        m.submodules.host = host
        m.submodules.matrix = matrix = MatrixUnit(config, read_latency=buffer.read_latency)
        m.submodules.weights = weights = WeightUnit(config=config, feed_cycles=matrix.feed_cycles)
        activation = ActivationUnit(
            config, accumulator_latency=matrix.sums_latency, unified_latency=buffer.read_latency,
            write_latency=buffer.write_latency)
        m.submodules.activation = ResetInserter(abort)(activation)
        m.d.comb += [matrix.clear.eq(clear), weights.clear.eq(clear), host.clear.eq(abort)]

        self._connect_host(m, port, dispatcher, host)
        self._connect_units(m, dispatcher, weights, matrix, activation, host)
        self._connect_buffer(m, port, matrix, activation, host)
        self._load(m, port, dispatcher, weights, activation)
        self._count(m, port, dispatcher, matrix, activation, host)
        return m

    def _connect_host(self, m, port, dispatcher, host):
        """Commands to the port; answers and packets to the host."""
        m.submodules.packets = packets = PacketArbiter()
        wiring.connect(m, wiring.flipped(self.commands), port.commands)
        wiring.connect(m, port.responses, packets.first)
        wiring.connect(m, host.packets, packets.second)
        wiring.connect(m, wiring.flipped(self.responses), packets.packets)
        m.d.comb += [
            packets.first_sends.eq(port.sends),
            packets.second_sends.eq(host.sends),
            port.turn.eq(packets.first_turn),
            host.turn.eq(packets.second_turn),
            dispatcher.start.eq(port.run.start),
            dispatcher.first.eq(port.run.first),
            dispatcher.count.eq(port.run.count),
            port.running.eq(dispatcher.running),
            port.fault.eq(dispatcher.fault),
            dispatcher.fault_clear.eq(port.fault_clear),
            dispatcher.signal.eq(port.signal),
            # A run makes room, so that it is worth waiting for.
            port.hold.eq(host.almost_full & dispatcher.running),
        ]

    def _connect_units(self, m, dispatcher, weights, matrix, activation, host):
        """Operations to the units, and what they report."""
        wiring.connect(m, dispatcher.weights, weights.operations)
        wiring.connect(m, dispatcher.multiplications, matrix.operations)
        wiring.connect(m, dispatcher.activations, activation.operations)
        wiring.connect(m, dispatcher.host_reads, host.reads)
        wiring.connect(m, dispatcher.host_writes, host.writes)
        m.d.comb += [
            dispatcher.fed.eq(matrix.fed),
            dispatcher.accumulators_read.eq(activation.accumulators_read),
            dispatcher.activated.eq(activation.done),
            dispatcher.matrix_idle.eq(matrix.idle),
            dispatcher.activation_idle.eq(activation.idle),
            dispatcher.host_idle.eq(host.idle),
            dispatcher.host_waits.eq(host.waits),
            matrix.weights_ready.eq(weights.ready),
            matrix.weights_readies.eq(weights.readies),
            matrix.weights_stalled.eq(weights.stalled),
            weights.taken.eq(matrix.taken),
            matrix.weights.eq(weights.weights),
            matrix.shift.eq(weights.shift),
            matrix.shift_first.eq(weights.shift_first),
            activation.written.eq(matrix.written),
            matrix.sums_read.eq(activation.accumulator_read),
            matrix.sums_address.eq(activation.accumulator_address),
            activation.sums.eq(matrix.sums),
        ]

    def _connect_buffer(self, m, port, matrix, activation, host):
        """The ports of the unified buffer."""
        m.submodules.ports = ports = BufferPorts(self.config)
        buffer = self.buffer
        m.d.comb += [
            ports.matrix_read.enable.eq(matrix.read_enable),
            ports.matrix_read.address.eq(matrix.read_address),
            ports.matrix_read.mask.eq(matrix.read_mask),
            ports.vector_read.enable.eq(activation.unified_read),
            ports.vector_read.address.eq(activation.unified_address),
            ports.vector_read.mask.eq(activation.unified_mask),
            ports.host_read.enable.eq(host.read_enable),
            ports.host_read.address.eq(host.read_address),
            ports.host_read.mask.eq(host.read_mask),
            ports.fetch.eq(port.fetch.valid & (port.fetch.memory == DenseMemory.UNIFIED)),
            ports.fetch_address.eq(port.fetch.address),
            buffer.read_enable.eq(ports.read.enable),
            buffer.read_address.eq(ports.read.address),
            buffer.read_mask.eq(ports.read.mask),
            host.read_free.eq(ports.read_free),
            matrix.read_data.eq(buffer.read_data),
            Cat(activation.elements).eq(Cat(buffer.read_data)),
            Cat(host.read_data).eq(Cat(buffer.read_data)),

            ports.results.enable.eq(activation.write_enable),
            ports.results_coming.eq(activation.write_coming),
            ports.results.address.eq(activation.write_address),
            ports.results.data.eq(activation.write_elements),
            ports.host_write.enable.eq(host.write_enable),
            ports.host_write.address.eq(host.write_address),
            ports.host_write.data.eq(host.write_data),
            ports.load.eq(port.load.valid & (port.load.memory == DenseMemory.UNIFIED)),
            ports.load_address.eq(port.load.address),
            ports.load_data.eq(port.load.data),
            buffer.write_enable.eq(ports.write.enable),
            buffer.write_address.eq(ports.write.address),
            buffer.write_data.eq(ports.write.data),
            host.write_free.eq(ports.write_free),
            # What Read_Host_Memory is to read comes the same way.
            host.input_word.eq(ports.load_word),
        ]
        m.d.sync += host.input_valid.eq(
            port.load.valid & (port.load.memory == DenseMemory.HOST_INPUT))

    def _load(self, m, port, dispatcher, weights, activation):
        """What the host writes to the memories of the units."""
        for target, memory in ((dispatcher, DenseMemory.PROGRAM), (weights, DenseMemory.WEIGHTS)):
            m.d.comb += [
                target.load.eq(port.load.valid & (port.load.memory == memory)),
                target.load_address.eq(port.load.address),
                target.load_part.eq(port.load.part),
                target.load_data.eq(port.load.data),
            ]
        m.d.comb += [getattr(activation.load, name).eq(getattr(port.load, name))
                     for name in ("valid", "memory", "address", "part", "data")]

    def _count(self, m, port, dispatcher, matrix, activation, host):
        """Counters, and what the host reads of them and of the rest."""
        config = self.config
        # From the first Read_Weights, which is told of a cycle late, to the last row, which is
        # marked when its own cycle and the two before `timed` have been counted.
        timed = Signal()
        with m.If(dispatcher.reads_weights):
            m.d.sync += timed.eq(1)
        with m.If(port.run.start):
            m.d.sync += timed.eq(0)

        # The matrix unit tells of the cycle before.
        running = Signal()
        m.d.sync += running.eq(dispatcher.running)
        amounts = {
            DenseCounter.CYCLES: dispatcher.running,
            DenseCounter.ACTIVE: matrix.active,
            DenseCounter.WEIGHT_STALL: matrix.weight_stall,
            DenseCounter.WEIGHT_SHIFT: matrix.weight_shift,
            DenseCounter.NON_MATRIX: running & ~(
                matrix.active | matrix.weight_stall | matrix.weight_shift),
            DenseCounter.RAW_STALL: dispatcher.raw_stalled,
            DenseCounter.INPUT_STALL: host.input_stalled,
            DenseCounter.USEFUL_MACS: matrix.useful,
            DenseCounter.MATRIX_CYCLES: timed,
            DenseCounter.INSTRUCTIONS: dispatcher.issued,
            DenseCounter.TILES: matrix.tile,
            DenseCounter.SATURATIONS: matrix.saturations + activation.saturations,
            DenseCounter.DROPPED: host.dropped,
        }
        m.submodules.readback = readback = Readback(
            identity=self.identity, lanes=config.word_elements,
            memory_width=len(port.fetch.memory), address_width=len(port.fetch.address))
        counters = count(
            m, amounts, clear=port.run.start, kept={DenseCounter.DROPPED},
            largest={DenseCounter.USEFUL_MACS: config.rows * config.columns,
                     DenseCounter.SATURATIONS: config.columns + 2 * config.lanes},
            marks={DenseCounter.MATRIX_CYCLES: delay(m, matrix.row_written, 3, "row_marked")})
        m.d.comb += [
            readback.fetch_valid.eq(port.fetch.valid),
            readback.fetch_memory.eq(port.fetch.memory),
            readback.fetch_address.eq(port.fetch.address),
            counters.select.eq(readback.select),
            readback.counter_shows.eq(counters.shows),
            readback.counter.eq(counters.value),
            readback.faulted.eq(port.faulted),
            readback.fault_word.eq(dispatcher.fault_word),
            *(readback.elements[lane].eq(self.buffer.read_data[lane])
              for lane in range(config.word_elements)),
            port.fetched.eq(readback.word),
        ]
