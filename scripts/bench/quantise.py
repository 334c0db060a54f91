"""Accuracy of networks over the number of bits that weights and activations are stored in."""

from dataclasses import dataclass
from itertools import product

import numpy as np
from rich.table import Table

from golden.networks.rounded import round_network

from ..errors import UsageError, did_you_mean
from ..records import record
from .quantise_subjects import NAMES, available, load
from .sweep import sweep

__all__ = ["BENCH", "SERIES", "Point", "QuantiseBench", "bench", "report"]

#: Name in the records.
BENCH = "quantise"
WIDTHS = tuple(range(2, 17))
#: Inputs from which on hundredths of a percent say something.
_MANY = 1000

#: What is swept, by its name in the table: arguments of `round_network`.
SERIES = {
    "fixed-max": {"scheme": "fixed", "method": "max"},
    "fixed-mse": {"scheme": "fixed", "method": "mse"},
    "tensor": {"scheme": "symmetric", "method": "mse"},
    "tensor-asymmetric": {"scheme": "asymmetric", "method": "mse"},
    "channel-max": {"scheme": "symmetric", "method": "max", "per_channel": True,
                    "activation_scheme": "asymmetric"},
    "channel-percentile": {"scheme": "symmetric", "method": "percentile", "per_channel": True,
                           "activation_scheme": "asymmetric"},
    "channel-mse": {"scheme": "symmetric", "method": "mse", "per_channel": True,
                    "activation_scheme": "asymmetric"},
}


@dataclass(frozen=True)
class Point:
    """One network in so many bits.

    Parameters
    ----------
    network, series : str
    width : int
        Bits of weights and activations.
    accuracy : float or None
        Share of the inputs that are classified rightly, where that is known.
    agreement : float
        Share whose first class is that of the real network.
    snr_db : float
        Energy of the real network's outputs over that of the difference, in dB.
    """

    network: str
    series: str
    width: int
    accuracy: float | None
    agreement: float
    snr_db: float


@dataclass(frozen=True, eq=False)
class QuantiseBench:
    """What `bench` found.

    Parameters
    ----------
    subjects : list of QuantiseSubject
    points : list of Point
    left_out : list of str
        Which networks are not there, and why.
    figures : list of Path
    records : list of dict
        See `scripts.records`.
    """

    subjects: list
    points: list
    left_out: list
    figures: list
    records: list


def measure(subject, series, width):
    """Round a network and see what is left of it.

    Parameters
    ----------
    subject : QuantiseSubject
    series : str
        One of `SERIES`.
    width : int

    Returns
    -------
    Point
    """
    network = round_network(subject.graph, subject.weights, subject.samples, width,
                            **SERIES[series])
    outputs = subject.run(network.forward)
    classes, real = outputs.argmax(axis=1), subject.outputs.argmax(axis=1)
    noise = np.sum(np.square(outputs - subject.outputs, dtype=np.float64))
    signal = np.sum(np.square(subject.outputs, dtype=np.float64))
    accuracy = None if subject.labels is None else float(np.mean(classes == subject.labels))
    # What equals the real outputs to the last bit of a float32 is not better than that.
    return Point(subject.name, series, width, accuracy, float(np.mean(classes == real)),
                 float(10 * np.log10(signal / max(noise, signal * 2.0**-46))))


def bench(networks=(), *, widths=WIDTHS, series=(), count=None, retrain=False, plots=None, steps):
    """Sweep the number of bits.

    Parameters
    ----------
    networks : sequence of str
        By default those that are there.
    widths : sequence of int
        2 to 16.
    series : sequence of str
        Of `SERIES`; all by default.
    count : int, optional
        Test inputs of each network, at most; by default all.
    retrain : bool
        Whether LeNet-5 is trained anew; otherwise it is the first time, if PyTorch is there.
    plots : path-like, optional
        Folder for figures.
    steps : scripts.progress.Steps

    Returns
    -------
    QuantiseBench

    Raises
    ------
    UsageError
        If a name or width is none, or the data of a network are not there.
    ToolMissing
        If PyTorch is needed and not installed.
    """
    for option, names, known in (("--network", networks, NAMES), ("--series", series, SERIES)):
        for name in names:
            if name not in known:
                raise UsageError(f"{option} {name}: nothing is called that, "
                                 f"{did_you_mean(name, list(known))}")
    for width in widths:
        if width not in WIDTHS:
            raise UsageError(f"--bits {width}: from {WIDTHS[0]} to {WIDTHS[-1]} bits are known")
    there, left_out = available()
    for name in networks:
        if name not in there:
            raise UsageError(next(line for line in left_out if line.startswith(name)))
    series = series or list(SERIES)
    subjects, points = [], []
    for name in networks or there:
        subject = load(name, count=count, retrain=retrain, steps=steps)
        with steps.step(f"Rounding {name}", total=len(series) * len(widths)) as advance:
            points += sweep(measure, subject, list(product(series, widths)), advance)
        subjects.append(subject)
    figures = []
    if plots is not None:
        from .quantise_plots import draw
        figures = draw(subjects, points, plots)
    return QuantiseBench(subjects, points, [] if networks else left_out, figures,
                         [_record(point, subjects) for point in points])


def _record(point, subjects):
    subject = next(item for item in subjects if item.name == point.network)
    known = {} if point.accuracy is None else {
        "accuracy": point.accuracy, "error_float": 1 - float_accuracy(subject),
        "error_compressed": 1 - point.accuracy}
    return record(bench=BENCH, config=point.series, source="golden", network=point.network,
                  inputs=len(subject.data), bits=float(point.width), agreement=point.agreement,
                  snr_db=point.snr_db, **known)


def float_accuracy(subject):
    """Share of the inputs that the real network classifies rightly, or None."""
    if subject.labels is None:
        return None
    return float(np.mean(subject.outputs.argmax(axis=1) == subject.labels))


def report(result, console):
    """Print a table a network: series by bits."""
    for subject in result.subjects:
        points = [point for point in result.points if point.network == subject.name]
        known = subject.labels is not None
        places = 2 if len(subject.data) > _MANY else 1
        real = f", as floats {float_accuracy(subject):.2%}" if known else ""
        for title, value in (
                (f"accuracy, %{real}",
                 lambda point, places=places: f"{100 * point.accuracy:.{places}f}"),
                ("first class as the float network's, %",
                 lambda point: f"{100 * point.agreement:.0f}"),
                ("outputs over their error, dB", lambda point: f"{point.snr_db:.0f}")):
            if title.startswith("accuracy") and not known or title.startswith("first") and known:
                continue
            console.print(_table(subject, points, title, value))
            console.print()
    console.print(
        "[dim]Weights and activations of every layer are rounded to that many bits. fixed: scales "
        "are powers of two, a radix point a layer; tensor: any scale, one a layer; channel: one a "
        "filter, activations with a zero point, as TensorFlow Lite. Ranges by the maximum, the "
        "99.9th percentile, or the least squared error (mse).[/]")
    for line in result.left_out:
        console.print(line)
    for path in result.figures:
        console.print(str(path), markup=False)


def _table(subject, points, title, value):
    widths = sorted({point.width for point in points})
    table = Table(title=f"{subject.name}, {len(subject.data)} inputs: {title}",
                  title_justify="left", box=None, pad_edge=False, collapse_padding=True)
    table.add_column("bits", no_wrap=True)
    for width in widths:
        table.add_column(str(width), justify="right")
    for series in dict.fromkeys(point.series for point in points):
        found = {point.width: value(point) for point in points if point.series == series}
        table.add_row(series, *(found[width] for width in widths))
    return table
