# amaranth: UnusedElaboratable=no

"""UnifiedBuffer against a plain list, with reads and writes that meet wherever they may."""

import random

import pytest

from hw.systolic.unified_buffer import UnifiedBuffer
from sim_tests.bench.simulate import simulate

SHAPES = [(4, 4, 64, 8), (4, 2, 64, 4), (8, 4, 64, 8), (8, 8, 128, 16), (8, 1, 64, 12),
          (16, 4, 64, 8), (32, 2, 64, 2)]


def run(dut, accesses):
    """Apply (read address, mask or None, write address, enable, data), one a cycle; return
    [(cycle, read_data)]."""
    seen = []

    async def bench(ctx):
        for cycle in range(len(accesses) + dut.read_latency + 1):
            address, mask, to, enable, values = (
                accesses[cycle] if cycle < len(accesses) else (0, None, 0, 0, [0]))
            ctx.set(dut.read_enable, mask is not None)
            ctx.set(dut.read_address, address)
            ctx.set(dut.read_mask, mask or 0)
            ctx.set(dut.write_enable, enable)
            ctx.set(dut.write_address, to)
            for lane, value in enumerate(values):
                ctx.set(dut.write_data[lane], value)
            _, _, data = await ctx.tick().sample(dut.read_data)
            seen.append(list(data))

    simulate(dut, bench)
    return seen


@pytest.mark.parametrize("banks, write_lanes, depth, width", SHAPES)
def test_any_access_starts_anywhere(banks, write_lanes, depth, width):
    """Random reads and writes; each read sees exactly the writes that came early enough."""
    dut = UnifiedBuffer(depth=depth, banks=banks, write_lanes=write_lanes, width=width)
    rng = random.Random(depth + banks * write_lanes)
    half = 1 << width - 1
    memory = [[(-1, 0)] for _ in range(depth)]          # (cycle, value) of the writes of each
    accesses, expected, closest = [], {}, None
    for cycle in range(250):
        address, to = rng.randrange(depth), rng.randrange(depth)
        if rng.random() < 0.3:                          # close to each other, and across the end
            to = (address + rng.randrange(-banks, banks)) % depth
        enable = rng.choice([0, rng.getrandbits(write_lanes), (1 << write_lanes) - 1])
        values = [rng.choice([-half, half - 1, rng.randrange(-half, half)])
                  for _ in range(write_lanes)]
        for lane in range(write_lanes):
            if enable >> lane & 1:
                memory[(to + lane) % depth].append((cycle, values[lane]))
        mask = 0
        for lane in range(banks):
            last, value = memory[(address + lane) % depth][-1]
            if cycle - last >= dut.write_latency:       # cycle -1 is before all
                mask |= 1 << lane
                expected[cycle, lane] = value
                if last >= 0:
                    closest = min(closest or 99, cycle - last)
        # A write close to the read may meet it in the bank, or be seen: struck out below.
        accesses.append([address, mask, to, enable, values])
    for cycle, (address, *_) in enumerate(accesses):
        for later in range(max(0, cycle - 3), min(cycle + 3, len(accesses))):
            _, _, to, enable, _ = accesses[later]
            for lane in range(write_lanes):
                if enable >> lane & 1:
                    met = (to + lane - address) % depth
                    if met < banks:
                        expected.pop((cycle, met), None)
                        accesses[cycle][1] &= ~(1 << met)
    seen = run(dut, accesses)
    assert len(expected) > 100 * min(banks, 8) // 2
    assert closest == dut.write_latency
    for (cycle, lane), value in expected.items():
        assert seen[cycle + dut.read_latency][lane] == value, (cycle, lane)


def test_latencies():
    latencies = {banks: UnifiedBuffer(depth=512, banks=banks, write_lanes=2, width=8)
                 for banks in (2, 4, 8, 16, 32, 256)}
    assert [buffer.read_latency for buffer in latencies.values()] == [5, 6, 6, 7, 7, 9]
    assert [buffer.write_latency for buffer in latencies.values()] == [3, 3, 3, 3, 3, 5]


def test_a_lane_that_is_looked_at_must_not_collide():
    dut = UnifiedBuffer(depth=64, banks=4, write_lanes=4, width=8)
    # A write takes two cycles longer to its memory than a read.
    read, nothing = [10, 0b1000, 0, 0, [0]], [0, None, 0, 0, [0]]

    def after(first, read):
        run(dut, [[0, None, *first], nothing, read])

    after([12, 0b0010, [7] * 4], [10, 0b0111, 0, 0, [0]])       # not looked at
    after([12, 0b1101, [7] * 4], read)                          # not written
    run(dut, [[0, None, 12, 0b0010, [7] * 4], nothing, nothing, read])
    run(dut, [[0, None, 12, 0b0010, [7] * 4], read])
    with pytest.raises(AssertionError, match="an element is read where it is written"):
        after([12, 0b0010, [7] * 4], read)


def test_parameters_are_checked():
    for change, message in [
            ({"depth": 48}, "depth must be a power of two, not 48"),
            ({"banks": 3}, "banks must be a power of two, not 3"),
            ({"write_lanes": 8}, "write_lanes=8 must be at most banks=4"),
            ({"depth": 4}, "depth=4 must be at least twice banks=4"),
            ({"width": 0}, "at least 1 bit, not 0")]:
        with pytest.raises(ValueError, match=message):
            UnifiedBuffer(**{"depth": 64, "banks": 4, "write_lanes": 2, "width": 8, **change})
