# amaranth: UnusedElaboratable=no

"""BufferPorts: who goes first, and words of the host a cycle after they are asked for."""

import random

import pytest

from hw.config import DenseConfig
from hw.systolic.buffer_ports import BufferPorts
from sim_tests.bench.simulate import simulate

CASES = 600


@pytest.mark.parametrize("changes", [
    {"lanes": 2}, {"lanes": 8}, {"lanes": 1, "activation_width": 5},
    {"lanes": 4, "activation_width": 16, "operand_tables": 0}])
def test_one_after_the_other(changes):
    config = DenseConfig(unified_depth=256, **changes)
    dut = BufferPorts(config)
    rng = random.Random(config.lanes)
    count, half = config.word_elements, 1 << config.activation_width - 1
    seen = dict.fromkeys(("matrix", "vector", "fetch", "host", "none", "results", "load"), 0)

    def read(used):
        return (1, rng.randrange(256), rng.getrandbits(config.banks)) if used else (0, 0, 0)

    def write(used, lanes):
        values = [rng.randrange(-half, half) for _ in range(lanes)]
        return (rng.getrandbits(lanes) | 1, rng.randrange(256), values) if used else (0, 0, values)

    def element(word, lane):
        value = word >> 32 // count * lane & 2 * half - 1
        return value - 2 * half if value >= half else value

    async def bench(ctx):
        fetched = loaded = None
        results = coming = False
        for _ in range(CASES):
            matrix, vector = (rng.random() < .3 for _ in range(2))
            results, coming = coming, rng.random() < .3
            ctx.set(dut.results_coming, coming)
            free = not matrix and not vector and fetched is None
            host = read(free and rng.random() < .5)
            own = write(not results and loaded is None and rng.random() < .5, count)
            accesses = read(matrix), read(vector), write(results, config.lanes)
            for port, (enable, address, mask) in (
                    (dut.matrix_read, accesses[0]), (dut.vector_read, accesses[1]),
                    (dut.host_read, host)):
                ctx.set(port.enable, enable)
                ctx.set(port.address, address)
                ctx.set(port.mask, mask)
            for port, (enable, address, values) in ((dut.results, accesses[2]),
                                                    (dut.host_write, own)):
                ctx.set(port.enable, enable)
                ctx.set(port.address, address)
                for lane, value in enumerate(values):
                    ctx.set(port.data[lane], value)
            # The host asks for words while nothing runs; what it says otherwise is noise.
            fetch, load = rng.random() < .3, rng.random() < .3
            address, word = rng.randrange(256 // count), rng.getrandbits(32)
            ctx.set(dut.fetch, fetch)
            ctx.set(dut.fetch_address, address)
            ctx.set(dut.load, load)
            ctx.set(dut.load_address, address)
            ctx.set(dut.load_data, word)

            name, wanted = (
                ("matrix", accesses[0]) if matrix else ("vector", accesses[1]) if vector else
                ("fetch", (1, fetched, (1 << count) - 1)) if fetched is not None else
                ("host", host) if host[0] else ("none", (0,)))
            seen[name] += 1
            assert ctx.get(dut.read.enable) == wanted[0]
            if wanted[0]:
                assert (ctx.get(dut.read.address), ctx.get(dut.read.mask)) == wanted[1:]
            assert ctx.get(dut.read_free) == (not matrix and not vector)
            assert ctx.get(dut.write_free) == (not results)

            enable, at, values = (
                accesses[2] if results else own if loaded is None else
                ((1 << count) - 1, loaded[0], [element(loaded[1], lane) for lane in range(count)]))
            seen["results" if results else "none" if loaded is None else "load"] += 1
            assert ctx.get(dut.write.enable) == enable
            for lane, value in enumerate(values):
                if enable >> lane & 1:
                    assert ctx.get(dut.write.address) == at
                    assert ctx.get(dut.write.data[lane]) == value
            await ctx.tick()
            assert ctx.get(dut.load_word) == word
            fetched = address * count if fetch else None
            loaded = (address * count, word) if load else None

    simulate(dut, bench)
    assert min(seen.values()) > CASES // 12
