"""Configurations of the dense core that are simulated."""

from hw.config import DenseConfig

__all__ = ["DENSE_CORES", "SQUARE_CORES"]

#: Array square, wide and high; every parameter at an extreme somewhere.
DENSE_CORES = {
    "4 x 4": DenseConfig(rows=4, columns=4, unified_depth=1024, accumulator_depth=64,
                         weight_depth=64, parameter_depth=64, program_depth=128, host_depth=16,
                         watchdog_log2=12),
    "2 x 7, 16-bit activations": DenseConfig(
        rows=2, columns=7, lanes=4, activation_width=16, operand_tables=0, unified_depth=512,
        accumulator_depth=32, weight_depth=37, parameter_depth=32, program_depth=128),
    "5 x 2, 12-bit weights, one lane": DenseConfig(
        rows=5, columns=2, lanes=1, activation_width=6, weight_width=12, unified_depth=256,
        accumulator_depth=50, weight_depth=30, parameter_depth=40, program_depth=128,
        function_tables=7, operand_tables=3),
}

#: The smallest array, and one of a size that is used, with programs for small memories.
SQUARE_CORES = {
    f"{size} x {size}": DenseConfig(
        rows=size, columns=size, lanes=min(size, 4), unified_depth=1024, accumulator_depth=64,
        weight_depth=8 * size, parameter_depth=64, program_depth=128)
    for size in (2, 16)
}
