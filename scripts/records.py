"""Flat records of what was measured: the same from every command, written by one writer."""

import json
import math
import os
import sys
from numbers import Integral, Real
from pathlib import Path

from .errors import UsageError

__all__ = ["FIELDS", "SOURCES", "record", "write_records"]

#: Where a figure comes from.
SOURCES = ("rtl", "model", "golden", "netlist")

#: Every field of a record: its type, and what it says. The first five are in every record.
FIELDS = {
    "bench": (str, "the command or benchmark that measured"),
    "config": (str, "label of the configuration, such as weft-pes16"),
    "source": (str, "rtl, model, golden or netlist"),
    "cycles": (int, "clock cycles, over all inputs; null where none were counted"),
    "bit_exact": (bool, "whether all bits equal the golden model's; null where not compared"),
    "board": (str, "board that the netlist was placed on"),
    "unit": (str, "component that was synthesised"),
    "instances": (int, "how many of the component the core has"),
    "layer": (str, "name of the layer; absent for a whole network"),
    "inputs": (int, "inputs that were run"),
    "batch": (int, "inputs of one run at most"),
    "accuracy": (float, "share of the inputs that were classified correctly"),
    "pes": (int, "processing elements"),
    "groups": (int, "column groups of the layer"),
    "entries": (int, "entries of the encoded layer, padding and escapes included"),
    "useful": (float, "non-zero weights times non-zero activations / PEs / cycles"),
    "utilisation": (float, "PE-cycles that issued a multiplication / PEs / cycles; of the dense "
                           "core only the product's multiplications"),
    "utilisation_end_to_end": (float, "the same, over end_to_end_cycles"),
    "work": (str, "product that was computed: rows, inner length, columns, as in 64x64x64"),
    "rows": (int, "rows of the array: inputs of a tile"),
    "columns": (int, "columns of the array: outputs of a tile"),
    "lanes": (int, "results that are requantised at once"),
    "run_cycles": (int, "cycles of whole programs, results back in the unified buffer included"),
    "end_to_end_cycles": (int, "the same, from the first Read_Weights on"),
    "active": (int, "cycles of the runs in which a row of activations entered the array"),
    "weight_stall": (int, "cycles in which a tile had not come out of the weight memory"),
    "weight_shift": (int, "cycles in which a tile was being shifted into the array"),
    "non_matrix": (int, "all other cycles of the runs"),
    "raw_stall": (int, "cycles in which an instruction waited for what another had to write"),
    "input_stall": (int, "cycles in which Read_Host_Memory waited for the host"),
    "useful_macs": (int, "multiplications of what is no padding"),
    "tiles": (int, "tiles that were multiplied by"),
    "macs_per_byte": (float, "multiplications a byte of weights"),
    "tops": (float, "10**12 operations a second, two a useful multiplication"),
    "tops_published": (float, "the same, as published of the same workload"),
    "tops_attainable": (float, "the same, as its roofline allows at macs_per_byte"),
    "latency_ms": (float, "cycles of one batch at the clock rate, in ms"),
    "inferences_per_second": (float, "inputs of one batch over that time"),
    "starved": (int, "PE-cycles without a multiplication"),
    "queue_full": (int, "cycles in which a broadcast waited for a queue"),
    "padding": (int, "multiplications by codebook entry 0"),
    "imbalance": (float, "share of the cycles by which the busiest PE is ahead of the mean"),
    "empty": (float, "share of the PE-cycles spent on columns without an entry"),
    "starvation": (float, "share of the cycles in which even the busiest PE waits"),
    "microseconds": (float, "time at 800 MHz, EIE's clock rate"),
    "saturations": (int, "sums that were saturated"),
    "energy_nj": (float, "energy of the layer by the model of golden.energy, in nJ"),
    "matrix_nj": (float, "of that, for weights, pointers and codebook"),
    "dram_words": (int, "32-bit words read from DRAM"),
    "saving": (float, "energy of the dense fp32 core over this"),
    "area_mm2": (float, "area by the model of golden.energy, in mm2"),
    "sim_hz": (float, "simulated cycles per second"),
    "network": (str, "name of the network that was compressed"),
    "stage": (str, "stage of the compression: float, pruned, shared, Huffman"),
    "weights": (int, "weights, pruned ones included"),
    "kept": (float, "share of the weights that is not zero"),
    "bits": (float, "bits of a codebook index, of all layers the mean over the kept weights; or "
                    "of a weight and an activation"),
    "bits_huffman": (float, "mean bits of an index, Huffman coded"),
    "symbols": (int, "symbols that were coded, a byte each"),
    "encode_mb_s": (float, "million symbols encoded per second of CPU time, on one core"),
    "decode_mb_s": (float, "million symbols decoded per second of CPU time, on one core"),
    "run_bits": (float, "mean bits of the runs of zeros for every kept weight, Huffman coded"),
    "part": (str, "what bytes of a file are for: codebook, biases, indices, runs, ..."),
    "bytes": (int, "size; of a whole network that of its file, everything counted"),
    "ratio": (float, "bytes of 32-bit floats for all weights and biases / bytes"),
    "agreement": (float, "share of the inputs with the first class that the float network has"),
    "agreement_top5": (float, "mean share of the float network's first five that stay among them"),
    "snr_db": (float, "energy of the float network's outputs over that of the error, in dB"),
    "error_float": (float, "share of the test inputs that the float network gets wrong"),
    "error_compressed": (float, "share of the test inputs that the compressed one gets wrong"),
    "lut4": (int, "4-input lookup tables"),
    "lut4_equivalents": (int, "LUT4 and what takes their place: 2 a CCU2C, 4 a DPR16X4"),
    "ccu2c": (int, "carry cells of ECP5"),
    "carry": (int, "carry cells of iCE40"),
    "dpr16x4": (int, "distributed RAM cells of ECP5"),
    "ff": (int, "flip-flops"),
    "dsp": (int, "multipliers"),
    "bram": (int, "block RAMs"),
    "spram": (int, "single-port RAMs of iCE40"),
    "fmax_mhz": (float, "highest clock rate, in MHz; null if it was not placed"),
    "seed": (int, "of the placement"),
    "placed_microseconds": (float, "cycles at fmax_mhz"),
    "fits": (bool, "whether it fits the device and meets its timing"),
}

_REQUIRED = ("bench", "config", "source", "cycles", "bit_exact")


def _plain(name, value):
    """The value as the JSON type that the field has; NumPy's scalars are taken too."""
    kind = FIELDS[name][0]
    if value is None:
        return None
    if kind is bool and (isinstance(value, bool) or type(value).__name__ in ("bool", "bool_")):
        return bool(value)
    if kind is str and isinstance(value, str):
        return str(value)
    if not isinstance(value, bool):
        if kind is int and isinstance(value, Integral):
            return int(value)
        if kind is float and isinstance(value, Real) and math.isfinite(value):
            return float(value)
    raise TypeError(f"Field {name!r} of a record is {kind.__name__}, not {value!r}")


def record(**values):
    """Check and complete one record.

    Parameters
    ----------
    **values
        Fields of `FIELDS`; `bench`, `config` and `source` are required. `cycles` and `bit_exact`
        are None where they mean nothing.

    Returns
    -------
    dict
        JSON scalars only, in the order of `FIELDS`.

    Raises
    ------
    TypeError
        If a field is unknown, missing or of another type.
    ValueError
        If the source is none of `SOURCES`.
    """
    unknown = values.keys() - FIELDS.keys()
    missing = {"bench", "config", "source"} - values.keys()
    if unknown or missing:
        raise TypeError(f"A record has no field {sorted(unknown)} and needs {sorted(missing)}")
    if values["source"] not in SOURCES:
        raise ValueError(f"The source of a record is one of {SOURCES}, not {values['source']!r}")
    return {name: _plain(name, values.get(name)) for name in FIELDS
            if name in values or name in _REQUIRED}


def write_records(records, target):
    """Write records as a JSON list.

    Parameters
    ----------
    records : iterable of dict
    target : str, Path or None
        File, which appears whole or not at all; ``-`` for standard output; None writes nothing.

    Raises
    ------
    UsageError
        If the file can't be written.
    """
    if target is None:
        return
    text = json.dumps(list(records), indent=2, allow_nan=False) + "\n"
    if str(target) == "-":
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    target = Path(target)
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text)
        partial.replace(target)
    except OSError as error:
        raise UsageError(f"--json {target}: cannot be written ({error.strerror}), "
                         f"choose another file") from error
