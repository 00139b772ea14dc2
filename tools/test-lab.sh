#!/bin/sh
# The web, worker and system tests against PostgreSQL and Redis, in databases and under key prefixes of their own. The
# library has neither database nor broker, so its tests would only say the same again.
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
"$python" -m pytest -n 2 --dist worksteal -q --ignore=tests/core --ignore=tests/system tests || status=$?
"$python" -m pytest -q tests/system || status=$?
exit "$status"
