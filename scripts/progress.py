"""Progress on standard error: a spinner for a person, plain lines for a log."""

import contextlib
import sys
import time

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

__all__ = ["LOG_WIDTH", "Steps", "console"]

#: Columns where there is no terminal to ask: tables in a log are not wrapped at 80.
LOG_WIDTH = 120


def console(*, stderr=False):
    """A console for people, on standard output or standard error."""
    width = None if (sys.stderr if stderr else sys.stdout).isatty() else LOG_WIDTH
    return Console(stderr=stderr, width=width, highlight=False, soft_wrap=width is not None)


class Steps:
    """Names what is being done, and for how long.

    On a terminal, a line with a spinner (and a bar, where the number of parts is known) that leaves
    the step and its time behind. Otherwise one line as a step starts, and one as it ends if it took
    2 s or more. Nothing at all if `quiet`.

    Examples
    --------
    >>> steps = Steps(quiet=True)
    >>> with steps.step("Run", total=2) as advance:
    ...     advance()
    ...     advance()
    """

    def __init__(self, *, quiet=False):
        self.quiet = quiet
        self._console = console(stderr=True)

    @contextlib.contextmanager
    def step(self, title, *, total=None):
        """Show `title` while the body runs.

        Parameters
        ----------
        title : str
            What is being done, such as "Building the simulator".
        total : int, optional
            Number of parts.

        Yields
        ------
        callable
            ``advance(count=1)`` says that `count` parts are done.
        """
        if self.quiet:
            yield lambda count=1: None
        elif self._console.is_terminal:
            yield from self._spin(title, total)
        else:
            self._say(f"{title} ...")
            start = time.monotonic()
            yield lambda count=1: None
            seconds = time.monotonic() - start
            if seconds >= 2:
                self._say(f"{title}: {seconds:.0f} s")

    def _spin(self, title, total):
        columns = [SpinnerColumn(finished_text="[green]✓[/]"), TextColumn("{task.description}")]
        if total is not None:
            columns += [BarColumn(bar_width=30), TextColumn("{task.completed}/{task.total}")]
        with Progress(*columns, TimeElapsedColumn(), console=self._console) as progress:
            task = progress.add_task(title, total=total)
            yield lambda count=1: progress.advance(task, count)
            if total is None:
                progress.update(task, total=1, completed=1)

    def _say(self, text):
        # Plain print: a log wants neither markup nor wrapping.
        print(text, file=sys.stderr, flush=True)
