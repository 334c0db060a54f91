"""A serial port as the transport of the Python end; the gateware's end is `hw.host.uart`."""

import numpy as np

__all__ = ["SerialTransport"]


class SerialTransport:
    """Words over a serial port, least significant byte first.

    Opening it sends a break, which makes the other end's next byte the first of a word, and drops
    what is still on the way back.

    Parameters
    ----------
    port : str
        Name of the device, or a URL as pyserial knows them.
    baud_rate : int
        Bits a second.
    timeout : float
        Seconds that `receive` waits, the longest run included.

    Raises
    ------
    RuntimeError
        If pyserial is not installed.
    """

    def __init__(self, port, *, baud_rate=1_000_000, timeout=10.0):
        try:
            import serial
        except ImportError as error:
            raise RuntimeError(
                "A serial port needs pyserial: pip install 'weft[serial]'") from error
        self._serial = serial.serial_for_url(port, baudrate=baud_rate, timeout=timeout)
        self.realign()

    def realign(self):
        """Send a break and forget what has come in."""
        self._serial.send_break(0.01)
        self._serial.reset_input_buffer()

    def send(self, words):
        """Send an array of uint32."""
        self._serial.write(np.asarray(words, dtype="<u4").tobytes())

    def receive(self, count):
        """Receive an array of uint32, shape (count,), or raise `TimeoutError`."""
        data = self._serial.read(4 * count)
        if len(data) < 4 * count:
            raise TimeoutError(f"{len(data)} of {4 * count} bytes came within "
                               f"{self._serial.timeout} s")
        return np.frombuffer(data, dtype="<u4").astype(np.uint32)

    def close(self):
        """Close the port."""
        self._serial.close()
