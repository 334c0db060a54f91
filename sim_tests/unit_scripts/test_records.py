"""The one schema of what is measured, and its one writer."""

import json
import stat

import numpy as np
import pytest

from scripts.errors import UsageError
from scripts.records import FIELDS, record, write_records

BASE = {"bench": "demo", "config": "weft", "source": "rtl"}


def test_every_record_has_the_common_fields():
    assert record(**BASE) == {**BASE, "cycles": None, "bit_exact": None}
    assert list(record(**BASE))[:5] == list(FIELDS)[:5]


def test_numpy_scalars_become_plain():
    values = record(**BASE, cycles=np.int64(3), bit_exact=np.bool_(True), useful=np.float32(0.5))
    assert values["cycles"] == 3 and type(values["cycles"]) is int
    assert values["bit_exact"] is True
    assert type(values["useful"]) is float


@pytest.mark.parametrize("values, message", [
    ({**BASE, "cicles": 3}, "no field \\['cicles'\\]"),
    ({"bench": "demo"}, "needs \\['config', 'source'\\]"),
    ({**BASE, "cycles": 3.5}, "'cycles' of a record is int, not 3.5"),
    ({**BASE, "cycles": True}, "'cycles' of a record is int"),
    ({**BASE, "bit_exact": 1}, "'bit_exact' of a record is bool"),
    ({**BASE, "useful": float("nan")}, "'useful' of a record is float, not nan"),
    ({**BASE, "layer": 1}, "'layer' of a record is str"),
])
def test_other_fields_and_types_are_refused(values, message):
    with pytest.raises(TypeError, match=message):
        record(**values)


def test_other_sources_are_refused():
    with pytest.raises(ValueError, match="not 'guess'"):
        record(**{**BASE, "source": "guess"})


def test_a_file_is_written_whole(tmp_path):
    target = tmp_path / "new" / "records.json"
    write_records([record(**BASE), record(**BASE, cycles=1)], target)
    assert json.loads(target.read_text())[1]["cycles"] == 1
    assert [path.name for path in target.parent.iterdir()] == ["records.json"]
    assert stat.S_IMODE(target.stat().st_mode) & 0o400


def test_dash_is_standard_output(capsys):
    write_records([record(**BASE)], "-")
    assert json.loads(capsys.readouterr().out) == [record(**BASE)]


def test_none_writes_nothing(capsys):
    write_records([record(**BASE)], None)
    assert capsys.readouterr().out == ""


def test_a_folder_in_the_way_is_the_users_mistake(tmp_path):
    with pytest.raises(UsageError, match="--json .*cannot be written"):
        write_records([], tmp_path)
