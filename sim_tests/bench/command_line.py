"""Runs `weft` as a user does: as a process, of which only output and exit code are known."""

import os
import subprocess
import sys

from scripts.paths import REPO

__all__ = ["weft"]


def weft(*arguments, timeout=600, **variables):
    """Run ``weft ARGUMENTS``, with more or other environment variables.

    Returns
    -------
    subprocess.CompletedProcess
        With `stdout` and `stderr` as text.
    """
    return subprocess.run(
        [sys.executable, "-m", "scripts.cli", *arguments], capture_output=True, text=True,
        timeout=timeout, stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(REPO), "COLUMNS": "100", **variables})
