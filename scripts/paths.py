"""Where things are: the tree, its artefacts, and data that does not ship with it."""

import os
from pathlib import Path

__all__ = ["REPO", "build_dir", "data_dir"]

#: Root of the repository; the project is installed editable, so it is where the sources are.
REPO = Path(__file__).resolve().parents[1]


def build_dir(label):
    """Default folder for artefacts of the configuration `label`; not created here."""
    return REPO / "build" / label


def data_dir():
    """Folder of the optional data sets, or None.

    It is what the variable WEFT_DATA says, else ``shared/data`` beside the repository.

    Returns
    -------
    Path or None
        None if there is no such folder.
    """
    folder = Path(os.environ.get("WEFT_DATA") or REPO.parent / "shared" / "data")
    return folder if folder.is_dir() else None
