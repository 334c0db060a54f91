"""The boards that the project knows, and the devices on them."""

from dataclasses import dataclass

__all__ = ["BOARDS", "Board"]


@dataclass(frozen=True)
class Board:
    """A board.

    Parameters
    ----------
    family : str
        ``ecp5`` or ``ice40``.
    platform : str
        Its class in amaranth-boards, as ``module:class``.
    nextpnr : tuple of str
        Options that choose the device.
    clock_mhz : float
        Clock of the core on the board, unless the PLL of an ECP5 is asked for another one.
    """

    family: str
    platform: str
    nextpnr: tuple[str, ...]
    clock_mhz: float


#: Boards by the name that the command line takes.
BOARDS = {
    "ulx3s-12f": Board("ecp5", "ulx3s:ULX3S_12F_Platform",
                       ("--12k", "--package", "CABGA381", "--speed", "6"), 50.0),
    "ulx3s-85f": Board("ecp5", "ulx3s:ULX3S_85F_Platform",
                       ("--85k", "--package", "CABGA381", "--speed", "6"), 50.0),
    "icebreaker": Board("ice40", "icebreaker:ICEBreakerPlatform",
                        ("--up5k", "--package", "sg48"), 12.0),
}
