#!/bin/sh
# Looks the pinned requirements up in the Python advisory database. It says "not run" and succeeds where that cannot be
# reached: a check that needs the network must not stop work without one. Fails when a version is known to be vulnerable.
set -eu
cd "$(dirname "$0")/.."
python=${1:-.venv/bin/python}
auditor=.venv-audit
version=2.10.1

not_run() {
    printf 'Dependencies: NOT RUN, as %s.\n' "$1"
    exit 0
}

# One pinned package stands for all: where a mirror knows the packages and not the advisories, none is asked for.
"$python" - <<'PYTHON' || not_run "the advisories at pypi.org cannot be reached"
import json, re, sys, urllib.request
from pathlib import Path

version = re.search(r"^Django==(.+)$", Path("requirements.txt").read_text(), re.M)[1]
try:
    with urllib.request.urlopen(f"https://pypi.org/pypi/Django/{version}/json", timeout=5) as answer:
        sys.exit("vulnerabilities" not in json.load(answer))
except (OSError, ValueError):
    sys.exit(1)
PYTHON

if [ "$("$auditor/bin/pip-audit" --version 2>/dev/null || true)" != "pip-audit $version" ]; then
    rm -rf "$auditor"
    "$python" -m venv "$auditor"
    "$auditor/bin/pip" install --quiet "pip-audit==$version" || not_run "pip-audit $version cannot be installed"
fi
# --strict: a package that could not be looked up is a failure, not a pass.
exec "$auditor/bin/pip-audit" --strict --requirement requirements.txt --no-deps --disable-pip --progress-spinner off
