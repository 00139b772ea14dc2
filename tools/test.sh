#!/bin/sh
# The tests: those without processes of their own side by side, then those that start the whole application, but for
# the longest (marked "long"), which test-lab.sh and .ci/run have.
# Usage: test.sh PYTHON [pytest arguments]   (with arguments, one run of just these)
set -u
python=$1
shift
if [ "$#" -gt 0 ]; then
    exec "$python" -m pytest "$@"
fi
status=0
"$python" -m pytest -n 2 --dist worksteal -q tests/core || status=$?
"$python" -m pytest -n 2 --dist worksteal -q -m "not long" --ignore=tests/core --ignore=tests/system tests || status=$?
"$python" -m pytest -q -m "not long" tests/system || status=$?
exit "$status"
