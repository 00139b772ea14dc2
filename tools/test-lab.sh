#!/bin/sh
# The web, worker and system tests against PostgreSQL and Redis, in databases and under key prefixes of their own.
# Usage: test-lab.sh PYTHON [pytest arguments]
# DATABASE_URL and REDIS_URL say where the servers are; the user must be allowed to create databases.
set -eu
python=$1
shift
export DATABASE_URL="${DATABASE_URL:-postgres://postgres@127.0.0.1:5432/postgres}"
export REDIS_URL="${REDIS_URL:-redis://127.0.0.1:6379/0}"
# The library has neither database nor broker, so its tests would only say the same again.
[ "$#" -gt 0 ] || set -- tests --ignore=tests/core
exec "$python" -m pytest "$@"
