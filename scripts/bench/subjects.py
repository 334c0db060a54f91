"""What `weft bench sparse` measures: layers with their inputs, and configurations to run them."""

import dataclasses
from dataclasses import dataclass

import numpy as np

from golden.models.eie_layers import EIE_LAYERS, draw_activity, draw_layer, load_fc8
from golden.network import SparseLayer

from ..errors import UsageError, did_you_mean
from ..files import reading
from ..paths import data_dir
from ..settings import Settings, configuration, label_of

__all__ = ["FC8", "FREQUENCY_MHZ", "Subject", "core_settings", "has_fc8", "layer_names",
           "load_subject", "published"]

#: Clock rate of EIE, for times beside the paper's.
FREQUENCY_MHZ = 800
#: The real layer.
FC8 = "alexnet-fc8"
#: Inputs that the column groups of a layer are chosen by, none of which is measured.
_HELD_OUT = 4

_BY_NAME = {layer.name: layer for layer in EIE_LAYERS}


@dataclass(frozen=True, eq=False)
class Subject:
    """A layer with an input.

    Parameters
    ----------
    layer : SparseLayer
    activations : ndarray of int64, shape (columns,)
        What is measured.
    held_out : ndarray of bool, shape (inputs, columns)
        Random activity of the same density, to choose a layout by.
    """

    layer: SparseLayer
    activations: np.ndarray
    held_out: np.ndarray


def published(name):
    """The row of EIE's tables that a layer belongs to; the real fc8 is what they call Alex-8."""
    return _BY_NAME["alex-8" if name == FC8 else name]


def layer_names(chosen=()):
    """Names of the layers to measure.

    Parameters
    ----------
    chosen : sequence of str
        What the user wants; by default all, the real one only if its file is there.

    Returns
    -------
    tuple of str

    Raises
    ------
    UsageError
        If there is no such layer.
    """
    known = [*_BY_NAME, FC8]
    for name in chosen:
        if name.lower() not in known:
            raise UsageError(f"--layer {name}: no layer is called that, "
                             f"{did_you_mean(name.lower(), known)}")
    names = {name.lower() for name in chosen} or {*_BY_NAME, *([FC8] if has_fc8() else [])}
    return tuple(name for name in known if name in names)


def has_fc8():
    """Whether the file of the real layer is there."""
    folder = data_dir()
    return folder is not None and (folder / "eie" / "alexnet_fc8.npz").is_file()


def load_subject(name):
    """Draw or read a layer and its input.

    Raises
    ------
    UsageError
        If the real layer is not there or is not what it should be.
    """
    remedy = ("point WEFT_DATA at the folder that holds eie/alexnet_fc8.npz, or leave out "
              f"--layer {FC8}")
    if name != FC8:
        row = _BY_NAME[name]
        return Subject(draw_layer(row), draw_activity(row, 0),
                       np.stack([draw_activity(row, 1 + n) != 0 for n in range(_HELD_OUT)]))
    if data_dir() is None:
        raise UsageError(f"--layer {FC8}: there is no data folder; {remedy}")
    with reading(data_dir() / "eie" / "alexnet_fc8.npz", remedy=remedy):
        layer, activations = load_fc8(data_dir())
    row = dataclasses.replace(published(name), name=name, columns=layer.columns)
    held_out = np.stack([draw_activity(row, 1 + n) != 0 for n in range(_HELD_OUT)])
    held_out[:, 0] = True           # the bias column always counts
    return Subject(layer, activations, held_out)


def core_settings(preset, pes, **changes):
    """A preset at the size of the paper's core, with memories for any of the layers.

    Parameters
    ----------
    preset : str
    pes : int
        Processing elements.
    **changes
        More parameters of `hw.config.SparseConfig`.

    Returns
    -------
    Settings
        All layers share one configuration, and so one simulator.
    """
    label = label_of(preset, {"pes": pes, **changes})
    escape = configuration(preset, **{name: value for name, value in changes.items()
                                      if name == "escape"}).config.escape
    # As published: one group, and a detector over 64 activations. Ours: what the figures say.
    groups = 1 if preset != "weft" or pes < 4 else 2 if pes < 16 else 4
    derived = {
        "groups": groups,
        "lanes": max(groups, min(pes // groups, max(1, pes // 4))),
        "map_width": 64 if preset == "eie" else 16,
        **_memories(pes, groups, escape),
    }
    return Settings(label, configuration(preset, **{**derived, "pes": pes, **changes}).config)


def _memories(pes, groups, escape):
    """Least powers of two that hold the largest layer, whatever its column groups."""
    def power(value):
        return 1 << (int(value) - 1).bit_length()

    rows, columns = (max(getattr(layer, name) for layer in EIE_LAYERS)
                     for name in ("rows", "columns"))
    # 15 % more than the non-zeros for the fullest element and its escapes. As published, gaps are
    # padded too: with less than half an entry for every 16 rows.
    entries = max(
        layer.columns * (layer.rows * layer.weight_density * 1.15
                         + (0 if escape else layer.rows / 16 / 2.2)) / pes
        for layer in EIE_LAYERS)
    return {
        "entry_words": power(entries / 8 + 64),
        "pointer_depth": power(columns + 2),
        "accumulator_depth": power(-(-rows * groups // pes)),
        "activation_depth": power(columns),
        "bias_depth": power(rows),
        "codebook_count": 1,
        "layer_count": 1,
    }
