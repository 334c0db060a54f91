#!/bin/sh
# Sets up .venv: checks what the system must have, then installs the project into a virtual
# environment. Called by make; costs nothing when there is nothing to do.
#
#   PYTHON=python3.12 sh scripts/setup.sh      use this interpreter
#
# The stamp is written last, so an interrupted set-up is done again from the start. It holds what
# the environment was made from: the place of the tree, the interpreter, the pinned versions.
set -eu
cd "${0%/*}/.."

# --- What the system must have: everything that is missing is named at once.

version_ok() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

missing= packages=
miss() {
    missing="$missing
  $1"
    packages="$packages $2"
}

python=${PYTHON:-}
if [ -z "$python" ] && [ "$(head -n 1 .venv/weft-stamp 2>/dev/null)" = "$(pwd -P)" ] &&
        version_ok .venv/bin/python; then
    python=.venv/bin/python     # whatever PATH says today, the environment is kept
fi
if [ -z "$python" ]; then
    for candidate in python3 python3.13 python3.12 python3.11; do
        if command -v "$candidate" >/dev/null && version_ok "$candidate"; then
            python=$candidate
            break
        fi
    done
fi
if [ -z "$python" ] && ! command -v python3 >/dev/null; then
    miss "Python 3.11 or later" "python3 python3-venv libpython3-dev"
elif [ -z "$python" ]; then
    miss "Python 3.11 or later (python3 is $(python3 -V 2>&1))" \
         "python3.11 python3.11-venv libpython3.11"
elif ! command -v "$python" >/dev/null; then
    miss "$python, which PYTHON asks for" "$(basename "$python") $(basename "$python")-venv"
elif ! version_ok "$python"; then
    miss "Python 3.11 or later ($python is $("$python" -V 2>&1))" \
         "python3.11 python3.11-venv libpython3.11"
else
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        miss "the venv module of $python" "$(basename "$python")-venv"
    # cocotb embeds Python in the simulator and loads it as a shared library.
    "$python" - <<'PROBE' 2>/dev/null || miss "the shared library of $python" \
        "libpython$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
import ctypes, pathlib, sysconfig
name = sysconfig.get_config_var("INSTSONAME") or ""
if not name.endswith(".a"):
    try:
        ctypes.CDLL(name)
    except OSError:
        ctypes.CDLL(str(pathlib.Path(sysconfig.get_config_var("LIBDIR"), name)))
else:
    raise SystemExit(1)
PROBE
fi
command -v make >/dev/null || miss "make" "make"
command -v g++ >/dev/null || miss "g++, which compiles the simulators" "g++"
perl -MPod::Usage -e 1 2>/dev/null || miss "perl with its modules, which Verilator is started by" "perl"

if [ -n "$missing" ]; then
    echo "weft: error: this system lacks:$missing" >&2
    echo "Nothing was installed. On Debian or Ubuntu, this installs it:" >&2
    echo "  sudo apt-get install$packages" >&2
    exit 3
fi

# --- The environment.

if command -v flock >/dev/null && [ -z "${WEFT_SETUP_LOCKED:-}" ]; then
    # One set-up at a time: `make demo` and `make test` may be started together.
    WEFT_SETUP_LOCKED=1 PYTHON=$python exec flock .venv.lock sh scripts/setup.sh
fi

# Three lines: where the tree is, which interpreter, which versions.
stamp=.venv/weft-stamp
tree=$(pwd -P)
origin=$("$python" -c 'import sys; print(sys.base_prefix, *sys.version.split())')
pins=$(cat pyproject.toml constraints.txt scripts/setup.sh | cksum)
wanted=$(printf '%s\n%s\n%s' "$tree" "$origin" "$pins")
made=$(cat "$stamp" 2>/dev/null || true)

[ "$made" = "$wanted" ] && exit 0

# Kept when only the pinned versions changed; otherwise half done, moved, or of another Python.
if [ "$(echo "$made" | head -n 2)" != "$(printf '%s\n%s' "$tree" "$origin")" ]; then
    rm -rf .venv
fi
rm -f "$stamp"
echo "Setting up .venv with $("$python" -V): about 1 GB, a few minutes" >&2
[ -d .venv ] || "$python" -m venv .venv
.venv/bin/python -m pip install -qq --disable-pip-version-check \
    --constraint constraints.txt --editable '.[boards,plots,test]'
rm -rf .pdm-build       # what the build backend leaves behind
echo "$wanted" > "$stamp"
echo "Set up. Try: .venv/bin/weft --help" >&2
