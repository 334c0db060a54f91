"""Puts operations together: from an instruction, registers and results of the decoder.

Each function returns the fields of an operation of `hw.systolic.operations` by name. `word` is the
instruction, of which only the fields of its own operation mean anything.
"""

from amaranth import *
from amaranth.lib import data

from golden.formats import INSTRUCTIONS, REGISTERS, Operation, Register

from ..layouts import struct_layout

__all__ = ["activation_fields", "host_fields", "matrix_fields", "registers_layout",
           "weight_fields"]


def registers_layout():
    """Layout of all registers that Set_Configuration writes, by their names in lower case."""
    return data.StructLayout({register.name.lower(): struct_layout(REGISTERS[register])
                              for register in Register})


def _view(word, operation):
    return struct_layout(INSTRUCTIONS[operation])(word)


def weight_fields(word):
    """Fields of `weight_operation`."""
    reads = _view(word, Operation.READ_WEIGHTS)
    return {"address": reads.address, "tiles": reads.tiles}


def matrix_fields(word, *, registers, decoder, convolves):
    """Fields of `matrix_operation`; a MatrixMultiply is a Convolve unless `convolves`, see there.

    Parameters
    ----------
    word : Value
    registers : View of registers_layout()
    decoder : Decoder
        Has decoded `word`.
    convolves : Value
        1 bit: the instruction is a Convolve.
    """
    view = _view(word, Operation.CONVOLVE)
    source, window = registers.source, registers.window
    return {
        "accumulate": view.accumulate,
        "columns": view.last_column + 1,
        "tiles": view.tiles,
        "accumulator": view.accumulator,
        "lines": view.lines,
        "pixels": Mux(convolves, window.pixels, 1),
        "first_line": decoder.first_line,
        "line_step": decoder.line_step,
        "kernel_step": decoder.kernel_step,
        "x": view.x,
        "y": Mux(convolves, view.y, 0),
        "x_step": window.x_step,
        "y_step": Mux(convolves, window.y_step, 1),
        "dilation": window.dilation,
        "tap_step": window.tap_step,
        "taps": Mux(convolves, source.taps, 1),
        "run": Mux(convolves, window.run, 1 << 16),
        "line_length": source.line_length,
        "line_limit": Mux(convolves, source.lines, 1 << 16),
        "pad": source.pad,
    }


def activation_fields(word, *, registers, decoder, vector):
    """Fields of `activation_operation`, but for those of `WrittenRows`.

    Parameters
    ----------
    word, registers, decoder
        See `matrix_fields`.
    vector : Value
        1 bit: the instruction is VectorAdd or VectorMultiply, else Activate.
    """
    activate = _view(word, Operation.ACTIVATE)
    vectors = _view(word, Operation.VECTOR_ADD)
    pool, destination, pooled = registers.pool, registers.destination, activate.pool
    return {
        "vector": vector,
        "multiply": activate.operation[0],      # of a vector instruction: the odd one
        "unary": vectors.unary,
        "function": activate.function,      # in the same bits for both
        "tables": vectors.tables,
        "accumulator": activate.accumulator,
        "columns": activate.last_column + 1,
        "lines": activate.rows,
        "pixels": Mux(pooled, pool.pixels, 1),
        "line_rows": Mux(pooled, pool.line_pixels, 1),
        "line_step": decoder.line_step,
        "height": Mux(pooled, pool.height, 1),
        "width": Mux(pooled, pool.width, 1),
        "x_step": pool.x_step,
        "destination": decoder.destination,
        "stride": destination.stride,
        "parameters": decoder.parameters,
        "zero_point": destination.zero_point,
        "low": destination.low,
        "high": destination.high,
        "a": vectors.a,
        "b": vectors.b,
        "length": vectors.length,
        "shift_a": registers.operands.shift_a,
        "shift_b": registers.operands.shift_b,
    }


def host_fields(word, operation):
    """Fields of `host_operation`, of Read_Host_Memory or Write_Host_Memory."""
    view = _view(word, operation)
    if operation == Operation.READ_HOST_MEMORY:
        return {"address": view.destination, "length": view.length}
    return {"address": view.source, "length": view.length, "tag": view.tag}
