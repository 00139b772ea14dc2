"""One installation with all that can be broken about it: servers, machines, a small disk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis

from tests.application import Application, installation
from tests.conftest import REPOSITORY
from tests.faults.servers import Missing, OwnPostgres, OwnRedis
from tests.faults.watching import Observer, look, queue
from webapp import embedded_broker
from workers.parent_death import die_with_parent

IMAGES = 16
MILLISECONDS = 300
DISK_MEGABYTES = 700
SECOND_MACHINE = "machine2"
FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
MACHINE_SECONDS = 120.0
RATES = """
from saliency_core.provenance import device_name
from webapp.library.models import Classifier
from webapp.library.services import record_forward_rate
for row in Classifier.objects.filter(state="ready"):
    record_forward_rate(row, device=device_name("cpu"), precision="fp32", images_per_second=50.0, batch_size=8)
"""


@dataclass
class Laboratory:
    """`postgres` and `redis` are None where the installation uses SQLite and its own broker."""

    application: Application
    postgres: OwnPostgres | None = None
    redis: OwnRedis | None = None
    has_small_disk: bool = False
    undisturbed: dict[str, Any] = field(default_factory=dict)
    undisturbed_seconds: float = 0.0

    @property
    def title(self) -> str:
        return "PostgreSQL and Redis" if self.postgres else "SQLite and the built-in broker"

    @property
    def observer(self) -> Observer:
        return Observer(self.application)

    @property
    def broker_url(self) -> str:
        return self.redis.url if self.redis else embedded_broker.url(self.application.state_dir)

    @property
    def broker_pid(self) -> int:
        return self.redis.pid if self.redis else self.application.pids("valkey-server")[0]

    def broker(self) -> redis.Redis:
        return redis.Redis.from_url(self.broker_url, socket_timeout=5)

    @property
    def queue_key(self) -> str:
        prefix = self.application.environment["SALISCOPE_QUEUE_PREFIX"]
        return f"{prefix}:celery:benchmark"

    def measure_undisturbed(self) -> None:
        """What every disturbed run must come to."""
        # The first one waits for the worker to load all it needs.
        first = queue(self.application, 1, MILLISECONDS)
        assert self.observer.wait(first, final=True, seconds=300) is not None, self.application.output
        benchmark = queue(self.application, IMAGES, MILLISECONDS)
        begin = time.monotonic()
        assert self.observer.wait(benchmark, final=True, seconds=300) is not None, self.application.output
        self.undisturbed_seconds = time.monotonic() - begin
        self.undisturbed = look(self.application, benchmark)
        assert self.undisturbed["state"] == "succeeded", self.undisturbed
        assert self.undisturbed["shards"] == IMAGES, "a shard has one image"

    def fill_disk(self) -> Path:
        """Takes all that is free on the disk with the state directory; returns the file that takes it."""
        balloon = self.application.state_dir / "balloon"
        with balloon.open("wb", buffering=0) as file:
            for size in (2**20, 4096):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:
                    continue
        return balloon

    @contextmanager
    def second_machine(self, clock: str = "", **settings: str) -> Iterator[subprocess.Popen[bytes]]:
        """`python -m workers` under another host name; `clock` as `faketime` takes it ("+1h"): its clock is wrong.
        `settings`: what else is different in its environment.

        Raises Missing where that cannot be simulated.
        """
        if os.getuid() != 0:
            raise Missing("Only root may give a process another host name.")
        environment = self.application.environment | {"SALISCOPE_SECOND_MACHINE": "yes"} | settings
        if clock:
            if not FAKETIME.exists():
                raise Missing("libfaketime is not on this machine.")
            environment |= {
                "LD_PRELOAD": str(FAKETIME),
                "FAKETIME": clock,
                # With 1, every time.sleep of Python 3.11 fails (EINVAL of clock_nanosleep).
                "FAKETIME_DONT_FAKE_MONOTONIC": "0",
                "FAKETIME_NO_CACHE": "1",
            }
        tests = os.getpid()
        log = (self.application.state_dir / "machine2.txt").open("wb")
        process = subprocess.Popen(
            [
                "unshare",
                "--uts",
                "sh",
                "-c",
                f'hostname {SECOND_MACHINE}; exec "$0" -m workers',
                sys.executable,
            ],
            cwd=REPOSITORY,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=lambda: die_with_parent(tests),
        )
        try:
            self._wait_for_second_machine(process)
            yield process
        finally:
            for pid in self.second_machine_pids():
                _signal(pid, signal.SIGCONT)
            process.terminate()
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            log.close()

    def second_machine_pids(self, part_of_command: str = "") -> list[int]:
        found = []
        for pid in self.application.pids(part_of_command):
            try:
                mark = b"SALISCOPE_SECOND_MACHINE=yes" in Path(f"/proc/{pid}/environ").read_bytes().split(
                    b"\0"
                )
            except OSError:
                continue
            if mark:
                found.append(pid)
        return found

    def first_machine_pids(self, part_of_command: str) -> list[int]:
        second = set(self.second_machine_pids(part_of_command))
        return [pid for pid in self.application.pids(part_of_command) if pid not in second]

    def _wait_for_second_machine(self, process: subprocess.Popen[bytes]) -> None:
        end = time.monotonic() + MACHINE_SECONDS
        while time.monotonic() < end and process.poll() is None:
            _, health = self.application.health()
            if health.get("workers", {}).get("benchmark", {}).get("alive", 0) >= 2:
                return
            time.sleep(0.3)
        said = (self.application.state_dir / "machine2.txt").read_text()
        raise AssertionError(f"The second machine does not start: {said}\n{self.application.health()}")


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


@contextmanager
def laboratory(folder: Path, *, lab: bool, **environment: str) -> Iterator[Laboratory]:
    """A running installation: on SQLite, or (`lab`) on servers of its own. Raises Missing."""
    with ExitStack() as stack:
        state = folder / "state"
        state.mkdir(parents=True)
        # PostgreSQL's own user has to reach its cluster.
        folder.chmod(0o711)
        small = _small_disk(state, stack)
        settings = {
            "DJANGO_SETTINGS_MODULE": "tests.faults.settings",
            # One image a shard.
            "SALISCOPE_SHARD_SECONDS": "0.001",
            "LOG_LEVEL": "INFO",
            **environment,
        }
        postgres = own_redis = None
        if lab:
            postgres = OwnPostgres(folder / "postgres")
            stack.callback(postgres.stop)
            own_redis = OwnRedis(folder)
            stack.callback(own_redis.kill)
            settings |= {"DATABASE_URL": postgres.url, "REDIS_URL": own_redis.url}
        else:
            settings |= {"DATABASE_URL": "", "REDIS_URL": ""}
        application = stack.enter_context(installation(state, **settings))
        _prepare(application)
        application.start()
        yield Laboratory(application, postgres, own_redis, small)


def _prepare(application: Application) -> None:
    """Tables and samples, and a forward rate of every model: no worker spends minutes on measuring them."""
    subprocess.run(
        [sys.executable, "-m", "workers", "prepare"],
        cwd=REPOSITORY,
        env=application.environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    application.shell(RATES)


def _small_disk(state: Path, stack: ExitStack) -> bool:
    """Mounts a disk that can be filled without harm to others. False if this user may not."""
    if os.getuid() != 0:
        return False
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_MEGABYTES}m", "tmpfs", str(state)], capture_output=True
    )
    if mounted.returncode:
        return False
    stack.callback(subprocess.run, ["umount", "--lazy", str(state)], check=False)
    return True
