"""Starts the whole application (`python -m workers serve`) in processes of its own, for tests from outside."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.conftest import REPOSITORY, delete_keys
from tests.shell import Shell
from workers.parent_death import die_with_parent

START_SECONDS = 180.0
STOP_SECONDS = 60.0


@dataclass
class Application:
    """One installation: its state directory and, while it runs, its supervisor's process."""

    state_dir: Path
    port: int
    environment: dict[str, str]
    code: Path = REPOSITORY
    process: subprocess.Popen[str] | None = field(default=None, repr=False)
    _shell: Shell | None = field(default=None, repr=False)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def output(self) -> str:
        """What the supervisor and its children have printed since the last start."""
        return self._output_file.read_text(encoding="utf-8") if self._output_file.exists() else ""

    @property
    def _output_file(self) -> Path:
        return self.state_dir / "output.txt"

    def start(self, *, wait: bool = True) -> None:
        """Starts the supervisor and, if told so, waits until all is well."""
        tests = os.getpid()
        with self._output_file.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "workers", "serve"],
                cwd=self.code,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
                # Even a run of the tests that is killed leaves no processes behind.
                preexec_fn=lambda: die_with_parent(tests),
            )
        if wait:
            self.wait_until_well()

    def wait_until_well(self, seconds: float = START_SECONDS) -> dict[str, Any]:
        """Waits for `/healthz` to answer 200 and gives its answer."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            status, health = self.health()
            if status == 200:
                return health
            if self.process is not None and self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise AssertionError(f"The application is not well: {self.health()}\n{self.output}")

    def health(self) -> tuple[int, dict[str, Any]]:
        """Status and content of `/healthz`; status 0 if nobody answers."""
        try:
            with urllib.request.urlopen(f"{self.base_url}/healthz", timeout=5) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refusal:
            with refusal:
                text = refusal.read().decode()
                is_json = "json" in refusal.headers.get("Content-Type", "")
                return refusal.code, json.loads(text) if is_json else {"text": text}
        except OSError:
            return 0, {}

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Signals the supervisor and waits for its end; gives the exit status."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(timeout=STOP_SECONDS)

    def end(self) -> None:
        """Stops it if it runs, and kills whatever would not stop."""
        process = self.process
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)

    def processes(self) -> dict[int, str]:
        """All living processes of this installation but the shell: process id and command line.

        They are known by the state directory in their environment, which every child inherits; the broker, which
        writes its title over its environment, by the folder it works in.
        """
        mark = f"SALISCOPE_STATE_DIR={self.state_dir}".encode()
        found: dict[int, str] = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                in_environment = mark in (folder / "environ").read_bytes().split(b"\0")
                if not in_environment and self.state_dir not in (folder / "cwd").resolve().parents:
                    continue
                if self._shell is not None and int(folder.name) == self._shell.pid:
                    continue
                if ") Z " in (folder / "stat").read_text():
                    continue
                command = (
                    (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                )
            except OSError:
                continue  # It ended meanwhile.
            found[int(folder.name)] = command
        return found

    def pids(self, part_of_command: str) -> list[int]:
        """The process ids whose command line has this text, the oldest first."""
        return sorted(pid for pid, command in self.processes().items() if part_of_command in command)

    def manage(self, *arguments: str) -> str:
        """Runs a command of `manage.py` on this installation and gives what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=self.code,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        return done.stdout

    def shell(self, code: str) -> str:
        """Runs Python with the application's models, in one process for all calls, and gives what it printed."""
        if self._shell is None or self._shell.code != self.code:
            self.close_shell()
            self._shell = Shell(self.code, {"DJANGO_SETTINGS_MODULE": "webapp.settings"} | self.environment)
        return self._shell.run(code)

    def close_shell(self) -> None:
        if self._shell is not None:
            self._shell.close()
            self._shell = None


@contextmanager
def installation(state_dir: Path, **environment: str) -> Iterator[Application]:
    """An application that is not yet started; whatever is left of it is ended afterwards.

    With DATABASE_URL or REDIS_URL set, it gets a database and a key prefix of its own on those servers.
    """
    run = uuid.uuid4().hex[:12]
    settings = {
        name: value for name, value in os.environ.items() if not name.startswith(("SALISCOPE_", "DJANGO_"))
    }
    settings |= {
        "SALISCOPE_ENV_FILE": "",
        "SALISCOPE_STATE_DIR": str(state_dir),
        "SALISCOPE_QUEUE_PREFIX": f"saliscope-system-{run}",
        "PORT": str(free_port()),
    }
    if "SALISCOPE_WEIGHTS_DIR" in os.environ:
        settings["SALISCOPE_WEIGHTS_DIR"] = os.environ["SALISCOPE_WEIGHTS_DIR"]
    settings |= environment
    with _own_database(settings, f"saliscope_system_{run}"):
        application = Application(state_dir, int(settings["PORT"]), settings)
        try:
            yield application
        finally:
            application.close_shell()
            application.end()
            if settings.get("REDIS_URL"):
                delete_keys(settings["REDIS_URL"], settings["SALISCOPE_QUEUE_PREFIX"])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _own_database(settings: dict[str, str], name: str) -> Iterator[None]:
    server = settings.get("DATABASE_URL", "")
    if not server.startswith(("postgres", "psql", "pgsql")):
        yield
        return
    base, _, _ = server.rpartition("/")
    settings["DATABASE_URL"] = f"{base}/{name}"
    _on_server(server, f'CREATE DATABASE "{name}"')
    try:
        yield
    finally:
        _on_server(server, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _on_server(url: str, statement: str) -> None:
    import psycopg2

    connection = psycopg2.connect(url)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
    finally:
        connection.close()
