"""The only door to RAM: every RAM states what a read sees that meets a write.

Leaving that unsaid costs area, because synthesis then builds the default for it: a 512 x 32 RAM on
ECP5 (yosys 0.70) takes 75 flip-flops for a read that must see the old value, 108 for a transparent
port that synthesis has to discover, 33 for one whose bypass is explicit, and none where the two
never meet.

A read port's data register has no reset and nothing may be put between it and the RAM: a block
RAM of an ECP5 then reads 0 on silicon while simulation passes.
"""

from enum import Enum
from typing import NamedTuple

from amaranth import *
from amaranth.lib.memory import Memory, ReadPort, WritePort

from .check import Check

__all__ = ["Collision", "Ports", "Style", "block_ram", "register_file", "rom"]


class Collision(Enum):
    """What a read sees when the same row is written in the same cycle."""

    #: Nothing: the design never does that. An assertion holds it to its word in simulation.
    NEVER = "never collides"
    #: The value being written, through an explicit bypass (one register and multiplexer a bit).
    NEW = "sees the new value"
    #: Anything: nobody looks at what such a read returns. Who says so asserts it, for only the
    #: reader knows what it looks at.
    IGNORED = "sees what nobody looks at"


class Style(Enum):
    """Which resource synthesis should take; the values are those of Verilog's `ram_style`."""

    AUTOMATIC = "auto"
    BLOCK = "block"
    DISTRIBUTED = "distributed"     #: look-up tables; an error on iCE40, which has none
    HUGE = "huge"                   #: the single-port RAMs of an iCE40 UP5K


class Ports(NamedTuple):
    """The two ports of a RAM: `write` has `addr`, `data`, `en`; `read` has `addr`, `data`, `en`."""

    write: WritePort
    read: ReadPort


def _memory(m, name, *, shape, depth, init, style, attrs=None):
    if depth < 1:
        raise ValueError(f"Memory {name!r} needs at least one row, not {depth}")
    attrs = dict(attrs or {})
    if style is not Style.AUTOMATIC:
        attrs["ram_style"] = style.value
    memory = Memory(shape=shape, depth=depth, init=init, attrs=attrs)
    m.submodules[name] = memory
    return memory


def block_ram(m, name, *, shape, depth, collision, init=(), granularity=None,
              style=Style.AUTOMATIC):
    """Add a RAM with one write port and one synchronous read port to `m`.

    Timing: `read.data` is valid in the cycle after the one with `read.en`, and holds its value
    while `read.en` is 0.

    Parameters
    ----------
    m : Module
        Module that gets the RAM as submodule `name`.
    name : str
        Name of the submodule, and of the RAM in the Verilog.
    shape : ShapeLike
        Shape of a row.
    depth : int
        Rows.
    collision : Collision
        What a read sees that meets a write to its row.
    init : iterable of values of `shape`
        First rows after configuration; the others are 0.
    granularity : int, optional
        Bits that one bit of `write.en` enables, as in `amaranth.lib.memory`.
    style : Style
        Resource to take.

    Returns
    -------
    Ports
        The ports, whose inputs (`read.en` included, which is 1 otherwise) the caller drives.

    Raises
    ------
    TypeError
        If `collision` is not a `Collision`.
    ValueError
        If `depth` is less than 1.
    """
    if not isinstance(collision, Collision):
        raise TypeError(f"Memory {name!r} must state its collision policy, a Collision, "
                        f"not {collision!r}")
    # `no_rw_check` in all cases: there is no collision to emulate, or the bypass is explicit.
    memory = _memory(m, name, shape=shape, depth=depth, init=init, style=style,
                     attrs={"no_rw_check": 1})
    write = memory.write_port(granularity=granularity)
    if collision is Collision.NEW:
        read = memory.read_port(transparent_for=(write,))
        return Ports(write, read)
    read = memory.read_port()
    if collision is Collision.IGNORED:
        return Ports(write, read)
    check = Check(f"{name} is read where it is written")
    m.submodules[f"{name}_check"] = check
    m.d.comb += check.holds.eq(~(write.en.any() & read.en & (write.addr == read.addr)))
    return Ports(write, read)


def register_file(m, name, *, shape, depth, reads=1, init=()):
    """Add a small RAM with combinational reads to `m`: for queues and tables of a few rows.

    Timing: `read.data` follows `read.addr` in the same cycle; a write shows from the next cycle on.
    There is no collision: a read sees what the rows hold before the clock edge. Block RAM can't do
    that, so it takes look-up tables on ECP5 and flip-flops on iCE40.

    Parameters
    ----------
    m, name, shape, depth, init
        As for `block_ram`.
    reads : int
        Read ports.

    Returns
    -------
    (WritePort, tuple of ReadPort)
    """
    memory = _memory(m, name, shape=shape, depth=depth, init=init, style=Style.AUTOMATIC)
    write = memory.write_port()
    ports = []
    for _ in range(reads):
        read = memory.read_port(domain="comb")      # a port's signals are named by this variable
        ports.append(read)
    return write, tuple(ports)


def rom(m, name, *, shape, init, style=Style.AUTOMATIC):
    """Add a table that is only read, synchronously, to `m`; return its read port."""
    init = list(init)
    return _memory(m, name, shape=shape, depth=len(init), init=init, style=style).read_port()
