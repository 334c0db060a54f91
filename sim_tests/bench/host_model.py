"""What the host port should answer: the commands carried out one at a time, in plain Python.

Written from the contract in `hw/README.md`, not from the gateware: memories are dictionaries, and
lengths are compared as integers of any size.
"""

from golden.formats import (
    COMMAND,
    COMMAND_MAGIC,
    MAX_WRITE_WORDS,
    RESPONSE,
    RESPONSE_MAGIC,
    Opcode,
    Status,
)

__all__ = ["HostModel", "command"]


def command(opcode, memory=0, address=0, length=0, *, unit=0, payload=()):
    """Words of one command; nothing is checked, so that wrong ones can be built."""
    first = COMMAND.pack(opcode=opcode, memory=memory, unit=unit, magic=COMMAND_MAGIC)
    return [first, address & 0xFFFFFFFF, length & 0xFFFFFFFF, *payload]


class HostModel:
    """A host port with its memories.

    Parameters
    ----------
    memories : dict of int to MemoryPort
    layer_count : int
    initial : callable
        ``initial(memory, unit, address, part)`` is the word of a memory not yet written.
    faulty : set of int
        Runs that start at these layers end with a fault.

    Attributes
    ----------
    written : dict
        Word by (memory, unit, address, part).
    loads : list of tuple
        Every write in order: (memory, unit, address, part, last part, word).
    runs : list of tuple
        (first, count) of every run started.
    statuses : list of Status
        Of every command answered.
    faults_taken : int
    """

    def __init__(self, *, memories, layer_count, initial, faulty=frozenset(), fault_word=None):
        self.memories = memories
        self.layer_count = layer_count
        self.initial = initial
        self.faulty = faulty
        self.written, self.loads, self.runs, self.statuses = {}, [], [], []
        self.fault, self.faults_taken = False, 0
        self.fault_word = fault_word
        self.opcodes = [Opcode.WRITE, Opcode.READ, Opcode.RUN]
        self.strobes = []
        if fault_word is not None:
            self.opcodes += [Opcode.SIGNAL, Opcode.RESET]

    def check(self, opcode, memory, unit, address, length):
        """Status that the header alone deserves."""
        if opcode not in self.opcodes:
            return Status.BAD_OPCODE
        if opcode not in (Opcode.WRITE, Opcode.READ):
            units, depth, parts, alignment = 1, 1, 1, 1
            if opcode == Opcode.RUN:
                depth = self.layer_count
            usable = memory == 0
        else:
            port = self.memories.get(memory)
            usable = port and (port.writable if opcode == Opcode.WRITE else port.readable)
            if usable:
                units, depth, parts = port.units, port.depth, port.word_parts
                alignment = port.alignment if opcode == Opcode.WRITE else 1
        if not usable:
            return Status.BAD_MEMORY
        if unit >= units:
            return Status.BAD_UNIT
        if address >= depth or address % alignment:
            return Status.BAD_ADDRESS
        if length == 0 or length % parts or address * parts + length > depth * parts:
            return Status.BAD_LENGTH
        return Status.OK

    def respond(self, words):
        """Response words to a whole stream of command words; a command cut short gets none."""
        words, at, answer = list(words), 0, []
        while at < len(words):
            header = COMMAND.unpack(words[at])
            opcode, memory, unit = header["opcode"], header["memory"], header["unit"]
            data = []
            if header["magic"] != COMMAND_MAGIC:
                status, at = Status.BAD_HEADER, at + 1
            else:
                if at + 3 > len(words):
                    break
                address, length = words[at + 1:at + 3]
                status, at = self.check(opcode, memory, unit, address, length), at + 3
                port = self.memories.get(memory)
                waits = opcode not in (Opcode.SIGNAL, Opcode.RESET) and not (
                    opcode == Opcode.WRITE and port and port.while_running)
                if status == Status.OK and waits and self.fault:
                    status, self.fault = Status.BAD_LAYER, False
                    if self.fault_word is not None:
                        status, data = Status.BAD_INSTRUCTION, [self.fault_word]
                    self.faults_taken += 1
                if opcode == Opcode.WRITE and length <= MAX_WRITE_WORDS:
                    payload = words[at:at + length]
                    if status == Status.OK:
                        self._write(memory, unit, address, payload)
                    if len(payload) < length:
                        break
                    at += length
                elif status == Status.OK and opcode == Opcode.READ:
                    data = [self._read(memory, unit, address, index) for index in range(length)]
                elif status == Status.OK and opcode == Opcode.RUN:
                    self.runs.append((address, length))
                    self.fault = address in self.faulty
                elif status == Status.OK and opcode in (Opcode.SIGNAL, Opcode.RESET):
                    self.strobes.append(opcode)
                    self.fault &= opcode != Opcode.RESET
            self.statuses.append(status)
            answer.append(RESPONSE.pack(status=status, opcode=opcode, memory=memory, tag=0,
                                        magic=RESPONSE_MAGIC))
            answer += [len(data), *data]
        return answer

    def _write(self, memory, unit, address, payload):
        parts = self.memories[memory].word_parts
        for index, word in enumerate(payload):
            offset, part = divmod(index, parts)
            self.written[memory, unit, address + offset, part] = word
            self.loads.append((memory, unit, address + offset, part, part == parts - 1, word))

    def _read(self, memory, unit, address, index):
        offset, part = divmod(index, self.memories[memory].word_parts)
        place = (memory, unit, address + offset, part)
        return self.written.get(place, self.initial(*place))
