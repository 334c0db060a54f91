"""The core after synthesis: still the golden model, bit for bit and cycle for cycle."""

import json

import pytest

from sim_tests.bench.command_line import weft

pytestmark = pytest.mark.cosim


def test_digits_on_the_netlist(tmp_path):
    file = tmp_path / "records.json"
    run = weft("simulate", "sparse", "digits", "--inputs", "digits", "--count", "100",
               "-c", "icebreaker", "--netlist", "-o", str(tmp_path), "--json", str(file),
               timeout=600)
    assert run.returncode == 0, run.stderr
    records = [record for record in json.loads(file.read_text())
               if record["source"] == "netlist"]
    assert len(records) == 4
    assert all(record["bit_exact"] and record["inputs"] == 100 for record in records)
