"""Runs cocotb tests on emitted Verilog."""

import tempfile
from pathlib import Path

from cocotb_tools.runner import get_results, get_runner

from hw.emission import emit_verilog

from .verilator import SIM_DIR, build_simulation

__all__ = ["run_cosim", "run_tests"]


def run_cosim(component, *, name, test_module, env=None):
    """Emit `component` as Verilog module `name` and run the cocotb tests in `test_module` on it.

    Only top-level ports are visible to the tests: anything deeper makes simulation several times
    slower.

    Parameters
    ----------
    component : Component
    name : str
        Name of the module and of the build under `build/sim/`.
    test_module : str
        Importable module with the cocotb tests.
    env : dict of str to str, optional
        Variables for the tests to read their parameters from.

    Raises
    ------
    AssertionError
        If a cocotb test failed, or none ran.
    """
    verilog = emit_verilog(component, name=name, assertions=True)
    build_dir = build_simulation({f"{name}.sv": verilog}, name=name, top=name,
                                 arguments=["--assert", "--public-depth", "1"])
    with tempfile.TemporaryDirectory(prefix="run-", dir=SIM_DIR) as run_dir:
        failure = run_tests(build_dir, Path(run_dir), top=name, test_module=test_module, env=env)
    assert failure is None, failure


def run_tests(build_dir, run_dir, *, top, test_module, arguments=(), plusargs=(), env=None):
    """Run cocotb tests in a built simulator; return None, or what is wrong as text.

    Parameters
    ----------
    build_dir : Path
        Directory that `build_simulation` returned for `top`.
    run_dir : Path
        Directory to run in; the log and the results stay there.
    top, test_module : str
        Top-level module and importable module of tests.
    arguments, plusargs : sequence of str
        Arguments of the simulator.
    env : dict of str to str
        Variables for the tests.
    """
    log, results = run_dir / "simulation.log", run_dir / "results.xml"
    try:
        get_runner("verilator").test(
            hdl_toplevel=top, hdl_toplevel_lang="verilog", test_module=test_module,
            build_dir=build_dir, test_dir=run_dir, results_xml=str(results), log_file=log,
            test_args=list(arguments), plusargs=list(plusargs), extra_env=env or {})
    except (RuntimeError, SystemExit) as error:
        # Under pytest the runner leaves by SystemExit, elsewhere not at all when a test fails.
        outcome = f"the simulator ended with: {error}"
    else:
        outcome = None
    try:
        ran, failed = get_results(results)
    except RuntimeError as error:
        outcome = outcome or str(error)
    else:
        # The runner is content when no test ran.
        if ran == 0:
            outcome = f"no tests ran in {test_module}"
        elif failed:
            outcome = f"{failed} of {ran} cocotb tests failed"
    if outcome is None:
        return None
    said = log.read_text().splitlines()[-40:] if log.is_file() else []
    return "\n".join([outcome, *said])
