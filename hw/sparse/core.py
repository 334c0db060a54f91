"""The sparse core: everything between its command stream and its response stream."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from golden.formats import IDENTITY, LAYER, PROTOCOL_VERSION, Counter, Memory

from ..common.counters import Counters, count, tree_sum
from ..common.output_stage import OutputStage
from ..common.pipeline import delay, register
from ..host.command_port import CommandPort, MemoryPort
from ..memory import Collision, block_ram
from .activation_bank import ActivationBank
from .broadcast import Broadcast
from .drain import Drain
from .layer_sequencer import LayerSequencer
from .processing_array import ProcessingArray

__all__ = ["SparseCore"]


class SparseCore(wiring.Component):
    """Runs compressed networks, after EIE (Han et al., ISCA'16).

    The host writes a network into the memories once; then, for each input, it writes the
    activations, runs the layers and reads the activations that are the result.

    Timing: a layer takes the time of its busiest processing element, `golden.sparse.cycles` to the
    cycle, and then one cycle for every `lanes` outputs.

    Parameters
    ----------
    config : hw.config.SparseConfig

    Members
    -------
    commands : In(stream.Signature(32))
    responses : Out(stream.Signature(32))
        See `hw.host.command_port.CommandPort`.
    """

    #: Cycles from a fetch of the host to its word.
    _read_latency = 4

    def __init__(self, config):
        self.config = config
        super().__init__({
            "commands": In(stream.Signature(32)),
            "responses": Out(stream.Signature(32)),
        })

    @property
    def memory_map(self):
        """Memories as the host sees them, see `CommandPort`."""
        config = self.config
        written, read_only = MemoryPort.written, MemoryPort.read_only
        return {
            Memory.LAYERS: written(config.layer_count * LAYER.words()),
            Memory.BIASES: written(config.bias_depth),
            Memory.CODEBOOKS: written(config.codebook_count << config.index_width),
            Memory.POINTERS: written(config.pointer_depth, units=config.pes, while_running=True),
            Memory.ENTRIES: written(config.entry_words, units=config.pes,
                                    parts=-(-config.word_width // 32), while_running=True),
            Memory.ACTIVATIONS: written(config.activation_depth, readable=True,
                                        alignment=config.map_width * config.groups),
            Memory.COUNTERS: read_only(len(Counter),
                                       later=Counters.cycles_to_read(len(Counter))),
            Memory.IDENTITY: read_only(len(IDENTITY)),
        }

    @property
    def identity(self):
        """Values of `golden.formats.IDENTITY`."""
        values = {"version": PROTOCOL_VERSION,
                  "codebook_depth": self.config.codebook_count << self.config.index_width}
        return [int(values[name] if name in values else getattr(self.config, name))
                for name in IDENTITY]

    def elaborate(self, platform):
        m = Module()

        config = self.config
        groups, lanes = config.groups, config.lanes
        groups_log2, lanes_log2 = exact_log2(groups), exact_log2(lanes)
        bank_depth = config.activation_depth // groups

        m.submodules.port = port = CommandPort(
            memories=self.memory_map, layer_count=config.layer_count,
            read_latency=self._read_latency)
        wiring.connect(m, wiring.flipped(self.commands), port.commands)
        wiring.connect(m, wiring.flipped(self.responses), port.responses)

        m.submodules.sequencer = sequencer = LayerSequencer(
            layer_count=config.layer_count, pes=config.pes, groups=groups, lanes=lanes,
            accumulator_depth=config.accumulator_depth, activation_depth=config.activation_depth,
            pointer_depth=config.pointer_depth, bias_depth=config.bias_depth,
            codebook_count=config.codebook_count, output_registers=config.output_registers)
        layer = sequencer.layer
        m.d.comb += [
            sequencer.run.eq(port.run.start),
            sequencer.first.eq(port.run.first),
            sequencer.count.eq(port.run.count),
            port.running.eq(sequencer.running),
            port.fault.eq(sequencer.fault),
            sequencer.fault_clear.eq(port.fault_clear),
        ]

        def loads(memory):
            return port.load.valid & (port.load.memory == memory)

        # Descriptors and biases are written a cycle later.
        load_address = register(m, port.load.address, "load_address_held")
        load_data = register(m, port.load.data, "load_data_held")
        load_biases = Signal(lanes)
        m.d.sync += [
            sequencer.load.eq(loads(Memory.LAYERS)),
            load_biases.eq(Mux(loads(Memory.BIASES), 1 << port.load.address[:lanes_log2], 0)),
        ]
        m.d.comb += [
            sequencer.load_address.eq(load_address),
            sequencer.load_data.eq(load_data),
        ]

        # Matrix times vector.
        m.submodules.array = array = ProcessingArray(config)
        m.submodules.broadcast = broadcast = Broadcast(
            groups=groups, depth=bank_depth, pointer_depth=config.pointer_depth,
            activation_width=config.activation_width, lockstep=config.lockstep,
            output_registers=config.output_registers)
        # Both are as old when they meet: what leaves the one is at once in the other.
        broadcast_idle, array_idle, quiet = Signal(), Signal(), Signal()
        m.d.sync += [
            broadcast_idle.eq(broadcast.idle & ~sequencer.start),
            array_idle.eq(array.idle),
            quiet.eq(broadcast_idle & array_idle),
        ]
        m.d.comb += [
            array.load.eq(port.load.valid),
            array.load_memory.eq(port.load.memory),
            array.load_unit.eq(port.load.unit),
            array.load_address.eq(port.load.address),
            array.load_part.eq(port.load.part),
            array.load_last_part.eq(port.load.last_part),
            array.load_data.eq(port.load.data),
            array.classes.eq(broadcast.classes),
            array.codebook.eq(layer.codebook),
            broadcast.blocked.eq(array.blocked),
            broadcast.start.eq(sequencer.start),
            broadcast.groups_log2.eq(layer.groups_log2),
            broadcast.pointer_base.eq(layer.pointer_base),
            sequencer.quiet.eq(quiet),
        ]

        # Results: sums, biases, activations.
        m.submodules.drain = drain = Drain(
            pes=config.pes, groups=groups, lanes=lanes, sum_width=config.sum_width,
            accumulator_depth=config.accumulator_depth, depth=config.activation_depth)
        start_drain = sequencer.start_drain
        if not config.output_registers:     # what the output stages save in time
            later = Signal(2)
            m.d.sync += later.eq(Cat(start_drain, later))
            start_drain = later[1]
        m.d.comb += [
            drain.start.eq(start_drain),
            drain.rows.eq(layer.rows),
            drain.groups_log2.eq(layer.groups_log2),
            drain.drained.eq(array.drained),
            array.drain.eq(drain.drain | sequencer.clear),
            array.drain_row.eq(Mux(sequencer.clear, sequencer.clear_row, drain.drain_row)),
        ]
        # Written only while no layer runs.
        biases_write, biases_read = block_ram(
            m, "biases", shape=data.ArrayLayout(signed(32), lanes),
            depth=max(1, config.bias_depth // lanes), collision=Collision.NEVER, granularity=1)
        m.d.comb += [
            biases_write.addr.eq(load_address[lanes_log2:]),
            biases_write.data.eq(load_data.replicate(lanes)),
            biases_write.en.eq(load_biases),
        ]
        bias_fetch = Signal()
        m.d.comb += biases_read.en.eq(bias_fetch)
        biases = Signal.like(biases_read.data, reset_less=True)
        m.d.sync += [
            bias_fetch.eq(drain.fetching),
            biases_read.addr.eq((layer.bias_base >> lanes_log2) + drain.fetch_beat),
            biases.eq(biases_read.data),
        ]

        outputs = []
        for lane in range(lanes):
            output = OutputStage(sum_in_width=drain.total_width,
                                 activation_width=config.activation_width,
                                 short=not config.output_registers)
            m.submodules[f"output_{lane}"] = output
            m.d.comb += [
                output.input_valid.eq(drain.valid),
                output.sum.eq(drain.sums[lane]),
                output.bias.eq(biases[lane]),
                output.multiplier.eq(layer.multiplier),
                output.left_shift.eq(layer.left_shift),
                output.right_shift.eq(layer.right_shift),
                output.low.eq(layer.low),
                output.high.eq(layer.high),
            ]
            outputs.append(output)
        written = outputs[0].output_valid

        # `beat` results have been written; `remaining` are still to come.
        beat = Signal(range(max(2, config.activation_depth // lanes)))
        remaining = Signal(range(config.activation_depth + 1))
        mask = Signal(lanes)
        m.d.comb += [mask[lane].eq(remaining > lane) for lane in range(lanes)]
        with m.If(sequencer.start_drain):
            m.d.sync += [beat.eq(0), remaining.eq(layer.rows)]
        with m.Elif(written):
            m.d.sync += [beat.eq(beat + 1), remaining.eq(remaining - lanes)]
        m.d.comb += sequencer.drained.eq(written & (remaining <= lanes))

        # Activations: results go to the destination page, what the host writes to the source.
        by_host = loads(Memory.ACTIVATIONS)
        position = Signal(range(max(2, config.activation_depth)))
        m.d.comb += position.eq(port.load.address)
        scan_words = Signal(range(bank_depth // config.map_width + 1))
        scan_log2 = exact_log2(config.map_width) + groups_log2
        m.d.comb += scan_words.eq((layer.columns + (1 << scan_log2) - 1) >> scan_log2)
        write_beat = Mux(by_host, position >> lanes_log2, beat)
        write_mask = Mux(by_host, 1 << position[:lanes_log2], mask)
        beats_per_map_log2 = scan_log2 - lanes_log2
        fresh = (write_beat[:beats_per_map_log2] == 0) & write_mask[0]
        peeks = []
        for number in range(groups):
            bank = ActivationBank(depth=bank_depth, beat=lanes // groups,
                                  width=config.activation_width, map_width=config.map_width)
            m.submodules[f"activations_{number}"] = bank
            m.d.comb += [
                bank.write.eq(by_host | written),
                bank.fresh.eq(fresh),
                bank.write_page.eq(Mux(by_host, sequencer.page, ~sequencer.page)),
                bank.write_address.eq(write_beat),
                bank.mask.eq(Cat(write_mask[number::groups])),
                bank.read_page.eq(sequencer.page),
                bank.start.eq(sequencer.start),
                bank.scan_words.eq(scan_words),
                broadcast.banks[number].found.eq(bank.found),
                broadcast.banks[number].index.eq(bank.index),
                broadcast.banks[number].exhausted.eq(bank.exhausted),
                broadcast.banks[number].value.eq(bank.value),
                bank.take.eq(broadcast.takes[number]),
                bank.advance.eq(broadcast.advances[number]),
                bank.peek.eq(port.fetch.valid & (port.fetch.memory == Memory.ACTIVATIONS)),
                bank.peek_index.eq(port.fetch.address[groups_log2:]),
            ]
            for lane, output in enumerate(outputs[number::groups]):
                m.d.comb += bank.write_data[lane].eq(Mux(by_host, port.load.data, output.payload))
            peeks.append(bank.value)

        # Counters. Sums over the core are registered before they are added.
        columns, waiting = Signal(range(groups + 1)), Signal(range(groups + 1))
        saturations = Signal(range(config.pes + 2 * lanes + 1))
        m.d.sync += [
            columns.eq(tree_sum(broadcast.columns)),
            waiting.eq(tree_sum(broadcast.waiting)),
            saturations.eq(array.saturations + tree_sum(unit.saturated for unit in outputs)),
        ]
        amounts = {
            Counter.CYCLES: sequencer.multiplying,
            Counter.TOTAL_CYCLES: sequencer.running,
            Counter.COLUMNS: columns,
            Counter.QUEUE_FULL: waiting,
            Counter.BUSY: array.busy,
            Counter.WASTED: array.wasted,
            Counter.ESCAPES: array.escapes,
            Counter.SATURATIONS: saturations,
        }
        pes = config.pes
        counters = count(m, amounts, clear=port.run.start, largest={
            Counter.COLUMNS: groups, Counter.QUEUE_FULL: groups, Counter.BUSY: pes,
            Counter.WASTED: pes, Counter.ESCAPES: 2 * pes, Counter.SATURATIONS: pes + 2 * lanes})

        # What the host reads: the identity is there a cycle after the fetch, what a bank holds two
        # later, then follows a register. Counters come when they have been selected.
        fetch_memory, identity, word = Signal(4), Signal(32), Signal(32)
        select = Signal(range(len(Counter)), reset_less=True)
        m.d.comb += counters.select.eq(select)
        m.d.sync += fetch_memory.eq(port.fetch.memory)
        with m.If(port.fetch.valid):
            m.d.sync += select.eq(port.fetch.address)
        with m.If((fetch_memory != Memory.COUNTERS) | counters.shows):
            m.d.sync += word.eq(Mux(fetch_memory == Memory.COUNTERS, counters.value, identity))
        shown_bank = delay(m, port.fetch.address[:groups_log2], 3, "fetch_bank")
        of_bank = delay(m, fetch_memory == Memory.ACTIVATIONS, 2, "fetch_of_bank")
        m.d.sync += port.fetched.eq(Mux(of_bank, Array(peeks)[shown_bank], word))
        with m.Switch(port.fetch.address[:4]):
            for index, value in enumerate(self.identity):
                with m.Case(index):
                    m.d.sync += identity.eq(value)

        return m
