"""The settings of a lab behind HTTPS: Django's own check of a deployment, cookies, hosts, HSTS and sockets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from webapp.environment import REPOSITORY

PRODUCTION = {
    "SALISCOPE_HTTPS": "true",
    "ALLOWED_HOSTS": "lab.example",
    "CSRF_TRUSTED_ORIGINS": "https://lab.example",
    "SECRET_KEY": "k7Tq2mVx9LwZ4sNe8RbY6uJc3HfD5gPa1XoK0iQvMtEhBnCrWlSyUzGdFjAp",
}
ASK = """
import asyncio, json, django
django.setup()
from django.conf import settings
from django.test import Client
from asgiref.testing import ApplicationCommunicator
from webapp.asgi import application

def answer(host, path="/sign-in/", **more):
    response = Client().get(path, HTTP_HOST=host, **more)
    return [response.status_code, dict(response.headers), {k: dict(v) for k, v in response.cookies.items()}]

async def opens(origin):
    scope = {"type": "websocket", "path": "/ws/member/", "query_string": b"", "subprotocols": [],
             "headers": [(b"host", b"lab.example"), (b"origin", origin)]}
    socket = ApplicationCommunicator(application, scope)
    await socket.send_input({"type": "websocket.connect"})
    return await socket.receive_output(timeout=10)

https = {"HTTP_X_FORWARDED_PROTO": "https"}
print(json.dumps({
    "plain": answer("lab.example"),
    "secure": answer("lab.example", **https),
    "other host": answer("evil.example", **https)[0],
    "health": answer("localhost", "/healthz")[0],
    "own origin": asyncio.run(opens(b"https://lab.example")),
    "other origin": asyncio.run(opens(b"https://evil.example")),
}))
"""


def in_production(state: Path, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment = kept | PRODUCTION | more | {"SALISCOPE_ENV_FILE": "", "SALISCOPE_STATE_DIR": str(state)}
    return subprocess.run(
        [sys.executable, *command],
        cwd=REPOSITORY,
        env=environment | {"DJANGO_SETTINGS_MODULE": "webapp.settings"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_check_of_a_deployment_has_nothing_to_say(tmp_path: Path) -> None:
    done = in_production(tmp_path, "manage.py", "check", "--deploy", "--fail-level", "INFO")
    assert (done.returncode, done.stderr) == (0, "")
    assert "no issues (0 silenced)" in done.stdout


def test_a_shorter_time_of_strict_transport_can_be_set(tmp_path: Path) -> None:
    ask = "from django.conf import settings; print(settings.SECURE_HSTS_SECONDS)"
    assert in_production(tmp_path, "-c", ask, SALISCOPE_HSTS_SECONDS="300").stdout == "300\n"


def test_cookies_hosts_and_sockets_behind_https(tmp_path: Path) -> None:
    in_production(tmp_path, "manage.py", "migrate", "--verbosity", "0")
    done = in_production(tmp_path, "manage.py", "collectstatic", "--no-input", "--verbosity", "0")
    assert done.returncode == 0, done.stderr
    done = in_production(tmp_path, "-c", ASK)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    status, headers, _cookies = found["plain"]
    assert (status, headers["Location"]) == (301, "https://lab.example/sign-in/")
    status, headers, cookies = found["secure"]
    assert status == 200
    assert headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains; preload"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert cookies["csrftoken"]["secure"] is True
    assert cookies["csrftoken"]["samesite"] == "Lax"
    assert found["other host"] == 400
    assert found["health"] in (200, 503)
    # Nobody is signed in: the consumer takes the connection and says so itself; a foreign origin gets no answer.
    assert found["own origin"]["type"] == "websocket.accept"
    assert found["other origin"] == {"type": "websocket.close"}
