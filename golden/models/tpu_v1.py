"""TPU v1 and what was published of it (Jouppi et al., ISCA'17): its sizes, tables 1, 3 and 4."""

from dataclasses import dataclass

from ..systolic.geometry import DenseGeometry

__all__ = ["BYTES_PER_SECOND", "FREQUENCY_HZ", "GEOMETRY", "HOST_SHARE", "PEAK_TOPS", "TABLE_4",
           "WEIGHT_CYCLES", "WORKLOADS", "Published"]

FREQUENCY_HZ = 700e6
#: Of the memory that holds the weights.
BYTES_PER_SECOND = 34e9

#: Our core in its size. The unified buffer has 24 MiB there; ours is a power of two, and the
#: smaller one. Parameters, tables and programs have memories there of which nothing is published.
GEOMETRY = DenseGeometry(
    rows=256, columns=256, lanes=256, unified_depth=1 << 24, accumulator_depth=4096,
    weight_depth=1 << 24, parameter_depth=1 << 16, program_depth=1 << 16, function_tables=2,
    operand_tables=1)
#: Cycles in which a tile comes from the memory of the weights.
WEIGHT_CYCLES = round(GEOMETRY.rows * GEOMETRY.columns * FREQUENCY_HZ / BYTES_PER_SECOND)
#: 10**12 operations a second, two a multiplication with addition.
PEAK_TOPS = 2 * GEOMETRY.rows * GEOMETRY.columns * FREQUENCY_HZ / 1e12


@dataclass(frozen=True, kw_only=True)
class Published:
    """What the paper says of a workload.

    Parameters
    ----------
    kinds : dict of str to int
        Layers by kind (table 1).
    weights : float
        In millions, as printed, without digits behind the point.
    macs_per_byte : int
        Multiplications a byte of weights, which the paper calls operations.
    batch : int
    active, useful, weight_stall, weight_shift, non_matrix, raw_stall, input_stall : float
        Percent of the cycles; `useful` of all that the array could multiply (table 3).
    tops : float
        10**12 operations a second that were achieved. They are not in proportion to `useful`.
    """

    kinds: dict
    weights: float
    macs_per_byte: int
    batch: int
    active: float
    useful: float
    weight_stall: float
    weight_shift: float
    non_matrix: float
    raw_stall: float
    input_stall: float
    tops: float


def _published(kinds, weights, macs_per_byte, batch, *table_3):
    names = ("active", "useful", "weight_stall", "weight_shift", "non_matrix", "raw_stall",
             "input_stall", "tops")
    return Published(kinds=kinds, weights=weights, macs_per_byte=macs_per_byte, batch=batch,
                     **dict(zip(names, table_3, strict=True)))


#: By name.
WORKLOADS = {
    "MLP0": _published({"FC": 5}, 20, 200, 200,
                       12.7, 12.5, 53.9, 15.9, 17.5, 3.3, 6.1, 12.3),
    "MLP1": _published({"FC": 4}, 5, 168, 168,
                       10.6, 9.4, 44.2, 13.4, 31.9, 8.4, 8.8, 9.7),
    "LSTM0": _published({"FC": 24, "vector": 34}, 52, 64, 64,
                        8.2, 8.2, 58.1, 15.8, 17.9, 14.6, 5.1, 3.7),
    "LSTM1": _published({"FC": 37, "vector": 19}, 34, 96, 96,
                        10.5, 6.3, 62.1, 17.1, 10.3, 10.6, 2.4, 2.8),
    "CNN0": _published({"conv": 16}, 8, 2888, 8,
                       78.2, 78.2, 0.0, 0.0, 21.8, 3.5, 3.4, 86.0),
    "CNN1": _published({"FC": 4, "conv": 72, "pool": 13}, 100, 1750, 32,
                       46.2, 22.5, 28.1, 7.0, 18.7, 22.8, 0.6, 14.1),
}

#: Table 4, MLP0 on three machines: name, batch, 99th percentile of the response time in ms,
#: inferences a second, percent of the machine's best.
TABLE_4 = (
    ("CPU", 16, 7.2, 5482, 42),
    ("CPU", 64, 21.3, 13194, 100),
    ("GPU", 16, 6.7, 13461, 37),
    ("GPU", 64, 8.3, 36465, 100),
    ("TPU", 200, 7.0, 225000, 80),
    ("TPU", 250, 10.0, 280000, 100),
)
#: Time in which the host works with the TPU, of the time in which the TPU runs MLP0 (table 5).
HOST_SHARE = 0.21
