"""A serial line, 8 data bits, no parity, 1 stop bit, and the host port's words on it."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

__all__ = ["UartLink", "UartReceiver", "UartTransmitter"]


def _require_divisor(divisor):
    if divisor < 4:
        raise ValueError(f"Divisor must be at least 4 cycles a bit, not {divisor}")
    return divisor


class UartReceiver(wiring.Component):
    """Bytes from a line that idles high, least significant bit first.

    Timing: a bit is sampled in its middle, to the cycle, after two cycles of synchronisation, and
    the next start bit is awaited from the middle of the stop bit on: the other end's rate may be
    off by 2 %, whatever the `divisor`. A byte not taken before the next one ends is lost, which
    `overrun` tells.

    Parameters
    ----------
    divisor : int
        Clock cycles a bit, at least 4.

    Members
    -------
    rx : In(1)
        Asynchronous.
    bytes : Out(stream.Signature(8))
    broken : Out(1)
        Strobe: a stop bit was low, and the byte is dropped; so are all until the line is high
        again. This is how a break looks.
    overrun : Out(1)
        Strobe: a byte was lost.
    """

    def __init__(self, *, divisor):
        self.divisor = _require_divisor(divisor)
        super().__init__({
            "rx": In(1, init=1),
            "bytes": Out(stream.Signature(8)),
            "broken": Out(1),
            "overrun": Out(1),
        })

    def elaborate(self, platform):
        m = Module()

        line = Signal(init=1)
        m.submodules.synchronizer = FFSynchronizer(self.rx, line, init=1)

        timer = Signal(range(self.divisor))
        bits = Signal(3)
        byte = Signal(8)
        elapsed = Signal()      # the timer is 0

        m.d.sync += [timer.eq(Mux(elapsed, self.divisor - 1, timer - 1)), elapsed.eq(timer == 1)]
        m.d.sync += self.broken.eq(0)
        m.d.sync += self.overrun.eq(0)
        with m.If(self.bytes.ready):
            m.d.sync += self.bytes.valid.eq(0)

        with m.FSM(name="phase"):
            with m.State("Idle"):
                m.d.sync += [timer.eq(self.divisor // 2 - 1), elapsed.eq(0)]
                with m.If(~line):
                    m.next = "Start"
            with m.State("Start"):
                m.d.sync += bits.eq(0)
                with m.If(elapsed):
                    m.next = "Data"
                    with m.If(line):            # a glitch
                        m.next = "Idle"
            with m.State("Data"):
                with m.If(elapsed):
                    m.d.sync += byte.eq(Cat(byte[1:], line))
                    m.d.sync += bits.eq(bits + 1)
                    with m.If(bits == 7):
                        m.next = "Stop"
            with m.State("Stop"):
                with m.If(elapsed):
                    m.next = "Idle"
                    with m.If(~line):
                        m.d.sync += self.broken.eq(1)
                        m.next = "Break"
                    with m.Else():
                        m.d.sync += self.bytes.payload.eq(byte)
                        m.d.sync += self.bytes.valid.eq(1)
                        m.d.sync += self.overrun.eq(self.bytes.valid & ~self.bytes.ready)
            with m.State("Break"):
                with m.If(line):
                    m.next = "Idle"

        return m


class UartTransmitter(wiring.Component):
    """Bytes onto a line that idles high, least significant bit first.

    Timing: a byte takes ``10 * divisor`` cycles; bytes follow each other without a gap.

    Parameters
    ----------
    divisor : int
        Clock cycles a bit, at least 4.

    Members
    -------
    bytes : In(stream.Signature(8))
    tx : Out(1)
    """

    def __init__(self, *, divisor):
        self.divisor = _require_divisor(divisor)
        super().__init__({
            "bytes": In(stream.Signature(8)),
            "tx": Out(1, init=1),
        })

    def elaborate(self, platform):
        m = Module()

        # What is still to be sent after the bit on the line; ones come in behind.
        rest = Signal(9, init=0x1FF)
        bits = Signal(range(11))
        timer = Signal(range(self.divisor))
        elapsed = Signal()      # the timer is 0
        idle = bits == 0

        m.d.comb += self.bytes.ready.eq(idle | ((bits == 1) & elapsed))
        m.d.sync += [
            timer.eq(Mux(idle | elapsed, self.divisor - 1, timer - 1)),
            elapsed.eq(timer == 1),
        ]
        with m.If(self.bytes.valid & self.bytes.ready):
            m.d.sync += Cat(self.tx, rest).eq(Cat(Const(0, 1), self.bytes.payload, Const(1, 1)))
            m.d.sync += bits.eq(10)
        with m.Elif(elapsed):
            m.d.sync += Cat(self.tx, rest).eq(Cat(rest, Const(1, 1)))
            m.d.sync += bits.eq(bits - 1)

        return m


class UartLink(wiring.Component):
    """The host port on a serial line: every word is four bytes, least significant first.

    A break (or any byte without a stop bit) drops the bytes of a word not yet whole, so that the
    next byte is the first of a word: this is how a host finds back. There is no flow control: a
    word that is not taken before the next one is whole is lost, which `overrun` tells. The command
    port takes nothing while it answers a read, nor behind the header of a command that waits for a
    run: a host has to hold back what follows, as `hw.host.driver.Host` does.

    Parameters
    ----------
    divisor : int
        Clock cycles a bit, at least 4.

    Members
    -------
    rx : In(1)
    tx : Out(1)
    commands : Out(stream.Signature(32))
    responses : In(stream.Signature(32))
    broken : Out(1)
        Strobe: a break began.
    overrun : Out(1)
        Strobe: a word was lost.
    """

    def __init__(self, *, divisor):
        self.divisor = _require_divisor(divisor)
        super().__init__({
            "rx": In(1, init=1),
            "tx": Out(1, init=1),
            "commands": Out(stream.Signature(32)),
            "responses": In(stream.Signature(32)),
            "broken": Out(1),
            "overrun": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.receiver = receiver = UartReceiver(divisor=self.divisor)
        m.submodules.transmitter = transmitter = UartTransmitter(divisor=self.divisor)
        m.d.comb += receiver.rx.eq(self.rx)
        m.d.comb += self.tx.eq(transmitter.tx)
        m.d.comb += self.broken.eq(receiver.broken)

        # Bytes are always taken; the first three of a word wait in `begun`.
        begun = Signal(24)
        received = Signal(2)
        m.d.comb += receiver.bytes.ready.eq(1)
        m.d.sync += self.overrun.eq(0)
        with m.If(self.commands.ready):
            m.d.sync += self.commands.valid.eq(0)
        with m.If(receiver.broken):
            m.d.sync += received.eq(0)
        with m.Elif(receiver.bytes.valid):
            m.d.sync += received.eq(received + 1)
            m.d.sync += begun.eq(Cat(begun[8:], receiver.bytes.payload))
            with m.If(received == 3):
                m.d.sync += self.commands.payload.eq(Cat(begun, receiver.bytes.payload))
                m.d.sync += self.commands.valid.eq(1)
                m.d.sync += self.overrun.eq(self.commands.valid & ~self.commands.ready)

        # The bytes of a word still to be sent. Whether there is none is a register, for answers
        # depend on it; while a word's last byte is on the line, the next word is taken.
        rest = Signal(32)
        left = Signal(2)
        none = Signal(init=1)
        m.d.comb += [
            self.responses.ready.eq(none),
            transmitter.bytes.payload.eq(rest[:8]),
            transmitter.bytes.valid.eq(~none),
        ]
        with m.If(none):
            m.d.sync += rest.eq(self.responses.payload)
            m.d.sync += none.eq(~self.responses.valid)
        with m.Elif(transmitter.bytes.ready):
            m.d.sync += rest.eq(rest[8:])
            m.d.sync += left.eq(left - 1)
            m.d.sync += none.eq(left == 1)

        return m
