"""Files that a user names: what can go wrong with them ends as one line."""

import contextlib
import errno
import os
import zipfile
import zlib
from pathlib import Path

from .errors import UsageError

__all__ = ["load_arrays", "reading", "require_writable", "writing"]


def require_writable(path, *, option, kind="folder"):
    """Tell before long work whether `path`, as far as it exists, lets itself be written.

    Parameters
    ----------
    path : path-like
    option : str
        The option that named it.
    kind : {"folder", "file"}
        Which of them it is to be.

    Raises
    ------
    UsageError
        If it does not.
    """
    if not str(path):
        raise UsageError(f"{option} names no {kind}")
    path = Path(path)
    code = None
    if path.exists() and path.is_dir() != (kind == "folder"):
        code = errno.ENOTDIR if kind == "folder" else errno.EISDIR
    else:
        there = next(place for place in (path, *path.absolute().parents) if place.exists())
        if not there.is_dir() and there != path:
            code = errno.ENOTDIR
        elif not os.access(there, os.W_OK | (os.X_OK if there.is_dir() else 0)):
            code = errno.EACCES
    if code is not None:
        raise UsageError(f"{option} {path}: cannot be written ({os.strerror(code)}), "
                         f"choose another {kind}")


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


def load_arrays(file):
    """What is in a file of NumPy's: an array (.npy), or a dict of arrays by name (.npz).

    Raises
    ------
    ValueError
        If it is none, is broken, or holds Python objects.
    """
    import numpy as np
    with open(file, "rb") as opened:
        start = opened.read(6)
    if start != b"\x93NUMPY" and start[:2] != b"PK":
        raise ValueError("it is no .npy and no .npz file")
    try:
        loaded = np.load(file, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded:
            return {name: loaded[name] for name in loaded}
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError) as error:
        raise ValueError(f"it is broken: {error}") from error
