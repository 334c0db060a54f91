"""`weft bench dense`: what it prints and records, on an array that is quickly built."""

import json

import numpy as np
import pytest

from golden.systolic.matmul import matmul_program
from scripts import api
from scripts.bench import dense
from scripts.cli import main
from scripts.errors import Mismatch

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
