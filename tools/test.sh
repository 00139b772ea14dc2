#!/bin/sh
# All tests: the library's in two processes side by side, then those that start processes of their own.
# Usage: test.sh PYTHON [pytest arguments]   (with arguments, one run of just these)
set -u
python=$1
shift
if [ "$#" -gt 0 ]; then
    exec "$python" -m pytest "$@"
fi
status=0
"$python" -m pytest -n 2 --dist worksteal -q tests/core || status=$?
"$python" -m pytest --ignore=tests/core tests || status=$?
exit "$status"
