"""From a command line to a configuration."""

import dataclasses
import doctest

import pytest

from hw.config import PRESETS, SparseConfig
from scripts import errors
from scripts import settings as module
from scripts.errors import UsageError
from scripts.settings import configuration, settings


def test_examples():
    for checked in (module, errors):
        assert doctest.testmod(checked).failed == 0


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_is_taken_as_it_is(preset):
    assert settings(preset, []) == module.Settings(preset, PRESETS[preset])


@pytest.mark.parametrize("text, value", [("pes=16", 16), ("pes=0x10", 16), ("pes=0b10000", 16),
                                         ("pes=016", 16)])
def test_integers(text, value):
    assert settings("weft", [text]).config.pes == value


@pytest.mark.parametrize("word, value", [("true", True), ("Yes", True), ("ON", True), ("1", True),
                                         ("false", False), ("no", False), ("off", False),
                                         ("0", False)])
def test_truth(word, value):
    config = settings("icebreaker", [f"lookahead={word}"]).config
    assert config.lookahead is value


def test_every_parameter_can_be_set():
    for field in dataclasses.fields(SparseConfig):
        value = getattr(PRESETS["weft"], field.name)
        assert settings("weft", [f"{field.name}={int(value)}"]).config == PRESETS["weft"]


def test_the_label_names_what_differs_from_the_preset():
    assert settings("weft", ["queue_depth=24", "pes=4"]).label == "weft-queue_depth24"
    assert configuration("eie", pes=64).label == "eie-pes64"


@pytest.mark.parametrize("changes, message", [
    ({"pse": 4}, "did you mean pes?"),
    ({"pes": 3}, "power of two"),
    ({"pes": "4"}, "--config weft --set pes=4"),
])
def test_python_gets_the_same_errors(changes, message):
    with pytest.raises(UsageError, match=message.replace("?", r"\?")):
        configuration("weft", **changes)
