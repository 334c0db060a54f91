"""Files that a user names: what can go wrong with them ends as one line."""

import contextlib
from pathlib import Path

from .errors import UsageError

__all__ = ["reading", "writing"]


@contextlib.contextmanager
def writing(folder, *, option):
    """Create `folder` and let the body write there.

    Raises
    ------
    UsageError
        If that can't be done; `option` says which option named the folder.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise UsageError(f"{option} {folder}: cannot be written ({error.strerror}), "
                         f"choose another folder") from error


@contextlib.contextmanager
def reading(file, *, remedy):
    """Let the body read `file`.

    Raises
    ------
    UsageError
        If it can't be read, or is not what it should be (the body raises ValueError). It ends with
        `remedy`.
    """
    try:
        yield
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror or error}; {remedy}") from error
    except ValueError as error:
        raise UsageError(f"{file}: {error}; {remedy}") from error
