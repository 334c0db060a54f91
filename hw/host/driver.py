"""The Python end of the host port: loading a network, running it and reading what came out.

Nothing here knows how words travel. A *transport* is anything with ``send(words)``, which sends an
array of uint32, and ``receive(count)``, which returns `count` words or raises `TimeoutError`.
"""

import numpy as np

from golden.formats import (
    DENSE_IDENTITY,
    IDENTITY,
    Counter,
    DenseCounter,
    Memory,
    Opcode,
    Status,
)

from .commands import (
    RESPONSE_WORDS,
    Command,
    HostError,
    Program,
    Response,
    parse_header,
    parse_responses,
    read_command,
    run_command,
    write_command,
)

__all__ = ["Host", "HostError", "Program", "Response", "load_image", "parse_responses",
           "read_command", "run_command", "signed", "write_command"]


def signed(words, width=32):
    """The low `width` bits of words as signed integers.

    >>> signed(np.array([0xFFFF, 5], dtype=np.uint32), 16)
    array([-1,  5])
    """
    words = np.asarray(words).astype(np.int64) & (1 << width) - 1
    return words - (words >> width - 1 << width)


def load_image(image):
    """Commands that load a whole network.

    Parameters
    ----------
    image : golden.sparse.image.MemoryImage, or anything with such arrays

    Returns
    -------
    Program
    """
    program = Program()
    for pe, (entries, count, pointers) in enumerate(
            zip(image.entries, image.entry_words, image.pointers, strict=True)):
        if count:
            program.write(Memory.ENTRIES, pe, 0, entries[:count].reshape(-1),
                          word_parts=entries.shape[1])
        program.write(Memory.POINTERS, pe, 0, pointers)
    for memory, values in ((Memory.BIASES, image.biases), (Memory.CODEBOOKS, image.codebooks)):
        program.write(memory, 0, 0, values.astype(np.int32).view(np.uint32))
    return program.write(Memory.LAYERS, 0, 0, np.ascontiguousarray(image.layers).reshape(-1))


class Host:
    """Runs programs over a transport that loses words which the core does not take at once.

    The core takes no command while it answers one, and a line has little room for what waits. So
    nothing is sent behind a read before it is answered, and no more than `window` words of other
    answers are outstanding. While a run may be under way, nothing is sent before all is answered,
    for an answer may have to wait until a packet of the program has been sent; and a write that
    would wait for its end with its payload on the line is held back until a read of one counter has
    told it. Signals, and writes to `goes_ahead`, do not wait for the end.

    Parameters
    ----------
    transport : object with ``send(words)`` and ``receive(count)``
    window : int
        Words of answers that may be on their way.
    goes_ahead : collection of int
        Memories whose writes do not wait for the end of a run: by default those of the sparse core;
        ``{DenseMemory.HOST_INPUT}`` of the dense one. A program that does not read what has been
        sent ahead takes no more than `host_depth` - 8 words of it; the line loses any others.

    Attributes
    ----------
    packets : list of Response
        What programs of the dense core have sent by Write_Host_Memory, as it came between answers.
    """

    def __init__(self, transport, *, window=256,
                 goes_ahead=frozenset({Memory.ENTRIES, Memory.POINTERS})):
        self.transport = transport
        self.window = window
        self.goes_ahead = goes_ahead
        self.packets = []
        self._running = False

    def execute(self, program):
        """Run a program; return the payloads of its reads, in order.

        Raises
        ------
        HostError
            If a command was refused: those behind it are not sent, those sent are answered.
        """
        outstanding, payloads, errors = [], [], []

        def receive():
            position, command = outstanding.pop(0)
            response = self._receive()
            try:
                command.check(response, position)
            except HostError as error:
                errors.append(error)
            if command.opcode == Opcode.READ:
                payloads.append(response.payload)

        for position, (words, command) in enumerate(
                zip(program.commands, program.expected, strict=True)):
            held = self._running and command.opcode != Opcode.SIGNAL and not (
                command.opcode == Opcode.WRITE and command.memory in self.goes_ahead)
            while outstanding and (self._running
                                   or RESPONSE_WORDS * (len(outstanding) + 1) > self.window):
                receive()
            if held and not errors and command.opcode == Opcode.WRITE:
                self._end_of_run(position, command, errors)
            if errors:
                break
            self.transport.send(words)
            outstanding.append((position, command))
            while outstanding and (held or command.opcode == Opcode.READ):
                receive()
            self._running = command.opcode == Opcode.RUN or (self._running and not held)
        while outstanding:
            receive()
        if errors:
            raise errors[0]
        return payloads

    def _end_of_run(self, position, command, errors):
        wait = Command(Opcode.READ, Memory.COUNTERS, 0, Counter.TOTAL_CYCLES, 1)
        self.transport.send(read_command(wait.memory, wait.unit, wait.address, wait.length))
        response = self._receive()
        self._running = False
        if response.status != Status.OK:
            errors.append(HostError(f"the run before command {position} ({command}) went wrong: "
                                    f"{response.status.name}", status=response.status,
                                    position=position))

    def _receive(self):
        while True:
            header = self.transport.receive(RESPONSE_WORDS)
            *fields, tag, length = parse_header(header)
            payload = self.transport.receive(length) if length else np.empty(0, np.uint32)
            response = Response(*fields, payload, tag)
            if response.opcode != Opcode.HOST_DATA:
                return response
            self.packets.append(response)

    def counters(self):
        """Performance counters of the last run, by `Counter` or `DenseCounter`: a dictionary."""
        return self._values(Memory.COUNTERS, (Counter, DenseCounter))

    def identity(self):
        """What the core says of itself, by names of `IDENTITY` or `DENSE_IDENTITY`."""
        return self._values(Memory.IDENTITY, (IDENTITY, DENSE_IDENTITY))

    def _values(self, memory, names):
        """A memory's words, by the names that they have in the sparse core, or in the dense one."""
        (version,), = self.execute(Program().read(Memory.IDENTITY, 0, 0, 1))
        kind = int(version) >> 16
        if kind >= len(names):
            raise HostError(f"the core is of kind {kind}; known are 0, sparse, and 1, dense")
        names = names[kind]
        values, = self.execute(Program().read(memory, 0, 0, len(names)))
        return dict(zip(names, values.tolist(), strict=True))
