#!/bin/sh
# The web, worker and system tests against PostgreSQL and Redis, in databases and under key prefixes of their own. The
# library and the sandbox for hostile files have neither database nor broker, and what is marked "appearance" is the
# browser's, so these tests would only say the same again.
# Usage: test-lab.sh PYTHON [pytest arguments]   (with arguments, one run of just these)
# DATABASE_URL and REDIS_URL say where the servers are; the user must be allowed to create databases.
set -u
python=$1
shift
export DATABASE_URL="${DATABASE_URL:-postgres://postgres@127.0.0.1:5432/postgres}"
export REDIS_URL="${REDIS_URL:-redis://127.0.0.1:6379/0}"
if [ "$#" -gt 0 ]; then
    exec "$python" -m pytest "$@"
fi
status=0
"$python" -m pytest -n 2 --dist worksteal -q --ignore=tests/core --ignore=tests/hostile --ignore=tests/system tests || status=$?
"$python" -m pytest -q -m "not appearance" tests/system || status=$?
exit "$status"
