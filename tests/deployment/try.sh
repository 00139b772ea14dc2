#!/bin/sh
# shellcheck disable=SC2016  # the inner shells expand these
#
# Deploys the last commit as docs/operations.md says, by hand and without containers, walks through it behind nginx,
# backs it up, restores it, and removes everything again. Not a part of `make test`.
#   sudo sh tests/deployment/try.sh [FOLDER]      (FOLDER: /srv/saliscope-try; with KEEP=1 its .venv stays for another time)
#
# What compose.yaml gives to a container, each process has here too: a user without rights, no capabilities, a file
# system that cannot be written but for the state directory and /tmp, a host name of its own, the commands of the
# Dockerfile, and its health check.
# Needs root on Linux, nginx, openssl, redis-server or valkey-server, PostgreSQL with a superuser (ADMIN_URL), Chromium,
# and this repository's .venv with requirements-dev.txt.
set -eu
root=${1:-/srv/saliscope-try}
source=$(cd "$(dirname "$0")/../.." && pwd)
ADMIN_URL=${ADMIN_URL:-postgres://postgres@127.0.0.1:5432/postgres}
PYTHON=${PYTHON:-/usr/bin/python3}
user=saliscope-try
role=saliscope_try
name=saliscope.test
most_bytes=33554432

step() { printf '\n== %s\n' "$*"; }
sql() { psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --tuples-only --no-align "$ADMIN_URL" --command "$1"; }
free_port() { "$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
secret() { "$PYTHON" -c 'import secrets; print(secrets.token_urlsafe(40))'; }

# The command of a stage of the Dockerfile, as words of a shell.
command_of() {
    "$PYTHON" - "$root/app/docker/Dockerfile" "$1" <<'END'
import json, shlex, sys
stage = ""
for line in open(sys.argv[1]):
    if line.startswith("FROM "):
        stage = line.split()[-1]
    elif line.startswith("CMD ") and stage == sys.argv[2]:
        print(shlex.join(json.loads(line[4:])))
END
}

# As $user with the settings and nothing else of this shell's environment.
as_user() {
    setpriv --reuid "$user" --regid "$user" --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all \
        env -i PATH="$root/venv/bin:/usr/bin:/bin" HOME=/tmp MPLCONFIGDIR=/tmp/matplotlib \
        sh -c 'umask 027; set -a; . "$0"; cd "$1"; shift; exec "$@"' "$root/env" "$root/app" "$@"
}

# start NAME COMMAND...: the same in a room like that of a container, in the background.
start() {
    part=$1
    shift
    unshare --mount --uts sh -c '
        hostname "saliscope-$1" && mount --make-rprivate /
        mount --bind "$2/state" "$2/state" && mount -t tmpfs -o size=2g,mode=1777 tmpfs /tmp
        mount -o remount,bind,ro /
        shift 2; exec "$@"' sh "$part" "$root" \
        setpriv --reuid "$user" --regid "$user" --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all \
        env -i PATH="$root/venv/bin:/usr/bin:/bin" HOME=/tmp MPLCONFIGDIR=/tmp/matplotlib \
        sh -c 'set -a; . "$0"; cd "$1"; shift; exec "$@"' "$root/env" "$root/app" "$@" \
        >"$root/logs/$part.log" 2>&1 &
    echo $! >"$root/run/$part.pid"
}

# The health check of a part, in its own room.
healthy() {
    nsenter --target "$(cat "$root/run/$1.pid")" --mount --uts \
        setpriv --reuid "$user" --regid "$user" --clear-groups \
        env -i PATH="$root/venv/bin:/usr/bin:/bin" HOME=/tmp sh -c 'set -a; . "$0"; cd "$1"; exec python -m workers.healthy "$2"' \
        "$root/env" "$root/app" "${2:-$1}"
}

wait_for() {
    tries=120
    until "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || { echo "in vain: $*"; "$@" || true; tail -n 30 "$root"/logs/*.log; exit 1; }
        sleep 1
    done
    echo "well: $*"
}

stop() {
    for file in worker reconciler web nginx broker; do
        [ -f "$root/run/$file.pid" ] || continue
        pid=$(cat "$root/run/$file.pid")
        kill -TERM "$pid" 2>/dev/null || true
        for _ in $(seq 60); do
            kill -0 "$pid" 2>/dev/null || break
            sleep 1
        done
        if kill -0 "$pid" 2>/dev/null; then echo "$file does not end and is killed"; kill -KILL "$pid"; fi
        rm -f "$root/run/$file.pid"
    done
}

clean_up() {
    step "Cleaning up"
    stop
    for database in "$role" "${role}_restored"; do
        sql "DROP DATABASE IF EXISTS $database WITH (FORCE)" || true
    done
    sql "DROP ROLE IF EXISTS $role" || true
    if id "$user" >/dev/null 2>&1; then userdel "$user"; fi
    if [ "${KEEP:-}" ]; then
        rm -rf "$root/app" "$root/state" "$root/restored" "$root/backups" "$root/run" "$root/nginx" "$root/broker" "$root/env"*
    else
        rm -rf "$root"
    fi
}

[ "$(id -u)" = 0 ] || { echo "This needs root: it makes a user, and rooms for processes."; exit 1; }
clean_up >/dev/null 2>&1 || true
trap clean_up EXIT
trap 'exit 130' INT TERM

step "A user without rights, the last commit, and its requirements alone"
useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$user"
mkdir -p "$root/logs" "$root/run" "$root/nginx/logs"
git clone --quiet --depth 1 "file://$source" "$root/app"
git -C "$root/app" log --oneline -1
[ -x "$root/venv/bin/python" ] || "$PYTHON" -m venv "$root/venv"
"$root/venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$root/app/requirements.txt" 2>&1 | grep -v '^WARNING: Location' || true
(cd "$root/app" && sh tools/compile-messages.sh "$root/venv/bin/pybabel")
install -d -o "$user" -g "$user" -m 0750 "$root/state" "$root/restored" "$root/backups" "$root/broker"

step "Database, broker and settings"
password=$(secret)
broker_password=$(secret)
broker_port=$(free_port)
web_port=$(free_port)
proxy_port=$(free_port)
base="https://$name:$proxy_port"
sql "CREATE ROLE $role LOGIN PASSWORD '$password'"
sql "CREATE DATABASE $role OWNER $role"
sql "CREATE DATABASE ${role}_restored OWNER $role"
place=${ADMIN_URL#*@}
cat >"$root/env" <<END
DATABASE_URL=postgres://$role:$password@${place%/*}/$role
REDIS_URL=redis://:$broker_password@127.0.0.1:$broker_port/0
SECRET_KEY=$(secret)
ALLOWED_HOSTS=$name
CSRF_TRUSTED_ORIGINS=$base
SALISCOPE_HTTPS=true
FORWARDED_ALLOW_IPS=127.0.0.1
SALISCOPE_STATE_DIR=$root/state
SALISCOPE_ENV_FILE=
SALISCOPE_ALLOW_DOWNLOADS=false
SALISCOPE_MAX_UPLOAD_BYTES=$most_bytes
LOG_FORMAT=json
PORT=$web_port
PYTHONDONTWRITEBYTECODE=1
PYTHONUNBUFFERED=1
END
chown "root:$user" "$root/env" && chmod 0640 "$root/env"
server=$(command -v valkey-server || command -v redis-server)
printf 'bind 127.0.0.1\nport %s\nrequirepass %s\nappendonly yes\ndir %s\n' "$broker_port" "$broker_password" "$root/broker" |
    setpriv --reuid "$user" --regid "$user" --clear-groups "$server" - >"$root/logs/broker.log" 2>&1 &
echo $! >"$root/run/broker.pid"

step "Django's check of a deployment"
as_user python manage.py check --deploy --fail-level INFO

step "Web server, reconciler and workers, as in docker/"
eval "set -- $(command_of web | sed -e "s/0\.0\.0\.0/127.0.0.1/; s/--port 8000/--port $web_port/")"
start web "$@"
wait_for healthy web
start reconciler python -m workers reconcile
eval "set -- $(command_of worker)"
start worker "$@"
wait_for healthy reconciler
wait_for healthy worker

step "nginx with a certificate that signs itself"
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=$name" -addext "subjectAltName=DNS:$name" \
    -keyout "$root/nginx/key.pem" -out "$root/nginx/certificate.pem" 2>/dev/null
sed -e "s/saliscope\.example\.org/$name/; s/127\.0\.0\.1:8000/127.0.0.1:$web_port/" \
    -e "s/listen 443/listen 127.0.0.1:$proxy_port/; s/listen 80;/listen 127.0.0.1:$(free_port);/; /listen \[::\]/d" \
    -e "s#/etc/ssl/saliscope/fullchain.pem#$root/nginx/certificate.pem#; s#/etc/ssl/saliscope/privkey.pem#$root/nginx/key.pem#" \
    "$root/app/docker/nginx.conf" >"$root/nginx/saliscope.conf"
cat >"$root/nginx/nginx.conf" <<END
user www-data;
pid $root/run/nginx.pid;
error_log $root/logs/nginx.log;
events {}
http {
    include /etc/nginx/mime.types;
    access_log off;
    client_body_temp_path $root/nginx/body;
    proxy_temp_path $root/nginx/proxy;
    fastcgi_temp_path $root/nginx/fastcgi;
    uwsgi_temp_path $root/nginx/uwsgi;
    scgi_temp_path $root/nginx/scgi;
    include $root/nginx/saliscope.conf;
}
END
nginx -q -t -c "$root/nginx/nginx.conf"
nginx -c "$root/nginx/nginx.conf"
wait_for curl --silent --fail --insecure --resolve "$name:$proxy_port:127.0.0.1" "$base/healthz"

step "A member's way"
cd "$source"
.venv/bin/python -m tests.deployment.walk "$base" --web "127.0.0.1:$web_port" --most-bytes "$most_bytes"

step "Back up while it runs, restore into another database and folder"
# What is seen, and with anew = True the figures as computed again from the results.
look='
import json
from webapp.accounts.models import User
from webapp.benchmarks.figures import figures_of, refresh_figures
from webapp.benchmarks.models import Benchmark, ShardResult
from webapp.benchmarks.summaries import complete_next, refresh_summaries
from webapp.library.models import Classifier
for benchmark in Benchmark.objects.order_by("pk"):
    figures = benchmark.figures
    if anew:
        benchmark.summaries.all().delete()
        refresh_figures(benchmark, announce=False)
        while complete_next(benchmark):
            pass
        figures = figures_of(refresh_summaries(benchmark))
    print(json.dumps([benchmark.name, benchmark.state, figures], sort_keys=True))
print([bytes(row.scalars).hex() for row in ShardResult.objects.order_by("pk")])
print(list(User.objects.order_by("pk").values_list("username", "password")))
print(list(Classifier.objects.order_by("pk").values_list("name", "state", "weights_sha256")))
'
as_user python manage.py back_up_installation "$root/backups/first"
as_user python manage.py shell --no-imports -c "anew = False$look" >"$root/logs/before.txt"
sed -i.running -e "s#/$role\$#/${role}_restored#; s#^SALISCOPE_STATE_DIR=.*#SALISCOPE_STATE_DIR=$root/restored#" "$root/env"
as_user python manage.py restore_installation "$root/backups/first"
as_user python manage.py migrate --verbosity 0
as_user python manage.py shell --no-imports -c "anew = True$look" >"$root/logs/after.txt"
mv "$root/env.running" "$root/env"
cmp "$root/logs/before.txt" "$root/logs/after.txt"
echo "the same: $(wc -l <"$root/logs/before.txt") lines, $(wc -c <"$root/logs/before.txt") bytes of figures, results, members and models"

step "Stopped as compose stops it"
begin=$(date +%s)
stop
echo "after $(($(date +%s) - begin)) s"
# The walk asks once for a host that is not this one.
if grep -hE '"level": "(error|critical)"|Traceback' "$root"/logs/web.log "$root"/logs/reconciler.log "$root"/logs/worker.log |
    grep -v 'HTTP_HOST header: .evil\.example'; then
    echo "there are errors in the logs"
    exit 1
fi
echo "no errors in the logs"
