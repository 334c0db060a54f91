"""Assertions that cost nothing in synthesis."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In

__all__ = ["Check"]


class Check(wiring.Component):
    """Asserts that `holds` is 1 in every cycle, in simulation only.

    The Amaranth simulator, and Verilog emitted with `assertions=True`, hold the design to it;
    otherwise nothing of it is left. (An `Assert` anywhere else would end in the Verilog, where
    place and route refuses it.)

    Parameters
    ----------
    message : str
        What is wrong when it does not hold.

    Members
    -------
    holds : In(1)
        Looked at before every edge of the clock of `sync`.
    """

    holds: In(1)

    def __init__(self, message):
        self.message = message
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        if platform is None or getattr(platform, "assertions", False):
            m.d.sync += Assert(self.holds, self.message)
        return m
