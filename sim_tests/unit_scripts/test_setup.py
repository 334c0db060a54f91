"""Set-up: what the system lacks is named at once, and nothing stays half done."""

import os
import shutil
import subprocess
import sys

import pytest

from scripts.paths import REPO

#: A Python that makes environments whose pip only notes that it ran, and fails if told to.
PYTHON = f"""#!/bin/sh
if [ "$1 $2" = "-m venv" ]; then
    mkdir -p "$3/bin"
    cp "$0" "$3/bin/python"
    exit
fi
if [ "$1 $2" = "-m pip" ]; then
    echo "pip $*" >> "$LOG"
    exit "${{PIP_FAILS:-0}}"
fi
exec {sys.executable} "$@"
"""


@pytest.fixture
def tree(tmp_path):
    """A tree with all that set-up looks at, and a folder with the tools that it needs."""
    root, tools = tmp_path / "tree", tmp_path / "tools"
    (root / "scripts").mkdir(parents=True)
    tools.mkdir()
    shutil.copy(REPO / "scripts" / "setup.sh", root / "scripts")
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(REPO / name, root)
    for tool in ("sh", "make", "g++", "perl", "cat", "head", "tr", "cksum", "rm", "mkdir", "cp",
                 "basename", "flock"):
        (tools / tool).symlink_to(shutil.which(tool))
    (tools / "python3").write_text(PYTHON)
    (tools / "python3").chmod(0o755)
    return root


def setup(root, **variables):
    """Run set-up as make does; only the tools of the tree are there."""
    tools = root.parent / "tools"
    environment = {key: value for key, value in os.environ.items() if key != "PYTHON"}
    return subprocess.run(
        [str(tools / "sh"), "scripts/setup.sh"], cwd=root, capture_output=True, text=True,
        timeout=60, stdin=subprocess.DEVNULL,
        env={**environment, "PATH": str(tools), "LOG": str(root / "log"), **variables})


def installs(root):
    log = root / "log"
    return len(log.read_text().splitlines()) if log.exists() else 0


def test_everything_that_is_missing_is_named_with_what_installs_it(tree):
    for tool in ("g++", "perl", "make", "python3"):
        (tree.parent / "tools" / tool).unlink()
    done = setup(tree)
    assert done.returncode == 3
    command, = [line for line in done.stderr.splitlines() if "apt-get" in line]
    assert command.split()[:3] == ["sudo", "apt-get", "install"]
    assert {"python3", "python3-venv", "make", "g++", "perl"} <= set(command.split())
    assert not (tree / ".venv").exists()


@pytest.mark.parametrize("breakage, package", [
    ('[ "$2" = "import ensurepip, venv" ] && exit 1', "python3-venv"),
    ('case "$2" in *version_info*3,*) exit 1;; esac', "python3.11"),
    ('[ "$1" = - ] && exit 1', f"libpython3.{sys.version_info.minor}"),
])
def test_a_python_that_will_not_do(tree, breakage, package):
    (tree.parent / "tools" / "python3").write_text(
        PYTHON.replace("#!/bin/sh\n", f"#!/bin/sh\n{breakage}\n"))
    done = setup(tree)
    assert done.returncode == 3
    assert package in done.stderr.splitlines()[-1].split()
    assert not (tree / ".venv").exists()


def test_it_installs_once(tree):
    assert setup(tree).returncode == 0
    assert (tree / ".venv" / "weft-stamp").exists()
    second = setup(tree)
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    assert installs(tree) == 1


def test_what_was_interrupted_is_done_again(tree):
    failed = setup(tree, PIP_FAILS="1")
    assert failed.returncode == 1
    assert not (tree / ".venv" / "weft-stamp").exists()
    (tree / ".venv" / "rubbish").write_text("")
    assert setup(tree).returncode == 0
    assert not (tree / ".venv" / "rubbish").exists()
    assert installs(tree) == 2


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_other_versions_are_installed_over_the_old_ones(tree, name):
    setup(tree)
    (tree / ".venv" / "kept").write_text("")
    with open(tree / name, "a") as file:
        file.write("# changed\n")
    assert setup(tree).returncode == 0
    assert installs(tree) == 2
    assert (tree / ".venv" / "kept").exists()


def test_a_tree_that_has_moved_gets_a_new_environment(tree):
    """The scripts of an environment hold its path."""
    setup(tree)
    (tree / ".venv" / "stale").write_text("")
    moved = tree.rename(tree.with_name("moved"))
    assert setup(moved).returncode == 0
    assert not (moved / ".venv" / "stale").exists()


def test_the_environment_stays_whatever_path_says_later(tree):
    setup(tree)
    (tree.parent / "tools" / "python3").write_text("#!/bin/sh\nexit 1\n")
    assert setup(tree).returncode == 0
    assert installs(tree) == 1


def test_the_interpreter_that_is_asked_for_is_taken_or_missed(tree):
    done = setup(tree, PYTHON="python3.99")
    assert done.returncode == 3
    assert "python3.99, which PYTHON asks for" in done.stderr
    other = tree.parent / "tools" / "mine"
    (tree.parent / "tools" / "python3").rename(other)
    assert setup(tree, PYTHON=str(other)).returncode == 0
