"""The stream player: every way in which a simulation can end."""

import numpy as np
import pytest

from sim_tests.bench.cosim import run_cosim
from sim_tests.bench.echo import Echo
from sim_tests.bench.player import Deadlock, SimulationError, build_simulator
from sim_tests.bench.verilator import BuildError

pytestmark = pytest.mark.cosim


@pytest.fixture(scope="module")
def echo():
    return build_simulator(Echo(), name="echo")


def random_words(count, seed=0):
    return np.random.default_rng(seed).integers(1 << 32, size=count, dtype=np.uint32)


@pytest.mark.parametrize("idle", [0.0, 0.4])
@pytest.mark.parametrize("stall", [0.0, 0.6])
def test_words_arrive_in_order_whatever_the_flow(echo, idle, stall):
    words = random_words(5000)
    result = echo.run(words, responses=words.size, idle=idle, stall=stall, seed=3)
    np.testing.assert_array_equal(result.responses, words + np.uint32(1))
    slowest = 1 - max(idle, stall)
    assert words.size / slowest * 0.9 < result.cycles < words.size / slowest * 1.4 + 4


def test_full_rate_and_seeds(echo):
    words = random_words(1000)
    full = echo.run(words, responses=words.size)
    assert full.cycles <= words.size + 3, "one word a cycle"
    stalled = [echo.run(words, responses=words.size, idle=0.3, stall=0.3, seed=seed).cycles
               for seed in (1, 1, 2)]
    assert stalled[0] == stalled[1] != stalled[2]


def test_nothing_to_say(echo):
    assert echo.run([], responses=0).responses.size == 0


def test_a_deadlock_is_reported():
    simulator = build_simulator(Echo(period=5), name="echo_swallows")
    words = random_words(100)
    with pytest.raises(Deadlock, match="not done after 1000 cycles: 100 of 100 command words were "
                                       "accepted, 80 of 100 response words arrived") as caught:
        simulator.run(words, responses=100, max_cycles=1000)
    np.testing.assert_array_equal(caught.value.responses,
                                  np.delete(words, np.s_[4::5]) + np.uint32(1))


def test_more_responses_than_expected_are_reported(echo):
    with pytest.raises(SimulationError, match="answers more than expected"):
        echo.run(random_words(100), responses=90)


def test_waves_are_written(echo, tmp_path):
    echo.run(random_words(10), responses=10, waves=tmp_path / "echo.vcd")
    assert "commands__payload" in (tmp_path / "echo.vcd").read_text()


def test_progress_is_told(echo):
    told = []
    words = random_words(1_500_000)
    result = echo.run(words, responses=words.size, progress=lambda *counts: told.append(counts))
    assert told and told == sorted(told) and told[-1][0] <= result.cycles


def test_words_are_checked(echo):
    with pytest.raises(ValueError, match=r"not in \[0, 2\*\*32\)"):
        echo.run([-1], responses=1)
    with pytest.raises(ValueError, match=r"in \[0, 1\), not 1.0"):
        echo.run([1], responses=1, stall=1.0)


def test_verilog_that_does_not_compile_is_reported():
    with pytest.raises(BuildError, match="syntax error"):
        build_simulator("module broken(; endmodule", name="broken")


def test_cocotb_bench():
    run_cosim(Echo(), name="echo", test_module="sim_tests.cosim.echo_bench")


def test_a_bench_without_tests_fails():
    with pytest.raises(AssertionError, match="No tests were discovered"):
        run_cosim(Echo(), name="echo", test_module="sim_tests.bench.streams")


def test_a_bench_that_selects_no_test_fails():
    with pytest.raises(AssertionError, match="no tests ran"):
        run_cosim(Echo(), name="echo", test_module="sim_tests.cosim.echo_bench",
                  env={"COCOTB_TEST_FILTER": "nothing"})


def test_a_failing_bench_fails():
    with pytest.raises(AssertionError, match="1 of 1 cocotb tests failed"):
        run_cosim(Echo(), name="echo", test_module="sim_tests.cosim.echo_bench",
                  env={"EXPECTED_STEP": "2"})
