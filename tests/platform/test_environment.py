"""Environment variables, `.env` and the files that are made once decide the settings."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from webapp import embedded_broker, environment
from webapp.environment import EnvironmentProblem
from webapp.state_files import read_or_create

SHOW = """
import json
from django.conf import settings as s
print(json.dumps({"database": s.DATABASES["default"], "broker": s.BROKER_URL, "key": s.SECRET_KEY, "debug": s.DEBUG,
    "hosts": s.ALLOWED_HOSTS, "secure": s.SESSION_COOKIE_SECURE, "weights": [str(f) for f in s.WEIGHTS_FOLDERS],
    "layer": s.CHANNEL_LAYERS["default"]["CONFIG"]["hosts"][0]["address"], "celery": s.CELERY_BROKER_URL}))
"""


def settings_with(state: Path, repository: Path, **variables: str) -> dict:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    base = {
        "SALISCOPE_STATE_DIR": str(state),
        "SALISCOPE_ENV_FILE": "",
        "DJANGO_SETTINGS_MODULE": "webapp.settings",
    }
    done = subprocess.run(
        [sys.executable, "-c", SHOW],
        cwd=repository,
        env=kept | base | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_defaults_are_sqlite_and_the_built_in_broker(tmp_path: Path, repository: Path) -> None:
    settings = settings_with(tmp_path, repository)
    assert settings["database"]["ENGINE"] == "django.db.backends.sqlite3"
    assert settings["database"]["NAME"] == str(tmp_path / "saliscope.sqlite3")
    assert settings["database"]["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert settings["debug"] is False
    assert settings["secure"] is False
    assert set(settings["hosts"]) == {"localhost", "127.0.0.1", "[::1]"}
    address = urlsplit(settings["broker"])
    assert address.hostname == "127.0.0.1"
    assert address.port == embedded_broker.port(tmp_path)
    assert address.password == embedded_broker.password(tmp_path)
    assert settings["broker"] == settings["layer"] == settings["celery"]


def test_secrets_are_kept_and_readable_by_the_owner_only(tmp_path: Path, repository: Path) -> None:
    first, second = settings_with(tmp_path, repository), settings_with(tmp_path, repository)
    assert first["key"] == second["key"]
    assert len(first["key"]) >= 50
    for name in ("secret_key", "broker/password", "broker/port"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_variables_switch_database_and_broker(tmp_path: Path, repository: Path) -> None:
    settings = settings_with(
        tmp_path,
        repository,
        DATABASE_URL="postgres://lab:secret@db.example:5433/saliscope",
        REDIS_URL="redis://broker.example:6380/3",
        SALISCOPE_HTTPS="true",
        ALLOWED_HOSTS="saliscope.example",
        SALISCOPE_WEIGHTS_DIR="/srv/weights",
    )
    database = settings["database"]
    assert database["ENGINE"] == "django.db.backends.postgresql"
    assert (database["HOST"], database["PORT"], database["NAME"]) == ("db.example", 5433, "saliscope")
    assert database["CONN_HEALTH_CHECKS"] is True
    assert settings["broker"] == "redis://broker.example:6380/3"
    assert settings["secure"] is True
    assert settings["hosts"][0] == "saliscope.example"
    assert settings["weights"][1] == "/srv/weights"
    assert not (tmp_path / "broker").exists()


def test_env_file_is_read_and_variables_win(tmp_path: Path, repository: Path) -> None:
    file = tmp_path / "lab.env"
    file.write_text("REDIS_URL=redis://from-file:6379/0\nSECRET_KEY=from-file\nDEBUG=true\n")
    settings = settings_with(tmp_path, repository, SALISCOPE_ENV_FILE=str(file), SECRET_KEY="from-variable")
    assert settings["broker"] == "redis://from-file:6379/0"
    assert settings["debug"] is True
    assert settings["key"] == "from-variable"


def test_state_file_made_by_many_at_once_has_one_content(tmp_path: Path) -> None:
    texts = iter(range(1000))
    with ThreadPoolExecutor(8) as pool:
        found = set(
            pool.map(lambda _: read_or_create(tmp_path / "new" / "file", lambda: str(next(texts))), range(40))
        )
    assert len(found) == 1
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["file"]


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1", "80.5", "８０"])
def test_a_port_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    monkeypatch.setenv("PORT", port)
    with pytest.raises(EnvironmentProblem, match="whole number from 1 to 65535"):
        environment.bind_port()


def test_a_state_directory_that_cannot_be_made_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SALISCOPE_STATE_DIR", str(tmp_path / "file" / "state"))
    with pytest.raises(EnvironmentProblem, match="SALISCOPE_STATE_DIR"):
        environment.state_dir()


def test_deployment_check_is_clean_behind_https(tmp_path: Path, repository: Path) -> None:
    variables = {"SALISCOPE_STATE_DIR": str(tmp_path), "SALISCOPE_ENV_FILE": "", "SALISCOPE_HTTPS": "true"}
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("SALISCOPE_", "DJANGO_"))
    }
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=repository,
        env=kept | variables,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
