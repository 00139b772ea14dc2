"""Servers of one's own, to be killed: PostgreSQL in a new cluster, Redis (or Valkey) without any file."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tests.application import free_port

START_SECONDS = 60.0
UNPRIVILEGED = "postgres"


class Missing(Exception):
    """A program that this part needs is not on this machine."""


class OwnPostgres:
    """A cluster below `folder`, on loopback. `initdb` refuses root, so root becomes the user `postgres`."""

    def __init__(self, folder: Path) -> None:
        self.programs = _postgres_programs()
        self.folder = folder / "cluster"
        self.port = free_port()
        self.url = f"postgres://saliscope@127.0.0.1:{self.port}/postgres"
        folder.mkdir(parents=True, exist_ok=True)
        if os.getuid() == 0:
            user = pwd.getpwnam(UNPRIVILEGED)
            os.chown(folder, user.pw_uid, user.pw_gid)
        self._run("initdb", "-D", str(self.folder), "-U", "saliscope", "-A", "trust", "--no-sync")
        self.start()

    def start(self) -> None:
        """Starts it and waits until it takes connections; after a crash it first goes through its log."""
        log = str(self.folder.parent / "log")
        options = f"-h 127.0.0.1 -p {self.port} -k {self.folder.parent} -c max_connections=300"
        self._run(
            "pg_ctl",
            "-D",
            str(self.folder),
            "-l",
            log,
            "-w",
            "-t",
            f"{START_SECONDS:g}",
            "-o",
            options,
            "start",
        )

    def stop(self) -> None:
        """At once, as a crash: nothing is written that need not be."""
        self._run("pg_ctl", "-D", str(self.folder), "-m", "immediate", "-w", "stop")

    def kill(self) -> None:
        """SIGKILL to the first process; the others find out and end."""
        first = int((self.folder / "postmaster.pid").read_text().splitlines()[0])
        children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        os.kill(first, signal.SIGKILL)
        for child in children:
            try:
                os.kill(int(child), signal.SIGKILL)
            except ProcessLookupError:
                continue
        while Path(f"/proc/{first}").exists():
            time.sleep(0.05)
        time.sleep(0.5)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.programs / program), *arguments]
        if os.getuid() == 0:
            command = [
                "setpriv",
                "--reuid",
                UNPRIVILEGED,
                "--regid",
                UNPRIVILEGED,
                "--clear-groups",
                *command,
            ]
        # The server keeps the descriptors it inherits: a pipe would never end.
        subprocess.run(
            command,
            cwd="/",
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
        )


class OwnRedis:
    """A server that keeps nothing: killed, it has forgotten everything, groups of the channel layer too."""

    def __init__(self, folder: Path) -> None:
        self.command = [_redis_program(), "--port", str(free_port()), "--bind", "127.0.0.1", "--save", ""]
        self.command += ["--appendonly", "no", "--dir", str(folder)]
        self.port = int(self.command[2])
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        end = time.monotonic() + START_SECONDS
        while not _answers(self.url):
            assert time.monotonic() < end, "Redis does not start."
            time.sleep(0.05)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()


def _answers(url: str) -> bool:
    import redis

    try:
        with redis.Redis.from_url(url, socket_timeout=1) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def _redis_program() -> str:
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name)
        if found:
            return found
    from workers.supervisor.broker import server_program

    return server_program()


def _postgres_programs() -> Path:
    """Debian keeps them away from the PATH, or puts wrappers there."""
    folders: Sequence[Path] = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        if (folder / "initdb").exists():
            return folder
    found = shutil.which("initdb")
    if not found:
        raise Missing("There is no initdb on this machine.")
    return Path(found).resolve().parent
