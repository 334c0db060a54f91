"""From `--config PRESET --set name=value` to a checked configuration."""

import dataclasses
import re
from dataclasses import dataclass

from hw.config import DENSE_PRESETS, PRESETS, DenseConfig, SparseConfig

from .errors import UsageError, did_you_mean

__all__ = ["CORES", "Settings", "changes_of", "configuration", "label_of", "settings"]

#: Presets of each core.
CORES = {"sparse": PRESETS, "dense": DENSE_PRESETS}
_CLASSES = {"sparse": SparseConfig, "dense": DenseConfig}

_WORDS = {"true": True, "yes": True, "on": True, "1": True,
          "false": False, "no": False, "off": False, "0": False}


@dataclass(frozen=True)
class Settings:
    """A configuration and its label.

    Parameters
    ----------
    label : str
        Preset and changed parameters, such as ``weft-pes16``: names folders and records.
    config : SparseConfig or DenseConfig
    """

    label: str
    config: SparseConfig


def label_of(preset, changes):
    """Label of a preset with some parameters changed.

    Only letters, digits, ``_`` and ``-``: make and simulators stumble over other names.

    Examples
    --------
    >>> label_of("weft", {"queue_depth": 4, "escape": False})
    'weft-escape0-queue_depth4'
    """
    return "-".join([preset, *(f"{name}{int(value)}" for name, value in sorted(changes.items()))])


def _parse(text, core):
    """Name and value of one `--set`."""
    name, equals, value = text.partition("=")
    types = {field.name: field.type for field in dataclasses.fields(_CLASSES[core])}
    if not equals:
        example = "pes=16" if core == "sparse" else "rows=16"
        raise UsageError(f"--set {text}: expected name=value, such as --set {example}")
    if name not in types:
        raise UsageError(f"--set {text}: no parameter is called {name!r}, "
                         f"{did_you_mean(name, types)}")
    if types[name] is bool:
        if value.lower() not in _WORDS:
            raise UsageError(f"--set {text}: {name} is true or false, not {value!r}")
        return name, _WORDS[value.lower()]
    if not re.fullmatch(r"-?(\d+|0x[0-9a-fA-F]+|0b[01]+)", value):
        raise UsageError(f"--set {text}: {name} is an integer, not {value!r}")
    return name, int(value, 10 if value.lstrip("-").isdigit() else 0)


def configuration(preset="weft", *, core="sparse", **changes):
    """A preset with some parameters changed.

    Parameters
    ----------
    preset : str
        Name in ``CORES[core]``.
    core : str
        ``"sparse"`` or ``"dense"``.
    **changes
        Parameters of `hw.config.SparseConfig` or `hw.config.DenseConfig`.

    Returns
    -------
    Settings

    Raises
    ------
    UsageError
        If there is no such preset or parameter, or the values do not go together.
    """
    presets = CORES[core]
    if preset not in presets:
        raise UsageError(f"--config {preset}: no preset of the {core} core is called that, "
                         f"{did_you_mean(preset, presets)}")
    base = presets[preset]
    known = {field.name for field in dataclasses.fields(base)}
    for name in changes.keys() - known:
        raise UsageError(f"No parameter is called {name!r}, {did_you_mean(name, known)}")
    try:
        config = base.replace(**changes)
    except (TypeError, ValueError) as error:
        where = " ".join([f"--config {preset}", *(f"--set {n}={v}" for n, v in changes.items())])
        raise UsageError(f"{where}: {error}") from error
    changed = {name: value for name, value in changes.items() if value != getattr(base, name)}
    return Settings(label_of(preset, changed), config)


def settings(preset, assignments, core="sparse"):
    """The configuration of a command line.

    Parameters
    ----------
    preset : str
        Of `--config`.
    assignments : sequence of str
        ``name=value`` of every `--set`; a name that is set twice is refused.
    core : str

    Returns
    -------
    Settings
    """
    return configuration(preset, core=core, **changes_of(assignments, core))


def changes_of(assignments, core="sparse"):
    """Parameters and values of every `--set`, as a dictionary; see `settings`."""
    changes = {}
    for text in assignments:
        name, value = _parse(text, core)
        if name in changes:
            raise UsageError(f"--set {text}: {name} is already set to {changes[name]}, keep one")
        changes[name] = value
    return changes
