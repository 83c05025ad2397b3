#!/usr/bin/env bash
# Make a virtual environment from a lock file: tools/venv.sh FOLDER LOCK. Nothing happens while the lock, Python and the place are the same.
#
# Only python3 -m venv and pip are used, so that a machine with Python needs nothing else.
set -euo pipefail

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
readonly venv=$1 lock=$2
readonly stamp="$venv/.fourplane-stamp"
readonly oldest="3.11"

say() { printf '%s\n' "$*" >&2; }

new_enough() { "$1" -c "import sys; sys.exit(sys.version_info < (3, 11))" >/dev/null 2>&1; }

find_python() {
    local candidate
    if [ -n "${PYTHON:-}" ]; then
        new_enough "$PYTHON" && { printf '%s\n' "$PYTHON"; return; }
        say "PYTHON=$PYTHON is not a Python >= $oldest"
        return 1
    fi
    for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
        if command -v "$candidate" >/dev/null && new_enough "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    say "missing: Python >= $oldest (looked for python3 and python3.11 to python3.14 on PATH)."
    say "  get it: Debian 12, Ubuntu 23.04 or newer: apt-get install python3 python3-venv; else python.org; then PYTHON=/path/to/python3 make ..."
    return 1
}

state() {
    { cat -- "$lock"; grep dev-mode-dirs pyproject.toml; "$venv/bin/python" -VV; pwd; } | cksum
}

if [ -x "$venv/bin/python" ] && [ -f "$stamp" ] && [ "$(cat -- "$stamp")" = "$(state 2>/dev/null)" ]; then
    exit 0
fi

# A half-made environment, or one whose Python is gone, is made anew.
if [ -e "$venv" ] && ! { [ -f "$venv/pyvenv.cfg" ] && new_enough "$venv/bin/python"; }; then
    say "$venv: not usable, made anew"
    rm -rf -- "$venv"
fi
if [ ! -e "$venv" ]; then
    python=$(find_python)
    say "$venv: new environment with $("$python" -V) ($python)"
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        say "missing: Python's venv module. Debian and Ubuntu ship it apart: apt-get install python3-venv (or python$version-venv)"
        exit 1
    fi
    "$python" -m venv "$venv"
fi
"$venv/bin/python" -m pip --version >/dev/null 2>&1 || "$venv/bin/python" -m ensurepip --upgrade >/dev/null

started=$SECONDS
say "$venv: installing $(grep -c '^[a-zA-Z0-9].*==' -- "$lock") packages from $lock"
pip=("$venv/bin/python" -m pip --disable-pip-version-check)
# Of pip's report only what tells of progress; everything when it failed.
log=$(mktemp)
trap 'rm -f -- "$log"' EXIT
if ! "${pip[@]}" install --progress-bar off --require-hashes -r "$lock" 2>&1 | tee "$log" | sed -un 's/^Collecting \([^ ]*\).*/  \1/p; s/^Installing collected packages.*/  installing/p' >&2; then
    cat -- "$log" >&2
    say "$venv: pip could not install $lock"
    exit 1
fi
# The build backend is in the lock too: nothing is fetched unpinned.
if ! "${pip[@]}" install --quiet --no-deps --no-build-isolation -e . >"$log" 2>&1; then
    cat -- "$log" >&2
    exit 1
fi
state >"$stamp"
say "$venv: ready after $((SECONDS - started)) s"
