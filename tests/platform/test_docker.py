"""The container files, as far as they can be read without a container engine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from webapp.environment import REPOSITORY
from workers import healthy

DOCKER = REPOSITORY / "docker"
FILES = ("compose.yaml", "compose.workers.yaml")
OF_COMPOSE = {"ADDRESS", "SALISCOPE_HSTS_SECONDS"}
"""Variables that have a usual value and need no line in example.env."""
OWN = {"web", "reconciler", "worker", "worker-cpu"}


def compose(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DOCKER / name).read_text())
    return found


@pytest.mark.parametrize("name", FILES)
def test_every_service_is_confined_and_has_a_health_check(name: str) -> None:
    for title, service in compose(name)["services"].items():
        assert service["read_only"] is True, title
        assert service["cap_drop"] == ["ALL"], title
        assert service["security_opt"] == ["no-new-privileges:true"], title
        assert service["healthcheck"]["test"][0].startswith("CMD"), title
        # Ours run as the user of the image, the others as the one that their image has for it.
        assert title in OWN or service["user"] in ("postgres", "valkey"), title


@pytest.mark.parametrize("name", FILES)
def test_secrets_come_from_the_environment_alone(name: str) -> None:
    text = (DOCKER / name).read_text()
    for variable in re.findall(r"^ +(\w*(?:PASSWORD|SECRET_KEY|_URL|CLI_AUTH)): (.*)$", text, re.M):
        assert "${" in variable[1], variable
    for line in (DOCKER / "example.env").read_text().splitlines():
        name, _, value = line.partition("=")
        if name in ("POSTGRES_PASSWORD", "BROKER_PASSWORD", "SECRET_KEY"):
            assert value == ""


def test_the_example_names_all_that_the_files_take_from_it() -> None:
    example = set(re.findall(r"^#?([A-Z_]+)=", (DOCKER / "example.env").read_text(), re.M))
    taken = {
        found for name in FILES for found in re.findall(r"(?<!\$)\$\{([A-Z_]+)", (DOCKER / name).read_text())
    }
    assert taken == example - {"COMPOSE_PROFILES"}


def test_workers_get_gpus_by_a_reservation_and_a_profile() -> None:
    for name in FILES:
        services = compose(name)["services"]
        (device,) = services["worker"]["deploy"]["resources"]["reservations"]["devices"]
        assert device == {"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}
        assert (services["worker"]["profiles"], services["worker-cpu"]["profiles"]) == (["gpu"], ["cpu"])
        assert "deploy" not in services["worker-cpu"]


def test_workers_of_another_machine_can_fetch_what_they_lack() -> None:
    for service in compose("compose.workers.yaml")["services"].values():
        given = service["environment"]
        assert given["SALISCOPE_WEB_URL"] == "${SALISCOPE_WEB_URL:?set it in docker/.env}"
        assert given["SALISCOPE_WORKER_TOKEN"] == "${SALISCOPE_WORKER_TOKEN:?set it in docker/.env}"
        assert given["SALISCOPE_DATASET_ROOTS"] == "/datasets"
        assert service["command"].startswith("python -m workers --no-studio")
        # It signs nothing: who has a worker's machine cannot make sessions.
        assert "SECRET_KEY" not in given
    web = compose("compose.yaml")["services"]["web"]
    assert web["environment"]["SALISCOPE_WORKER_TOKEN"] == "${SALISCOPE_WORKER_TOKEN:-}"
    known = {line.lstrip("#").partition("=")[0] for line in (DOCKER / "example.env").read_text().splitlines()}
    for name in FILES:
        assert set(re.findall(r"\$\{(\w+)", (DOCKER / name).read_text())) - known <= OF_COMPOSE


def test_what_the_images_copy_is_let_in_and_nothing_else() -> None:
    """The build's context begins empty: `.env`, the state directory and git are not in it."""
    ignored = [
        line for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line[:1] not in ("#", "")
    ]
    assert ignored[0] == "*"
    let_in = {line[1:] for line in ignored if line.startswith("!")}
    copied = set()
    for line in (DOCKER / "Dockerfile").read_text().splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            copied |= set(line.split()[1:-1])
    assert copied == let_in
    assert all((REPOSITORY / name).exists() for name in copied)


def test_the_image_ends_as_a_user_that_does_not_own_the_code() -> None:
    lines = (DOCKER / "Dockerfile").read_text().splitlines()
    user: dict[str, str] = {}
    for line in lines:
        if line.startswith("FROM "):
            _, image, _, stage = line.split()
            user[stage] = user.get(image, "")
        elif line.startswith("USER "):
            user[stage] = line.split()[1]
    assert user["web"] == user["worker"] == "10001:10001"
    assert not [line for line in lines if line.startswith("COPY") and "--chown" in line]
    assert not [line for line in lines if line.startswith(("ARG", "ENV")) and "SECRET" in line]


def test_health_of_a_reconciler_is_told_by_its_rounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(healthy, "SIGN_OF_LIFE", tmp_path / "alive")
    assert healthy.main("reconciler") == 1
    healthy.say_alive()
    assert healthy.main("reconciler") == 0
    long_ago = time.time() - healthy.SILENT_SECONDS - 1
    os.utime(tmp_path / "alive", (long_ago, long_ago))
    assert healthy.main("reconciler") == 1


def test_health_of_what_is_not_there(tmp_path: Path) -> None:
    environment = os.environ | {"PORT": "1", "SALISCOPE_STATE_DIR": str(tmp_path), "SALISCOPE_ENV_FILE": ""}
    done = subprocess.run(
        [sys.executable, "-m", "workers.healthy", "web"], cwd=REPOSITORY, env=environment, capture_output=True,
        text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stdout.startswith("web: URLError")
