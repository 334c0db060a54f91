"""Say what is in the file of a dense network: its layers, and where its bytes go."""

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from golden.systolic.archive import read_dense_network
from golden.systolic.network import DenseNetwork

from .records import record

__all__ = ["MAGIC", "DenseInspection", "inspect_dense", "layer_rows", "report_dense"]

#: How such a file starts: it is a zip archive.
MAGIC = b"PK\x03\x04"


@dataclass(frozen=True, eq=False)
class DenseInspection:
    """What is in a file.

    Parameters
    ----------
    file : Path
    network : DenseNetwork
    parts : dict of str to int
        Bytes of the layers' arrays, of the header that says what they are, and of the archive
        around them: together, the size of the file.
    records : list of dict
        One for each layer and for all, then one for each part; see `scripts.records`.
    """

    file: Path
    network: DenseNetwork
    parts: dict
    records: list[dict]


def inspect_dense(file, data):
    """Account for the bytes `data` of a file.

    Raises
    ------
    ValueError
        If they are no dense network.
    """
    network = read_dense_network(io.BytesIO(data))
    parts = {"arrays": 0, "header": 0}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for member in archive.infolist():
            part = "header" if member.filename == "header.npy" else "arrays"
            parts[part] += member.compress_size
    parts["archive"] = len(data) - sum(parts.values())
    common = {"bench": "inspect", "config": file.name, "source": "golden"}
    records = [record(**common, layer=layer.name, weights=weights, useful_macs=macs)
               for layer, weights, macs in layer_rows(network)]
    records.append(record(**common, layer="all", bytes=len(data), useful_macs=network.macs,
                          weights=sum(weights for _, weights, _ in layer_rows(network))))
    records += [record(**common, part=part, bytes=size) for part, size in parts.items()]
    return DenseInspection(file, network, parts, records)


def layer_rows(network):
    """Every layer, its weights, and its multiplications for one input."""
    return [(layer, layer.weights.size if hasattr(layer, "weights") else 0,
             network.layer_macs(layer)) for layer in network.layers]


def report_dense(result, console):
    """Print inputs, layers and bytes."""
    network = result.network
    console.print(f"[bold]{escape(str(result.file))}[/]: dense network, "
                  f"{sum(result.parts.values()):,} bytes, {len(network.layers)} layers, "
                  f"activations of {network.width} bits")
    for key, value in network.metadata.items():
        console.print(f"  {key}: {value}", markup=False)
    for name, shape in network.inputs.items():
        scale = network.scales.get(name)
        console.print(f"  input {name}: {' x '.join(map(str, shape))}" + (
            f", {scale[0]:.6g} a unit, 0.0 is {scale[1]}" if scale else ""), markup=False)
    table = Table(title="\nLayers", title_justify="left", box=None, pad_edge=False)
    for title in ("layer", "operator", "of", "output", "weights", "multiplications"):
        table.add_column(title, justify="right" if title[0] in "wm" else "left")
    for layer, weights, macs in layer_rows(network):
        table.add_row(escape(layer.name), type(layer).__name__, escape(", ".join(layer.inputs)),
                      " x ".join(map(str, network.shapes[layer.name])),
                      f"{weights:,}" if weights else "", f"{macs:,}" if macs else "")
    table.add_row("[bold]all[/]", "", "", "",
                  f"{sum(weights for _, weights, _ in layer_rows(network)):,}",
                  f"{network.macs:,}")
    console.print(table)
    console.print("\nWhere the bytes go: " + ", ".join(
        f"{part} {size:,}" for part, size in result.parts.items()) + ".")
    console.print("[dim]`weft simulate dense` runs it.[/]")
