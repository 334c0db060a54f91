# amaranth: UnusedElaboratable=no

"""The Python end of the host port, against the plain model of the gateware and over a line."""

import doctest
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from amaranth import Module
from amaranth.lib.wiring import connect

from golden.formats import (
    COMMAND,
    DENSE_IDENTITY,
    IDENTITY,
    MAX_WRITE_WORDS,
    PROTOCOL_VERSION,
    RESPONSE,
    RESPONSE_MAGIC,
    Counter,
    DenseCounter,
    DenseMemory,
    Memory,
    Opcode,
    Status,
)
from hw.config import PRESETS
from hw.host import driver
from hw.host.command_port import CommandPort, MemoryPort
from hw.host.driver import (
    Host,
    HostError,
    Program,
    load_image,
    parse_responses,
    read_command,
    run_command,
    signed,
    write_command,
)
from hw.host.serial_transport import SerialTransport
from hw.host.uart import UartLink
from hw.sparse.core import SparseCore
from sim_tests.bench.host_model import HostModel, command
from sim_tests.bench.simulate import simulate

MEMORIES = {
    Memory.LAYERS: MemoryPort(1, 64, 1, True, True),
    Memory.BIASES: MemoryPort(1, 32, 1, True, True),
    Memory.CODEBOOKS: MemoryPort(1, 32, 1, True, True),
    Memory.POINTERS: MemoryPort(2, 16, 1, True, True, while_running=True),
    Memory.ENTRIES: MemoryPort(2, 16, 3, True, True, while_running=True),
    Memory.ACTIVATIONS: MemoryPort(1, 1024, 1, True, True),
    Memory.COUNTERS: MemoryPort(1, len(Counter), 1, True, False),
    Memory.IDENTITY: MemoryPort(1, len(IDENTITY), 1, True, False),
}


def initial(memory, unit, address, part):
    if (memory, address) == (Memory.IDENTITY, 0):
        return PROTOCOL_VERSION
    return memory << 28 | unit << 20 | address << 4 | part


def words_of(count, seed=0):
    return np.random.default_rng(seed).integers(0, 1 << 32, count, dtype=np.uint32)


class LossyTransport:
    """The model at the end of a line: refuses to see words sent that a core would not take."""

    def __init__(self, *, window, faulty=frozenset()):
        self.model = HostModel(memories=MEMORIES, layer_count=8, initial=initial, faulty=faulty)
        self.window, self.back, self.opcodes = window, [], []
        self.running = self.waiting = self.reading = False

    def send(self, words):
        assert words.dtype == np.uint32
        assert not self.waiting, "sent behind a command that waits for the end of a run"
        assert not self.reading, "sent while a read is answered"
        fields = COMMAND.unpack(int(words[0]))
        self.reading = fields["opcode"] == Opcode.READ
        ahead = (fields["opcode"] == Opcode.WRITE
                 and fields["memory"] in (Memory.ENTRIES, Memory.POINTERS))
        assert not (self.running and fields["opcode"] == Opcode.WRITE and not ahead), \
            "the payload of a write that waits would be lost"
        self.waiting = self.running and not ahead
        answer = self.model.respond(words.tolist())
        status = self.model.statuses[-1]
        self.running = (self.running and ahead) or (
            fields["opcode"] == Opcode.RUN and status == Status.OK)
        assert self.reading or len(self.back) + len(answer) <= self.window, "answers are lost"
        self.back += answer
        self.opcodes.append(fields["opcode"])

    def receive(self, count):
        if count > len(self.back):
            raise TimeoutError(f"{len(self.back)} of {count} words")
        answer, self.back = self.back[:count], self.back[count:]
        self.waiting = False
        self.reading = self.reading and bool(self.back)
        return np.array(answer, dtype=np.uint32)


def test_examples():
    assert doctest.testmod(driver, extraglobs={"np": np}) == (0, 1)


def test_commands_are_the_words_of_the_format():
    payload = words_of(3)
    assert write_command(Memory.ENTRIES, 5, 7, payload).tolist() \
        == command(Opcode.WRITE, Memory.ENTRIES, 7, 3, unit=5, payload=payload.tolist())
    assert read_command(Memory.BIASES, 0, 9, 1).tolist() == command(Opcode.READ, 1, 9, 1)
    assert run_command(2, 3).tolist() == command(Opcode.RUN, 0, 2, 3)
    for make, error, message in [
            (lambda: write_command(0, 0, 0, np.zeros(2, np.int64)), TypeError, "not of int64 in 1"),
            (lambda: write_command(0, 0, 0, np.zeros((2, 2), np.uint32)), TypeError, "in 2"),
            (lambda: write_command(0, 0, 0, words_of(0)), ValueError, "not 0"),
            (lambda: write_command(0, 0, -1, words_of(1)), ValueError, "not -1"),
            (lambda: read_command(0, 0, 0, 1 << 32), ValueError, "not 4294967296"),
            (lambda: read_command(16, 0, 0, 1), ValueError, "memory=16 does not fit"),
            (lambda: Program().write(0, 0, 0, words_of(0)), ValueError, "Nothing to write")]:
        with pytest.raises(error, match=message):
            make()


@pytest.mark.parametrize("word_parts", [1, 3, 16])
def test_long_writes_are_split(word_parts):
    words = np.zeros(MAX_WRITE_WORDS // word_parts * word_parts + word_parts, dtype=np.uint32)
    words[-1] = 7
    program = Program().write(Memory.ENTRIES, 1, 256, words, word_parts=word_parts)
    first, second = program.expected
    assert first.length + second.length == len(words) and first.length <= MAX_WRITE_WORDS
    assert first.length % (256 * word_parts) == 0
    assert second.address == 256 + first.length // word_parts
    assert program.commands[1][-1] == 7 and program.answer_words == 4


def image():
    return SimpleNamespace(
        entries=words_of(2 * 10 * 3).reshape(2, 10, 3), entry_words=np.array([10, 0]),
        pointers=words_of(2 * 6, 1).reshape(2, 6), biases=np.array([-1, 5, -7], dtype=np.int32),
        codebooks=np.arange(-8, 8, dtype=np.int16), layers=words_of(16, 2).reshape(2, 8))


def test_an_image_is_loaded():
    model = HostModel(memories=MEMORIES, layer_count=8, initial=initial)
    program = load_image(image())
    assert program.check(model.respond(program.words.tolist())) == []
    assert len(program) == 6, "a processing element without entries gets none"
    places = {}
    for (memory, unit, *_), word in model.written.items():
        places.setdefault((memory, unit), []).append(word)
    assert places[Memory.ENTRIES, 0] == image().entries[0].ravel().tolist()
    assert places[Memory.POINTERS, 1] == image().pointers[1].tolist()
    assert places[Memory.BIASES, 0] == [0xFFFFFFFF, 5, 0xFFFFFFF9]
    assert signed(places[Memory.CODEBOOKS, 0]).tolist() == list(range(-8, 8))
    assert places[Memory.LAYERS, 0] == image().layers.ravel().tolist()


@pytest.mark.parametrize("window", [8, 64])
def test_host_sends_only_what_the_core_takes(window):
    transport = LossyTransport(window=window)
    host = Host(transport, window=window)
    program = load_image(image())
    for number in range(5):
        program.read(Memory.LAYERS, 0, number, 1 + number)
    program.run(0, 2).write(Memory.POINTERS, 1, 0, words_of(4, 5))
    program.read(Memory.ACTIVATIONS, 0, 0, 50)
    program.run(0, 1).run(1, 1).write(Memory.BIASES, 0, 0, words_of(4, 6))
    program.read(Memory.BIASES, 0, 0, 4)
    payloads = host.execute(program)
    assert [len(payload) for payload in payloads] == [1, 2, 3, 4, 5, 50, 4]
    assert payloads[3].tolist() == image().layers.ravel()[3:7].tolist()
    assert payloads[-1].tolist() == words_of(4, 6).tolist()
    assert transport.model.runs == [(0, 2), (0, 1), (1, 1)]
    assert len(transport.opcodes) == len(program) + 1, "one read more: the end of the last run"

    assert list(host.counters()) == list(Counter)
    assert host.identity()["pes"] == initial(Memory.IDENTITY, 0, 1, 0)


class DenseTransport:
    """A dense core that answers at once, with zeros; `packets` come before the next answer."""

    def __init__(self):
        self.sent, self.answers, self.packets = [], [], []
        self.kind, self.running = 1, False

    def header(self, opcode, *, memory=0, tag=0):
        return RESPONSE.pack(magic=RESPONSE_MAGIC, status=Status.OK, opcode=opcode, memory=memory,
                             tag=tag)

    def send(self, words):
        fields = COMMAND.unpack(int(words[0]))
        opcode, memory, length = fields["opcode"], fields["memory"], int(words[2])
        # The answer may wait for a packet; meanwhile no command is taken.
        assert not (self.running and self.answers), "sent behind a command that is not answered"
        self.running |= opcode == Opcode.RUN
        self.sent.append(opcode)
        for tag, payload in self.packets:
            self.answers += [self.header(Opcode.HOST_DATA, tag=tag),
                             len(payload), *payload]
        self.packets = []
        payload = [0] * length if opcode == Opcode.READ else []
        if payload and memory == DenseMemory.IDENTITY:
            payload[0] = self.kind << 16 | PROTOCOL_VERSION
        self.answers += [self.header(opcode, memory=memory),
                         len(payload), *payload]

    def receive(self, count):
        words, self.answers = self.answers[:count], self.answers[count:]
        assert len(words) == count
        return np.array(words, dtype=np.uint32)


def test_signals_do_not_end_a_run():
    transport = DenseTransport()
    host = Host(transport, goes_ahead={DenseMemory.HOST_INPUT})
    program = Program().run(0, 3).signal().write(
        DenseMemory.HOST_INPUT, 0, 0, words_of(2)).signal()
    host.execute(program.write(DenseMemory.UNIFIED, 0, 0, words_of(1)))
    # What would wait with its payload on the line waits for the answer of a read.
    run, signal, write, read = Opcode.RUN, Opcode.SIGNAL, Opcode.WRITE, Opcode.READ
    assert transport.sent == [run, signal, write, signal, read, write]


def test_one_host_serves_both_cores():
    """What it reads by itself has the same place in both."""
    assert (Memory.COUNTERS, Memory.IDENTITY) == (DenseMemory.COUNTERS, DenseMemory.IDENTITY)


def test_packets_of_programs_are_kept():
    transport = DenseTransport()
    host = Host(transport)
    transport.packets = [(5, [1, 2, 3]), (6, [4])]
    values, = host.execute(Program().run(0, 1).read(DenseMemory.UNIFIED, 0, 0, 2))
    assert values.tolist() == [0, 0]
    assert [(packet.tag, packet.payload.tolist()) for packet in host.packets] == [
        (5, [1, 2, 3]), (6, [4])]
    assert list(host.counters()) == list(DenseCounter)
    identity = host.identity()
    assert list(identity) == list(DENSE_IDENTITY)
    assert identity["version"] == 1 << 16 | PROTOCOL_VERSION
    transport.kind = 2
    with pytest.raises(HostError, match="the core is of kind 2; known are 0, sparse, and 1, dense"):
        host.counters()


def test_errors_name_command_position_and_status():
    transport = LossyTransport(window=64, faulty={3})
    host = Host(transport, window=64)
    bad = Program().read(Memory.LAYERS, 0, 0, 1).read(Memory.LAYERS, 0, 64, 2)
    for _ in range(40):
        bad.read(Memory.LAYERS, 0, 0, 8)
    with pytest.raises(HostError, match=r"command 1 \(READ of 2 words at address 64 of memory "
                                        r"LAYERS, unit 0\) was refused: BAD_ADDRESS") as caught:
        host.execute(bad)
    assert (caught.value.status, caught.value.position) == (Status.BAD_ADDRESS, 1)
    assert len(transport.opcodes) < 20 and not transport.back, "no more is sent, nothing is left"

    with pytest.raises(HostError, match=r"command 0 \(RUN of 9 from 0\)"):
        host.execute(Program().run(0, 9))
    with pytest.raises(HostError, match="command 1 .* refused: BAD_LAYER"):
        host.execute(Program().run(3, 1).read(Memory.LAYERS, 0, 0, 1))
    host.execute(Program().run(3, 1))
    with pytest.raises(HostError, match="the run before command 0 .* went wrong: BAD_LAYER"):
        host.execute(Program().write(Memory.BIASES, 0, 0, words_of(1)))
    assert len(host.execute(Program().read(Memory.LAYERS, 0, 0, 3))[0]) == 3


def test_answers_that_are_none():
    model = HostModel(memories=MEMORIES, layer_count=8, initial=initial)
    program = Program().write(Memory.BIASES, 0, 0, words_of(2)).read(Memory.BIASES, 0, 0, 2)
    good = model.respond(program.words.tolist())
    assert program.check(good)[0].tolist() == words_of(2).tolist()
    assert [r.status for r in parse_responses(model.respond([0, 1]))] == [Status.BAD_HEADER] * 2
    for wrong, message in [
            (good[:-1], "response at word 2 is cut short: 1 of 2 words"),
            (good[:1], "response at word 0 is cut short"),
            (good[:2], "2 commands got 1 responses"),
            (good + good[:2], "2 commands got 3 responses"),
            (good[1:], "word 0 is 0x00000000, which starts no response"),
            ([good[0] | 0xFF, 0], "starts no response"),
            (good[:2] + good[:2], "command 1 .* answered as opcode 1, memory 1"),
            (good[:2] + [good[2], 1, 5], "answered with 1 words instead of 2"),
            (model.respond(read_command(15, 0, 0, 1).tolist()) + good[2:], "refused: BAD_MEMORY")]:
        with pytest.raises(HostError, match=message):
            program.check(wrong)


def test_serial_transport(monkeypatch):
    written = []

    class Serial:
        timeout = 0.5

        def __init__(self, port, *, baudrate, timeout):
            written.append((port, baudrate, timeout))
            self.data = b""

        def send_break(self, duration):
            written.append("break")

        def reset_input_buffer(self):
            self.data = b""

        def write(self, data):
            self.data += data

        def read(self, count):
            data, self.data = self.data[:count], self.data[count:]
            return data

        def close(self):
            written.append("closed")

    monkeypatch.setitem(sys.modules, "serial", SimpleNamespace(serial_for_url=Serial))
    transport = SerialTransport("port", baud_rate=9600, timeout=0.5)
    transport.send(np.array([0x03020100, 0xFFFFFFFF], dtype=np.uint32))
    assert transport._serial.data == bytes([0, 1, 2, 3]) + b"\xff" * 4
    assert transport.receive(1).tolist() == [0x03020100]
    with pytest.raises(TimeoutError, match=r"4 of 8 bytes came within 0\.5 s"):
        transport.receive(2)
    transport.close()
    assert written == [("port", 9600, 0.5), "break", "closed"]

    monkeypatch.setitem(sys.modules, "serial", None)
    with pytest.raises(RuntimeError, match=r"pip install 'weft\[serial\]'"):
        SerialTransport("port")


def test_a_session_over_the_line():
    """Driver, serial line, command port and back, at 1 % off the rate."""
    divisor = 8
    dut = Module()
    dut.submodules.link = link = UartLink(divisor=divisor)
    dut.submodules.port = port = CommandPort(
        memories={Memory.BIASES: MEMORIES[Memory.BIASES]}, layer_count=1, read_latency=1)
    connect(dut, link.commands, port.commands)
    connect(dut, port.responses, link.responses)
    program = (Program().write(Memory.BIASES, 0, 3, words_of(5)).read(Memory.BIASES, 0, 2, 6)
               .run(0, 1).read(Memory.BIASES, 0, 4, 1))
    memory, answer = {}, []

    async def put(ctx):
        answered = 0
        for words, expected in zip(program.commands, program.expected, strict=True):
            for byte in words.astype("<u4").tobytes():
                for level in [0, *(byte >> bit & 1 for bit in range(8)), 1]:
                    ctx.set(link.rx, level)
                    await ctx.delay(divisor * 1.01e-6)
            answered += 4 * expected.answer_words
            while len(answer) < answered:
                await ctx.tick()

    async def remember(ctx):
        while True:
            _, _, load, address, word, fetch, fetch_address = await ctx.tick().sample(
                port.load.valid, port.load.address, port.load.data, port.fetch.valid,
                port.fetch.address)
            if load:
                memory[address] = word
            ctx.set(port.fetched, memory.get(fetch_address, 0x99) if fetch else 0)

    async def get(ctx):
        levels = []
        while len(answer) < 4 * program.answer_words:
            _, _, level = await ctx.tick().sample(link.tx)
            if levels or not level:
                levels.append(level)
            if len(levels) == 10 * divisor:
                answer.append(sum(b << n for n, b in enumerate(levels[divisor:-divisor:divisor])))
                levels = []

    simulate(dut, put, get, processes=[remember], max_cycles=20_000)
    words = np.frombuffer(bytes(answer), dtype="<u4")
    first, second = program.check(words)
    assert first.tolist() == [0x99, *words_of(5).tolist()] and second == words_of(5)[1]


def test_the_session_in_the_documentation_is_right():
    """On the memory map of the core that is documented with it."""
    readme = Path(__file__).parents[2] / "hw" / "README.md"
    block = readme.read_text().split("```session\n")[1].split("```")[0]
    core = SparseCore(PRESETS["weft"])
    model = HostModel(memories=core.memory_map, layer_count=core.config.layer_count, faulty={1},
                      initial=lambda *place: 0xFFFFFFFB)
    answers = []
    for line in block.splitlines():
        arrow, *words = line.split("#")[0].split()
        words = [int(word, 16) for word in words]
        if arrow == ">":
            answers.append([model.respond(words), None])
        else:
            answers[-1][1] = words
    assert len(answers) == 8 and all(expected == shown for expected, shown in answers)
