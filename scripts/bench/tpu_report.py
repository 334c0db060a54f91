"""What `weft bench tpu` prints."""

from rich.table import Table

from golden.formats import DenseCounter
from golden.models.tpu_v1 import HOST_SHARE, PEAK_TOPS, TABLE_4, WEIGHT_CYCLES, WORKLOADS

__all__ = ["report"]

#: Rows of table 3: title, name there, and what is to be compared with it, in its unit.
_ROWS = (
    ("array active, %", "active", lambda run: 100 * run.share(DenseCounter.ACTIVE)),
    ("useful MACs, % of peak", "useful", lambda run: 100 * run.useful),
    ("weight stall, %", "weight_stall", lambda run: 100 * run.share(DenseCounter.WEIGHT_STALL)),
    ("weight shift, %", "weight_shift", lambda run: 100 * run.share(DenseCounter.WEIGHT_SHIFT)),
    ("non-matrix, %", "non_matrix", lambda run: 100 * run.share(DenseCounter.NON_MATRIX)),
    ("RAW stalls, %", "raw_stall", lambda run: 100 * run.share(DenseCounter.RAW_STALL)),
    ("input stalls, %", "input_stall", None),
    ("TOPS", "tops", lambda run: run.tops),
)
#: Response time that the service asks for, in ms.
_LIMIT_MS = 7


def report(result, console):
    """Print table 3, table 1 with the roofline, table 4, and what the figures are worth."""
    for table in (_where(result.runs), _roofline(result.runs)):
        console.print(table)
        console.print()
    console.print(
        f"[dim]From the cycle model of our core, 256 x 256 at 700 MHz, one batch from the first "
        f"fetch to the last result; a tile takes {WEIGHT_CYCLES} cycles from the memory of 34 "
        f"GB/s. The paper prints the layers by kind, the weights and how often each is used; the "
        f"shapes of the layers are ours, chosen to match these and nothing else "
        f"(golden/models/tpu_workloads.py, tpu_inception.py). MLP0, MLP1 and LSTM0 have layers of "
        f"multiples of 256, LSTM1 of 600, as it is said to have; CNN0 is a stack of 3 x 3 on a Go "
        f"board; CNN1 is Inception with batch normalisation on larger pictures, its poolings "
        f"those of the largest, with as large layers behind it as the weights ask for.\n"
        f"Host, its bus and input stalls are not in the model. RAW stalls are cycles in which the "
        f"dispatcher waits, mostly while the array is multiplying or waiting for weights; the "
        f"first four kinds, useful MACs aside, sum to 100 %. The published TOPS are not in "
        f"proportion to the published useful MACs, so that nothing meets both.[/]\n")
    if result.sweep:
        console.print(_batches(result.sweep))
        _say_batches(result.sweep, console)
    product = result.product
    console.print(
        f"{product.name}: {product.cycles} cycles by the model, program and all in "
        f"{product.seconds:.4f} s (SCALE-Sim takes 131 s).")
    for path in result.figures:
        console.print(str(path), markup=False)


def _table(title, *columns):
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=True)
    return table


def _where(runs):
    """Table 3 of the paper, ours above published."""
    table = _table("Where the cycles go, beside TPU v1 (Jouppi et al., ISCA'17, table 3)", "",
                   "", *(run.name for run in runs))
    for title, name, measure in _ROWS:
        published = [getattr(WORKLOADS[run.name], name) for run in runs]
        if measure is None:
            table.add_row(title, "published", *(f"[dim]{value:.1f}[/]" for value in published))
            continue
        ours = [measure(run) for run in runs]
        table.add_row(title, "ours", *(f"[bold]{value:.1f}[/]" for value in ours))
        table.add_row("", "published", *(f"[dim]{value:.1f}[/]" for value in published))
        table.add_row("", "difference", *(
            f"[dim]{mine - other:+.1f}[/]" for mine, other in zip(ours, published, strict=True)))
    return table


def _roofline(runs):
    """Table 1, and what the roofline allows."""
    from .tpu import attainable
    table = _table("Totals of our shapes (in brackets those of table 1), and TOPS at the roofline",
                   "workload", "layers", "batch", "M weights", "MACs/byte", "attainable", "ours",
                   "published", "ours/published")
    for run in runs:
        published = WORKLOADS[run.name]
        table.add_row(
            run.name, " ".join(f"{count} {kind}" for kind, count in run.kinds.items()),
            str(run.batch), f"{run.weights / 1e6:.2f} ({published.weights})",
            f"{run.macs_per_byte:.0f} ({published.macs_per_byte})",
            f"{attainable(run.macs_per_byte):.1f}", f"[bold]{run.tops:.1f}[/]",
            f"{published.tops:.1f}", f"{run.tops / published.tops:.2f}")
    return table


def _batches(sweep):
    """Table 4: batch against latency and throughput."""
    best = next(run for run in sweep if run.batch == 250).inferences_per_second
    table = _table(f"Batch against latency, {sweep[0].name} (table 4)", "machine", "batch",
                   "ms", "inferences/s", "of its best", "TOPS")
    for machine, batch, milliseconds, inferences, percent in TABLE_4:
        table.add_row(f"[dim]{machine}, published[/]", str(batch), f"{milliseconds:.1f}",
                      f"{inferences:,}", f"{percent} %", "")
    for run in sweep:
        table.add_row("[bold]ours[/]", str(run.batch), f"{run.latency_ms:.3f}",
                      f"{run.inferences_per_second:,.0f}",
                      f"{100 * run.inferences_per_second / best:.0f} %", f"{run.tops:.1f}")
    return table


def _say_batches(sweep, console):
    service = next(run for run in sweep if run.batch == 200)
    most = max((run for run in sweep if run.latency_ms <= _LIMIT_MS), key=lambda run: run.batch)
    published = next(row[3] for row in TABLE_4 if row[:2] == ("TPU", 200))
    with_host = service.inferences_per_second / (1 + HOST_SHARE)
    console.print(
        f"[dim]Published are the 99th percentiles of response times, with queues and host; ours is "
        f"the time of one batch on the core, so only inferences/s compare. Of its best: published "
        f"at the larger batch, ours over that at 250. The host takes {HOST_SHARE:.0%} of the "
        f"TPU's time on top (table 5): with that, batch 200 gives {with_host:,.0f} inferences/s, "
        f"published are {published:,}. Within {_LIMIT_MS} ms the core itself ends batches of "
        f"{most.batch}, the largest here, at {most.tops:.1f} of {PEAK_TOPS:.1f} TOPS.[/]\n")
