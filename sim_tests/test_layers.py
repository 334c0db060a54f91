"""The tree keeps its own rules: who imports whom, and what may stand where."""

import ast
import importlib.metadata
import re
import sys
import tomllib

import pytest

from scripts.catalogue import insert
from scripts.paths import REPO

LAYERS = ("golden", "hw", "scripts", "sim_tests")

#: Of `golden`, what hardware may use: declarations, and no algorithm that hardware also performs.
DECLARATIONS = {"golden.formats", "golden.sparse.geometry", "golden.systolic.geometry"}


def sources(*folders):
    found = [path for folder in folders for path in sorted((REPO / folder).rglob("*.py"))]
    assert found, folders
    return found


def imported(path):
    """Absolute names of the modules that a file imports, anywhere in it, with their lines."""
    package = path.relative_to(REPO).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node
        elif isinstance(node, ast.ImportFrom):
            base = list(package[:len(package) - node.level + 1]) if node.level else []
            module = ".".join(base + ([node.module] if node.module else []))
            # `from a import b` may import the module a.b as well as the name b.
            for alias in node.names:
                deeper = f"{module}.{alias.name}"
                place = REPO.joinpath(*deeper.split("."))
                is_module = place.is_dir() or place.with_suffix(".py").is_file()
                yield (deeper if is_module else module), node


def offences(paths, wrong):
    return [f"{path.relative_to(REPO)}:{node.lineno}: {name}"
            for path in paths for name, node in imported(path) if wrong(name)]


def within(name, *packages):
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def test_the_checks_see_the_tree():
    """A wrong path or a parser that finds nothing would pass everything below."""
    names = {name for path in sources(*LAYERS) for name, _ in imported(path)}
    assert {"golden.formats", "hw.layouts", "numpy", "amaranth"} <= names
    assert len(sources(*LAYERS)) > 30


def test_golden_knows_nothing_above_it():
    assert not offences(sources("golden"), lambda name: within(name, "hw", "scripts", "sim_tests"))


def test_golden_needs_numpy_only():
    """Readers of real models may load the library of a format, when they are asked to read it."""
    known = {"golden", "numpy", *sys.stdlib_module_names}

    def foreign(name):
        return name.split(".")[0] not in known

    models = [path for path in sources("golden") if "models" in path.parts]
    assert not offences([path for path in sources("golden") if path not in models], foreign)
    for path in models:
        at_once = {node for statement in ast.parse(path.read_text()).body
                   if not isinstance(statement, ast.FunctionDef) for node in ast.walk(statement)}
        lines = {node.lineno for node in at_once if isinstance(node, (ast.Import, ast.ImportFrom))}
        assert not [name for name, node in imported(path) if node.lineno in lines and foreign(name)]


def test_hardware_uses_declarations_only():
    assert not offences(
        sources("hw"), lambda name: within(name, "golden") and name not in DECLARATIONS)


def test_declarations_compute_nothing():
    """What both sides share imports no array library, so it can't hold a shared algorithm."""
    for module in DECLARATIONS:
        path = REPO.joinpath(*module.split("."))
        paths = sources(path) if path.is_dir() else [path.with_suffix(".py")]
        assert not offences(paths, lambda name, own=module: name.split(".")[0] == "numpy"
                            or within(name, "golden") and not within(name, own))


def test_hardware_knows_nothing_above_it():
    assert not offences(sources("hw"), lambda name: within(name, "scripts", "sim_tests"))
    inner = [path for path in sources("hw") if "boards" not in path.parts]
    assert not offences(inner, lambda name: within(name, "hw.boards"))


def test_memories_come_through_one_door():
    rooms = [path for path in sources("hw") if path != REPO / "hw" / "memory.py"]
    assert not offences(rooms, lambda name: within(name, "amaranth.lib.memory"))


def test_vendor_cells_stay_with_the_boards():
    """The emission has instances too: of components that it emits once and uses many times."""
    for path in sources("hw"):
        # Emission instantiates the project's own modules.
        if "boards" not in path.parts and path.name != "emission.py":
            calls = [node.lineno for node in ast.walk(ast.parse(path.read_text()))
                     if isinstance(node, ast.Call) and ast.unparse(node.func) == "Instance"]
            assert not calls, path


def test_annotations_are_not_postponed_in_hardware():
    """`from __future__ import annotations` would erase the members of components."""
    assert not offences(sources("hw"), lambda name: name == "__future__")


def test_the_one_star_import():
    for path in sources(*LAYERS):
        for name, node in imported(path):
            if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
                assert name == "amaranth", path


@pytest.mark.parametrize("path", sources("hw"), ids=lambda path: path.stem)
def test_domains_are_spelt_right(path):
    """`m.d.snyc` would simulate silently, in a domain that nothing clocks."""
    text = path.read_text()
    declared = {"comb", "sync", *re.findall(r"m\.domains\.(\w+)", text)}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute):
            if node.value.attr == "d" and ast.unparse(node.value.value) == "m":
                assert node.attr in declared, f"{path}:{node.lineno}"


@pytest.mark.parametrize("folder", LAYERS)
def test_modules_say_what_they_are(folder):
    for path in sources(folder):
        assert ast.get_docstring(ast.parse(path.read_text())), path


@pytest.mark.parametrize("folder", ["golden", "hw", "scripts"])
def test_public_names_are_documented(folder):
    checked = 0
    for path in sources(folder):
        tree = ast.parse(path.read_text())
        public = {name for node in tree.body if isinstance(node, ast.Assign)
                  and ast.unparse(node.targets[0]) == "__all__"
                  for name in ast.literal_eval(node.value)}
        for node in tree.body:
            if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and node.name in public - {"main"}:
                assert ast.get_docstring(node), f"{path}: {node.name}"
                checked += 1
    assert checked > 5


def test_nothing_is_silenced():
    marks = re.compile(r"no" r"qa|type: " r"ignore|TO" r"DO|FIX" r"ME")
    for path in [*sources(*LAYERS), REPO / "README.md", REPO / "pyproject.toml"]:
        assert not marks.search(path.read_text()), path


def test_build_holds_artefacts_only():
    assert (REPO / "build" / ".gitignore").read_text() == "*\n!.gitignore\n"
    assert not (REPO / "build" / "__init__.py").exists()


def project():
    return tomllib.loads((REPO / "pyproject.toml").read_text())["project"]


def requirements():
    for group in [project()["dependencies"], *project()["optional-dependencies"].values()]:
        yield from group


def installed(name):
    """Whether a package that `make setup` leaves out is there."""
    return any(importlib.metadata.distributions(name=name))


def test_every_dependency_is_pinned_for_a_reason():
    text = (REPO / "pyproject.toml").read_text()
    for requirement in requirements():
        assert re.search(r" (==|~=)[\d.]+(post\d+)?$", requirement), requirement
        assert re.search(rf'"{re.escape(requirement)}",\s+# \w', text), requirement


def test_constraints_are_exact_and_cover_what_is_installed():
    lines = (REPO / "constraints.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    assert all(re.fullmatch(r"[\w.-]+", name) for name in pins)
    canonical = {re.sub(r"[-_.]+", "-", name).lower() for name in pins}
    extras = project()["optional-dependencies"]
    left_out = [*extras["train"], *extras["serial"]]
    for requirement in requirements():
        name = requirement.split()[0]
        assert name in canonical
        if requirement not in left_out or installed(name):
            # What stands behind + is how a version was built, such as 2.13.0+cpu.
            assert importlib.metadata.version(name).split("+")[0] == pins[name]


def test_the_catalogue_is_up_to_date():
    readme = (REPO / "README.md").read_text()
    assert insert(readme) == readme, "run: python -m scripts.catalogue"
