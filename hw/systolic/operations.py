"""What the dispatcher hands to the units of the dense core: instructions, decoded and checked."""

from amaranth import *
from amaranth.lib import data
from amaranth.utils import bits_for, ceil_log2

__all__ = ["activation_operation", "host_operation", "matrix_operation", "ticket_width",
           "weight_operation"]


def _depths(config):
    return {
        "unified": ceil_log2(config.unified_depth),
        "accumulator": ceil_log2(config.accumulator_depth),
        "parameter": ceil_log2(config.parameter_depth),
    }


def weight_operation(config):
    """Read_Weights: `tiles` tiles from row `address` of the weight memory on."""
    return data.StructLayout({"address": ceil_log2(config.weight_depth), "tiles": 16})


def matrix_operation(config):
    """MatrixMultiply and Convolve.

    Tile n of the `tiles` is that of kernel line ky, tap t, chunk c; output line oy and pixel ox
    meet element ``x + ox * x_step + t * tap_step + c * rows`` of line
    ``y + oy * y_step + ky * dilation``. The products ``y * line_stride``,
    ``y_step * line_stride`` and ``dilation * line_stride`` come ready made, as addresses. For
    MatrixMultiply pixels = 1, y = 0, y_step = 1, and `run` and `line_limit` are such that they
    never matter.
    """
    depths = _depths(config)
    return data.StructLayout({
        "accumulate": 1,
        "columns": bits_for(config.columns),
        "tiles": 16,
        "accumulator": depths["accumulator"],
        # Output lines, and outputs in a line: there is a row of accumulators for each.
        "lines": bits_for(config.accumulator_depth),
        "pixels": bits_for(config.accumulator_depth),
        "first_line": depths["unified"],    # source + y * line_stride
        "line_step": depths["unified"],     # y_step * line_stride
        "kernel_step": depths["unified"],   # dilation * line_stride
        "x": signed(16),
        "y": signed(16),
        "x_step": 16,
        "y_step": 16,
        "dilation": 16,
        "tap_step": 16,
        "taps": 16,
        "run": 17,                          # elements of a tap; 2**16 for MatrixMultiply
        "line_length": 16,
        "line_limit": 17,                   # lines that exist; 2**16 for MatrixMultiply
        "pad": signed(config.activation_width),
    })


def activation_operation(config):
    """Activate, VectorAdd and VectorMultiply.

    A pooled Activate reads accumulator row
    ``accumulator + (oy * y_step + wy) * line_pixels + ox * x_step + wx``; the products come ready
    made. Without pooling the windows are of one row, a line has one pixel and ``line_rows`` = 1.
    A vector instruction takes elements of `a` and `b`; `length` is theirs.
    """
    depths = _depths(config)
    return data.StructLayout({
        "vector": 1,
        "multiply": 1,
        "unary": 1,
        "function": 3,
        "tables": 4,
        "accumulator": depths["accumulator"],
        "columns": bits_for(config.columns),
        "lines": 16,
        "pixels": 16,
        "line_rows": depths["accumulator"],     # line_pixels: from one window line to the next
        "line_step": depths["accumulator"],     # y_step * line_pixels
        "height": 8,
        "width": 8,
        "x_step": 8,
        "destination": depths["unified"],
        "stride": 16,
        "parameters": depths["parameter"],
        "zero_point": signed(config.activation_width),
        "low": signed(config.centred_width),
        "high": signed(config.centred_width),
        "a": depths["unified"],
        "b": depths["unified"],
        "length": 16,
        "shift_a": 4,
        "shift_b": 4,
        # The multiplication issued last before this one: its rows are the last to be written.
        "ticket": ticket_width(config),         # rows written before, modulo 2**ticket_width
        "written_base": depths["accumulator"],
        "written_rows": depths["accumulator"] + 1,
    })


def ticket_width(config):
    """Bits of a number of rows written, so that the difference of two can be told from its sign.

    When an Activate is handed out, no more rows are missing than those of two multiplications and
    those in the array. When twice as many have been written since as accumulators have addresses,
    `ActivationSequencer` remembers that all are there, and compares no more.
    """
    missing = 2 * config.accumulator_depth + config.rows + config.columns + 32
    return 1 + bits_for(max(missing, (2 << ceil_log2(config.accumulator_depth)) + 16))


def host_operation(config):
    """Read_Host_Memory and Write_Host_Memory."""
    depths = _depths(config)
    return data.StructLayout({
        "address": depths["unified"],
        "length": depths["unified"] + 1,
        "tag": 8,
    })
