"""A core on a board, reached over the board's serial line."""

from amaranth import *
from amaranth.lib import io
from amaranth.lib.cdc import FFSynchronizer

from ..host.uart import UartLink

__all__ = ["BoardTop"]


class BoardTop(Elaboratable):
    """Clock, serial line and core.

    The core comes as Verilog, so that what is placed is what was emitted and simulated.

    Parameters
    ----------
    verilog : str
        Verilog of a core with a host port.
    name : str
        Name of its module.
    board_mhz : float
        Clock of the board.
    clock_mhz : float
        Clock of the core; on ECP5 any that the PLL makes of the board's clock, on iCE40 that
        clock itself.
    baud : int
        Rate of the serial line in bit/s.
    """

    def __init__(self, verilog, *, name, board_mhz, clock_mhz, baud=1_000_000):
        self.verilog = verilog
        self.name = name
        self.clock_mhz = clock_mhz
        self.baud = baud
        self.divisor = round(clock_mhz * 1e6 / baud)
        self.pll = None if clock_mhz == board_mhz else _ecp5_pll(board_mhz, clock_mhz)
        wrong = None
        if not _divides(clock_mhz, baud):
            wrong = f"{clock_mhz:g} MHz does not divide to {baud} bit/s within 1 %"
        elif self.pll is None and clock_mhz != board_mhz:
            wrong = f"the PLL does not make {clock_mhz:g} MHz of {board_mhz:g} MHz"
        if wrong:
            raise ValueError(wrong + _next_to(board_mhz, clock_mhz, baud))

    def elaborate(self, platform):
        m = Module()

        platform.add_file(f"{self.name}.v", self.verilog)
        pin = platform.request(platform.default_clk, dir="-")
        m.submodules.clock_buffer = clock_buffer = io.Buffer("i", pin)
        m.domains.sync = ClockDomain()
        if self.pll:
            self._start_by_clock(m, clock_buffer.i)
        else:
            self._start_by_reset(m, clock_buffer.i)

        # Some boards have handshake lines too, which stay unconnected.
        lines = platform.lookup("uart", 0).ios
        uart = platform.request("uart", 0, dir={line.name: "-" for line in lines})
        m.submodules.rx = rx = io.Buffer("i", uart.rx)
        m.submodules.tx = tx = io.Buffer("o", uart.tx)
        m.submodules.link = link = UartLink(divisor=self.divisor)
        m.d.comb += [link.rx.eq(rx.i), tx.o.eq(link.tx)]
        m.submodules.core = Instance(
            self.name, i_clk=ClockSignal(), i_rst=ResetSignal(),
            i_commands__payload=link.commands.payload,
            i_commands__valid=link.commands.valid,
            o_commands__ready=link.commands.ready,
            o_responses__payload=link.responses.payload,
            o_responses__valid=link.responses.valid,
            i_responses__ready=link.responses.ready)
        return m

    def _start_by_clock(self, m, board_clock):
        """The core's clock comes out of the PLL and runs while the PLL is locked.

        The configuration has set all registers, and they keep what they hold while the clock
        stands, so that no reset goes through the logic of the core (on its way to control it was
        slower than any other signal). DCCA switches a clock without glitches (Lattice
        FPGA-TN-02200, dynamic clock control).
        """
        clock, locked = Signal(), Signal()
        m.submodules.pll = Instance(
            "EHXPLLL", **self.pll,
            i_CLKI=board_clock, i_CLKFB=clock, i_RST=Const(0), i_STDBY=Const(0),
            i_PHASESEL0=Const(0), i_PHASESEL1=Const(0), i_PHASEDIR=Const(0),
            i_PHASESTEP=Const(0), i_PHASELOADREG=Const(0), i_PLLWAKESYNC=Const(0),
            i_ENCLKOP=Const(0), o_CLKOP=clock, o_LOCK=locked)
        m.domains.pll = pll = ClockDomain(reset_less=True, local=True)
        m.d.comb += pll.clk.eq(clock)
        steady = Signal()
        m.submodules.steady = FFSynchronizer(locked, steady, o_domain="pll")
        # nextpnr works out itself what rate has to be reached behind both.
        m.submodules.gate = Instance("DCCA", i_CLKI=clock, i_CE=steady, o_CLKO=ClockSignal())
        m.d.comb += ResetSignal().eq(0)

    def _start_by_reset(self, m, board_clock):
        """The core's clock is the board's; for its first cycles the core is held in reset.

        Registers leave the configuration at any time, and not all in the same cycle.
        """
        m.d.comb += ClockSignal().eq(board_clock)
        m.domains.start = start = ClockDomain(reset_less=True, local=True)
        m.d.comb += start.clk.eq(ClockSignal())
        reset = Signal(4, init=-1)
        m.d.start += reset.eq(reset << 1)
        m.d.comb += ResetSignal().eq(reset[-1])


def _divides(clock_mhz, baud):
    """The receiver counts 4 cycles a bit or more, and bears a difference of 2 %; see `UartLink`."""
    divisor = round(clock_mhz * 1e6 / baud)
    return divisor >= 4 and abs(clock_mhz * 1e6 / divisor / baud - 1) <= 0.01


def _next_to(board_mhz, clock_mhz, baud):
    """What an ECP5's PLL does make, next to a clock rate: the end of a message."""
    rates = {board_mhz * feedback / divider for divider in _input_dividers(board_mhz)
             for feedback in range(1, int(400 * divider // board_mhz) + 1)}
    made = [rate for rate in sorted(rates) if _divides(rate, baud) and (
        rate == board_mhz or _ecp5_pll(board_mhz, rate))]
    near = [*[rate for rate in made if rate < clock_mhz][-1:],
            *[rate for rate in made if rate > clock_mhz][:1]]
    return f"; next to it are {' and '.join(f'{rate:g}' for rate in near)} MHz" if near else ""


def _input_dividers(input_mhz):
    """Those that leave 10 MHz or more, at which phases can be compared."""
    return range(1, max(1, int(input_mhz // 10)) + 1)


def _ecp5_pll(input_mhz, output_mhz):
    """Parameters and attributes of an EHXPLLL, None if it does not make the output.

    The output, which is also the feedback, is ``input * CLKFB_DIV / CLKI_DIV``, at most 400 MHz;
    the oscillator, ``output * CLKOP_DIV``, must run at 400 to 800 MHz (Lattice FPGA-TN-02200), and
    ``input / CLKI_DIV`` stays above 10 MHz, where phases can be compared.
    """
    output_divider = int(800 // output_mhz)
    for input_divider in _input_dividers(input_mhz):
        feedback = output_mhz * input_divider / input_mhz
        if feedback == int(feedback) and 2 <= output_divider <= 128:
            break
    else:
        return None
    return {
        "p_CLKI_DIV": input_divider, "p_CLKFB_DIV": int(feedback), "p_CLKOP_DIV": output_divider,
        "p_CLKOP_CPHASE": output_divider // 2, "p_CLKOP_FPHASE": 0, "p_CLKOP_ENABLE": "ENABLED",
        "p_FEEDBK_PATH": "CLKOP", "p_STDBY_ENABLE": "DISABLED", "p_DPHASE_SOURCE": "DISABLED",
        "p_PLLRST_ENA": "DISABLED", "p_INTFB_WAKE": "DISABLED",
        "a_FREQUENCY_PIN_CLKI": str(input_mhz), "a_FREQUENCY_PIN_CLKOP": str(output_mhz),
        "a_ICP_CURRENT": "12", "a_LPF_RESISTOR": "8", "a_MFG_ENABLE_FILTEROPAMP": "1",
        "a_MFG_GMCREF_SEL": "2",
    }
