"""What goes wrong for a user, with the exit code that says so."""

import difflib

__all__ = ["WeftError", "Mismatch", "UsageError", "ToolMissing", "DoesNotFit", "did_you_mean"]


class WeftError(Exception):
    """One line for the user: what is wrong, where, and what to do about it.

    `exit_code` is the exit status of the command that ends with it.
    """

    exit_code = 1


class Mismatch(WeftError):
    """Hardware and golden model differ."""


class UsageError(WeftError):
    """The command, a parameter or a file is not what it should be."""

    exit_code = 2


class ToolMissing(WeftError):
    """A tool that the command needs is absent or does not work."""

    exit_code = 3


class DoesNotFit(WeftError):
    """The design does not fit the device, or misses its timing."""

    exit_code = 4


def did_you_mean(name, known):
    """Help for a mistyped name: the closest known ones, or all of them.

    Parameters
    ----------
    name : str
    known : iterable of str

    Returns
    -------
    str

    Examples
    --------
    >>> did_you_mean("peas", ["pes", "lanes"])
    'did you mean pes?'
    >>> did_you_mean("x", ["pes", "lanes"])
    'known are lanes, pes'
    """
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=3)
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"known are {', '.join(known)}"
