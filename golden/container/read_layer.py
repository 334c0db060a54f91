"""Reading one layer from a container file."""

from ..compression.coded_entries import MAX_RUN_WIDTH
from ..compression.relative import decode_relative, unpack_entries
from ..network import SparseLayer
from .coded_section import naming, read_section
from .integers import unpack_signed
from .layout import CODED_FIELDS, LAYER_FIELDS, MAX_WEIGHTS, ContainerError

__all__ = ["read_layer"]


def read_layer(reader, field, *, coded, columns, max_weights):
    """Read one layer.

    Parameters
    ----------
    reader : Reader
    field : str
        What errors call it.
    coded : bool
        Whether the file is one with Huffman codes.
    columns : int or None
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

    if columns not in (None, values["columns"]):
        refuse("columns", f"must be {columns}, the rows of the layer before, not "
                          f"{values['columns']}")
    if values["high"] < values["low"]:
        refuse("high", f"must not be below low={values['low']}, but is {values['high']}")
    index_width, run_width, entries = (
        values.pop(key) for key in ("index_width", "run_width", "entries"))
    is_coded, bias_width = False, 32
    if coded:
        is_coded, bias_width = (reader.checked(field, *spec) for spec in CODED_FIELDS)
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
    return SparseLayer(name=name, codes=codes, codebook=codebook, bias=bias, **values)


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
