"""The roofline of TPU v1 with its workloads, as published and by our model."""

import numpy as np

from golden.models.tpu_v1 import PEAK_TOPS, WORKLOADS

from .figures import COLOURS, INK, save

__all__ = ["draw"]

_OURS, _PUBLISHED = COLOURS[0], COLOURS[1]
#: Where a name stands, in points from the mark of ours: beside it, away from the line.
_PLACES = {"CNN0": (-8, -14), "CNN1": (10, -3), "LSTM1": (8, -3)}
_LEFT = (-8, 3)
#: Marks of the axes.
_TOPS, _MACS = (1, 3, 10, 30, 100), (30, 100, 300, 1000, 3000, 10_000)


def draw(runs, folder):
    """Draw what `weft bench tpu` found.

    Parameters
    ----------
    runs : list of TpuRun
    folder : path-like

    Returns
    -------
    list of Path
        Of the PNG files; each has an SVG beside it.
    """
    return save({"tpu_roofline": lambda pyplot: _roofline(pyplot, runs)}, folder)


def _roofline(pyplot, runs):
    from .tpu import attainable
    figure, axis = pyplot.subplots(figsize=(7.5, 4.6), layout="constrained")
    line = np.geomspace(20, 10_000, 400)
    axis.plot(line, [attainable(value) for value in line], color=INK, linewidth=1.2,
              label="attainable: 34 GB/s, then 256 x 256 at 700 MHz")
    for number, run in enumerate(runs):
        published = WORKLOADS[run.name]
        ours = run.macs_per_byte, run.tops
        theirs = published.macs_per_byte, published.tops
        axis.plot(*zip(ours, theirs, strict=True), color=COLOURS[6], linewidth=.8)
        axis.plot(*ours, "D", color=_OURS, markersize=4.5, linestyle="none",
                  label=None if number else "ours, by the cycle model")
        axis.plot(*theirs, "o", color=_PUBLISHED, markersize=9, markerfacecolor="none",
                  markeredgewidth=1.6, linestyle="none", label=None if number else "published")
        place = _PLACES.get(run.name, _LEFT)
        axis.annotate(run.name, ours, xytext=place, textcoords="offset points", fontsize=8,
                      ha="right" if place[0] < 0 else "left")
    axis.axhline(PEAK_TOPS, color=INK, linewidth=.5, linestyle=":")
    axis.annotate(f"{PEAK_TOPS:.1f}", (20, PEAK_TOPS), xytext=(2, 3), textcoords="offset points",
                  fontsize=8)
    axis.set(xscale="log", yscale="log", xlim=(20, 10_000), ylim=(1, 200),
             xlabel="multiplications a byte of weights", ylabel="TOPS, two operations each",
             title="TPU v1: roofline and workloads")
    axis.set_yticks(_TOPS, [str(tick) for tick in _TOPS])
    axis.set_xticks(_MACS, [f"{tick:,}" for tick in _MACS])
    axis.grid(alpha=.25)
    axis.legend(loc="lower right")
    return figure
