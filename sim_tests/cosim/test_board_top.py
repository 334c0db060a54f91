# amaranth: UnusedElaboratable=no

"""What a board gets, all of it, simulated at its pins: it starts by itself, in step, and talks."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.boards.devices import BOARDS
from hw.emission import emit_verilog
from hw.host.uart import UartLink
from scripts.netlist import cell_models
from scripts.synthesis import synthesize
from scripts.toolchain import find
from sim_tests.bench.player import build_simulator

pytestmark = pytest.mark.cosim

#: Cycles until the PLL is locked, longer than a word takes on the line.
LOCKED = 3000
#: What a PLL does for a while, seen from the core: its clock runs, but is good for nothing. And the
#: cell that lets it through, from one fall of the clock to another. And the clock of a flip-flop
#: that leaves the configuration two cycles late.
CLOCKS = f"""
module EHXPLLL #(
  parameter CLKI_DIV = 1, CLKFB_DIV = 1, CLKOP_DIV = 1, CLKOP_CPHASE = 0, CLKOP_FPHASE = 0,
  parameter CLKOP_ENABLE = "", FEEDBK_PATH = "", STDBY_ENABLE = "", DPHASE_SOURCE = "",
  parameter PLLRST_ENA = "", INTFB_WAKE = ""
) (
  input CLKI, CLKFB, RST, STDBY, PHASESEL0, PHASESEL1, PHASEDIR, PHASESTEP, PHASELOADREG,
  input PLLWAKESYNC, ENCLKOP,
  output CLKOP, LOCK
);
  reg [11:0] cycles = 0;
  always @(posedge CLKI) if (!LOCK) cycles <= cycles + 1;
  assign CLKOP = CLKI;
  assign LOCK = cycles == {LOCKED};
endmodule
module DCCA(input CLKI, CE, output CLKO);
  reg open = 0;
  always @(negedge CLKI) open <= CE;
  assign CLKO = CLKI & open;
endmodule
module late_clock(input RAW, CLK, output LATE);
  reg [1:0] cycles = 0;
  always @(negedge RAW) if (!cycles[1]) cycles <= cycles + 1;
  assign LATE = CLK & cycles[1];
endmodule
"""
#: Cells of pins: what is outside, what they hear of it, and what they say. Their models are of
#: both directions, which Verilator does not take.
PADS = {"TRELLIS_IO": ("B", "O", "I"), "SB_IO": ("PACKAGE_PIN", "D_IN_0", "D_OUT_0"),
        "SB_GB_IO": ("PACKAGE_PIN", "GLOBAL_BUFFER_OUTPUT", None)}


#: Clock inputs of flip-flops, by what their types begin with.
FLIP_FLOPS = {"TRELLIS_FF": "CLK", "SB_DFF": "C"}


class Twins(wiring.Component):
    """Answers a word with its successor, as long as two counters have begun in the same cycle."""

    commands: In(stream.Signature(32))
    responses: Out(stream.Signature(32))

    def elaborate(self, platform):
        m = Module()
        up, down = Signal(12), Signal(12, init=-1)
        m.d.sync += [up.eq(up + 1), down.eq(down - 1)]
        m.d.comb += [
            self.responses.payload.eq(self.commands.payload + (up + down + 2)[:12]),
            self.responses.valid.eq(self.commands.valid),
            self.commands.ready.eq(self.responses.ready),
        ]
        return m


class Line(wiring.Component):
    """The other end of a board's serial line, which may talk before the board has a clock.

    Parameters
    ----------
    clock : str
        The board's pin of the clock.
    divisor : int
    locked : int
        Cycles until the board's clock is there. If that is not at once, a word is sent before.
    """

    commands: In(stream.Signature(32))
    responses: Out(stream.Signature(32))

    def __init__(self, *, clock, divisor, locked):
        self.clock = clock
        self.divisor = divisor
        self.locked = locked
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.submodules.link = link = UartLink(divisor=self.divisor)
        waited = Signal(range(self.locked + 16))
        begun, early = Signal(), Signal()
        m.d.comb += [begun.eq(waited.all()), early.eq((waited == 1) & (self.locked > 0))]
        with m.If(~begun):
            m.d.sync += waited.eq(waited + 1)
        m.d.comb += [
            link.responses.payload.eq(Mux(begun, self.commands.payload, 0x12345678)),
            link.responses.valid.eq(Mux(begun, self.commands.valid, early)),
            self.commands.ready.eq(link.responses.ready & begun),
        ]
        wiring.connect(m, link.commands, wiring.flipped(self.responses))
        m.submodules.board = Instance("top", **{
            f"i_{self.clock}__io": ClockSignal(), "i_uart_0__rx__io": link.tx,
            "o_uart_0__tx__io": link.rx})
        return m


def delay_half(top, raw):
    """Have every other flip-flop of a netlist ignore the first cycles of the net `raw`."""
    late, clocks = {}, 0
    for number, (_, cell) in enumerate(sorted(top["cells"].items())):
        for begin, port in FLIP_FLOPS.items():
            if cell["type"].startswith(begin) and number % 2:
                clock = cell["connections"][port][0]
                late.setdefault(clock, 10**6 + len(late))
                cell["connections"][port] = [late[clock]]
                clocks += 1
    assert clocks > 50
    for clock, net in late.items():
        top["cells"][f"late_{net}"] = {
            "type": "late_clock", "parameters": {}, "attributes": {}, "port_directions": {
                "RAW": "input", "CLK": "input", "LATE": "output"},
            "connections": {"RAW": raw, "CLK": [clock], "LATE": [net]}}


def verilog_of(netlist, clock, folder):
    """Verilog of the board's `top` with inputs and outputs for pins."""
    top = json.loads(netlist.read_text())["modules"]["top"]
    for port, wires in top["ports"].items():
        wires["direction"] = "output" if "tx" in port else "input"
    pads = [cell for cell in top["cells"].values() if cell["type"] in PADS]
    assert len(pads) == len(top["ports"]) == 3
    for cell in pads:
        pin, heard, said = PADS[cell["type"]]
        wires = cell["connections"]
        source, target = ((said, pin) if wires[pin] == top["ports"]["uart_0__tx__io"]["bits"]
                          else (pin, heard))
        cell.update(type="$_BUF_", parameters={}, port_directions={"A": "input", "Y": "output"},
                    connections={"A": wires[source], "Y": wires[target]})
    delay_half(top, top["ports"][f"{clock}__io"]["bits"])
    (folder / "top.json").write_text(json.dumps({"modules": {"top": top}}))
    script = "read_json top.json; write_verilog -noattr top.v"
    subprocess.run([str(find("yosys")), "-q", "-p", script], cwd=folder, check=True)
    return (folder / "top.v").read_text()


@pytest.mark.parametrize("board, clock, locked", [
    ("ulx3s-85f", "clk25_0", LOCKED), ("icebreaker", "clk12_0", 0)])
def test_a_board_starts_and_answers(board, clock, locked, tmp_path):
    result = synthesize(Twins(), name="twins", board=board, unit=False)
    line = Line(clock=clock, divisor=round(result.clock_mhz), locked=locked)
    verilog = "\n".join([*cell_models(BOARDS[board].family), CLOCKS,
                         verilog_of(Path(result.bitstream).with_name("top.json"), clock, tmp_path),
                         emit_verilog(line, name="line")])
    words = np.random.default_rng(1).integers(1 << 32, size=40, dtype=np.uint32)
    answers = build_simulator(verilog, name="line").run(words, responses=words.size).responses
    np.testing.assert_array_equal(answers, words + np.uint32(1))
