#!/bin/sh
# Looks the pinned requirements up in the Python advisory database. It says "not run" and succeeds where that cannot be
# reached, and only there: a check that needs the network must not stop work without one. NOT_RUN_STATUS is the status for
# whoever wants to tell that from success. Fails when a version is known to be vulnerable, or the check itself is broken.
set -eu
cd "$(dirname "$0")/.."
python=${1:-.venv/bin/python}
auditor=.venv-audit
version=2.10.1

not_run() {
    printf 'Dependencies: NOT RUN, as %s.\n' "$1"
    exit "${NOT_RUN_STATUS:-0}"
}

# One pinned package stands for all: where a mirror knows the packages and not the advisories, none is asked for.
reached=0
"$python" - <<'PYTHON' || reached=$?
import json, re, sys, urllib.request
from pathlib import Path

version = re.search(r"^Django==(.+)$", Path("requirements.txt").read_text(), re.M)[1]
try:
    with urllib.request.urlopen(f"https://pypi.org/pypi/Django/{version}/json", timeout=5) as answer:
        sys.exit(0 if "vulnerabilities" in json.load(answer) else 3)
except (OSError, ValueError):
    sys.exit(3)
PYTHON
case $reached in
0) ;;
3) not_run "the advisories at pypi.org cannot be reached" ;;
*)
    printf 'Dependencies: the check is broken: the question for one package ended with %s.\n' "$reached" >&2
    exit 1
    ;;
esac

if [ "$("$auditor/bin/pip-audit" --version 2>/dev/null || true)" != "pip-audit $version" ]; then
    rm -rf "$auditor"
    "$python" -m venv "$auditor"
    "$auditor/bin/pip" install --quiet "pip-audit==$version" || not_run "pip-audit $version cannot be installed"
fi
# --strict: a package that could not be looked up is a failure, not a pass.
exec "$auditor/bin/pip-audit" --strict --requirement requirements.txt --no-deps --disable-pip --progress-spinner off
