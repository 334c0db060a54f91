# amaranth: UnusedElaboratable=no

"""Synthesis: what is counted, what fits, what is kept."""

import json
from pathlib import Path

import pytest
from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.boards.board_top import BoardTop
from hw.memory import Collision, block_ram
from scripts import toolchain
from scripts.errors import ToolMissing, UsageError
from scripts.synthesis import synthesize
from sim_tests.bench.echo import Echo

pytestmark = pytest.mark.cosim


class Ram(wiring.Component):
    """A RAM with its ports brought out."""

    def __init__(self, collision, *, depth=512, width=32):
        self.collision = collision
        self.depth = depth
        self.width = width
        super().__init__({
            "write_address": In(range(depth)), "write_data": In(width), "write_enable": In(1),
            "read_address": In(range(depth)), "read_enable": In(1), "read_data": Out(width),
        })

    def elaborate(self, platform):
        m = Module()
        write, read = block_ram(m, "rows", shape=self.width, depth=self.depth,
                                collision=self.collision)
        m.d.comb += [
            write.addr.eq(self.write_address), write.data.eq(self.write_data),
            write.en.eq(self.write_enable),
            read.addr.eq(self.read_address), read.en.eq(self.read_enable),
            self.read_data.eq(read.data),
        ]
        return m


@pytest.mark.parametrize("collision, flip_flops", [(Collision.NEVER, 0), (Collision.NEW, 33)])
def test_what_a_collision_policy_costs(collision, flip_flops):
    result = synthesize(Ram(collision), name="ram")
    assert (result.record["ff"], result.record["bram"]) == (flip_flops, 1)
    assert (result.record["lut4"] == 0) == (collision is Collision.NEVER)
    assert result.record["fits"] and result.record["fmax_mhz"] > 50
    assert result.critical_path


def test_results_are_kept():
    first = synthesize(Ram(Collision.NEVER), name="ram")
    assert synthesize(Ram(Collision.NEVER), name="ram") == first
    assert first.record.keys() >= {"unit", "board", "lut4", "ccu2c", "dpr16x4", "ff", "dsp", "bram",
                                   "fmax_mhz", "fits"}


def test_ports_may_be_words_of_verilog():
    class Register(wiring.Component):
        begin: In(3)
        end: Out(3)
        soft: Out(1)

        def elaborate(self, platform):
            m = Module()
            m.d.sync += self.end.eq(self.begin)
            m.d.comb += self.soft.eq(self.end.any())
            return m
    assert synthesize(Register(), name="words").record["ff"] == 3


def test_what_does_not_fit_is_named():
    result = synthesize(Ram(Collision.NEVER, depth=8192), name="big_ram", board="icebreaker")
    assert result.record["fits"] is False and result.record["fmax_mhz"] is None
    assert result.exceeded == {"ICESTORM_RAM": (64, 30)}
    assert result.record["bram"] == 64


def test_a_clock_rate_that_is_missed_does_not_fit():
    result = synthesize(Echo(), name="echo", freq=1000.0)
    assert result.record["fits"] is False and not result.exceeded
    assert 50 < result.record["fmax_mhz"] < 1000


@pytest.mark.parametrize("board", ["icebreaker", "ulx3s-85f"])
def test_a_core_on_a_board(board):
    result = synthesize(Echo(), name="echo", board=board, unit=False)
    assert result.record["fits"] and result.record["unit"] is None
    assert result.record["fmax_mhz"] >= result.clock_mhz
    assert result.bitstream.endswith(".bit")


def test_the_clock_of_a_core_on_a_board():
    """The PLL's: what is placed is what will run at that rate."""
    result = synthesize(Echo(), name="echo", board="ulx3s-85f", unit=False, freq=137.5)
    report = json.loads(Path(result.bitstream).with_name("report.json").read_text())
    constraints = {clock["constraint"] for clock in report["fmax"].values()}
    # nextpnr holds periods in whole picoseconds, rounded down.
    assert {round(1e6 / constraint) for constraint in constraints} == {int(1e6 / 137.5)}
    with pytest.raises(UsageError, match=r"--freq 133: the PLL does not make 133 MHz of 25 MHz; "
                                         r"next to it are 125 and 137.5 MHz"):
        synthesize(Echo(), name="echo", board="ulx3s-85f", unit=False, freq=133.0)
    with pytest.raises(UsageError, match="--freq 1.6: 1.6 MHz does not divide to 1000000 bit/s "
                                         "within 1 %; next to it are 25 MHz"):
        synthesize(Echo(), name="echo", board="ulx3s-85f", unit=False, freq=1.6)


def test_settings_of_the_pll():
    """Dividers of the reference, of the feedback and of the oscillator, and what cannot be made."""
    for clock, dividers in ((62.5, (2, 5, 12)), (50, (1, 2, 16)),
                            (137.5, (2, 11, 5)), (400, (1, 16, 2))):
        pll = BoardTop("", name="echo", board_mhz=25.0, clock_mhz=clock).pll
        assert tuple(pll[f"p_{name}_DIV"] for name in ("CLKI", "CLKFB", "CLKOP")) == dividers
    assert BoardTop("", name="echo", board_mhz=25.0, clock_mhz=25.0).pll is None
    for clock, near in ((5, "25"), (130, "125 and 137.5"), (133, "125 and 137.5"), (425, "400"),
                        (800, "400"), (1000, "400")):
        with pytest.raises(ValueError, match=f"the PLL does not make {clock} MHz of 25 MHz; next "
                                             f"to it are {near} MHz"):
            BoardTop("", name="echo", board_mhz=25.0, clock_mhz=clock)
    with pytest.raises(ValueError, match="37.5 MHz does not divide .*; next to it are 25 and 50"):
        BoardTop("", name="echo", board_mhz=25.0, clock_mhz=37.5)


def test_errors_say_what_to_do(monkeypatch):
    with pytest.raises(UsageError, match="--board zynq: known are ulx3s-12f, ulx3s-85f, iceb"):
        synthesize(Echo(), name="echo", board="zynq")
    with pytest.raises(ValueError, match=r"12 MHz does not divide to 5000000 bit/s"):
        BoardTop("", name="echo", board_mhz=12.0, clock_mhz=12.0, baud=5_000_000)
    monkeypatch.setitem(toolchain.TOOLS, "yosys",
                        toolchain.Tool("no-such-yosys", "install it"))
    with pytest.raises(ToolMissing, match="yosys is not installed; mend it with: install it"):
        synthesize(Echo(), name="echo")
