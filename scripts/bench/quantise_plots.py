"""Figures of `weft bench quantise`."""

from .figures import COLOURS, INK, save

__all__ = ["draw"]


def draw(subjects, points, folder):
    """Draw accuracy, or agreement, and the error of the outputs over bits.

    Parameters
    ----------
    subjects : list of QuantiseSubject
    points : list of Point
    folder : path-like

    Returns
    -------
    list of Path
        Of the PNG files; each has an SVG beside it.
    """
    return save({"accuracy_bits": lambda pyplot: _draw(pyplot, subjects, points)}, folder)


def _draw(pyplot, subjects, points):
    figure, axes = pyplot.subplots(2, len(subjects), figsize=(1 + 3.3 * len(subjects), 5.4),
                                   squeeze=False, sharex=True, layout="constrained")
    for column, subject in enumerate(subjects):
        mine = [point for point in points if point.network == subject.name]
        top, bottom = axes[:, column]
        for number, series in enumerate(dict.fromkeys(point.series for point in mine)):
            line = [point for point in mine if point.series == series]
            widths, style = [point.width for point in line], {
                "color": COLOURS[number % len(COLOURS)], "marker": "o", "markersize": 2.5,
                "linewidth": 1.2, "label": series}
            top.plot(widths, [100 * (point.agreement if point.accuracy is None else point.accuracy)
                              for point in line], **style)
            bottom.plot(widths, [point.snr_db for point in line], **style)
        if subject.labels is not None:
            real = (subject.outputs.argmax(axis=1) == subject.labels).mean()
            top.axhline(100 * real, color=INK, linewidth=.8, linestyle=":")
        top.set(title=f"{subject.name}, {len(subject.data)} inputs", ylim=(0, 103),
                ylabel="first class as in floats, %" if subject.labels is None else "accuracy, %")
        bottom.set(xlabel="bits of weights and activations", ylabel="outputs over error, dB")
        for axis in (top, bottom):
            axis.grid(alpha=.25)
    axes[0, -1].legend(loc="lower right", fontsize=7)
    return figure
