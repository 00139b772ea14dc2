"""What is wrong with the surroundings is one sentence, before anything is started."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.application import free_port
from webapp.environment import EnvironmentProblem
from workers.supervisor import checks


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


def serve(repository: Path, state: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    base = {"SALISCOPE_STATE_DIR": str(state), "SALISCOPE_ENV_FILE": "", "PORT": str(free_port())}
    return subprocess.run(
        [sys.executable, "-m", "workers", "serve"],
        cwd=repository,
        env=kept | base | variables,
        capture_output=True,
        text=True,
        timeout=60,
    )


def assert_one_sentence(done: subprocess.CompletedProcess[str], *parts: str) -> None:
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    for part in parts:
        assert part in done.stderr


def test_taken_port(repository: Path, tmp_path: Path, taken_port: int) -> None:
    done = serve(repository, tmp_path, PORT=str(taken_port))
    assert_one_sentence(done, f"Port {taken_port} is taken", "choose another port")
    assert not (tmp_path / "broker").exists()
    assert not (tmp_path / "logs").exists()


def test_port_that_is_no_number(repository: Path, tmp_path: Path) -> None:
    assert_one_sentence(serve(repository, tmp_path, PORT="eighty"), "PORT is “eighty”")


def test_broker_that_nobody_serves(repository: Path, tmp_path: Path) -> None:
    url = f"redis://:hidden@127.0.0.1:{free_port()}/0"
    done = serve(repository, tmp_path, REDIS_URL=url)
    assert_one_sentence(done, "The broker at 127.0.0.1:", "(REDIS_URL) cannot be reached", "unset it")
    assert "hidden" not in done.stderr


def test_broker_address_that_is_none(repository: Path, tmp_path: Path) -> None:
    assert_one_sentence(serve(repository, tmp_path, REDIS_URL="broker.example"), "redis://HOST:PORT")


def test_database_that_nobody_serves(repository: Path, tmp_path: Path) -> None:
    url = f"postgres://lab:hidden@127.0.0.1:{free_port()}/saliscope"
    done = serve(repository, tmp_path, DATABASE_URL=url)
    assert_one_sentence(done, "The database at 127.0.0.1:", "(DATABASE_URL) cannot be reached", "unset it")
    assert "hidden" not in done.stderr


@pytest.mark.parametrize("url", ["mysql://lab@127.0.0.1/saliscope", "nonsense"])
def test_database_of_another_kind(repository: Path, tmp_path: Path, url: str) -> None:
    assert_one_sentence(
        serve(repository, tmp_path, DATABASE_URL=url), "postgres://USER:PASSWORD@HOST:PORT/NAME"
    )


def test_database_file_in_a_folder_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match="cannot be opened"):
        checks.check_database(f"sqlite:///{tmp_path}/missing/database.sqlite3")


def test_a_lock_is_held_once(tmp_path: Path) -> None:
    with (
        checks.lock(tmp_path / "lock", "It is"),
        pytest.raises(EnvironmentProblem, match="It is already running"),
    ):
        checks.lock(tmp_path / "lock", "It is")
    checks.lock(tmp_path / "lock", "It is").close()


def test_workers_alone_without_a_broker(repository: Path, tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    done = subprocess.run(
        [sys.executable, "-m", "workers"],
        cwd=repository,
        env=kept | {"SALISCOPE_STATE_DIR": str(tmp_path), "SALISCOPE_ENV_FILE": ""},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert_one_sentence(done, "No broker answers: set REDIS_URL and DATABASE_URL")
