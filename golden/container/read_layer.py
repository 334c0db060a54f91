"""Reading one layer from a container file."""

from ..compression.coded_entries import MAX_RUN_WIDTH
from ..compression.relative import decode_relative, unpack_entries
from ..network import SparseLayer, Window
from .coded_section import naming, read_section
from .integers import unpack_signed
from .layout import CODED_FIELDS, LAYER_FIELDS, MAX_WEIGHTS, WINDOW_FIELDS, ContainerError

__all__ = ["read_layer"]


def read_layer(reader, field, *, coded, inputs, max_weights):
    """Read one layer.

    Parameters
    ----------
    reader : Reader
    field : str
        What errors call it.
    coded : bool
        Whether the file is of version 2.
    inputs : int or None
        What it must have.
    max_weights : int
        What it may have.

    Returns
    -------
    SparseLayer

    Raises
    ------
    ContainerError
    """
    name = reader.text(f"{field}.name")
    values, offsets = {}, {}
    for key, type_, low, high in LAYER_FIELDS:
        offsets[key] = reader.offset
        values[key] = reader.checked(field, key, type_, low, high)

    def refuse(key, problem):
        raise ContainerError(f"{field}.{key}", offsets[key], problem)

    if values["high"] < values["low"]:
        refuse("high", f"must not be below low={values['low']}, but is {values['high']}")
    index_width, run_width, entries = (
        values.pop(key) for key in ("index_width", "run_width", "entries"))
    is_coded, bias_width, window = False, 32, None
    if coded:
        is_coded, bias_width, has_window = (reader.checked(field, *spec) for spec in CODED_FIELDS)
        window = _read_window(reader, field, values["columns"]) if has_window else None
    taken = window.inputs if window else values["columns"]
    if inputs not in (None, taken):
        refuse("columns", f"takes {taken} inputs, but the layer before has {inputs} outputs")
    low, high = (0, MAX_RUN_WIDTH) if is_coded else (1, 8)
    if not low <= run_width <= high:
        refuse("run_width", f"run_width must be from {low} to {high}, not {run_width}")
    shape = values.pop("rows"), values.pop("columns")
    weights = shape[0] * shape[1]
    if weights > max_weights:
        refuse("columns", f"{shape[0]} x {shape[1]} weights; a network has at most {MAX_WEIGHTS}")
    if weights >= entries + 1 << run_width or entries > weights:
        refuse("entries", f"{entries} entries of {run_width}-bit runs can't make {shape[0]} x "
                          f"{shape[1]} weights")

    offsets["codebook"] = reader.offset
    codebook = reader.array(f"{field}.codebook", "<i2", 1 << index_width)
    if codebook[0] != 0:
        refuse("codebook", f"entry 0 must be 0, not {codebook[0]}")
    offset = reader.offset
    stored = reader.take(f"{field}.bias", -(-shape[0] * bias_width // 8))
    with naming(f"{field}.bias", offset):
        bias = unpack_signed(stored, shape[0], bias_width)
    read_codes = read_section if is_coded else _read_packed
    codes = read_codes(reader, field, entries=entries, index_width=index_width,
                       run_width=run_width, shape=shape)
    return SparseLayer(name=name, codes=codes, codebook=codebook, bias=bias, window=window,
                       **values)


def _read_window(reader, field, columns):
    """Window of a convolution with so many columns."""
    offset = reader.offset
    numbers = {spec[0]: reader.checked(field, *spec) for spec in WINDOW_FIELDS}
    with naming(f"{field}.window", offset):
        window = Window(**numbers)
    if window.columns != columns:
        raise ContainerError(f"{field}.window", offset,
                             f"its patches hold {window.columns} numbers, not {columns}")
    return window


def _read_packed(reader, field, *, entries, index_width, run_width, shape):
    """Codes of a layer without Huffman codes."""
    offset, width = reader.offset, index_width + run_width
    stream = reader.take(f"{field}.stream", -(-entries * width // 8))
    try:
        indices, runs = unpack_entries(stream, entries, index_width, run_width)
        return decode_relative(indices, runs, shape, run_width)
    except ValueError as error:
        problem, entry = (*error.args, entries)[:2]
        raise ContainerError(f"{field}.stream", offset + entry * width // 8, problem) from None
