"""Emit Verilog for one configuration, with the manifest that says what it is."""

import json
from dataclasses import dataclass
from pathlib import Path

from hw.emission import emit_verilog
from hw.manifest import manifest

from .designs import design_of
from .files import writing
from .paths import build_dir

__all__ = ["Generated", "generate", "report"]


@dataclass(frozen=True)
class Generated:
    """Files that `generate` wrote.

    Parameters
    ----------
    verilog, manifest : Path
    modules, lines : int
        In the Verilog.
    """

    verilog: Path
    manifest: Path
    modules: int
    lines: int


def generate(settings, *, steps, out_dir=None):
    """Write ``sparse_core.v`` and ``sparse_core.json``, or ``dense_core``'s.

    Parameters
    ----------
    settings : scripts.settings.Settings
    steps : scripts.progress.Steps
    out_dir : path-like, optional
        By default ``build/<label>``.

    Returns
    -------
    Generated

    Raises
    ------
    UsageError
        If the folder can't be written.
    """
    out_dir = Path(out_dir) if out_dir is not None else build_dir(settings.label)
    design = design_of(settings.config)
    with steps.step(f"Emitting Verilog of {settings.label}"):
        core = design.make()
        text = emit_verilog(core, name=design.name)
    files = Generated(out_dir / f"{design.name}.v", out_dir / f"{design.name}.json",
                      sum(line.startswith("module ") for line in text.splitlines()),
                      text.count("\n"))
    with writing(out_dir, option="--out-dir"):
        files.verilog.write_text(text)
        record = manifest(core, name=design.name, config=settings.config, label=settings.label)
        files.manifest.write_text(json.dumps(record, indent=2) + "\n")
    return files


def report(files, console):
    """Print where the files are."""
    console.print(f"Verilog   {files.verilog}  ({files.modules} modules, {files.lines} lines)")
    console.print(f"Manifest  {files.manifest}")
