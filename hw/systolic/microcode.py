"""The steps of each instruction: what `Decoder` computes and compares, row by row."""

from amaranth.lib import data
from amaranth.utils import bits_for

from golden.formats import INSTRUCTIONS, REGISTERS, Fault, Operation, Register

__all__ = ["CONSTANTS", "CONSTANT_AREA", "KINDS", "RESULTS", "SUM_FAULTS", "Microcode"]

#: Operations of each kind, told to the dispatcher by all rows.
KINDS = {
    "multiplies": (Operation.MATRIX_MULTIPLY, Operation.CONVOLVE),
    "convolves": (Operation.CONVOLVE,),
    "activates": (Operation.ACTIVATE,),
    "vector": (Operation.VECTOR_ADD, Operation.VECTOR_MULTIPLY),
    "reads_weights": (Operation.READ_WEIGHTS,),
    "from_host": (Operation.READ_HOST_MEMORY,),
    "to_host": (Operation.WRITE_HOST_MEMORY,),
    "configures": (Operation.SET_CONFIGURATION,),
    "synchronizes": (Operation.SYNCHRONIZE,),
    "halts": (Operation.HALT,),
}
#: What a step may leave: `c` as the first element or row of what is touched, its product as `rows`
#: and `parameters`, else its sum; `factor` is for a later step.
RESULTS = ("region_first", "rows_first", "region_end", "rows_end", "first_line", "line_step",
           "kernel_step", "factor", "rows", "parameters")
#: Faults that a sum may show, in the order of their bits.
SUM_FAULTS = (Fault.BAD_LENGTH, Fault.BAD_ADDRESS, Fault.BAD_ACCUMULATOR, Fault.BAD_WEIGHTS,
              Fault.BAD_PARAMETERS)
#: Area of the constants in `OperandMemory`.
CONSTANT_AREA = 15
#: Constants of each operand, in their order; "rows" are those of the array.
CONSTANTS = {"a": (0, 1, -1), "b": (1, -1, "rows", -1 << 16), "c": (0, -1)}
#: First row that may read the last part of the instruction; each part before it two rows earlier.
_LAST_PART = 3
#: Rows from the one that lets the next instruction be fetched to the last one, both counted.
_AHEAD = 5
#: Rows from that one to the one that is looked up as the next instruction's first part is written;
#: each part after it two rows later.
_NEXT_PART = 5


def _place(name):
    """Address of an operand: "c:0", a field of a register "POOL.width", of an instruction."""
    if ":" in name:
        operand, value = name.split(":")
        values = [str(constant) for constant in CONSTANTS[operand]]
        return CONSTANT_AREA * 4 + values.index(value), None, 16
    if "." in name:
        register, name = name.split(".")
        area, fields, at = 1 + Register[register], REGISTERS[Register[register]].fields, 32
    else:
        operation, name = name.split("/")
        area, fields, at = 0, INSTRUCTIONS[Operation[operation]].fields, 0
    for field in fields:
        if field.name == name:
            return area * 4 + at // 32, at % 32, field.width
        at += field.width
    raise ValueError(f"There is no field {name!r}")


class Microcode:
    """Rows of the decoder's table.

    A row computes ``a * b + c + kept``, where `kept` is the sum of the row three before, if that
    has `keep`, and `b` the last `factor` if it has `feedback`. The sum is compared with `limit`, if
    it has a `fault`; `exact` are those that are not negative and may be as large as any.

    Parameters
    ----------
    geometry : DenseGeometry

    Attributes
    ----------
    width : int
        Bits of sums, so that none of them is taken for one that is no larger than its limit: of
        what is multiplied by one too many, half the product is still beyond it, and no more than
        an address, which is not, and 2**16 is added to a product that is not huge.
    step_width : int
        Bits of the number of a row.
    layout : StructLayout
        Of a row.
    programs : dict of Operation to (list, list)
        Rows of each operation, None where there is nothing to do, without and with bit 8 of the
        instruction; those that are not here have none.
    """

    def __init__(self, geometry):
        self.geometry = geometry
        limits = (geometry.unified_depth, geometry.accumulator_depth, geometry.weight_depth,
                  geometry.parameter_depth, 1 << 16)
        self.width = 2 + max(bits_for(limit - 1) for limit in limits)
        self.programs = self._programs()
        longest = max(len(rows) for pair in self.programs.values() for rows in pair)
        self.step_width = bits_for(longest - 1)
        self.layout = data.StructLayout({
            "a": 6, "b": 6, "c": 6, "narrow": 1, "feedback": 1, "keep": 1,
            "results": len(RESULTS), "exact": 1, "both": 1, "fault": len(SUM_FAULTS),
            "limit": self.width, "proceed": 1, "done": 1, "last": 1,
            "kind": data.StructLayout(dict.fromkeys(KINDS, 1))})

    def table(self):
        """Rows by step, bit 8 of the instruction, and its operation."""
        table = []
        for operation in range(16):
            pair = self.programs.get(operation, ([], []))
            for rows in pair:
                rows = [self._row(index, row) for index, row in
                        enumerate([*rows, None, None, None][:max(3, len(rows))])]
                proceed = max(2, len(rows) - _AHEAD)
                rows[proceed]["proceed"] = 1
                for behind, row in enumerate(rows[proceed:]):
                    # The instruction, or a register, is overwritten part by part.
                    parts = (behind - _NEXT_PART) // 2 + 1
                    assert all(row[operand] >= CONSTANT_AREA * 4 or row[operand] % 4 >= parts
                               for operand in CONSTANTS if operand in row), row
                rows[-1]["last"] = 1
                rows[max(2, len(rows) - 1 - self._late(operation))]["done"] = 1
                rows += [{} for _ in range((1 << self.step_width) - len(rows))]
                kind = {name: operation in which for name, which in KINDS.items()}
                table += [row | {"kind": kind} for row in rows]
        return table

    @staticmethod
    def _late(operation):
        """Rows of an operation that only leave results, which may come after `done`."""
        return 2 if operation in (Operation.MATRIX_MULTIPLY, Operation.CONVOLVE) else 0

    @staticmethod
    def _row(index, row):
        if row is None:
            return {}
        row = dict(row)
        for operand, low in (("a", 16), ("b", 0), ("c", 0)):
            default = {"a": "a:0", "b": "b:1", "c": "c:0"}[operand]
            row[operand], at, width = _place(row.get(operand, default))
            # Of an address, `a` takes the upper half. The instruction is still arriving.
            assert at in (None, low) or width == 32, row
            assert index >= _LAST_PART - 2 * (3 - row[operand]) or row[operand] >= 4, row
            if operand == "c":
                row["narrow"] = at is not None and width < 32
        results = row.pop("results", ())
        row["results"] = sum(1 << RESULTS.index(name) for name in results)
        if "fault" in row:
            row["fault"] = 1 << SUM_FAULTS.index(row["fault"])
        return row

    def _programs(self):
        geometry = self.geometry
        unified = {"fault": Fault.BAD_ADDRESS, "limit": geometry.unified_depth, "exact": 1}
        accumulators = {"fault": Fault.BAD_ACCUMULATOR, "limit": geometry.accumulator_depth,
                        "exact": 1}
        # Of a channel and the last of some columns.
        parameters = {"fault": Fault.BAD_PARAMETERS, "limit": geometry.parameter_depth - 1,
                      "exact": 1}

        def region(addend):
            return {"c": addend, **unified, "results": ("region_first", "region_end")}

        stride = {"b": "SOURCE.line_stride"}
        multiply, convolve = "MATRIX_MULTIPLY/", "CONVOLVE/"
        # From the end of a line to the start of the next.
        tail = {"a": "a:-1", **stride, "c": "SOURCE.line_length", "keep": 1}
        activate = "ACTIVATE/"
        count = {"a": activate + "rows"}
        pixels, y_step = {"b": "POOL.pixels"}, {"b": "POOL.y_step"}
        columns = {"a": "a:1", "c": activate + "last_column", "keep": 1}
        results = {"a": "DESTINATION.stride", "feedback": 1, **region(activate + "destination")}
        channels = {"a": activate + "parameters", "c": activate + "last_column", **parameters,
                    "results": ("parameters",)}
        x_step, accumulator = {"a": "POOL.x_step"}, {"c": activate + "accumulator"}
        line_pixels = {"a": "POOL.line_pixels"}
        counted = {"limit": (1 << 16) - 1, "exact": 1}
        plain = [
            {**count, "c": "c:-1", "results": ("factor",)},
            {**count, **accumulator, **accumulators,
             "results": ("rows", "rows_first", "rows_end")},
            {"a": "a:1", "results": ("line_step",)},
            columns,
            channels,
            None,
            results,
        ]
        pooled = [
            {**x_step, "b": "b:-1", "keep": 1},
            {**count, **pixels, "c": "c:-1", "results": ("factor",)},
            {"a": "a:-1", **y_step, "c": "POOL.height", "keep": 1},
            {"a": "POOL.width", **accumulator, "keep": 1, "results": ("rows_first",)},
            columns,
            # The last line, from the first one. It takes the factor's place after the next rows.
            {**count, **y_step, "c": "c:-1", "fault": Fault.BAD_ACCUMULATOR, **counted,
             "results": ("factor",)},
            {**x_step, **pixels, **accumulators, "keep": 1},
            results,
            {**count, **pixels, "fault": Fault.BAD_LENGTH, **counted, "results": ("rows",)},
            {**line_pixels, "feedback": 1, **accumulators, "results": ("rows_end",)},
            {**line_pixels, **y_step, "results": ("line_step",)},
            channels,
        ]
        host = [None, {"c": "READ_HOST_MEMORY/length", "keep": 1}, None, None,
                region("READ_HOST_MEMORY/destination")]
        vectors = self._vector(unified, region, unary=False), self._vector(
            unified, region, unary=True)
        return {operation: pair if isinstance(pair, tuple) else (pair, pair)
                for operation, pair in {
            Operation.READ_WEIGHTS: [
                {"a": "READ_WEIGHTS/tiles", "b": "b:rows", "c": "READ_WEIGHTS/address",
                 "fault": Fault.BAD_WEIGHTS, "limit": geometry.weight_depth, "exact": 1}],
            Operation.MATRIX_MULTIPLY: [
                tail,
                {"a": multiply + "lines", "c": multiply + "accumulator", **accumulators,
                 "results": ("rows", "rows_first", "rows_end")},
                # The elements of a line that the tiles meet: more would not fit `run`.
                {"a": multiply + "tiles", "b": "b:rows", "fault": Fault.BAD_LENGTH,
                 "limit": 1 << 16, "exact": 1},
                {"a": multiply + "lines", **stride, **region(multiply + "source")},
                {"c": multiply + "source", "results": ("first_line",)},
                {"a": "a:1", **stride, "results": ("line_step",)},
            ],
            Operation.CONVOLVE: [
                tail,
                {"a": convolve + "lines", "b": "WINDOW.pixels", "c": convolve + "accumulator",
                 **accumulators, "results": ("rows", "rows_first", "rows_end")},
                {"a": "WINDOW.y_step", **stride, "results": ("line_step",)},
                {"a": "SOURCE.lines", **stride, **region(convolve + "source")},
                {"a": convolve + "y", **stride, "c": convolve + "source",
                 "results": ("first_line",)},
                {"a": "WINDOW.dilation", **stride, "results": ("kernel_step",)},
            ],
            Operation.ACTIVATE: (plain, pooled),
            Operation.VECTOR_ADD: vectors,
            Operation.VECTOR_MULTIPLY: vectors,
            Operation.READ_HOST_MEMORY: host,
            Operation.WRITE_HOST_MEMORY: host,
        }.items()}

    def _vector(self, unified, region, *, unary):
        """Rows of a vector instruction.

        The result may not start strictly inside of an operand: what lies between their starts is
        compared in two rows that follow each other, and both must fail.
        """
        vector = "VECTOR_ADD/"
        length, whole = {"a": vector + "length"}, self.geometry.unified_depth <= 1 << 16
        rows = {0: {**length, "c": vector + "a", **unified},
                2: {"a": "a:1", "b": "DESTINATION.parameters", "results": ("parameters",)},
                4: {**length, **region(vector + "destination")}}
        if not unary:
            rows[1] = {**length, "c": vector + "b", **unified}
        inside = {"fault": Fault.BAD_ADDRESS, "limit": self.geometry.unified_depth}

        def minus(name, c, **row):
            """Less an address: the half that is multiplied by -1."""
            return {"a": "a:-1", "b": vector + name, "c": c, **row}

        def high(name, **row):
            """Less its other half."""
            return {"a": vector + name, "b": "b:-65536", **row}

        for name, at in (("a", 3), ("b", 7 if whole else 10)):
            if unary and name == "b":
                continue
            # The destination less the operand, and less the length; the operand less the
            # destination in the row before that.
            ahead = minus(name, vector + "destination", keep=1)
            behind = minus("destination", vector + name)
            before = {**length, "b": "b:-1", **inside, "both": 1}
            assert not rows.keys() & {at, at + 2, at + 3}
            if whole:
                rows |= {at: ahead, at + 2: {**behind, "limit": inside["limit"]}, at + 3: before}
            else:
                rows |= {at: ahead, at + 3: high(name, keep=1), at + 6: before,
                         at + 2: {**behind, "keep": 1},
                         at + 5: high("destination", limit=inside["limit"])}
        return [rows.get(index) for index in range(max(rows) + 1)]
