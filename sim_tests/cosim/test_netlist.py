"""The core after synthesis: still the golden model, bit for bit and cycle for cycle."""

import json

import pytest

from sim_tests.bench.command_line import weft

pytestmark = pytest.mark.cosim


#: Configurations for the families: that of the small board, and a quarter of that of the large one.
CORES = {
    "ice40": ("-c", "icebreaker"),
    "ecp5": ("-c", "ulx3s", "--set", "pes=4", "--set", "groups=1", "--set", "lanes=1"),
}


@pytest.mark.parametrize("family", CORES)
def test_digits_on_the_netlist(family, tmp_path):
    file = tmp_path / "records.json"
    run = weft("simulate", "sparse", "digits", "--inputs", "digits", "--count", "100",
               *CORES[family], "--netlist", family, "-o", str(tmp_path), "--json", str(file),
               timeout=600)
    assert run.returncode == 0, run.stderr
    records = [record for record in json.loads(file.read_text())
               if record["source"] == "netlist"]
    assert len(records) == 4
    assert all(record["bit_exact"] and record["inputs"] == 100 for record in records)


def test_an_unknown_family(tmp_path):
    run = weft("simulate", "sparse", "digits", "--inputs", "digits", "--netlist", "xc7",
               "-o", str(tmp_path))
    assert run.returncode == 2
    assert "--netlist xc7: known are ice40, ecp5" in " ".join(run.stderr.split())
