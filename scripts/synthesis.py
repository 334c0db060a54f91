# amaranth: UnusedElaboratable=no

"""Synthesis, place and route: how large a component is, how fast, and whether it fits."""

import hashlib
import importlib
import json
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from amaranth import Value
from amaranth.lib.wiring import In

from hw.boards.board_top import BoardTop
from hw.boards.cells import CELLS
from hw.boards.devices import BOARDS
from hw.emission import emit_verilog

from . import out_of_context
from .absorption import absorb
from .errors import UsageError, WeftError
from .locking import exclusively
from .tool_reports import area_of, complaint, critical_path, lut4_equivalents, resources_used
from .toolchain import BUILD, find, versions

__all__ = ["SYNTH_DIR", "Synthesis", "synthesize"]

#: Where results are kept.
SYNTH_DIR = BUILD / "synth"

_TOOLS = {"ecp5": ("yosys", "nextpnr-ecp5", "ecppack"),
          "ice40": ("yosys", "nextpnr-ice40", "icepack")}
_TOOLCHAIN = {"ecp5": "Trellis", "ice40": "IceStorm"}


@dataclass(frozen=True)
class Synthesis:
    """What became of a design on a device.

    Parameters
    ----------
    record : dict
        ``unit``, ``board``, ``lut4``, ``lut4_equivalents``, ``ff``, ``dsp``, ``bram``, ``fmax_mhz``
        (None if it was not placed), ``fits``; on ECP5 ``ccu2c`` and ``dpr16x4``, on iCE40 ``carry``
        and ``spram``.
        Cells of the component alone, without what is wrapped around it; of the whole board top.
    used : dict of str to (int, int)
        Resources of the device, used and available, as nextpnr counts them.
    exceeded : dict of str to (int, int)
        Those of which too many are used.
    clock_mhz : float or None
        Clock rate that was aimed for.
    critical_path : list of str
        Cells along the slowest path, each with the kind and the length, in ns, of what follows it;
        empty if it was not placed.
    bitstream : str or None
        File under `SYNTH_DIR`, of a board top.
    """

    record: dict
    used: dict
    exceeded: dict
    clock_mhz: float | None
    critical_path: list
    bitstream: str | None


def synthesize(component, *, name, board="ulx3s-85f", unit=True, seed=1, freq=None):
    """Synthesise, place and route a component for a board.

    Results are kept under ``build/synth`` by content: Verilog, options and tool versions. The
    netlist is made once for all seeds, and for all clock rates that no PLL is set to.

    Parameters
    ----------
    component : wiring.Component or str
        What to synthesise; or the Verilog of a core with a host port, if `unit` is False.
    name : str
        Name of its module.
    board : str
        One of `hw.boards.devices.BOARDS`.
    unit : bool
        The component alone, without pins; otherwise a core on the board, with its serial line,
        down to the bitstream.
    seed : int
        Of the placement.
    freq : float, optional
        Clock rate to reach, in MHz; a design that does not reach it does not fit. By default
        nothing is demanded of a unit, and the board's clock of a core. On an ECP5 board it is the
        core's clock, which the PLL makes; on an iCE40 board that is the board's own.

    Returns
    -------
    Synthesis

    Raises
    ------
    UsageError
        If the board is unknown, or its PLL does not make the clock.
    ToolMissing
        If a tool is not installed.
    WeftError
        If a tool fails on the design.
    """
    if board not in BOARDS:
        raise UsageError(f"--board {board}: known are {', '.join(BOARDS)}")
    device = BOARDS[board]
    tools = {tool: find(tool) for tool in _TOOLS[device.family]}
    verilog = component if isinstance(component, str) else emit_verilog(
        component, name=name, cells=CELLS[device.family])
    clock = freq if freq is not None else None if unit else device.clock_mhz
    job = (_unit_job(component, verilog, name, device) if unit
           else _board_job(verilog, name, device, clock))
    options = [*device.nextpnr, *job.options, "--seed", str(seed), "--timing-allow-fail",
               *([] if clock is None else ["--freq", str(clock)])]
    made_of = [job.files, job.script, versions(tools), job.absorbs_within]
    netlist = _kept(f"{name}-{board}-netlist", made_of, "absorbed.json", lambda work: _synthesise(
        job, tools, work, name))

    def place(work):
        result = _place(job, device.family, tools, options, netlist, work, name)
        (work / "result.json").write_text(json.dumps(result, indent=2))

    folder = _kept(f"{name}-{board}", [*made_of, options], "result.json", place)
    result = json.loads((folder / "result.json").read_text())

    used = {resource: tuple(counts) for resource, counts in result["used"].items()}
    fmax = result["fmax_mhz"]
    exceeded = {resource: counts for resource, counts in used.items() if counts[0] > counts[1]}
    area = result["area"]
    record = {"unit": name if unit else None, "board": board, **area,
              "lut4_equivalents": lut4_equivalents(area), "fmax_mhz": fmax,
              "fits": fmax is not None and (clock is None or fmax >= clock)}
    return Synthesis(record=record, clock_mhz=clock, used=used, exceeded=exceeded,
                     critical_path=result["critical_path"],
                     bitstream=str(folder / result["bitstream"]) if result["bitstream"] else None)


@dataclass(frozen=True)
class _Job:
    """Files to work on, the Yosys script that makes `netlist` of them, options of nextpnr.

    Registers behind block RAM and look-up tables before carry chains are moved into them if their
    names start with `absorbs_within`, and never if that is None.
    """

    files: dict
    script: str
    netlist: str
    options: tuple
    top: str
    absorbs_within: str | None


def _unit_job(component, verilog, name, device):
    def has(port):
        return re.search(rf"^  input wire {port};", _top(verilog, name), re.M) is not None

    # A board with a PLL starts a core by its clock, see `BoardTop`.
    resets = ["rst"] if has("rst") else []
    unused = resets if device.family == "ecp5" else []
    ports = [(port, "i", 1) for port in resets if port not in unused]
    declared = set(re.findall(r"^  (?:in|out)put (?:wire|reg) (?:\[\S+\] )?(\w+)",
                              _top(verilog, name), re.M))
    for path, member, value in component.signature.flatten(component):
        port = "__".join(map(str, path))
        # A word of Verilog's, such as "begin", has something behind it there.
        port = next((name for name in (port, f"{port}_2", f"{port}_") if name in declared), port)
        ports.append((port, "i" if member.flow == In else "o", len(Value.cast(value))))
    files = {
        f"{name}.v": verilog,
        "wrapper.v": out_of_context.wrapper(name, ports, clocked=has("clk")),
        "wrapper.ys": out_of_context.script(device.family, name, [f"{name}.v", "wrapper.v"],
                                            unused=unused),
    }
    # Five pins, wherever they fall.
    constraints = "lpf" if device.family == "ecp5" else "pcf"
    return _Job(files, "wrapper.ys", "netlist.json",
                (f"--{constraints}-allow-unconstrained",), name,
                # What catches the outputs is not the component's.
                f"{out_of_context.INSTANCE}." if device.family == "ecp5" else None)


def _top(verilog, name):
    return verilog[verilog.index(f"module {name}("):]


def _board_job(verilog, name, device, clock):
    module, cls = device.platform.split(":")
    platform = getattr(importlib.import_module(f"amaranth_boards.{module}"), cls)(
        toolchain=_TOOLCHAIN[device.family])
    clock = clock if device.family == "ecp5" else device.clock_mhz
    try:
        top = BoardTop(verilog, name=name, board_mhz=platform.default_clk_frequency / 1e6,
                       clock_mhz=clock)
    except ValueError as error:
        raise UsageError(f"--freq {clock:g}: {error}") from error
    plan = platform.build(
        top, do_build=False, emit_src=False,
        script_after_read="\n".join(out_of_context.BEFORE[device.family]),
        synth_opts=out_of_context.OPTIONS[device.family],
        script_after_synth="\n".join([*out_of_context.AFTER[device.family],
                                      out_of_context.statistics()]))
    files = {file: text if isinstance(text, str) else text.decode()
             for file, text in plan.files.items() if not file.endswith((".sh", ".bat"))}
    constraints = "lpf" if device.family == "ecp5" else "pcf"
    return _Job(files, "top.ys", "top.json", (f"--{constraints}", f"top.{constraints}"), "top",
                "" if device.family == "ecp5" else None)


def _kept(stem, made_of, file, make):
    """Folder of a result, which has `file` in the end: `make` makes it unless it is there."""
    key = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:16]
    folder = SYNTH_DIR / f"{stem}-{key}"
    with exclusively(SYNTH_DIR / ".locks" / key):
        if not (folder / file).is_file():
            with tempfile.TemporaryDirectory(prefix=".synth-", dir=SYNTH_DIR) as work:
                make(Path(work))
                shutil.copytree(work, folder, dirs_exist_ok=True)
    return folder


def _synthesise(job, tools, work, name):
    """Make the netlist in `work`, with all that it is made of."""
    for file, text in job.files.items():
        (work / file).write_text(text)
    _call([tools["yosys"], "-q", "-l", "yosys.log", job.script], work, f"Yosys, on {name}")
    absorbed = {}
    if job.absorbs_within is not None:
        absorbed = absorb(work / job.netlist, within=job.absorbs_within)
    (work / "absorbed.json").write_text(json.dumps(absorbed))


def _place(job, family, tools, options, netlist, work, name):
    """Place the netlist in the folder `netlist`, in `work`; return the result as JSON."""
    shutil.copytree(netlist, work, dirs_exist_ok=True)
    area = area_of(json.loads((work / "area.json").read_text()), job.top, family)
    for resource, number in json.loads((work / "absorbed.json").read_text()).items():
        area[resource] -= number
    result = {"area": area, "used": {}, "fmax_mhz": None, "critical_path": [], "bitstream": None}

    output = ("--textcfg", "top.config") if family == "ecp5" else ("--asc", "top.asc")
    log = _call([tools[f"nextpnr-{family}"], *options, "--json", job.netlist,
                 "--report", "report.json", *output], work, f"nextpnr, on {name}", may_fail=True)
    result["used"] = resources_used(log)
    if not (work / "report.json").is_file():
        if not any(used > available for used, available in result["used"].values()) \
                and "no BELs remaining" not in log and "Unable to place" not in log:
            raise WeftError(f"nextpnr, on {name}: {complaint(log)}")
        return result
    report = json.loads((work / "report.json").read_text())
    # The slowest of the clocks; a component without registers still has the wrapper's.
    result["fmax_mhz"] = round(min(clock["achieved"] for clock in report["fmax"].values()), 2)
    result["critical_path"] = critical_path(report)
    if job.top == "top":
        if family == "ecp5":
            _call([tools["ecppack"], "--input", "top.config", "--bit", "top.bit"], work, "ecppack")
        else:
            _call([tools["icepack"], "top.asc", "top.bit"], work, "icepack")
        result["bitstream"] = "top.bit"
    return result


def _call(command, work, what, may_fail=False):
    """Run a tool in `work` and return what it said; it must succeed unless it `may_fail`."""
    done = subprocess.run([str(word) for word in command], cwd=work, capture_output=True, text=True,
                          check=False)
    said = done.stdout + done.stderr
    if done.returncode and not may_fail:
        raise WeftError(f"{what}: {complaint(said)}")
    return said
