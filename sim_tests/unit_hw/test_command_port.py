# amaranth: UnusedElaboratable=no

"""CommandPort against a plain model of its contract, in the Amaranth simulator."""

import random
from types import SimpleNamespace

import pytest
from amaranth import Cat
from amaranth.lib import data

from golden.formats import MAX_WRITE_WORDS, RESPONSE, RESPONSE_MAGIC, Memory, Opcode, Status
from hw.host.command_port import CommandPort, MemoryPort
from sim_tests.bench.host_model import HostModel, command
from sim_tests.bench.simulate import simulate

WRITE, READ, RUN = Opcode.WRITE, Opcode.READ, Opcode.RUN

#: One of each kind: wide words that are and are not a power of two, several units, aligned, read
#: only, write only, of a depth that is and is not a power of two, of one word, read later by some
#: cycles.
MEMORIES = {
    Memory.LAYERS: MemoryPort(1, 64, 1, True, True),
    Memory.BIASES: MemoryPort(1, 20, 1, True, True, alignment=4),
    Memory.CODEBOOKS: MemoryPort(1, 16, 1, False, True),
    Memory.POINTERS: MemoryPort(5, 33, 1, False, True, while_running=True),
    Memory.ENTRIES: MemoryPort(4, 16, 3, True, True, while_running=True),
    Memory.ACTIVATIONS: MemoryPort(2, 8, 4, True, True, alignment=2),
    Memory.COUNTERS: MemoryPort(1, 1, 1, True, False),
    11: MemoryPort.read_only(5, later=7),
    12: MemoryPort.read_only(3, later=1),
    13: MemoryPort.read_only(3, later=7),
}
LAYER_COUNT = 6
PLACE = ("memory", "unit", "address", "part")
FAULTY = {3}
FAULT_WORD = 0x07_000123


def initial(memory, unit, address, part):
    return memory << 28 | unit << 20 | address << 8 | part | 0x80


def make_port(**changes):
    return CommandPort(**{"memories": MEMORIES, "layer_count": LAYER_COUNT, "read_latency": 2,
                          **changes})


def make_model():
    return HostModel(memories=MEMORIES, layer_count=LAYER_COUNT, initial=initial, faulty=FAULTY)


def converse(words, *, dut=None, idle=0.0, stall=0.0, seed=0, rise=1, run_cycles=20,
             responses=None, max_cycles=20_000, hold=0.0):
    """Put `words` in and collect what comes out, among memories and a core made of Python.

    `idle` and `stall` are the chances that a cycle offers no command word or takes no response
    word, `hold` the chance that the held memory takes none. A run raises `running` `rise` cycles
    after its start, for `run_cycles`. Stops 40 cycles after the last word in and `responses` words
    out. Every list holds (cycle, value).
    """
    dut = dut or make_port()
    rng = random.Random(seed)
    seen = SimpleNamespace(accepted=[], responses=[], loads=[], fetches=[], runs=[], clears=[],
                           run_ends=[], strobes=[], holds=[], cycles=0)
    written = {}
    load, fetch, run = dut.load, dut.fetch, dut.run

    async def bench(ctx):
        at, cycle, quiet, told, turn, sent = 0, 0, 0, 0, True, 0
        due = {}                            # fetched words, by the cycle that shows them
        begin = end = None
        fault = fault_next = False
        while quiet < 40:
            offers = at < len(words) and rng.random() >= idle
            takes = rng.random() >= stall
            running = begin is not None and begin <= cycle
            if running and cycle == end:
                seen.run_ends.append((cycle, None))
                running, begin, fault = False, None, fault_next
            ctx.set(dut.running, running)
            ctx.set(dut.fault, fault if not running else 0)
            ctx.set(dut.commands.valid, offers)
            ctx.set(dut.commands.payload, words[at] if offers else rng.getrandbits(32))
            ctx.set(dut.responses.ready, takes)
            if stall:
                turn = bool(ctx.get(dut.sends)) and (turn or rng.random() < .5)
                ctx.set(dut.turn, turn)
            # Others may send in the second cycle after its last word has been taken.
            if not turn if ctx.get(dut.sends) else cycle > sent + 1:
                assert not ctx.get(dut.responses.valid) and not ctx.get(dut.responses.payload)
            sent = cycle if ctx.get(dut.sends) else sent
            holds = rng.random() < hold
            seen.holds.append((cycle, holds))
            if dut.held is not None:
                ctx.set(dut.hold, holds)
            if dut.programs:
                for opcode, strobe in ((Opcode.SIGNAL, dut.signal), (Opcode.RESET, dut.reset_run)):
                    if ctx.get(strobe):
                        seen.strobes.append((cycle, opcode))
                        fault &= opcode != Opcode.RESET
            told = told + 1 if dut.programs and ctx.get(dut.faulted) else 0
            ctx.set(dut.fetched, FAULT_WORD if told > 3 else due.pop(cycle, rng.getrandbits(32)))
            (_, _, ready, valid, payload, loads, last, word, load_at, fetches, fetch_at, start,
             first, count, clear) = await ctx.tick().sample(
                dut.commands.ready, dut.responses.valid, dut.responses.payload, load.valid,
                load.last_part, load.data, place_of(dut, load), fetch.valid, place_of(dut, fetch),
                run.start, run.first, run.count, dut.fault_clear)
            if offers and ready:
                seen.accepted.append((cycle, words[at]))
                at += 1
            if valid and takes:
                seen.responses.append((cycle, payload))
            if loads:
                place = tuple(load_at[name] for name in PLACE)
                written[place] = word
                seen.loads.append((cycle, (*place, bool(last), word)))
            if fetches:
                place = tuple(fetch_at[name] for name in PLACE)
                seen.fetches.append((cycle, place))
                late = dut.memories[place[0]].later
                due[cycle + dut.read_latency + late] = written.get(place, initial(*place))
            if start:
                assert begin is None, "a run starts while another runs"
                seen.runs.append((cycle, (first, count)))
                begin, end = cycle + rise, cycle + rise + run_cycles
                fault_next = first in FAULTY
            if clear:
                seen.clears.append((cycle, None))
                fault = False
            done = at == len(words) and len(seen.responses) >= (responses or 0) and begin is None
            quiet = quiet + 1 if done else 0
            cycle += 1
        seen.cycles = cycle

    simulate(dut, bench, max_cycles=max_cycles)
    return seen


def place_of(dut, port):
    """The fields of `load` or `fetch` that name a word, as one value to sample."""
    layout = data.StructLayout({"memory": 4, "unit": dut.unit_width, "address": dut.address_width,
                                "part": dut.part_width})
    return layout(Cat(port.memory, port.unit, port.address, port.part))


def check(words, **options):
    """Converse, and compare everything with the model; the model is returned."""
    model = make_model()
    expected = model.respond(words)
    seen = converse(words, responses=len(expected), **options)
    assert [word for _, word in seen.responses] == expected
    assert [load for _, load in seen.loads] == model.loads
    assert [run for _, run in seen.runs] == model.runs
    assert len(seen.clears) == model.faults_taken
    assert len(seen.accepted) == len(words)
    model.seen = seen
    return model


def write(memory, address, length, *, unit=0, seed=0):
    rng = random.Random(seed + 1000 * memory + address + unit)
    return command(WRITE, memory, address, length, unit=unit,
                   payload=[rng.getrandbits(32) for _ in range(length)])


@pytest.mark.parametrize("idle, stall", [(0, 0), (0.4, 0), (0, 0.6), (0.3, 0.5)])
def test_every_memory_is_written_and_read_back(idle, stall):
    words = []
    for memory, port in MEMORIES.items():
        for unit in {0, port.units - 1}:
            address = (port.depth - 1) // port.alignment * port.alignment
            for place, count in ((0, port.depth), (address, 1)):
                length = count * port.word_parts
                if port.writable:
                    words += write(memory, place, length, unit=unit)
                if port.readable:
                    words += command(READ, memory, place, length, unit=unit)
    model = check(words, idle=idle, stall=stall)
    assert len(model.statuses) == 38 and set(model.statuses) == {Status.OK}
    assert len(model.loads) == 345


@pytest.mark.parametrize("read_latency", [1, 2, 3, 5])
@pytest.mark.parametrize("stall", [0, 0.7])
def test_no_fetched_word_is_lost(read_latency, stall):
    model = check(write(Memory.LAYERS, 3, 20) + command(READ, Memory.LAYERS, 0, 64)
                  + command(READ, Memory.ENTRIES, 2, 9, unit=3),
                  dut=make_port(read_latency=read_latency), stall=stall)
    assert len(model.seen.fetches) == 64 + 9


#: (status, command): one for each reason to be refused. Those that hold after the last OK one and
#: its neighbours on either side pin each limit down.
REFUSED = [
    (Status.BAD_HEADER, [0]),
    (Status.BAD_HEADER, [0xFFFFFFFF]),
    (Status.BAD_HEADER, [command(READ, Memory.LAYERS)[0] ^ 1 << 24]),
    (Status.BAD_HEADER, [command(READ, Memory.LAYERS)[0] ^ 1 << 31]),
    *[(Status.BAD_OPCODE, command(opcode, Memory.LAYERS, 0, 1)) for opcode in (0, 4, 5, 7, 9, 15)],
    (Status.BAD_MEMORY, command(READ, 7, 0, 1)),
    (Status.BAD_MEMORY, command(READ, 15, 0, 1)),
    (Status.BAD_MEMORY, command(READ, Memory.POINTERS, 0, 1)),
    (Status.BAD_MEMORY, write(Memory.COUNTERS, 0, 1)),
    (Status.BAD_MEMORY, write(9, 0, 5)),
    (Status.BAD_MEMORY, command(RUN, 1, 0, 1)),
    (Status.BAD_UNIT, command(RUN, 0, 0, 1, unit=1)),
    (Status.BAD_UNIT, command(READ, Memory.LAYERS, 0, 1, unit=1)),
    (Status.BAD_UNIT, command(READ, Memory.ENTRIES, 0, 3, unit=4)),
    (Status.BAD_UNIT, command(READ, Memory.ENTRIES, 0, 3, unit=0xFFFF)),
    (Status.BAD_UNIT, write(Memory.POINTERS, 0, 3, unit=5)),
    (Status.BAD_ADDRESS, command(READ, Memory.LAYERS, 64, 1)),
    (Status.BAD_ADDRESS, command(READ, Memory.BIASES, 20, 1)),
    (Status.BAD_ADDRESS, command(READ, Memory.COUNTERS, 1, 1)),
    (Status.BAD_ADDRESS, command(READ, Memory.LAYERS, 0xFFFFFFFF, 1)),
    (Status.BAD_ADDRESS, command(READ, Memory.LAYERS, 0x80000000, 1)),
    (Status.BAD_ADDRESS, command(READ, Memory.LAYERS, 128, 1)),
    (Status.BAD_ADDRESS, command(RUN, 0, 6, 1)),
    (Status.BAD_ADDRESS, command(RUN, 0, 0xFFFFFFFF, 1)),
    *[(Status.BAD_ADDRESS, write(Memory.BIASES, address, 4)) for address in (1, 2, 3, 20, 24)],
    (Status.BAD_ADDRESS, write(Memory.ACTIVATIONS, 3, 4)),
    (Status.BAD_LENGTH, command(READ, Memory.LAYERS, 0, 0)),
    (Status.BAD_LENGTH, command(WRITE, Memory.LAYERS, 0, 0)),
    (Status.BAD_LENGTH, command(READ, Memory.LAYERS, 0, 65)),
    (Status.BAD_LENGTH, command(READ, Memory.LAYERS, 63, 2)),
    (Status.BAD_LENGTH, command(READ, Memory.LAYERS, 1, 0xFFFFFFFF)),
    (Status.BAD_LENGTH, command(READ, Memory.LAYERS, 0, 1 << 24 | 1)),
    (Status.BAD_LENGTH, command(READ, Memory.LAYERS, 0, 1 << 7 | 1)),
    (Status.BAD_LENGTH, write(Memory.BIASES, 16, 5)),
    (Status.BAD_LENGTH, write(Memory.POINTERS, 32, 2, unit=4)),
    *[(Status.BAD_LENGTH, write(Memory.ENTRIES, 0, length)) for length in (1, 2, 4, 47, 49, 51)],
    (Status.BAD_LENGTH, write(Memory.ENTRIES, 15, 6)),
    (Status.BAD_LENGTH, command(READ, Memory.ACTIVATIONS, 7, 5)),
    (Status.BAD_LENGTH, command(READ, Memory.ACTIVATIONS, 7, 8)),
    (Status.BAD_LENGTH, command(WRITE, Memory.LAYERS, 0, MAX_WRITE_WORDS + 1)),
    (Status.BAD_LENGTH, command(WRITE, Memory.LAYERS, 0, 0xFFFFFFFF)),
    (Status.BAD_LENGTH, command(RUN, 0, 0, 0)),
    (Status.BAD_LENGTH, command(RUN, 0, 0, 7)),
    (Status.BAD_LENGTH, command(RUN, 0, 5, 2)),
    (Status.BAD_LENGTH, command(RUN, 0, 1, 0xFFFFFFFF)),
    # Several things wrong: the first in the order of the statuses.
    (Status.BAD_OPCODE, command(6, 15, 0xFFFFFFFF, 0, unit=0xFFFF)),
    (Status.BAD_MEMORY, command(READ, 15, 0xFFFFFFFF, 0, unit=0xFFFF)),
    (Status.BAD_UNIT, command(READ, Memory.LAYERS, 0xFFFFFFFF, 0, unit=0xFFFF)),
    (Status.BAD_ADDRESS, command(READ, Memory.LAYERS, 0xFFFFFFFF, 0)),
]


def test_everything_wrong_is_refused_and_changes_nothing():
    good = (write(Memory.ENTRIES, 14, 6, unit=3) + command(READ, Memory.ENTRIES, 13, 9, unit=3)
            + command(RUN, 0, 0, 6) + command(RUN, 0, 5, 1))
    words, statuses = list(good), [Status.OK] * 4
    for status, refused in REFUSED:
        words += refused + good
        statuses += [status] + [Status.OK] * 4
    model = check(words, run_cycles=3)
    assert model.statuses == statuses
    assert len(REFUSED) == 63, "cases are counted, so that none is lost unseen"


def test_a_long_write_is_refused_without_being_awaited():
    seen = converse(command(WRITE, Memory.LAYERS, 0, MAX_WRITE_WORDS), responses=0)
    assert seen.responses == [], "refused, but its payload is awaited"
    seen = converse(command(WRITE, Memory.LAYERS, 0, MAX_WRITE_WORDS + 1), responses=2)
    assert len(seen.responses) == 2


@pytest.mark.parametrize("rise", [1, 2, 8])
def test_commands_wait_for_the_end_of_a_run_but_writes_behind_it(rise):
    words = (command(RUN, 0, 0, 2) + write(Memory.ENTRIES, 0, 3) + write(Memory.POINTERS, 4, 2)
             + write(Memory.LAYERS, 0, 2))
    seen = check(words, rise=rise, run_cycles=200).seen
    (start, _), = seen.runs
    (end, _), = seen.run_ends
    assert end == start + rise + 200
    cycles = [cycle for cycle, _ in seen.loads]
    assert start < cycles[0] and cycles[4] < start + 80, "written while the run goes on"
    assert end < cycles[5] < end + 6, "the layers are written when it has ended"
    assert seen.responses[0][0] < start + 5, "a run is answered when accepted"

    for waiting in (command(READ, Memory.ENTRIES, 0, 3), command(RUN, 0, 1, 1)):
        seen = check(command(RUN, 0, 0, 2) + waiting, rise=rise, run_cycles=200).seen
        assert seen.responses[2][0] > seen.run_ends[0][0]

    refused = check(command(RUN, 0, 0, 2) + command(READ, 15), rise=rise, run_cycles=200).seen
    assert refused.responses[2][0] < refused.run_ends[0][0], "nothing wrong has to wait"


@pytest.mark.parametrize("waiting", [
    command(READ, Memory.LAYERS, 0, 64), write(Memory.LAYERS, 0, 5), command(RUN, 0, 0, 1),
    command(RUN, 0, 3, 1)], ids=["read", "write", "run", "faulty run"])
@pytest.mark.parametrize("run_cycles", [2, 60])     # over before, or after, the write behind it
def test_a_fault_is_told_once(waiting, run_cycles):
    behind = write(Memory.ENTRIES, 0, 3) + [7] + command(READ, Memory.LAYERS, 0, 65)
    words = (waiting + command(RUN, 0, 3, 1) + behind + waiting + command(RUN, 0, 2, 1)
             + command(READ, Memory.LAYERS, 0, 1) + command(RUN, 0, 3, 2) + waiting)
    if waiting == command(RUN, 0, 3, 1):
        words = words[len(waiting):]        # else every second run would be refused
    model = check(words, run_cycles=run_cycles)
    assert model.faults_taken == 2
    assert model.statuses[-1] == Status.BAD_LAYER
    assert model.statuses.count(Status.BAD_LAYER) == 2
    told = model.statuses.index(Status.BAD_LAYER)
    assert model.statuses[told - 3:told] == [Status.OK, Status.BAD_HEADER, Status.BAD_LENGTH]


def test_timing_is_as_documented():
    dut = make_port(read_latency=3)
    length = 48
    seen = check(write(Memory.ENTRIES, 0, length), dut=dut).seen
    cycles = [cycle for cycle, _ in seen.accepted]
    assert cycles[:3] == [cycles[0], cycles[0] + 1, cycles[0] + 2]
    assert cycles[3] == cycles[2] + dut.check_cycles + 1
    assert cycles[3:] == list(range(cycles[3], cycles[3] + length)), "a word a cycle"
    assert [cycle for cycle, _ in seen.loads] == [cycle + 1 for cycle in cycles[3:]]
    assert seen.responses[0][0] == cycles[-1] + 2
    assert seen.responses[1][0] == cycles[-1] + 3


@pytest.mark.parametrize(("memory", "words"),
                         [(Memory.LAYERS, 10), (11, 5), (12, 3), (13, 3)])
def test_timing_of_reads_is_as_documented(memory, words):
    dut = make_port(read_latency=3)
    seen = check(command(READ, memory, 0, words), dut=dut).seen
    answered = seen.accepted[-1][0] + dut.check_cycles + 2
    assert [cycle for cycle, _ in seen.responses[:2]] == [answered, answered + 1]
    periods = [b[0] - a[0] for a, b in zip(seen.responses[1:], seen.responses[2:], strict=False)]
    assert periods == [dut.read_latency + MEMORIES[memory].later + 2] * words


def random_words(rng, count):
    """Commands right, nearly right and wrong, cut short and lengthened, with noise between."""
    words = []
    while len(words) < count:
        memory = rng.choice([*MEMORIES, rng.randrange(16)])
        port = MEMORIES.get(memory, MEMORIES[Memory.LAYERS])
        opcode = rng.choice([WRITE, WRITE, READ, READ, RUN, rng.randrange(16)])
        if opcode == RUN and rng.random() < 0.8:
            memory, port = 0, MemoryPort(1, LAYER_COUNT, 1, False, True)
        unit = rng.randrange(port.units + 1) if rng.random() < 0.9 else rng.getrandbits(16)
        address = rng.randrange(port.depth) // port.alignment * port.alignment
        length = port.word_parts * rng.randint(1, min(12, port.depth))
        if rng.random() < 0.2:
            address = rng.choice([address + 1, port.depth, port.depth - 1, rng.getrandbits(32)])
        if rng.random() < 0.2:
            length = rng.choice([0, length + 1, port.depth * port.word_parts, 1 << 31])
        payload = [rng.getrandbits(32) for _ in range(length if length < 100 else 0)]
        if rng.random() < 0.03:
            payload = payload[:rng.randrange(len(payload) + 1)]
        words += command(opcode, memory, address, length, unit=unit,
                         payload=payload if opcode == WRITE else ())
        if rng.random() < 0.1:
            words += [rng.getrandbits(32) for _ in range(rng.randint(1, 4))]
    return words


@pytest.mark.parametrize("seed, idle, stall", [(5, 0, 0), (2, 0.3, 0.3), (3, 0, 0.5)])
def test_random_commands(seed, idle, stall):
    rng = random.Random(seed)
    model = check(random_words(rng, 2500), idle=idle, stall=stall, seed=seed, run_cycles=30,
                  rise=rng.randint(1, 8), max_cycles=100_000)
    assert set(model.statuses) == set(Status) - {Status.BAD_INSTRUCTION}, "each status was met"


PROGRAMS = {"programs": True, "held": Memory.POINTERS}


def test_programs_have_faults_that_say_where_and_two_commands_more():
    rng = random.Random(7)
    words = []
    for _ in range(60):
        words += rng.choice([
            command(RUN, 0, rng.randrange(6), 1), command(RUN, 0, 3, 1),
            command(Opcode.SIGNAL, 0, 0, 1), command(Opcode.RESET, 0, 0, 1),
            command(READ, Memory.LAYERS, 4, 2),
            write(Memory.POINTERS, 4, 2), command(Opcode.SIGNAL, 0, 1, 1),
            command(Opcode.RESET, 0, 0, 2), command(Opcode.SIGNAL, 1, 0, 1),
            command(Opcode.HOST_DATA, 0, 0, 1)])
    model = HostModel(memories=MEMORIES, layer_count=LAYER_COUNT, initial=initial, faulty=FAULTY,
                      fault_word=FAULT_WORD)
    expected = model.respond(words)
    dut = make_port(**PROGRAMS)
    seen = converse(words, dut=dut, responses=len(expected), run_cycles=9, stall=0.2)
    assert [word for _, word in seen.responses] == expected
    assert [opcode for _, opcode in seen.strobes] == model.strobes
    assert {Opcode.SIGNAL, Opcode.RESET} == set(model.strobes)
    assert model.statuses.count(Status.BAD_INSTRUCTION) == model.faults_taken > 2
    assert {Status.BAD_OPCODE, Status.BAD_ADDRESS, Status.BAD_LENGTH,
            Status.BAD_MEMORY} <= set(model.statuses)


def test_payload_waits_while_it_is_held():
    words = write(Memory.POINTERS, 4, 8) + write(Memory.LAYERS, 4, 8) + write(Memory.POINTERS, 0, 9)
    model = make_model()
    expected = model.respond(words)
    seen = converse(words, dut=make_port(**PROGRAMS), responses=len(expected), hold=0.7)
    assert [word for _, word in seen.responses] == expected
    assert [load for _, load in seen.loads] == model.loads
    cycles = [cycle for cycle, _ in seen.loads]
    held = [cycle for cycle, hold in seen.holds if hold]
    assert not {cycle - 1 for cycle in cycles[:8] + cycles[16:]} & set(held)
    assert cycles[8:16] == list(range(cycles[8], cycles[8] + 8)), "others do not wait"


def test_noise_does_not_hang_it():
    rng = random.Random(5)
    noise = [rng.getrandbits(32) for _ in range(1500)]
    # A write of a random length would swallow the rest, so that none is left in.
    noise = [word if word >> 24 != 0x57 else word & ~0xF | 2 for word in noise]
    model = check(noise + command(READ, Memory.LAYERS, 0, 64), max_cycles=40_000)
    assert model.statuses.count(Status.BAD_HEADER) > 1450
    assert model.statuses[-1] == Status.OK
    assert all(RESPONSE.unpack(word)["magic"] == RESPONSE_MAGIC for word in model.respond([1])[:1])


def test_parameters_are_checked():
    for values, message in [
            ((0, 4, 1, True, True), "Units must be from 1 to 65536, not 0"),
            ((1, 0, 1, True, True), "Depth 0 by 1 parts"),
            ((1, 1 << 22, 4, True, True), "must be from 1 to 16777215 words"),
            ((1, 4, 1, True, True, 3), "power of two no more than the depth 4, not 3"),
            ((1, 4, 1, False, False), "readable, writable or both"),
            ((1, 4, 1, True, False, 1, True), "must be writable")]:
        with pytest.raises(ValueError, match=message):
            MemoryPort(*values)
    with pytest.raises(ValueError, match=r"numbered from 0 to 15, not \[16\]"):
        make_port(memories={16: MEMORIES[Memory.LAYERS]})
    with pytest.raises(ValueError, match="Layer count must be from 1 to 16777215, not 0"):
        make_port(layer_count=0)
    with pytest.raises(ValueError, match="at least 1 cycle, not 0"):
        make_port(read_latency=0)
