"""The command line: help, and what happens when a user is wrong."""

import dataclasses

import pytest

from hw.config import DENSE_PRESETS, PRESETS
from scripts.cli import main
from scripts.cli_options import parameters
from sim_tests.bench.command_line import weft

VERBS = [(), ("doctor",), ("demo",), ("compress",), ("inspect",), ("generate",),
         ("generate", "sparse"), ("simulate", "sparse"), ("synthesize", "sparse"),
         ("generate", "dense"), ("synthesize", "dense"), ("bench", "dense")]


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_help_explains_the_verb(verb):
    done = weft(*verb, "--help")
    assert done.returncode == 0
    assert done.stderr == ""
    assert f"Usage: {' '.join(['weft', *verb])}" in done.stdout
    if verb not in [("doctor",), ("generate",)]:
        assert "Examples" in done.stdout


def test_examples_of_the_help_are_real(capsys):
    """Every option that an example uses is one that the verb has."""
    pages = {}
    for verb in VERBS:
        assert main([*verb, "--help"]) == 0
        pages[verb] = capsys.readouterr().out

    examples = {line.strip() for page in pages.values() for line in page.splitlines()
                if line.strip().startswith("weft ")}
    checked = 0
    for example in examples:
        words = example.split()[1:]
        verb = max((verb for verb in VERBS if tuple(words[:len(verb)]) == verb), key=len)
        assert verb, example
        for option in (word for word in words if word.startswith("-") and word != "-"):
            assert option in pages[verb], example
            checked += 1
    assert len(examples) >= 12 and checked >= 12


@pytest.mark.parametrize("presets", [PRESETS, DENSE_PRESETS])
def test_every_parameter_is_explained(presets):
    explained = parameters(presets).splitlines()
    names = [field.name for field in dataclasses.fields(next(iter(presets.values())))]
    for name in names:
        at, = (number for number, line in enumerate(explained) if line.startswith(f"  {name} "))
        assert explained[at + 1].startswith("      [dim]") and len(explained[at + 1]) > 25, name
    assert len(names) > 12


@pytest.mark.parametrize("heavy", ["numpy", "scipy", "amaranth", "sklearn", "cocotb"])
def test_help_imports_nothing_heavy(heavy):
    done = weft("--help", PYTHONVERBOSE="1")
    assert f"import '{heavy}'" not in done.stderr
    assert "import 'typer'" in done.stderr


WRONG = {
    ("nonsense",): "No such command 'nonsense'",
    ("--nonsense",): "No such option: --nonsense",
    ("demo", "--jsn", "-"): "--json",
    ("demo", "--digits", "0"): "'--digits'",
    ("demo", "--digits", "many"): "'--digits'",
    ("demo", "-c", "wfet"): ("--config wfet: no preset of the sparse core is called that, "
                                 "did you mean weft?"),
    ("demo", "-c", "zzz"): "known are eie, ",
    ("demo", "--set", "pes"): "--set pes: expected name=value, such as --set pes=16",
    ("demo", "--set", "pse=4"): "no parameter is called 'pse', did you mean pes?",
    ("demo", "--set", "pes=3"): "pes must be a power of two from 1 to 256, not 3",
    ("demo", "--set", "pes=four"): "pes is an integer, not 'four'",
    ("demo", "--set", "pes=1_6"): "pes is an integer, not '1_6'",
    ("demo", "--set", "pes=-4"): "not -4",
    ("demo", "--set", "escape=maybe"): "escape is true or false, not 'maybe'",
    ("demo", "--set", "pes=4", "--set", "pes=8"): "pes is already set to 4, keep one",
    ("demo", "--set", "groups=4", "--set", "pes=4"): "groups=4 needs at least 16",
    ("generate", "dense", "--set", "pes=4"): "no parameter is called 'pes', known are accumulator_",
    ("generate", "dense", "--set", "rows"): "expected name=value, such as --set rows=16",
    ("generate", "dense", "--set", "rows=1"): "rows must be from 2 to 256, not 1",
    ("generate", "dense", "-c", "weft"): "no preset of the dense core is called that",
    ("synthesize", "dense", "--board", "ulx3"): "no board is called that, did you mean ulx3s-",
    ("synthesize", "dense", "--units", "--freq", "9"): "leave out --unit, --freq and --seeds",
    ("bench", "dense", "--work", "64x64"): "expected three sizes up to 1024, such as 64x64x64",
    ("bench", "dense", "--set", "rows=4"): "say --size, the arrays are square here",
    ("bench", "tpu", "--json", f"{__file__}/x"): "/x: cannot be written (Not a dir",
    ("bench", "tpu", "--json", "/"): "--json /: cannot be written (Is a directory), choose anot",
    ("bench", "tpu", "--json", ""): "--json names no file",
    ("bench", "tpu", "--plots", __file__): "cannot be written (Not a directory), choose another",
    ("generate", "dense", "-o", ""): "--out-dir names no folder",
    ("simulate", "sparse"): "Missing argument 'MODEL.weft'",
    ("simulate", "sparse", "digits"): "Missing option '--inputs'",
}


@pytest.mark.parametrize("arguments", WRONG, ids=" ".join)
def test_a_mistake_is_one_line(arguments):
    done = weft(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("weft: error: ")
    assert WRONG[arguments] in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("verb", [(), ("generate",)], ids=str)
def test_without_arguments_the_help_is_shown(verb):
    done = weft(*verb)
    assert done.returncode == 2
    assert "Commands" in done.stdout
    assert done.stderr == ""
