#!/bin/sh
# Makes the virtual environment and installs requirements into it, if they have changed since the last time.
# Usage: install.sh VENV NAME REQUIREMENTS...   (all the files are installed together)
set -eu
venv=$1 name=$2
shift 2

find_python() {
    for candidate in python3 python3.13 python3.12 python3.11; do
        if command -v "$candidate" >/dev/null 2>&1 \
            && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    echo "Saliscope needs Python 3.11 or newer, and none was found: install it (for example the package python3) and try again." >&2
    exit 1
}

# An environment whose Python has been removed or was copied from elsewhere does not run.
if ! "$venv/bin/python" -c '' 2>/dev/null || [ ! -x "$venv/bin/pip" ]; then
    python=$(find_python)
    if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        echo "This Python cannot make virtual environments: install its venv module (for example the package python$version-venv) and try again." >&2
        exit 1
    fi
    rm -rf "$venv"
    echo "Making the virtual environment $venv with $("$python" --version)."
    "$python" -m venv "$venv"
fi

stamp="$venv/.$name"
wanted=$(cat "$@" | cksum)
if [ ! -f "$stamp" ] || [ "$(cat "$stamp")" != "$wanted" ]; then
    echo "Installing $*: this takes some minutes the first time."
    arguments=""
    for file in "$@"; do
        arguments="$arguments --requirement $file"
    done
    # File names here have no spaces, and pip takes them all in one go, so that one resolution serves them all.
    # shellcheck disable=SC2086
    "$venv/bin/python" -m pip install --quiet --quiet --disable-pip-version-check $arguments
    printf '%s\n' "$wanted" >"$stamp"
fi
