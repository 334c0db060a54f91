"""The dense core in plain Python: every element of every instruction, one at a time.

Written from the meaning of the instructions, apart from the golden model: lists, loops and integers
of any size, no arrays and no tiles at once.
"""

from golden.formats import REGISTERS, Operation, Register
from golden.systolic.instructions import decode

__all__ = ["PlainDense"]


def wrap(value, width):
    """The number that the lowest `width` bits stand for, signed."""
    value &= (1 << width) - 1
    return value - (1 << width) if value >> width - 1 else value


class PlainDense:
    """A dense core that carries out legal programs.

    Attributes
    ----------
    unified : list of int
    accumulators : list of list of int
    packets : list of (int, list of int)
    saturations, useful_macs : int
    """

    def __init__(self, memories, host_input):
        self.g = memories.geometry
        self.program = [decode(words) for words in memories.program]
        self.unified = memories.unified.tolist()
        self.weights = memories.weights.tolist()
        self.parameters = memories.parameters.tolist()
        self.functions = memories.functions.tolist()
        self.operands = memories.operands.tolist()
        self.accumulators = [[0] * self.g.columns for _ in range(self.g.accumulator_depth)]
        self.host_input = [int(word) for word in host_input]
        self.fifo, self.packets = [], []
        self.saturations = self.useful_macs = 0
        self.registers = {register: form.unpack(0) for register, form in REGISTERS.items()}

    def run(self):
        for operation, f in self.program:
            if operation == Operation.HALT:
                break
            if operation == Operation.SET_CONFIGURATION:
                register = Register(f["register"])
                self.registers[register] = REGISTERS[register].unpack(f["value"])
            elif operation not in (Operation.NOP, Operation.SYNCHRONIZE):
                must_be_zero = ("unused", "reserved")
                getattr(self, operation.name.lower())(
                    **{name: value for name, value in f.items() if name not in must_be_zero})
        return self

    def saturated(self, value):
        limited = max(-1 << 31, min((1 << 31) - 1, value))
        self.saturations += limited != value
        return limited

    def read_weights(self, tiles, address):
        for tile in range(tiles):
            self.fifo.append(self.weights[address + tile * self.g.rows:][:self.g.rows])

    def read_host_memory(self, destination, length):
        words = -(-length // self.g.word_elements)
        bits, taken = 32 // self.g.word_elements, self.host_input[:words]
        del self.host_input[:words]
        for n in range(length):
            word = taken[n // self.g.word_elements] >> n % self.g.word_elements * bits
            self.unified[destination + n] = wrap(word, self.g.activation_width)

    def write_host_memory(self, source, length, tag):
        self.packets.append((tag, self.unified[source:source + length]))

    def element(self, source, line, place, line_limit):
        """An activation, or the padding; and whether it exists."""
        r = self.registers[Register.SOURCE]
        line, place = wrap(line, 18), wrap(place, 18)
        if 0 <= line < line_limit and 0 <= place < r["line_length"]:
            return self.unified[source + line * r["line_stride"] + place], True
        return wrap(r["pad"], self.g.activation_width), False

    def multiply(self, row, columns, tile, elements, fresh):
        """One row of activations through one tile."""
        self.useful_macs += sum(useful for _, useful in elements) * columns
        for column in range(self.g.columns):
            total = sum(value * tile[r][column] for r, (value, _) in enumerate(elements))
            if not fresh:
                total += self.accumulators[row][column]
            self.accumulators[row][column] = self.saturated(total)

    def matrix_multiply(self, accumulate, last_column, lines, source, accumulator, tiles, x, y):
        for number in range(tiles):
            tile = self.fifo.pop(0)
            for line in range(lines):
                elements = [self.element(source, line, x + number * self.g.rows + r, 1 << 30)
                            for r in range(self.g.rows)]
                self.multiply(accumulator + line, last_column + 1, tile, elements,
                              number == 0 and not accumulate)

    def convolve(self, accumulate, last_column, lines, source, accumulator, tiles, x, y):
        r, w = self.registers[Register.SOURCE], self.registers[Register.WINDOW]
        kernel_line = tap = chunk = 0
        for number in range(tiles):
            tile = self.fifo.pop(0)
            for line in range(lines):
                for pixel in range(w["pixels"]):
                    elements = []
                    for lane in range(self.g.rows):
                        place = chunk * self.g.rows + lane
                        value, exists = self.element(
                            source, y + line * w["y_step"] + kernel_line * w["dilation"],
                            x + pixel * w["x_step"] + tap * w["tap_step"] + place, r["lines"])
                        if place >= w["run"]:
                            value, exists = wrap(r["pad"], self.g.activation_width), False
                        elements.append((value, exists))
                    self.multiply(accumulator + line * w["pixels"] + pixel, last_column + 1, tile,
                                  elements, number == 0 and not accumulate)
            if (chunk + 1) * self.g.rows < w["run"]:
                chunk += 1
            else:
                chunk, tap = 0, tap + 1
                if tap == r["taps"]:
                    tap, kernel_line = 0, kernel_line + 1

    def finish(self, total, channel, function):
        bias, multiplier, left, right = self.parameters[channel]
        ends, width = self.registers[Register.DESTINATION], self.g.activation_width
        x = self.saturated(self.saturated(total + bias) << left)
        product = abs(x) * multiplier + (1 << 30) - (x < 0) >> 31
        product = product + (1 << right >> 1) >> right
        y = -product if x < 0 else product
        low, high = (wrap(ends[name], self.g.centred_width) for name in ("low", "high"))
        y = high if y > high else low if y < low else y
        q = wrap(y + ends["zero_point"], width)
        if function == 0:
            return q
        if width <= 8:
            return self.functions[(function - 1) * (1 << width) + q + (1 << width - 1)]
        return self.sigmoid(q) if function == 1 else self.tanh(q)

    def interpolated(self, magnitude, shift):
        at, fraction = magnitude >> shift, magnitude % (1 << shift)
        if at >= 255:
            return None
        return self.functions[at] * ((1 << shift) - fraction) + self.functions[at + 1] * fraction

    def sigmoid(self, q):
        value = self.interpolated(abs(3 * q), 9)
        value = 0x7FFF << 10 if value is None else value
        value = value + 512 if q >= 0 else (1 << 25) - value + 511
        return wrap(value >> 10, 16)

    def tanh(self, q):
        value = self.interpolated(abs(3 * q), 8)
        value = 0xFFFF << 8 if value is None else value
        value = value - (1 << 23) + 128 if q >= 0 else (1 << 23) - value + 127
        return wrap(value >> 8, 16)

    def activate(self, function, last_column, rows, destination, accumulator, parameters, pool):
        p, place = self.registers[Register.POOL], 0
        for line in range(rows):
            for pixel in range(p["pixels"] if pool else 1):
                window = [accumulator + line]
                if pool:
                    window = [accumulator + (line * p["y_step"] + y) * p["line_pixels"]
                              + pixel * p["x_step"] + x
                              for y in range(p["height"]) for x in range(p["width"])]
                at = destination + place * self.registers[Register.DESTINATION]["stride"]
                for column in range(last_column + 1):
                    largest = max(self.accumulators[row][column] for row in window)
                    self.unified[at + column] = self.finish(
                        largest, parameters + column, function)
                place += 1

    def vector(self, multiply, function, tables, unary, length, a, b, destination):
        width = self.g.activation_width
        shifts = self.registers[Register.OPERANDS]
        parameters = self.registers[Register.DESTINATION]["parameters"]
        for n in range(length):
            values = []
            for number, (at, shift) in enumerate(((a, shifts["shift_a"]), (b, shifts["shift_b"]))):
                if number and unary:
                    values.append(0)
                elif width <= 8:
                    q = self.unified[at + n]
                    values.append(self.operands[tables][number][q + (1 << width - 1)])
                else:
                    values.append(self.unified[at + n] << shift)
            total = wrap(values[0], 16) * wrap(values[1], 16) if multiply else sum(values)
            self.unified[destination + n] = self.finish(
                total, parameters + n % self.g.lanes, function)

    def vector_add(self, **f):
        self.vector(False, **f)

    def vector_multiply(self, **f):
        self.vector(True, **f)
