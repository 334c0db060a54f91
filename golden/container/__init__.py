"""The `.weft` file: one compressed network.

All numbers are little-endian; a *text* is a u16 count of bytes and as many bytes of UTF-8.

=============  =====  =====================================================================
field          type   meaning
=============  =====  =====================================================================
magic          4 B    ``WEFT``
version        u16    1, or 2 with Huffman codes or convolutions
layers         u16    how many, at least 1
size           u32    bytes of the whole file, checksum included
metadata       u16    how many pairs follow, each a text `key` and a text `value`
layers[i]             see below
checksum       u32    CRC-32 (as zlib's) of every byte before it
=============  =====  =====================================================================

Each layer, whose fields mean what `golden.network.SparseLayer` says:

=========================  ==========================  =====================================
name                       text                        printable, not empty
rows, columns              u32 each                    columns = outputs of the layer before
multiplier                 u32                         0 to 2**31
left_shift, right_shift    u8 each                     0 to 31
low, high                  i16 each                    low <= high
index_width, run_width     u8 each                     1 to 8; with Huffman codes, runs 0 to 7
input_zero_point           i32
output_zero_point          i32
weight_scale               f64                         positive, finite; as the next two
input_scale, output_scale  f64 each
entries                    u32                         in the stream
codebook                   i16 x 2**index_width        the first is 0
bias                       i32 x rows
stream                     bytes                       `golden.compression.relative`
=========================  ==========================  =====================================

In version 2, `coding`, `bias_width` and `window` (u8 each) follow `entries`. With window 1, the
layer is a convolution, the inputs of its window instead of its columns are the outputs of the layer
before, and the fields of `golden.network.Window` follow: `channels`, `height` and `width` (u16
each), `kernel_height`, `kernel_width`, `stride`, `padding` and `pool` (u8 each). The biases are
packed, `bias_width` bits each, least significant first and the last byte filled up with zero bits.
A layer with coding 0 goes on as above; with coding 1, which the writer chooses where it is smaller,
there is instead of the stream:

======================  =====  =================================================================
run_bytes, index_bytes  u32 2  of the two streams
run_table, run_stream   bytes  runs, see `golden.compression.coded_entries`; none if `run_width` = 0
index_table, ..stream   bytes  indices; the tables are those of `golden.compression.huffman`
======================  =====  =================================================================

The writer chooses the `run_width` with which a stream is shortest; apart from that a network has
exactly one file. Whatever is wrong with a file, wherever it comes from, is a `ContainerError` that
names the field and its byte. Nothing is allocated before the bytes that justify it have been
counted: an entry takes 1 bit at least, a layer has at most ``(entries + 1) * 2**run_width``
weights, and a network `MAX_WEIGHTS`.
"""

from .layout import MAX_SIZE, MAX_WEIGHTS, VERSION, ContainerError
from .read import loads, loads_with_spans, read_network
from .write import dumps, write_network

__all__ = [
    "MAX_SIZE", "MAX_WEIGHTS", "VERSION", "ContainerError", "dumps", "loads", "loads_with_spans",
    "read_network", "write_network",
]
