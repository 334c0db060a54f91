"""Say what is in the file of a network: layers, density, bits, and where its bytes go."""

import re
from dataclasses import dataclass, replace
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from golden.container import loads_with_spans
from golden.container.layout import MAGIC as CONTAINER_MAGIC
from golden.models import coded_net
from golden.models.deep_compression_net import RUN_WIDTH, loads_net_with_spans
from golden.models.squeezenet import net_shapes

from .compression.net_sizes import net_layer_sizes
from .compression.sizes import LayerSize, layer_sizes, total_size
from .errors import UsageError
from .files import reading
from .inspection_dense import MAGIC, DenseInspection, inspect_dense, report_dense
from .records import record

__all__ = ["PARTS", "Inspection", "inspect", "report"]

#: Name in the records.
BENCH = "inspect"
#: What the bytes of a layer are for, with the fields of a file that are that, and what all others
#: are for: name, shape, scales, sizes.
PARTS = {
    "codebook": ("codebook",), "biases": ("bias",), "entries": ("stream",),
    "indices": ("index_stream", "indices"), "runs": ("run_stream", "runs"),
    "code tables": ("index_table", "run_table"), "fields": (),
}
_OTHER = "fields"
#: Bytes of the largest file that is looked at.
_MAX_SIZE = 1 << 28


@dataclass(frozen=True, eq=False)
class Inspection:
    """What is in a file.

    Parameters
    ----------
    file : Path
    kind : str
        Format of the file, for people.
    shapes : list of str
        Of each layer, for people.
    layers : list of LayerSize
    total : LayerSize
    coded : bool
        Whether Huffman codes are in the file; else their bits are what they would take.
    parts : dict of (str or None, str) to int
        Bytes by layer (None for what belongs to none) and by name of `PARTS`, ``metadata``,
        ``header``: together, the size of the file.
    metadata : dict of str to str
    records : list of dict
        One for each layer and for all, then one for each part; see `scripts.records`.
    """

    file: Path
    kind: str
    shapes: list[str]
    layers: list[LayerSize]
    total: LayerSize
    coded: bool
    parts: dict
    metadata: dict
    records: list[dict]


def inspect(file):
    """Read a file and account for every byte of it.

    Parameters
    ----------
    file : path-like
        A ``.weft`` container; or SqueezeNet's ``.net`` of Deep Compression's authors, as published
        or Huffman-coded (see `golden.models.coded_net`); or the ``.npz`` of a dense network.

    Returns
    -------
    Inspection or DenseInspection

    Raises
    ------
    UsageError
        If it can't be read or is none of these.
    """
    file = Path(file)
    with reading(file, remedy="choose a .weft file, a dense network's .npz, or SqueezeNet's .net"):
        if file.is_file() and file.stat().st_size > _MAX_SIZE:
            raise ValueError(f"has {file.stat().st_size} bytes; at most {_MAX_SIZE} are read")
        data = file.read_bytes()
        if data.startswith(MAGIC):
            return inspect_dense(file, data)
        if data.startswith(CONTAINER_MAGIC):
            found = _container(data)
        elif data.startswith(coded_net.MAGIC):
            found = _net("SqueezeNet, Huffman-coded", data, coded_net.loads_coded_with_spans,
                         coded=True)
        elif file.suffix == ".net":
            found = _net("SqueezeNet, as Deep Compression's authors publish it", data,
                         loads_net_with_spans, coded=False)
        else:
            raise ValueError(f"starts with {data[:4]!r}, as no file does that is known here")
    kind, shapes, layers, coded, spans, metadata = found
    total = total_size(data, layers)
    parts = _parts(spans, [layer.name for layer in layers])
    if sum(parts.values()) != len(data):
        raise UsageError(f"{file}: {sum(parts.values())} of {len(data)} bytes are accounted for")
    return Inspection(file, kind, shapes, layers, total, coded, parts, metadata,
                      _records(file, [*layers, total], parts))


def _container(data):
    network, layers = layer_sizes(data)
    _, spans = loads_with_spans(data)
    version = int.from_bytes(data[4:6], "little")
    coded = any(field.endswith("_stream") for field, _ in spans)
    shapes = []
    for layer in network.layers:
        window = layer.window
        shapes.append(f"{layer.rows} x {layer.columns}" if window is None else (
            f"{layer.rows} x {window.channels} x {window.kernel_height} x {window.kernel_width}"))
    kind = f"weft container, version {version}" + (", Huffman-coded" if coded else "")
    return kind, shapes, layers, coded, spans, network.metadata


def _net(kind, data, loads, *, coded):
    layers, spans = loads(data, net_shapes())
    shapes = [" x ".join(map(str, layer.codes.shape)) for layer in layers]
    sizes = net_layer_sizes(layers, spans, coded=True)
    if not coded:
        sizes = [replace(size, run_width=RUN_WIDTH) for size in sizes]
    return kind, shapes, sizes, coded, spans, {}


def _parts(spans, names):
    """Bytes by layer and kind, of the fields of a file."""
    parts = {}
    for field, size in spans:
        found = re.fullmatch(r"layers\[(\d+)\]\.(.*)", field)
        if found:
            last = found[2]
            part = next((part for part, fields in PARTS.items() if last in fields), _OTHER)
            key = names[int(found[1])], part
        else:
            key = None, "metadata" if field.startswith("metadata") else "header"
        parts[key] = parts.get(key, 0) + size
    return parts


def _records(file, sizes, parts):
    common = {"bench": BENCH, "config": file.name, "source": "golden"}
    records = [record(
        **common, layer=size.name, weights=size.weights, kept=size.density, bits=size.bits,
        bits_huffman=size.bits_huffman, run_bits=size.run_bits, bytes=size.bytes, ratio=size.ratio)
        for size in sizes]
    for (layer, part), size in parts.items():
        where = {} if layer is None else {"layer": layer}
        records.append(record(**common, **where, part=part, bytes=size))
    return records


def report(result, console):
    """Print the layers, and a table of bytes that sums to the size of the file."""
    if isinstance(result, DenseInspection):
        report_dense(result, console)
        return
    console.print(f"[bold]{escape(str(result.file))}[/]: {escape(result.kind)}, "
                  f"{result.total.bytes:,} bytes, {len(result.layers)} layers")
    for key, value in result.metadata.items():
        console.print(f"  {key}: {value}", markup=False)
    layers = Table(title="\nLayers", title_justify="left", box=None, pad_edge=False)
    for title in ("layer", "shape", "weights", "kept %", "index bits", "Huffman", "run bits",
                  "Huffman", "bytes", "ratio"):
        layers.add_column(title, justify="left" if title in ("layer", "shape") else "right")
    for size, shape in zip([*result.layers, result.total], [*result.shapes, ""], strict=True):
        layers.add_row(escape(size.name), shape, f"{size.weights:,}", f"{100 * size.density:.1f}",
                       f"{size.bits:.3g}", f"{size.bits_huffman:.2f}", f"{size.run_width:.2g}",
                       f"{size.run_bits:.2f}", f"{size.bytes:,}", f"{size.ratio:.2f}")
    console.print(layers)
    console.print(_bytes_table(result))
    huffman = "in" if result.coded else "as they would take in"
    console.print(f"[dim]kept: share of the weights that are not zero. Huffman: bits of the codes "
                  f"for every kept weight, {huffman} the file. ratio: bytes of 32-bit floats for "
                  f"all weights and biases / bytes.[/]")


def _bytes_table(result):
    columns = [part for part in PARTS if any(key[1] == part for key in result.parts)]
    table = Table(title="\nWhere the bytes go", title_justify="left", box=None, pad_edge=False)
    for title in ("layer", *columns, "bytes", "share"):
        table.add_column(title, justify="left" if title == "layer" else "right")

    def row(name, values):
        table.add_row(escape(name), *(f"{value:,}" if value else "" for value in values),
                      f"{sum(values):,}", f"{sum(values) / result.total.bytes:.1%}")

    for layer in result.layers:
        row(layer.name, [result.parts.get((layer.name, part), 0) for part in columns])
    for part in ("header", "metadata"):
        size = result.parts.get((None, part), 0)
        if size:
            table.add_row(part, *("" for _ in columns), f"{size:,}",
                          f"{size / result.total.bytes:.1%}")
    sums = [sum(size for (_, part), size in result.parts.items() if part == column)
            for column in columns]
    table.add_row("[bold]all[/]", *(f"{value:,}" for value in sums),
                  f"[bold]{sum(result.parts.values()):,}[/]", "100.0%")
    table.add_row("", *(f"{value / result.total.bytes:.1%}" for value in sums), "", "")
    return table
