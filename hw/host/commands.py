"""Commands of the host port as arrays of words, and what the answers must look like."""

from dataclasses import dataclass

import numpy as np

from golden.formats import (
    COMMAND,
    COMMAND_MAGIC,
    FAULT,
    MAX_WRITE_WORDS,
    RESPONSE,
    RESPONSE_MAGIC,
    Fault,
    Opcode,
    Status,
)

__all__ = ["Command", "HostError", "Program", "Response", "packets", "parse_header",
           "parse_responses", "read_command", "run_command", "write_command"]

#: Longest write that `Program.write` sends at once: whole words and aligned, whatever the memory.
_CHUNK_WORDS = MAX_WRITE_WORDS // (16 * 256) * (16 * 256)
#: Words of a response before its payload.
RESPONSE_WORDS = 2


class HostError(Exception):
    """The core refused a command, or what came back is no answer to what was sent.

    Attributes
    ----------
    status : Status or None
        What the core said, if it was the core that refused.
    position : int or None
        Number of the command in its program, from 0.
    fault : Fault or None
    instruction : int or None
        What stopped the run before, and where, if that was it.
    """

    def __init__(self, message, *, status=None, position=None, fault=None, instruction=None):
        super().__init__(message)
        self.status = status
        self.position = position
        self.fault = fault
        self.instruction = instruction


@dataclass(frozen=True)
class Response:
    """Answer to one command; `payload` is an array of uint32, empty but for a read.

    Or, with opcode HOST_DATA, what a program wrote to the host, with its `tag`.
    """

    status: Status
    opcode: int
    memory: int
    payload: np.ndarray
    tag: int = 0


@dataclass(frozen=True)
class Command:
    """A command sent, and what its answer must look like."""

    opcode: Opcode
    memory: int
    unit: int
    address: int
    length: int

    def __str__(self):
        if self.opcode == Opcode.RUN:
            return f"RUN of {self.length} from {self.address}"
        if self.opcode in (Opcode.SIGNAL, Opcode.RESET):
            return self.opcode.name
        return (f"{self.opcode.name} of {self.length} words at address {self.address} of memory "
                f"{getattr(self.memory, 'name', int(self.memory))}, unit {self.unit}")

    @property
    def answer_words(self):
        return RESPONSE_WORDS + (self.length if self.opcode == Opcode.READ else 0)

    def check(self, response, position):
        """Raise unless `response` says that the command was carried out."""
        where = f"command {position} ({self})"
        if response.status == Status.BAD_INSTRUCTION and len(response.payload) == 1:
            word = FAULT.unpack(int(response.payload[0]))
            fault, instruction = Fault(word["fault"]), word["instruction"]
            raise HostError(f"{where} was refused: the run before it stopped at instruction "
                            f"{instruction}, {fault.name}", status=response.status,
                            position=position, fault=fault, instruction=instruction)
        if response.status != Status.OK:
            raise HostError(f"{where} was refused: {response.status.name}",
                            status=response.status, position=position)
        if (response.opcode, response.memory) != (self.opcode, self.memory):
            raise HostError(f"{where} was answered as opcode {response.opcode}, memory "
                            f"{response.memory}: the stream is out of step", position=position)
        if len(response.payload) + RESPONSE_WORDS != self.answer_words:
            raise HostError(f"{where} was answered with {len(response.payload)} words instead of "
                            f"{self.answer_words - RESPONSE_WORDS}", position=position)


def _header(opcode, memory, unit, address, length):
    for name, value in (("address", address), ("length", length)):
        if not 0 <= value < 1 << 32:
            raise ValueError(f"{name} must be from 0 to 2**32 - 1, not {value}")
    first = COMMAND.pack(opcode=opcode, memory=memory, unit=unit, magic=COMMAND_MAGIC)
    return np.array([first, address, length], dtype=np.uint32)


def write_command(memory, unit, address, words):
    """Words of a command that writes `words`, an array of uint32, from `address` on."""
    words = np.asarray(words)
    if words.dtype != np.uint32 or words.ndim != 1:
        raise TypeError(f"Words must be an array of uint32 in one dimension, not of {words.dtype} "
                        f"in {words.ndim}")
    if not 1 <= len(words) <= MAX_WRITE_WORDS:
        raise ValueError(f"A write must be of 1 to {MAX_WRITE_WORDS} words, not {len(words)}")
    return np.concatenate([_header(Opcode.WRITE, memory, unit, address, len(words)), words])


def read_command(memory, unit, address, length):
    """Words of a command that reads `length` 32-bit words from `address` on."""
    return _header(Opcode.READ, memory, unit, address, length)


def run_command(first, count):
    """Words of a command that runs `count` layers, from layer `first` on."""
    return _header(Opcode.RUN, 0, 0, first, count)


class Program:
    """Commands in the order in which they are sent; each method adds and returns the program."""

    def __init__(self):
        self.commands = []          # arrays of words, one a command
        self.expected = []

    def __len__(self):
        return len(self.commands)

    @property
    def words(self):
        """All commands, as one array of uint32."""
        return np.concatenate([np.empty(0, np.uint32), *self.commands])

    @property
    def answer_words(self):
        """Words that come back if nothing is refused."""
        return sum(command.answer_words for command in self.expected)

    def write(self, memory, unit, address, words, *, word_parts=1):
        """Write words, in as many commands as it takes; `word_parts` are one word of memory."""
        if not len(words):
            raise ValueError(f"Nothing to write to memory {memory!r}")
        chunk = _CHUNK_WORDS // word_parts // 256 * 256 * word_parts
        for start in range(0, len(words), chunk):
            part, at = words[start:start + chunk], address + start // word_parts
            self._add(write_command(memory, unit, at, part), Opcode.WRITE, memory, unit, at,
                      len(part))
        return self

    def read(self, memory, unit, address, length):
        """Read `length` 32-bit words."""
        return self._add(read_command(memory, unit, address, length), Opcode.READ, memory, unit,
                         address, length)

    def run(self, first, count):
        """Run `count` layers; whatever follows waits until they have ended."""
        return self._add(run_command(first, count), Opcode.RUN, 0, 0, first, count)

    def signal(self):
        """Let a Synchronize go on."""
        return self._add(_header(Opcode.SIGNAL, 0, 0, 0, 1), Opcode.SIGNAL, 0, 0, 0, 1)

    def reset(self):
        """End whatever runs."""
        return self._add(_header(Opcode.RESET, 0, 0, 0, 1), Opcode.RESET, 0, 0, 0, 1)

    def extend(self, program):
        """Go on with the commands of another program."""
        self.commands += program.commands
        self.expected += program.expected
        return self

    def _add(self, words, *command):
        self.commands.append(words)
        self.expected.append(Command(*command))
        return self

    def check(self, words):
        """Payloads of the reads, in order, from all the words that came back.

        What programs wrote to the host in between is passed over, see `packets`.

        Raises
        ------
        HostError
            If a command was refused, or the words are not the answers to this program.
        """
        responses = [response for response in parse_responses(words)
                     if response.opcode != Opcode.HOST_DATA]
        for position, (command, response) in enumerate(
                zip(self.expected, responses, strict=False)):
            command.check(response, position)
        if len(responses) != len(self):
            raise HostError(f"{len(self)} commands got {len(responses)} responses")
        return [response.payload for command, response
                in zip(self.expected, responses, strict=True) if command.opcode == Opcode.READ]


def packets(words):
    """Pairs of tag and payload that programs wrote to the host, in order, of all that came back."""
    return [(response.tag, response.payload) for response in parse_responses(words)
            if response.opcode == Opcode.HOST_DATA]


def parse_header(words, at=0):
    """Status, opcode, memory, tag, and length of payload in the first two words of a response.

    `at` is where they were found, for the message of the `HostError` if they start no response.
    """
    fields = RESPONSE.unpack(int(words[0]))
    if fields["magic"] != RESPONSE_MAGIC or fields["status"] not in list(Status):
        raise HostError(f"word {at} is 0x{int(words[0]):08x}, which starts no response: the stream "
                        f"is out of step")
    return (Status(fields["status"]), fields["opcode"], fields["memory"], fields["tag"],
            int(words[1]))


def parse_responses(words):
    """Split an array of uint32 into responses.

    Raises
    ------
    HostError
        If a response does not start where one should, or the last one is cut short.
    """
    words, at, responses = np.asarray(words, dtype=np.uint32), 0, []
    while at < len(words):
        if at + RESPONSE_WORDS > len(words):
            raise HostError(f"the response at word {at} is cut short")
        *header, tag, length = parse_header(words[at:at + 2], at)
        payload = words[at + 2:at + 2 + length]
        if len(payload) < length:
            raise HostError(f"the response at word {at} is cut short: {len(payload)} of {length} "
                            f"words of payload")
        responses.append(Response(*header, payload, tag))
        at += RESPONSE_WORDS + length
    return responses
