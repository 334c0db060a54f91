"""Instructions of the dense core that are wrong in one of the ways there are."""

from golden.formats import INSTRUCTIONS, WEIGHT_FIFO_TILES, Fault, Operation, Register
from golden.systolic.instructions import configure, encode

__all__ = ["faulty"]


def faulty(rng, geometry, fault):
    """All ways to be wrong: instructions of which the last has a fault.

    Unless what stands before them changes that, or the geometry knows no such thing.

    Parameters
    ----------
    rng : numpy.random.Generator
    geometry : DenseGeometry
    fault : Fault

    Returns
    -------
    list of list of ndarray of uint32, shape (4,)
    """
    g = geometry
    # A place from which everything fits, and the largest numbers that do.
    source = configure(Register.SOURCE, line_length=2, line_stride=1, lines=2, taps=1)
    window = configure(Register.WINDOW, pixels=2, run=1)
    destination = configure(Register.DESTINATION, stride=1, high=1)
    pool = {"line_pixels": 1, "pixels": 1, "height": 1, "width": 1}
    read = encode(Operation.READ_WEIGHTS, tiles=1)
    matrix, activate = {"lines": 1, "tiles": 1}, {"rows": 1}
    vector = {"length": 1, "b": 8, "destination": 8}

    def multiply(operation=Operation.MATRIX_MULTIPLY, **fields):
        return encode(operation, **(matrix | fields))

    def convolve(before=(source, window), **fields):
        return [*before, read, multiply(Operation.CONVOLVE, **fields)]

    def activated(before=destination, **fields):
        return [before, encode(Operation.ACTIVATE, **(activate | fields))]

    def pooled(**fields):
        return [destination, configure(Register.POOL, **(pool | fields)),
                encode(Operation.ACTIVATE, **activate, pool=1)]

    def vectored(**fields):
        operation = Operation(rng.choice([Operation.VECTOR_ADD, Operation.VECTOR_MULTIPLY]))
        return [encode(operation, **(vector | fields))]

    def without(register, name):
        """The register as above, with one field 0."""
        given = {Register.SOURCE: {"line_length": 2, "lines": 2, "taps": 1},
                 Register.WINDOW: {"pixels": 2, "run": 1}}[register]
        return configure(register, **(given | {name: 0}))

    top, rows = g.unified_depth, g.accumulator_depth
    flipped = encode(Operation(rng.choice([0, 1, 3, 4, 5, 6, 7, 8, 9])))
    operation = Operation(int(flipped[0]) & 31)
    at = 0
    for field in INSTRUCTIONS[operation].fields:
        if field.name in ("reserved", "unused"):
            at += int(rng.integers(field.width))
            break
        at += field.width
    flipped[at // 32] |= 1 << at % 32
    unknown = encode(Operation.NOP)
    unknown[0] = rng.integers(len(Operation), 32)

    return {
        Fault.BAD_OPERATION: [
            [flipped], [unknown],
            [encode(Operation.SET_CONFIGURATION, register=rng.integers(len(Register), 256))],
            [encode(Operation.SET_CONFIGURATION, register=Register.POOL, value=1 << 95)],
            *[[configure(Register.POOL, **{name: 1 << rng.integers(8)})]
              for name in ("unused_1", "unused_2", "unused_3")]],
        Fault.BAD_LENGTH: [
            [source, read, multiply(lines=0)], [source, read, multiply(tiles=0)],
            [source, multiply(tiles=65536 // g.rows + 1)], pooled(line_pixels=0),
            [without(Register.SOURCE, "line_length"), read, multiply()],
            convolve(lines=0), convolve(tiles=0),
            *[convolve((without(Register.SOURCE, name), window))
              for name in ("lines", "line_length", "taps")],
            *[convolve((source, without(Register.WINDOW, name))) for name in ("pixels", "run")],
            activated(rows=0), *[pooled(**{name: 0}) for name in ("pixels", "height", "width")],
            vectored(length=0), [encode(Operation.READ_WEIGHTS)],
            [encode(Operation.READ_HOST_MEMORY)], [encode(Operation.WRITE_HOST_MEMORY)],
            *([[source, read, multiply(last_column=g.columns)],
               activated(last_column=g.columns)] if g.columns < 256 else [])],
        Fault.BAD_ADDRESS: [
            [source, read, multiply(source=top - 1)],
            [source, read, multiply(source=(1 << 32) - 1)],
            [configure(Register.SOURCE, line_length=1, line_stride=top // rows + 1), read,
             multiply(lines=rows)],
            # Where sums of as many bits as that are 0 again.
            *[[configure(Register.SOURCE, line_length=1, line_stride=1 << 15), read,
               multiply(lines=(1 << bits - 15) + 1)]
              for bits in {18, max(18, top.bit_length() + 1)}],
            convolve(source=top - 2), activated(destination=top), activated(destination=1 << 31),
            activated(destination=top - 1, rows=2), activated(destination=top - 1, last_column=1),
            vectored(a=top), vectored(b=top), vectored(destination=top), vectored(length=9),
            vectored(length=4, b=6), vectored(length=4, unary=1, destination=3),
            [encode(Operation.READ_HOST_MEMORY, destination=top - 3, length=4)],
            [encode(Operation.WRITE_HOST_MEMORY, source=0, length=top + 1)],
            [encode(Operation.WRITE_HOST_MEMORY, source=1, length=(1 << 32) - 1)],
            *[[encode(Operation.WRITE_HOST_MEMORY, **({"length": 1} | {name: 1 << bit}))]
              for name in ("source", "length") for bit in range(top.bit_length(), 32)]],
        Fault.BAD_ACCUMULATOR: [
            [source, read, multiply(accumulator=rows % 65536, lines=1 + rows // 65536)],
            [source, read, multiply(accumulator=rows - 1, lines=2)],
            convolve(accumulator=rows - 1), convolve(lines=rows // 2 + 1),
            activated(accumulator=rows - 1, rows=2), pooled(line_pixels=rows, height=2),
            pooled(width=2, line_pixels=1, pixels=rows)],
        Fault.BAD_WEIGHTS: [
            [encode(Operation.READ_WEIGHTS, tiles=1, address=g.weight_depth - g.rows + 1)],
            [encode(Operation.READ_WEIGHTS, tiles=g.weight_depth // g.rows + 1)
             if g.weight_depth // g.rows < 65535 else
             encode(Operation.READ_WEIGHTS, tiles=1, address=g.weight_depth)],
            [encode(Operation.READ_WEIGHTS, tiles=1, address=(1 << 32) - g.rows)]],
        Fault.BAD_PARAMETERS: [
            activated(parameters=g.parameter_depth - g.lanes, last_column=g.lanes)
            if g.lanes < g.columns else activated(function=min(7, g.function_tables + 1)),
            *[way(function=number) for way in (activated, vectored)
              for number in {7, min(7, g.function_tables + 1)}],
            [configure(Register.DESTINATION, parameters=g.parameter_depth)]
            if g.parameter_depth < 65536 else vectored(function=7),
            *([activated(parameters=1), [configure(Register.DESTINATION, parameters=1)]]
              if g.lanes > 1 else []),
            vectored(tables=max(1, g.operand_tables)), vectored(tables=127)],
        Fault.NO_WEIGHTS: [
            [source, multiply(tiles=65536 // g.rows)], [source, window, multiply(
                Operation.CONVOLVE, tiles=60000)]],
        Fault.TOO_MANY_WEIGHTS: [[read] * (WEIGHT_FIFO_TILES + 1)],
    }[fault]
