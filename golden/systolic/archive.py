"""Files of dense networks: arrays in NumPy's archive (.npz), and the layers in JSON beside them."""

import dataclasses
import json
import os
import zipfile
import zlib

import numpy as np

from . import layers as layer_classes
from .layers import Ending, Kernel
from .network import DenseNetwork

__all__ = ["read_dense_network", "write_dense_network"]

_FORMAT, _VERSION = "weft dense network", 1
_LAYERS = {name: getattr(layer_classes, name) for name in layer_classes.__all__
           if name not in ("Ending", "Kernel")}
_PARTS = {"Ending": Ending, "Kernel": Kernel}


def write_dense_network(network, target):
    """Write a network; the same network always gives the same bytes.

    Parameters
    ----------
    network : DenseNetwork
    target : path-like or binary file object

    Raises
    ------
    ValueError
        If an array is not of integers.
    """
    arrays, numbers = {}, {}

    def plain(value):
        if isinstance(value, np.ndarray):
            if value.dtype.kind not in "iu":
                raise ValueError(f"Arrays of a dense network are integers, not {value.dtype}")
            # In the least type that holds it, and once however many layers share it.
            low, high = (int(value.min()), int(value.max())) if value.size else (0, 0)
            type_ = np.promote_types(np.min_scalar_type(low), np.min_scalar_type(high))
            value = value.astype(type_)
            key = type_.str, value.shape, value.tobytes()
            number = numbers.setdefault(key, f"array{len(numbers)}")
            arrays[number] = value
            return {"array": number}
        if dataclasses.is_dataclass(value):
            return {"type": type(value).__name__} | {
                field.name: plain(getattr(value, field.name))
                for field in dataclasses.fields(value)}
        if isinstance(value, (tuple, list)):
            return [plain(part) for part in value]
        return value.item() if isinstance(value, np.generic) else value

    header = {
        "format": _FORMAT, "version": _VERSION, "width": network.width,
        "inputs": plain(list(network.inputs.items())), "outputs": plain(network.outputs),
        "scales": plain(list(network.scales.items())), "metadata": network.metadata,
        "layers": plain(network.layers)}
    text = json.dumps(header, separators=(",", ":")).encode()
    np.savez_compressed(target, header=np.frombuffer(text, dtype=np.uint8), **arrays)


def read_dense_network(source):
    """Read a network.

    Parameters
    ----------
    source : path-like or binary file object

    Returns
    -------
    DenseNetwork

    Raises
    ------
    ValueError
        If the file is no such network, with what is wrong about it.
    OSError
        If the file can't be read.
    """
    try:
        if not zipfile.is_zipfile(source):
            if isinstance(source, str | os.PathLike):
                open(source, "rb").close()      # there may be no such file
            raise ValueError("it is no archive of NumPy's")
        with np.load(source, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        if "header" not in arrays:
            raise ValueError("it has no header")
        header = json.loads(arrays["header"].tobytes())
        if header["format"] != _FORMAT or header["version"] != _VERSION:
            raise ValueError(f"it is {header['format']!r}, version {header['version']}, not "
                             f"{_FORMAT!r}, version {_VERSION}")

        def rich(value):
            if isinstance(value, list):
                return tuple(rich(part) for part in value)
            if not isinstance(value, dict):
                return value
            if "array" in value:
                array = arrays[value["array"]]
                if array.dtype.kind not in "iu":
                    raise ValueError(f"{value['array']} holds {array.dtype}, not integers")
                return array.astype(np.int64)
            class_ = (_LAYERS | _PARTS)[value["type"]]
            return class_(**{name: rich(part) for name, part in value.items() if name != "type"})

        return DenseNetwork(
            inputs=dict(rich(header["inputs"])), layers=rich(header["layers"]),
            outputs=rich(header["outputs"]), width=header["width"],
            scales=dict(rich(header["scales"])), metadata=header["metadata"])
    except (KeyError, TypeError, ValueError, AttributeError, EOFError, zipfile.BadZipFile,
            zlib.error) as error:
        raise ValueError(f"This is no dense network: {error}") from None
