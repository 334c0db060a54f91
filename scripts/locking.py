"""Locks between processes."""

import fcntl
from contextlib import contextmanager

__all__ = ["exclusively"]


@contextmanager
def exclusively(path):
    """Hold the lock file `path`, waiting for other processes that do.

    Parameters
    ----------
    path : Path
        Made if it is not there, with its folder; it stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
