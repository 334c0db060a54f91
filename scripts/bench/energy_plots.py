"""Figures of the energy model."""

import numpy as np

from .figures import COLOURS, save

__all__ = ["draw"]

#: Parts as drawn, in the order in which they are stacked.
_PARTS = {
    "weights": ("weights", "codebook"), "pointers": ("pointers",),
    "activations, queues": ("activations", "queues"), "multiply": ("multiply",),
    "sums": ("sums",),
}


def draw(layers, folder):
    """Draw what `weft bench energy` found.

    Parameters
    ----------
    layers : list of LayerEnergy
    folder : path-like

    Returns
    -------
    list of Path
        Of the PNG files; each has an SVG beside it.
    """
    return save({"energy": lambda pyplot: _cores(pyplot, layers),
                 "energy_parts": lambda pyplot: _parts(pyplot, layers)}, folder)


def _cores(pyplot, layers):
    """Every core's energy, in log scale."""
    cores = list(layers[0].events)
    figure, axis = pyplot.subplots(figsize=(9, 3.6), layout="constrained")
    width = .8 / len(cores)
    for number, core in enumerate(cores):
        places = np.arange(len(layers)) + (number - (len(cores) - 1) / 2) * width
        axis.bar(places, [item.energy(core) / 1e3 for item in layers], width * .94, label=core,
                 color=COLOURS[number])
    axis.set_xticks(range(len(layers)), [item.layer for item in layers], rotation=30, ha="right")
    axis.set(yscale="log", ylabel="uJ a layer, batch 1", title="Energy by a model of 45 nm")
    axis.legend(ncols=len(cores), loc="lower right", bbox_to_anchor=(1, 1), fontsize=7.5)
    return figure


def _parts(pyplot, layers):
    """Where it goes in the sparse cores, a multiplication that is needed at a time."""
    figure, axis = pyplot.subplots(figsize=(9, 3.6), layout="constrained")
    for offset, core in ((-.2, "eie"), (.2, "weft")):
        base = np.zeros(len(layers))
        for number, (label, members) in enumerate(_PARTS.items()):
            heights = np.array([
                1e3 * sum(item.parts(core).get(member, 0) for member in members)
                / max(item.eie.products, 1) for item in layers])
            axis.bar(np.arange(len(layers)) + offset, heights, .36, bottom=base,
                     color=COLOURS[number], label=label if core == "eie" else None)
            base += heights
    axis.set_xticks(range(len(layers)), [item.layer for item in layers], rotation=30, ha="right")
    axis.set(ylabel="pJ a useful multiplication",
             title="Left eie, right weft")
    axis.legend(ncols=len(_PARTS), loc="lower right", bbox_to_anchor=(1, 1), fontsize=7.5)
    return figure
