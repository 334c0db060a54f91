"""Figures of a compression: sizes by stage, weights before and after, errors of other choices."""

import dataclasses

import numpy as np

from golden.compression.codebook import kmeans_codebook
from golden.compression.prune import density, magnitude_masks

from ..bench.figures import COLOURS, INK, save
from .stages import float_error

__all__ = ["draw"]

_BITS = range(1, 9)
_DENSITIES = (1, 0.5, 0.3, 0.2, 0.15, 0.1, 0.07, 0.05, 0.03, 0.02, 0.01)


def draw(made, choice, folder, *, steps):
    """Draw what `weft compress` made.

    Parameters
    ----------
    made : scripts.compression.stages.Compressed
    choice : scripts.compression.stages.Choice
    folder : path-like
    steps : scripts.progress.Steps

    Returns
    -------
    list of Path
        Of the PNG files, each with an SVG beside it: ``stages``, ``weights`` and, where errors can
        be measured, ``bits`` and ``sparsity``.

    Raises
    ------
    ToolMissing
        If matplotlib is not installed.
    UsageError
        If the folder can't be written.
    """
    drawings = {"stages": lambda pyplot: _stages(pyplot, made),
                "weights": lambda pyplot: _weights(pyplot, made)}
    if made.stages[0].error is not None:
        drawings["bits"] = lambda pyplot: _bits(pyplot, made, choice, steps)
        drawings["sparsity"] = lambda pyplot: _sparsity(pyplot, made, steps)
    return save(drawings, folder)


def _stages(pyplot, made):
    """Bytes after every stage, in log scale, with the ratio and the error."""
    figure, axis = pyplot.subplots(figsize=(6, 3.2), layout="constrained")
    first = made.stages[0].bytes
    bars = axis.bar([stage.name for stage in made.stages],
                    [stage.bytes / 1024 for stage in made.stages], .6, color=COLOURS[0])
    labels = [f"{first / stage.bytes:.1f}x"
              + ("" if stage.error is None else f"\n{100 * stage.error:.2f} % wrong")
              for stage in made.stages]
    axis.bar_label(bars, labels, fontsize=8, padding=2)
    axis.set(yscale="log", ylabel="KB", title=f"{made.subject.title}: size by stage")
    axis.set_ylim(made.stages[-1].bytes / 1024 / 3, first / 1024 * 4)
    _plain_ticks(pyplot, axis)
    return figure


def _weights(pyplot, made):
    """Histogram of every layer's surviving weights, and of the centroids that they share."""
    count = len(made.pruned)
    figure, axes = pyplot.subplots(2, count, figsize=(3 * count, 4.4), squeeze=False,
                                   layout="constrained")
    for column, (layer, after, codebook) in enumerate(
            zip(made.pruned, made.network.layers, made.codebooks, strict=True)):
        kept = layer.weights[layer.weights != 0]
        above, below = axes[:, column]
        above.hist(kept, 60, color=COLOURS[0])
        above.set_title(f"{layer.name}: {kept.size} of {layer.weights.size} left")
        members = np.bincount(after.codes.ravel(), minlength=len(codebook))[1:]
        spread = max(np.abs(kept).max(initial=0), np.abs(codebook).max()) or 1
        below.bar(codebook[1:], members, spread / 40, color=COLOURS[1])
        below.set_title(f"shared: {np.count_nonzero(members)} values")
        for axis in (above, below):
            axis.set_xlim(-1.05 * spread, 1.05 * spread)
    axes[0, 0].set_ylabel("weights")
    axes[1, 0].set_ylabel("weights that share it")
    figure.supxlabel("weight", fontsize=9)
    return figure


def _bits(pyplot, made, choice, steps):
    """Errors with other widths of an index, without fine-tuning, and what was made."""
    errors = []
    with steps.step("Sweeping the bits of an index", total=len(_BITS)) as advance:
        for bits in _BITS:
            layers = []
            for layer in made.pruned:
                codebook, codes = kmeans_codebook(layer.weights, (1 << bits) - 1)
                shared = codebook[codes].astype(layer.weights.dtype)
                layers.append(dataclasses.replace(layer, weights=shared))
            errors.append(100 * float_error(layers, made.subject))
            advance()
    figure, axis = pyplot.subplots(figsize=(5, 3.2), layout="constrained")
    axis.plot(_BITS, errors, marker="o", markersize=4, color=COLOURS[0],
              label="k-means alone")
    kept = [np.count_nonzero(layer.codes) for layer in made.network.layers]
    axis.plot(np.average(choice.bits, weights=kept), 100 * made.stages[-1].error, "D",
              color=COLOURS[5], label="as made")
    _baseline(axis, made)
    axis.set(xlabel="bits of an index, all layers", ylabel="test error, %", yscale="log",
             title="Error against bits of shared weights")
    _plain_ticks(pyplot, axis)
    axis.legend()
    return figure


def _sparsity(pyplot, made, steps):
    """Errors with fewer weights: pruned at once without training, and step by step with it."""
    weights = [layer.weights for layer in made.subject.layers]
    errors = []
    with steps.step("Sweeping the density", total=len(_DENSITIES)) as advance:
        for kept in _DENSITIES:
            masks = magnitude_masks(weights, kept)
            layers = [dataclasses.replace(layer, weights=layer.weights * mask) for layer, mask in
                      zip(made.subject.layers, masks, strict=True)]
            errors.append((100 * density(masks), 100 * float_error(layers, made.subject)))
            advance()
    figure, axis = pyplot.subplots(figsize=(5, 3.2), layout="constrained")
    axis.plot(*zip(*errors, strict=True), marker="o", markersize=4, color=COLOURS[0],
              label="pruned once, each layer alike")
    if len(made.history) > 1:
        axis.plot([100 * kept for kept, _ in made.history],
                  [100 * error for _, error in made.history], marker="s", markersize=4,
                  color=COLOURS[2], label="step by step, retrained")
    _baseline(axis, made)
    axis.set(xlabel="weights kept, %", ylabel="test error, %", xscale="log", yscale="log",
             title="Error against sparsity")
    axis.invert_xaxis()
    _plain_ticks(pyplot, axis)
    axis.xaxis.set_major_formatter("{x:g}")
    axis.legend()
    return figure


def _baseline(axis, made):
    axis.axhline(100 * made.stages[0].error, color=INK, linewidth=.8, linestyle=":",
                 label="float, all weights")
    axis.grid(alpha=.25)


def _plain_ticks(pyplot, axis):
    """Label 1, 2, 5, 10 ... rather than powers of ten."""
    axis.yaxis.set_major_locator(pyplot.LogLocator(subs=(1, 2, 5)))
    axis.yaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_minor_formatter(pyplot.NullFormatter())
