"""Figures of the sparse core, after those of the EIE paper; PNG and SVG."""

import numpy as np

from golden.sparse.cycles import layer_cycles
from golden.sparse.geometry import IN_FLIGHT
from golden.sparse.groups import encode_alone

from .figures import COLOURS, INK, save
from .measure import geometric_mean, measure_all, timing_of
from .subjects import core_settings, load_subject, published

__all__ = ["draw"]

#: Usable queue depths of the sweep, and numbers of processing elements of the scaling.
_DEPTHS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
#: Layers of the sweeps: a convolutional network's, one with short columns, one with long.
_SWEPT = ("alex-8", "vgg-7", "nt-we", "nt-lstm")
_EIE, _WEFT, _IDEAL = COLOURS[6], COLOURS[0], COLOURS[5]
_LINES = COLOURS[:4]


def draw(tables, folder, *, steps):
    """Draw what `weft bench sparse` measured, and the sweeps that belong to it.

    Parameters
    ----------
    tables : list of list of Measurement
        One a configuration.
    folder : path-like
    steps : scripts.progress.Steps

    Returns
    -------
    list of Path
        Of the PNG files; each has an SVG beside it.

    Raises
    ------
    ToolMissing
        If matplotlib is not installed.
    UsageError
        If the folder can't be written.
    """
    names = tuple(item.layer for item in tables[0])
    swept = tuple(name for name in _SWEPT if name in names) or names[:1]
    return save({"useful_work": lambda pyplot: _useful_work(pyplot, tables),
                 "load_balance": lambda pyplot: _load_balance(pyplot, tables),
                 "queue_depth": lambda pyplot: _queue_depth(pyplot, swept, steps),
                 "scaling": lambda pyplot: _scaling(pyplot, swept, steps)}, folder)


def _useful_work(pyplot, tables):
    """Bars a layer: EIE as it published itself, and what was measured; 1 is ideal."""
    sizes = sorted({table[0].pes for table in tables})
    figure, axes = pyplot.subplots(len(sizes), 1, figsize=(9, 2.9 * len(sizes)), squeeze=False,
                                   layout="constrained")
    for axis, pes in zip(axes[:, 0], sizes, strict=True):
        series = [(table[0].settings.label, [item.useful for item in table],
                   _WEFT if table[0].settings.config.escape else _EIE)
                  for table in tables if table[0].pes == pes]
        layers = [item.layer for item in next(t for t in tables if t[0].pes == pes)]
        if pes == 64:
            # The same products in the time that it published. Its own ideal time is no measure of
            # them: twice as long in some layers, where padding must have counted as work.
            series.insert(0, ("EIE's published times", [
                item.useful * item.microseconds / published(item.layer).actual_us
                for item in next(t for t in tables if t[0].pes == pes)], "#DDDDDD"))
        width = .8 / len(series)
        for number, (label, values, colour) in enumerate(series):
            places = np.arange(len(layers)) + (number - (len(series) - 1) / 2) * width
            bars = axis.bar(places, values, width * .94, color=colour, label=label)
            axis.bar_label(bars, [f"{value:.3f}".lstrip("0") for value in values], fontsize=6.5,
                           padding=-9, color="white" if colour == _WEFT else INK)
        axis.axhline(1, color=_IDEAL, linewidth=1, linestyle="--", label="ideal")
        axis.set(ylim=(0, 1.05), ylabel="useful work / cycles",
                 title=f"{pes} processing elements")
        axis.set_xticks(range(len(layers)), layers)
        axis.legend(ncols=len(series) + 1, loc="lower right", bbox_to_anchor=(1, 1),
                    borderaxespad=.1)
    return figure


def _load_balance(pyplot, tables):
    """Multiplications of each processing element over the mean, as a heat map a configuration."""
    size = min(table[0].pes for table in tables)
    shown = [table for table in tables if table[0].pes == size]
    figure, axes = pyplot.subplots(
        len(shown), 1, figsize=(9, (.32 * len(shown[0]) + .9) * len(shown)), squeeze=False,
        layout="constrained")
    for axis, table in zip(axes[:, 0], shown, strict=True):
        busy = np.array([item.cost.pe_busy for item in table], dtype=float)
        relative = 100 * (busy / np.maximum(busy.mean(axis=1, keepdims=True), 1) - 1)
        image = axis.imshow(relative, aspect="auto", cmap="RdBu_r", vmin=-12, vmax=12,
                            interpolation="nearest")
        axis.set_yticks(range(len(table)),
                        [f"{item.layer}  {row.max():+.1f} %" for item, row in
                         zip(table, relative, strict=True)])
        axis.set(title=f"{table[0].settings.label}: beside each layer, how far the busiest element "
                       f"is above the mean")
        axis.spines[:].set_visible(False)
    axes[-1, 0].set_xlabel("processing element")
    figure.colorbar(image, ax=axes[:, 0], label="multiplications against the mean, %", shrink=.7,
                    extend="both")
    return figure


def _queue_depth(pyplot, names, steps):
    """Useful work over the depth of the queues (EIE, Fig. 8)."""
    figure, axes = pyplot.subplots(1, 2, figsize=(9, 3.2), sharey=True, layout="constrained")
    total = len(names) * len(axes)
    with steps.step("Sweeping the depth of the queues", total=total) as advance:
        for axis, preset in zip(axes, ("eie", "weft"), strict=True):
            settings = core_settings(preset, 64)
            config = settings.config
            depths = [depth for depth in _DEPTHS if config.lockstep or depth >= IN_FLIGHT]
            for name, colour in zip(names, _LINES, strict=False):
                subject = load_subject(name)
                nonzero = subject.activations != 0
                encoded = encode_alone(subject.layer, config.geometry, balance=config.escape)
                work = np.count_nonzero(subject.layer.codes[:, nonzero]) / config.pes
                useful = [work / layer_cycles(encoded, nonzero, **{
                    **timing_of(config), "queue_depth": depth}).cycles for depth in depths]
                axis.plot(depths, useful, marker="o", markersize=3.5, color=colour, label=name)
                advance()
            axis.axvline(config.queue_depth, color=INK, linewidth=.8, linestyle=":")
            axis.annotate(f"in the table: {config.queue_depth} ", (config.queue_depth, .02),
                          ha="right", fontsize=7)
            axis.set_xscale("log", base=2)
            axis.set_xticks(_DEPTHS, [str(depth) for depth in _DEPTHS], fontsize=7)
            axis.minorticks_off()
            axis.set(title=f"{settings.label}, one column group", xlabel="columns in a queue",
                     ylim=(0, 1.02))
            axis.grid(alpha=.25)
    axes[0].set_ylabel("useful work / cycles")
    axes[0].legend(loc="lower right")
    return figure


def _scaling(pyplot, names, steps):
    """Speed-up and useful work over the number of processing elements (EIE, Figs. 11 and 13)."""
    figure, (speed, work) = pyplot.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    configurations = [core_settings(preset, pes) for preset in ("eie", "weft") for pes in _SIZES]
    tables = measure_all(names, configurations, steps=steps)
    halves = {"eie": tables[:len(_SIZES)], "weft": tables[len(_SIZES):]}
    for preset, style in (("eie", "--"), ("weft", "-")):
        for number, name in enumerate(names):
            cycles = np.array([table[number].cycles for table in halves[preset]])
            speed.plot(_SIZES, cycles[0] / cycles, style, color=_LINES[number % len(_LINES)],
                       label=name if preset == "weft" else None, linewidth=1.3)
        means = [geometric_mean(table) for table in halves[preset]]
        work.plot(_SIZES, means, style, color=_WEFT if preset == "weft" else _EIE, marker="o",
                  markersize=3.5, label=preset)
        for pes, mean in list(zip(_SIZES, means, strict=True))[::2]:
            work.annotate(f"{mean:.3f}".lstrip("0"), (pes, mean), xytext=(0, 5 if preset == "weft"
                          else -11), textcoords="offset points", ha="center", fontsize=7)
    speed.plot(_SIZES, _SIZES, color=_IDEAL, linewidth=1, linestyle=":", label="ideal")
    speed.set(yscale="log", ylabel="speed-up over one element",
              title="each preset over itself: eie dashed, weft solid")
    speed.set_yscale("log", base=2)
    speed.set_yticks(_SIZES, [str(size) for size in _SIZES])
    work.set(ylabel="useful work / cycles", ylim=(0, 1.08),
             title=f"geometric mean of {', '.join(names)}")
    for axis in (speed, work):
        axis.set_xscale("log", base=2)
        axis.set_xticks(_SIZES, [str(size) for size in _SIZES])
        axis.minorticks_off()
        axis.set_xlabel("processing elements")
        axis.grid(alpha=.25)
        axis.legend(loc="best")
    return figure
