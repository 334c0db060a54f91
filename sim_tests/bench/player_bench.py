"""cocotb side of the stream player; runs inside the simulator and acts once, at the end."""

import json
import os
import time
from pathlib import Path

import cocotb
from cocotb.triggers import RisingEdge


@cocotb.test()
async def play(dut):
    """Wait until the player is done; write what it counted, and the time it took, as JSON."""
    wall, cpu = time.perf_counter(), time.process_time()
    await RisingEdge(dut.done)
    record = {
        "wall_seconds": time.perf_counter() - wall,
        "cpu_seconds": time.process_time() - cpu,
        "status": int(dut.status.value),
        "cycles": int(dut.cycles.value),
        "commands": int(dut.commands_count.value),
        "responses": int(dut.responses_count.value),
    }
    Path(os.environ["WEFT_PLAYER_RECORD"]).write_text(json.dumps(record))
