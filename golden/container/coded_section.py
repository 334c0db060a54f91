"""Huffman-coded weights within a file: sizes, tables and streams."""

import struct
from contextlib import contextmanager

import numpy as np

from ..compression.coded_entries import decode_indices, decode_runs, place_indices
from ..compression.huffman import load_lengths
from .layout import STREAM_FIELDS, ContainerError

__all__ = ["dump_section", "naming", "read_section"]


def dump_section(coded):
    """Bytes of coded weights.

    Parameters
    ----------
    coded : golden.compression.coded_entries.CodedEntries

    Returns
    -------
    bytes
        What `golden.container` says of a layer with coding 1, from `run_bytes` on.
    """
    streams = [stream for stream in (coded.runs, coded.indices) if stream]
    sizes = [0] * (2 - len(streams)) + [len(stream.data) for stream in streams]
    parts = [struct.pack("<" + type_, size) for (_, type_, *_), size in zip(
        STREAM_FIELDS, sizes, strict=True)]
    for stream in streams:
        parts += [stream.table, stream.data.tobytes()]
    return b"".join(parts)


def read_section(reader, field, *, entries, index_width, run_width, shape):
    """Read coded weights.

    Parameters
    ----------
    reader : golden.container.reader.Reader
    field : str
        What errors call the layer.
    entries, index_width, run_width : int
        Of the layer. Without runs (``run_width = 0``) there are as many entries as weights.
    shape : tuple of int
        Rows and columns.

    Returns
    -------
    ndarray of uint8, shape (rows, columns)

    Raises
    ------
    ContainerError
    """
    offset = reader.offset
    run_bytes, index_bytes = (reader.checked(field, *spec) for spec in STREAM_FIELDS)
    if not run_width:
        if run_bytes:
            raise ContainerError(f"{field}.run_bytes", offset,
                                 f"must be 0 without runs, not {run_bytes}")
        offset, lengths, stream = _take_stream(reader, f"{field}.index", index_bytes)
        with naming(f"{field}.index_stream", offset):
            codes = decode_indices(stream, lengths, entries, index_width, zeros=True)
        return np.ascontiguousarray(codes.reshape(shape[::-1]).T)
    offset, lengths, stream = _take_stream(reader, f"{field}.run", run_bytes)
    with naming(f"{field}.run_stream", offset):
        runs, real = decode_runs(stream, lengths, entries, run_width)
    index_offset, lengths, stream = _take_stream(reader, f"{field}.index", index_bytes)
    with naming(f"{field}.index_stream", index_offset):
        indices = decode_indices(stream, lengths, int(np.count_nonzero(real)), index_width,
                                 zeros=False)
    with naming(f"{field}.run_stream", offset):
        return place_indices(indices, runs, real, shape, run_width)


def _take_stream(reader, field, size):
    """Offset of a stream, lengths of its codes, and its bytes."""
    with naming(f"{field}_table", reader.offset):
        lengths, table_bytes = load_lengths(reader.data[reader.offset:])
    reader.take(f"{field}_table", table_bytes)
    return reader.offset, lengths, reader.take(f"{field}_stream", size)


@contextmanager
def naming(field, offset):
    """Say in which field something is wrong."""
    try:
        yield
    except ValueError as error:
        raise ContainerError(field, offset, error.args[0]) from None
