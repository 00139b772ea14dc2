"""The whole installation, backed up and restored into a new database and a new folder by the real commands."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
import pytest

from webapp.backups.installation import files
from webapp.environment import REPOSITORY

FILL = """
from pathlib import Path
from django.conf import settings
from tests.web import factories
from tests.web.api_calls import finished_benchmark
owner = factories.member(username="ada")
folder = settings.DATASETS_DIR / "1" / "files"
folder.mkdir(parents=True)
(folder / "a.png").write_bytes(b"a picture")
(settings.WEIGHTS_DIR / "ab.safetensors").write_bytes(b"weights")
(settings.STATE_DIR / "pixels").mkdir()
(settings.STATE_DIR / "pixels" / "cache").write_bytes(b"made again")
finished_benchmark(owner, dataset=factories.dataset(name="Mine", owner=owner, path=str(folder)),
                   classifier=factories.classifier(name="Model"))
"""
LOOK = """
import json
from pathlib import Path
from django.conf import settings
from webapp.accounts.models import User
from webapp.benchmarks.figures import refresh_figures
from webapp.benchmarks.models import Benchmark, ShardResult
from webapp.library.models import Dataset
benchmark = Benchmark.objects.get()
shown = benchmark.figures
if {again}:
    benchmark.summaries.all().delete()
print(json.dumps({{
    "members": list(User.objects.values_list("username", "account_number", "password")),
    "state": benchmark.state,
    "figures": shown,
    "computed": refresh_figures(benchmark, announce=False)[0],
    "results": [bytes(row.scalars).hex() for row in ShardResult.objects.order_by("pk")],
    "picture": (Path(Dataset.objects.get(name="Mine").path) / "a.png").read_text(),
    "server": Dataset.objects.get(name="Mine").path.startswith(str(settings.STATE_DIR)),
    "weights": (settings.WEIGHTS_DIR / "ab.safetensors").read_text(),
    "key": settings.SECRET_KEY,
    "cache": (settings.STATE_DIR / "pixels").exists(),
}}))
"""


def manage(state: Path, database: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "SECRET_KEY")
    }
    environment |= {"SALISCOPE_ENV_FILE": "", "SALISCOPE_STATE_DIR": str(state), "LOG_LEVEL": "ERROR"}
    environment |= {"DJANGO_SETTINGS_MODULE": "webapp.settings"}
    if database:
        environment["DATABASE_URL"] = database
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def well(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout


def seen(state: Path, database: str, *, again: bool = False) -> dict[str, object]:
    said = well(manage(state, database, "shell", "--no-imports", "-c", LOOK.format(again=again)))
    found: dict[str, object] = json.loads(said.splitlines()[-1])
    return found


@pytest.fixture
def new_database(request: pytest.FixtureRequest) -> Iterator[Callable[[str], str]]:
    """Makes empty databases: "" for SQLite in the state directory."""
    if request.param == "sqlite":
        yield lambda _name: ""
        return
    server = os.environ.get("DATABASE_URL") or "postgres://postgres@127.0.0.1:5432/postgres"
    if shutil.which("pg_dump") is None:
        pytest.skip("needs pg_dump and pg_restore, and they are not on the PATH")
    try:
        connection = psycopg2.connect(urlsplit(server)._replace(path="/postgres").geturl(), connect_timeout=3)
    except psycopg2.OperationalError:
        pytest.skip("needs a PostgreSQL server, and none answers at 127.0.0.1:5432 or DATABASE_URL")
    connection.autocommit = True
    cursor, made = connection.cursor(), []

    def new(name: str) -> str:
        made.append(f"saliscope_{name}_{os.getpid()}")
        cursor.execute(f"CREATE DATABASE {made[-1]}")
        return urlsplit(server)._replace(path=f"/{made[-1]}").geturl()

    yield new
    for name in made:
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
    connection.close()


@pytest.mark.parametrize("new_database", ["sqlite", "postgresql"], indirect=True)
def test_a_restored_installation_shows_the_same_figures(
    new_database: Callable[[str], str], tmp_path: Path
) -> None:
    old, new, backup = tmp_path / "old", tmp_path / "new", tmp_path / "backup"
    source, target = new_database("source"), new_database("target")
    well(manage(old, source, "migrate", "--verbosity", "0"))
    well(manage(old, source, "shell", "--no-imports", "-c", FILL))
    before = seen(old, source)
    assert before["state"] == "succeeded"
    assert "keep it safe" in well(manage(old, source, "back_up_installation", str(backup)))
    shutil.move(old, tmp_path / "gone")  # what is restored must not lean on it
    well(manage(new, target, "restore_installation", str(backup)))
    well(manage(new, target, "migrate", "--verbosity", "0"))
    after = seen(new, target, again=True)
    assert after.pop("cache") is False
    assert before.pop("cache") is True
    assert after == before
    assert after["computed"] == after["figures"]
    assert (after["picture"], after["weights"], after["server"]) == ("a picture", "weights", True)
    # Not a second time, and not over what is there.
    again = manage(new, target, "restore_installation", str(backup))
    assert again.returncode == 1
    assert "holds files already" in again.stderr


@pytest.mark.parametrize("new_database", ["sqlite"], indirect=True)
def test_a_damaged_backup_is_refused_before_anything_is_written(
    new_database: Callable[[str], str], tmp_path: Path
) -> None:
    old, new, backup = tmp_path / "old", tmp_path / "new", tmp_path / "backup"
    well(manage(old, "", "migrate", "--verbosity", "0"))
    (old / "weights" / "ab.safetensors").write_bytes(b"weights")
    well(manage(old, "", "back_up_installation", str(backup)))
    (backup / "state" / "weights" / "ab.safetensors").write_bytes(b"changed")
    refused = manage(new, "", "restore_installation", str(backup))
    assert refused.returncode == 1
    assert "The backup is damaged: state/weights/ab.safetensors" in refused.stderr
    assert not (new / "saliscope.sqlite3").exists() or (new / "saliscope.sqlite3").stat().st_size == 0
    assert "exists already" in manage(old, "", "back_up_installation", str(backup)).stderr


def test_files_that_go_away_meanwhile_are_passed_over_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a worker removes what it has done with: a file before its turn, and a folder while it is walked through."""
    state, backup = tmp_path / "state", tmp_path / "backup"
    for name in ("uploads/a/weights.pt", "uploads/b/weights.pt", "weights/ab.safetensors", "weights/cd.part"):
        (state / name).parent.mkdir(parents=True, exist_ok=True)
        (state / name).write_bytes(b"content")
    copy = shutil.copy2

    def copied(source: Path, target: Path) -> object:
        if source == state / "uploads/a/weights.pt":
            shutil.rmtree(state / "uploads/b")
        if source == state / "weights/cd.part":
            source.unlink()
        return copy(source, target)

    monkeypatch.setattr(files.shutil, "copy2", copied)
    assert files.copy_state(state, backup) == ["weights/cd.part"]
    assert names_below(backup) == ["state/uploads/a/weights.pt", "state/weights/ab.safetensors"]


def test_a_full_disk_ends_a_backup_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = tmp_path / "state"
    (state / "weights").mkdir(parents=True)
    (state / "weights" / "ab.safetensors").write_bytes(b"weights")

    def full(_source: Path, _target: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files.shutil, "copy2", full)
    with pytest.raises(OSError, match="No space left on device"):
        files.copy_state(state, tmp_path / "backup")


def names_below(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
