"""cocotb bench for Echo; runs inside the simulator."""

import os

import cocotb

from sim_tests.bench.cocotb_streams import StreamPort, start_clock_and_reset


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def words_are_answered(dut):
    step = int(os.environ.get("EXPECTED_STEP", "1"))
    commands, responses = StreamPort(dut, "commands"), StreamPort(dut, "responses")
    await start_clock_and_reset(dut)
    for word in (0, 5, 2**32 - 1):
        await commands.put(word)
        assert int(await responses.get()) == (word + step) % 2**32
