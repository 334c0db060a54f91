"""`weft bench dense`: what it prints and records, on an array that is quickly built."""

import json

import numpy as np
import pytest

from golden.systolic.matmul import matmul_program
from scripts import api
from scripts.bench import dense
from scripts.cli import main
from scripts.errors import Mismatch, UsageError

pytestmark = pytest.mark.cosim


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Exit code, records and what was printed, of a command line."""
    target = tmp_path_factory.mktemp("bench") / "records.json"
    code = main(["bench", "dense", "--rtl", "--size", "4", "--work", "64x32x16",
                 "--work", "7x9x5", "--json", str(target)])
    return code, json.loads(target.read_text())


def test_records(built):
    code, records = built
    assert code == 0
    assert [item["work"] for item in records] == ["64x32x16", "7x9x5"]
    for item in records:
        assert (item["source"], item["rows"], item["columns"], item["pes"]) == ("rtl", 4, 4, 16)
        assert item["bit_exact"] is True
        m, k, n = map(int, item["work"].split("x"))
        assert item["useful_macs"] == m * k * n
        assert item["utilisation"] == pytest.approx(m * k * n / 16 / item["cycles"])
        assert item["utilisation_end_to_end"] == pytest.approx(
            m * k * n / 16 / item["end_to_end_cycles"])
        assert item["cycles"] < item["end_to_end_cycles"] < item["run_cycles"] == sum(
            item[kind] for kind in ("active", "weight_stall", "weight_shift", "non_matrix"))
        assert item["active"] >= m * k * n / 16
    assert records[0]["utilisation"] > .95 > records[1]["utilisation"]


def test_a_wrong_program_is_noticed(built, monkeypatch):
    """Core and golden model would agree on it."""
    def wrong(*arguments, **options):
        compiled = matmul_program(*arguments, **options)
        compiled.memories.weights[:7] = 0
        return compiled
    monkeypatch.setattr(dense, "matmul_program", wrong)
    with pytest.raises(Mismatch, match="7x9x5 on dense-.*not with the product itself"):
        # The memories must be those that were built.
        shapes = [(64, 32, 16), (7, 9, 5)]
        settings = dense.core_settings(4, shapes)
        monkeypatch.setattr(dense, "core_settings", lambda *_: settings)
        api.bench_dense(["7x9x5"], sizes=[4])


def test_memories_hold_the_products():
    settings = dense.core_settings(16, [(64, 64, 64), (256, 256, 256)])
    config = settings.config
    assert settings.label == "dense-columns16-lanes16-rows16"
    assert config.unified_depth == 2 * 256 * 256 and config.weight_depth == 256 * 256 // 16
    compiled = matmul_program(256, 256, 256, config.geometry)
    assert np.count_nonzero(compiled.memories.program[:, 0] & 31) > 10


def test_lanes_are_a_power_of_two_by_default():
    assert [dense.core_settings(size, [(4, 4, 4)]).config.lanes
            for size in (2, 3, 5, 8, 12, 16)] == [2, 2, 4, 4, 4, 16]


@pytest.mark.parametrize("work, assignments, message", [
    ("64x64x64", ["unified_depth=1024"], "--set unified_depth=1024: the products need 8192"),
    ("64x64x64", ["weight_depth=32"], "--set weight_depth=32: the products need 512"),
    ("64x64x64", ["rows=4"], "--set rows: say --size"),
    ("64x64x64", ["program_depth=16"], "--work 64x64x64 on dense-.*: The program has "),
    ("1024x3x1024", [], "--work 1024x3x1024 on dense-.*; set program_depth=2048"),
    ("9x1024x8", ["weight_width=16"], "--work 9x1024x8 on dense-.*sums may reach"),
])
def test_what_cannot_be_measured_is_refused_at_once(work, assignments, message, monkeypatch):
    monkeypatch.setattr(dense, "build_core", lambda *_, **__: pytest.fail("it was built"))
    with pytest.raises(UsageError, match=message):
        api.bench_dense([work], sizes=[8], assignments=assignments)


def test_memories_may_be_larger_than_needed():
    settings = dense.core_settings(8, [(64, 64, 64)], ["unified_depth=65536"])
    assert settings.config.unified_depth == 65536 and "unified_depth65536" in settings.label
