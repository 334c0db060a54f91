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
    blocks : Path or None
        For Verilator's `--hierarchical`, of a core with a systolic array.
    modules, lines : int
        In the Verilog.
    """

    verilog: Path
    manifest: Path
    blocks: Path | None
    modules: int
    lines: int


def generate(settings, *, steps, out_dir=None):
    """Write ``sparse_core.v`` and ``sparse_core.json``, or ``dense_core``'s.

    Beside the dense core's lies ``dense_core.vlt``, which tells Verilator to translate the modules
    that an array repeats once: flat, 65,536 elements are too many for it.

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
    blocks = [name for name in (f"{design.name}_group",) if f"module {name}(" in text]
    files = Generated(out_dir / f"{design.name}.v", out_dir / f"{design.name}.json",
                      out_dir / f"{design.name}.vlt" if blocks else None,
                      sum(line.startswith("module ") for line in text.splitlines()),
                      text.count("\n"))
    with writing(out_dir, option="--out-dir"):
        files.verilog.write_text(text)
        if files.blocks is not None:
            files.blocks.write_text("`verilator_config\n" + "".join(
                f'hier_block -module "{name}"\n' for name in blocks))
        record = manifest(core, name=design.name, config=settings.config, label=settings.label)
        files.manifest.write_text(json.dumps(record, indent=2) + "\n")
    return files


def report(files, console):
    """Print where the files are."""
    console.print(f"Verilog   {files.verilog}  ({files.modules} modules, {files.lines} lines)")
    console.print(f"Manifest  {files.manifest}")
    if files.blocks is not None:
        console.print(f"Blocks    {files.blocks}, for verilator --hierarchical")
