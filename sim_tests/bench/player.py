"""Runs a core's emitted Verilog on a stream of command words, at the speed of the simulator.

The core hangs on `player.sv`, which reads commands from a file and writes responses to another;
cocotb only waits for its end. Nothing here runs once a cycle.
"""

import json
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hw.emission import emit_verilog

from .cosim import run_tests
from .verilator import SIM_DIR, build_simulation

__all__ = ["Deadlock", "SimulationError", "SimulationResult", "Simulator", "build_simulator"]

_PLAYER = Path(__file__).with_name("player.sv")
# Values of `status` in player.sv.
_COMPLETE, _OUT_OF_CYCLES, _SURPLUS = 1, 2, 3


class SimulationError(RuntimeError):
    """A simulation ended otherwise than it should; the message says how."""


class Deadlock(SimulationError):
    """The cycle budget ended before all commands were accepted and all responses had arrived.

    `responses` holds those that had, as in `SimulationResult`.
    """

    def __init__(self, message, responses):
        super().__init__(message)
        self.responses = responses


@dataclass(frozen=True, eq=False)
class SimulationResult:
    """What came out of a simulation.

    Parameters
    ----------
    responses : ndarray of uint32, shape (n_responses,)
        Response words in order of arrival.
    cycles : int
        Clock cycles from the end of the reset to the last response.
    wall_seconds, cpu_seconds : float
        Time that the simulator took for them, its start-up excluded.
    """

    responses: np.ndarray
    cycles: int
    wall_seconds: float
    cpu_seconds: float

    @property
    def sim_hz(self):
        """Simulated clock cycles per second."""
        return self.cycles / max(self.wall_seconds, 1e-9)


def build_simulator(core, *, name, inline=False):
    """Build (or find built) the simulator of a core with a host port.

    Parameters
    ----------
    core : Component or str
        Component with `commands` and `responses`, streams of 32 bits; or the Verilog of a module
        `name` with the ports of one.
    name : str
        Name of the module and of the build.
    inline : bool
        Whether Verilator may inline modules. A dense core with many lanes then runs in two thirds
        of the time; a core of many instances takes twice as long to build, and gains nothing.

    Returns
    -------
    Simulator

    Raises
    ------
    BuildError
        If the Verilog does not compile.
    ToolMissing
        If a tool is not installed.
    """
    verilog = core if isinstance(core, str) else emit_verilog(core, name=name, assertions=True)
    simulator = Simulator(verilog, name, inline=inline)
    simulator.build()
    return simulator


class Simulator:
    """A core's simulator; made by `build_simulator`."""

    def __init__(self, verilog, name, *, inline=False):
        self.verilog = verilog
        self.name = name
        self.inline = inline

    def build(self, *, waves=False):
        """Build the simulator if it is not there yet; return its directory."""
        # Assertions of emitted Verilog are SystemVerilog, hence `.sv`.
        sources = {f"{self.name}.sv": self.verilog, _PLAYER.name: _PLAYER.read_text()}
        return build_simulation(
            sources, name=f"{self.name}-waves" if waves else self.name, top="player", waves=waves,
            arguments=["--timing", "--assert", f"-DDUT={self.name}",
                       *(["-finline"] if self.inline else [])])

    def run(self, commands, *, responses, idle=0.0, stall=0.0, seed=0, max_cycles=None,
            waves=None, progress=None):
        """Play command words and collect the responses.

        Parameters
        ----------
        commands : array_like of uint32, shape (n_commands,)
            Words to send.
        responses : int
            Words to expect; the simulation ends when all commands are accepted and so many
            responses have arrived.
        idle, stall : float
            Probability in [0, 1) that a cycle offers no command, or takes no response.
        seed : int
            Seed of the idling and stalling.
        max_cycles : int, optional
            Budget; the default allows a million cycles and what the words themselves take.
        waves : path, optional
            VCD file to write; the simulator is built a second time for it.
        progress : callable, optional
            Called about twice a second with (cycles, commands accepted, responses arrived).

        Returns
        -------
        SimulationResult

        Raises
        ------
        Deadlock
            If the budget ends first.
        SimulationError
            If there are more responses than expected, or an assertion of the design fails.
        ValueError
            If a probability or a command word is out of range.
        """
        commands = np.asarray(commands)
        if commands.size and not (0 <= commands.min() and commands.max() < 1 << 32):
            raise ValueError("A command word is not in [0, 2**32)")
        for probability in (idle, stall):
            if not 0 <= probability < 1:
                raise ValueError(f"A probability must be in [0, 1), not {probability}")
        if max_cycles is None:
            words = commands.size + responses
            max_cycles = int(1_000_000 + 2 * words / (1 - max(idle, stall)))

        build_dir = self.build(waves=waves is not None)
        options = {
            "command_words": commands.size, "response_words": responses,
            "max_cycles": max_cycles, "quiet_cycles": 16,
            "idle": int(idle * 65536), "stall": int(stall * 65536), "player_seed": seed,
        }
        with tempfile.TemporaryDirectory(prefix="run-", dir=SIM_DIR) as run_dir:
            commands.astype("<u4").tofile(Path(run_dir) / "commands.bin")
            record, words = self._play(build_dir, Path(run_dir), options, waves, progress)

        progressed = (f"{record['commands']} of {commands.size} command words were accepted, "
                      f"{record['responses']} of {responses} response words arrived")
        if record["status"] == _OUT_OF_CYCLES:
            raise Deadlock(f"{self.name} is not done after {max_cycles} cycles: {progressed}",
                           words)
        if record["status"] == _SURPLUS:
            raise SimulationError(f"{self.name} answers more than expected: {progressed}")
        if record["status"] != _COMPLETE or words.size != responses:
            raise SimulationError(f"{self.name} wrote {words.size} responses: {progressed}")
        return SimulationResult(words, record["cycles"], record["wall_seconds"],
                                record["cpu_seconds"])

    def _play(self, build_dir, run_dir, options, waves, progress):
        """Run the built simulator in `run_dir`; return what the player counted, and responses."""
        options = {"commands": run_dir / "commands.bin", "responses": run_dir / "responses.bin",
                   **options}
        if progress is not None:
            options["progress"] = run_dir / "progress.txt"
        arguments = [] if waves is None else ["--trace", "--trace-file", str(Path(waves).resolve())]
        record_file = run_dir / "record.json"
        with _following(run_dir / "progress.txt", progress):
            failure = run_tests(
                build_dir, run_dir, top="player", test_module="sim_tests.bench.player_bench",
                arguments=arguments, plusargs=[f"+{k}={v}" for k, v in options.items()],
                env={"WEFT_PLAYER_RECORD": str(record_file)})
        if failure is not None or not record_file.is_file():
            raise SimulationError(f"The simulation of {self.name} failed: {failure}")

        words = np.fromfile(run_dir / "responses.bin", dtype="<u4").astype(np.uint32)
        return json.loads(record_file.read_text()), words


class _following:
    """While entered, call `progress` with the last line of numbers of a file that grows."""

    def __init__(self, path, progress):
        self._path, self._progress = path, progress
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def _follow(self):
        while not self._over.wait(0.5):
            lines = self._path.read_text().splitlines(True) if self._path.is_file() else []
            lines = [line for line in lines if line.endswith("\n")]
            if lines:
                self._progress(*map(int, lines[-1].split()))

    def __enter__(self):
        if self._progress is not None:
            self._thread.start()

    def __exit__(self, *_):
        self._over.set()
        if self._progress is not None:
            self._thread.join()
