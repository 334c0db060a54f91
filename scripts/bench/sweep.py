"""Many measurements of one subject, a process a core of this machine."""

import contextlib
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor, as_completed

__all__ = ["sweep"]

#: Measurements from which on another process pays.
_EACH = 8
#: What the libraries that multiply matrices take their number of threads from.
_THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")

#: What a worker process measures, and on what.
_held = {}


def sweep(measure, subject, tasks, advance, *, processes=None):
    """Measure a subject in every way that is asked for.

    Processes multiply matrices in one thread each: with more, they would wait for each other.

    Parameters
    ----------
    measure : callable
        ``measure(subject, *task)``, of a module, so that other processes find it.
    subject : object
        Goes to each process once.
    tasks : sequence of tuple
    advance : callable
        Called after every task.
    processes : int, optional
        By default as many as there are cores, but none for a handful of tasks.

    Returns
    -------
    list
        What `measure` returned, in the order of the tasks.
    """
    if processes is None:
        processes = min(os.cpu_count() or 1, len(tasks) // _EACH)
    if processes < 2:
        found = []
        for task in tasks:
            found.append(measure(subject, *task))
            advance()
        return found
    # A forked process would keep the threads of this one.
    with _one_thread(), ProcessPoolExecutor(
            processes, multiprocessing.get_context("spawn"), _hold, (measure, subject)) as pool:
        running = {pool.submit(_measure, task): number for number, task in enumerate(tasks)}
        found = [None] * len(tasks)
        for future in as_completed(running):
            found[running[future]] = future.result()
            advance()
    return found


def _hold(measure, subject):
    _held.update(measure=measure, subject=subject)


def _measure(task):
    return _held["measure"](_held["subject"], *task)


@contextlib.contextmanager
def _one_thread():
    """Environment of processes that are started."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
