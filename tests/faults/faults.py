"""The faults. Each takes a laboratory with a benchmark at about a quarter, does its harm, undoes it, and returns."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any

from tests.conftest import REPOSITORY
from tests.faults.laboratory import SECOND_MACHINE, Laboratory
from tests.faults.servers import Missing
from tests.faults.watching import queue

LEASE_SECONDS = 20.0
LONG_SECONDS = 60.0
HINTS = """
from webapp.common.hints import _send
for _ in range({number}):
    _send("workers.tasks.work_on_benchmarks", "benchmark")
"""

# What the studio's worker had is done so soon after it was killed, by the next one.
STUDIO_SECONDS = 60.0
PREPARE = """
from webapp.library import services
from webapp.library.models import Classifier
row = Classifier.objects.get(key="shapes_vit")
Classifier.objects.filter(pk=row.pk).update(state="failed")
services.request_preparation(row)
print("ROW from webapp.library.models import Classifier; row = Classifier.objects.get(pk=%d)" % row.pk)
"""
DRAW = """
from webapp.accounts.models import User
from webapp.benchmarks.methods import specified_method
from webapp.library.models import Classifier, Dataset
from webapp.studio.asking import ask_for_maps
from webapp.studio.sources import Source, opened
from django.utils import timezone
shapes = Dataset.objects.get(name="Shapes")
method = specified_method("sleeping", {"milliseconds": 5000, "seed": int(timezone.now().timestamp()) % 100_000}, None)
row, = ask_for_maps(owner=User.objects.first(), classifier=Classifier.objects.get(key="shapes_cnn"),
                    source=Source(shapes, opened(shapes).sample(0).identifier), target=1, methods=[method],
                    with_curves=False)
print("ROW from webapp.studio.models import Explanation; row = Explanation.objects.get(pk=%d)" % row.pk)
"""


@dataclass(frozen=True)
class Fault:
    """`harm(laboratory, benchmark)`; `around` holds for the whole trial, and is entered before anything is queued."""

    title: str
    harm: Callable[[Laboratory, int], None]
    around: Callable[[Laboratory], Any] = lambda laboratory: nullcontext()
    only: str = ""  # "sqlite", "lab" or, if empty, both


def kill(pids: list[int]) -> None:
    assert pids, "nothing to kill"
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def pool_child(laboratory: Laboratory, _benchmark: int) -> None:
    kill(laboratory.application.pids("-n benchmark-")[-1:])


def worker(laboratory: Laboratory, _benchmark: int) -> None:
    kill(laboratory.application.pids("-n benchmark-"))


def workers_and_reconciler(laboratory: Laboratory, _benchmark: int) -> None:
    kill([*laboratory.application.pids("-n benchmark-"), *laboratory.application.pids("workers reconcile")])


def studio_preparing(laboratory: Laboratory, _benchmark: int) -> None:
    """The model is ready again, by the worker that the supervisor started in its place."""
    studio_killed(laboratory, PREPARE, "preparing")


def studio_drawing(laboratory: Laboratory, _benchmark: int) -> None:
    studio_killed(laboratory, DRAW, "running")


def studio_killed(laboratory: Laboratory, ask: str, at_work: str) -> None:
    """Has the studio's worker do something, kills it when it is at it, and waits until that is done all the same."""
    row = laboratory.application.shell(ask).split("ROW")[1].strip()

    def state() -> str:
        return laboratory.application.shell(f"{row}; print('STATE', row.state)").split("STATE")[1].strip()

    wait_until(lambda: state() == at_work)
    kill(laboratory.application.pids("-n studio@"))
    begin = time.monotonic()
    wait_until(lambda: state() == "ready", STUDIO_SECONDS)
    print(f"{at_work}: ready {time.monotonic() - begin:.1f} s after its worker was killed", flush=True)


def supervisor(laboratory: Laboratory, _benchmark: int) -> None:
    application = laboratory.application
    application.stop(signal.SIGKILL)
    while application.processes():
        time.sleep(0.1)
    application.start()


def web_server(laboratory: Laboratory, _benchmark: int) -> None:
    kill(laboratory.application.pids("uvicorn"))


def broker(laboratory: Laboratory, _benchmark: int) -> None:
    if laboratory.redis:
        laboratory.redis.kill()
        laboratory.redis.start()
    else:
        kill(laboratory.application.pids("valkey-server"))


def broker_away(laboratory: Laboratory, _benchmark: int) -> None:
    """Gone for a minute. The supervisor starts the built-in one again at once, so that is killed again and again."""
    end = time.monotonic() + LONG_SECONDS
    if laboratory.redis:
        laboratory.redis.kill()
        time.sleep(LONG_SECONDS)
        laboratory.redis.start()
        return
    while time.monotonic() < end:
        for pid in laboratory.application.pids("valkey-server"):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)


def broker_frozen(laboratory: Laboratory, _benchmark: int) -> None:
    pid = laboratory.broker_pid
    os.kill(pid, signal.SIGSTOP)
    time.sleep(LONG_SECONDS)
    os.kill(pid, signal.SIGCONT)


def flush_all(laboratory: Laboratory, _benchmark: int) -> None:
    with laboratory.broker() as client:
        client.flushall()


def database_killed(laboratory: Laboratory, _benchmark: int) -> None:
    assert laboratory.postgres is not None
    laboratory.postgres.kill()
    laboratory.postgres.start()


def database_away(laboratory: Laboratory, _benchmark: int) -> None:
    """PostgreSQL stopped, or SQLite's file locked by another program, for a minute."""
    if laboratory.postgres:
        laboratory.postgres.stop()
        time.sleep(LONG_SECONDS)
        laboratory.postgres.start()
        return
    connection = sqlite3.connect(laboratory.application.state_dir / "saliscope.sqlite3", timeout=60)
    connection.isolation_level = None
    connection.execute("BEGIN IMMEDIATE")
    time.sleep(LONG_SECONDS)
    connection.execute("ROLLBACK")
    connection.close()


def database_vanished(laboratory: Laboratory, _benchmark: int) -> None:
    """Its machine is gone from the network: connections stay open, and nothing that is sent arrives."""
    assert laboratory.postgres is not None
    port = str(laboratory.postgres.port)
    rules = [("INPUT", "-p", "tcp", way, port, "-j", "DROP") for way in ("--dport", "--sport")]
    try:
        for rule in rules:
            subprocess.run(["iptables", "-w", "-I", *rule], check=True)
        time.sleep(LONG_SECONDS)
    finally:
        for rule in rules:
            subprocess.run(["iptables", "-w", "-D", *rule], check=False)


def firewall(laboratory: Laboratory) -> Any:
    if os.getuid() != 0 or shutil.which("iptables") is None:
        raise Missing("Only root, and with iptables, may drop what is sent to the database.")
    return nullcontext()


def worker_stopped(laboratory: Laboratory, benchmark: int) -> None:
    """SIGSTOP while it has a shard, past its lease, then SIGCONT; the other machine goes on."""
    own = f"benchmark-cpu@{socket.gethostname()}"
    wait_until(lambda: laboratory.observer.claimed_for(benchmark, own))
    pids = laboratory.first_machine_pids("-n benchmark-")
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(LEASE_SECONDS + 10)
    for pid in pids:
        os.kill(pid, signal.SIGCONT)


def duplicated_messages(laboratory: Laboratory, _benchmark: int) -> None:
    laboratory.application.shell(HINTS.format(number=300))


def lost_messages(laboratory: Laboratory, _benchmark: int) -> None:
    end = time.monotonic() + 20
    with laboratory.broker() as client:
        while time.monotonic() < end:
            client.delete(laboratory.queue_key)
            time.sleep(0.01)


def nothing(_laboratory: Laboratory, _benchmark: int) -> None:
    """The harm is in what is around."""


def first_worker_ends(laboratory: Laboratory, benchmark: int) -> None:
    """The machine with the wrong clock is left alone with the work for a while."""
    kill(laboratory.first_machine_pids("-n benchmark-"))
    wait_until(lambda: laboratory.observer.claimed_for(benchmark, f"benchmark-cpu@{SECOND_MACHINE}"))


def machine_in_trouble(laboratory: Laboratory, benchmark: int) -> None:
    """Nothing more is done to it: it takes shards, can't begin, and leaves them to the first machine."""
    wait_until(lambda: laboratory.observer.told_of(benchmark, "worker_trouble") > 0)
    assert laboratory.observer.told_of(benchmark, "shard_retried") == 0


def disk_full(laboratory: Laboratory, _benchmark: int) -> None:
    """Database, broker's file, logs and maps lie there."""
    balloon = laboratory.fill_disk()
    time.sleep(20)
    balloon.unlink()


def disk_full_in_an_export(laboratory: Laboratory, _benchmark: int) -> None:
    """The export says so in one sentence and leaves nothing behind; then there is room, and it is written."""
    application = laboratory.application
    target = application.state_dir / "exports" / "benchmark.zip"
    target.parent.mkdir(exist_ok=True)
    finished = newest_finished(laboratory)
    command = [sys.executable, "manage.py", "export_benchmark", str(finished), str(target)]
    limited = subprocess.run(
        ["sh", "-c", 'ulimit -f 8; exec "$@"', "sh", *command],
        cwd=REPOSITORY,
        env=application.environment,
        capture_output=True,
        text=True,
    )
    assert limited.returncode != 0, limited.stdout
    assert "Traceback" not in limited.stderr, limited.stderr
    assert list(target.parent.iterdir()) == [], list(target.parent.iterdir())
    application.manage("export_benchmark", str(finished), str(target))
    assert target.stat().st_size > 0
    target.unlink()


def newest_finished(laboratory: Laboratory) -> int:
    answer = laboratory.application.manage(
        "shell", "-c", "from webapp.benchmarks.models import Benchmark as B; print('PK', B.objects.filter("
        "state='succeeded').order_by('pk').last().pk)"
    )  # fmt: skip
    return int(answer.split("PK")[1])


def wait_until(condition: Callable[[], bool], seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)


@contextmanager
def short_visibility(laboratory: Laboratory) -> Iterator[None]:
    """Messages are given out again after 1 s, while many of their tasks take longer. Starts before and afterwards."""
    application = laboratory.application
    for environment in ({"FAULTS_VISIBILITY_SECONDS": "1"}, None):
        application.stop()
        application.environment.pop("FAULTS_VISIBILITY_SECONDS", None)
        application.environment.update(environment or {})
        application.start()
        if environment:
            yield


def with_second_machine(clock: str = "") -> Callable[[Laboratory], Any]:
    return lambda laboratory: laboratory.second_machine(clock)


def with_second_machine_without_weights(laboratory: Laboratory) -> Any:
    empty = laboratory.application.state_dir / "no-weights"
    empty.mkdir(exist_ok=True)
    return laboratory.second_machine(FAULTS_WITHOUT_WEIGHTS=str(empty))


def small_disk(laboratory: Laboratory) -> Any:
    if not laboratory.has_small_disk:
        raise Missing("Only root may mount a small disk.")
    return nullcontext()


FAULTS = (
    Fault("SIGKILL of the pool's child", pool_child),
    Fault("SIGKILL of a whole worker", worker),
    Fault("SIGKILL of worker and reconciler", workers_and_reconciler),
    Fault("SIGKILL of the studio's worker while it prepares a model", studio_preparing),
    Fault("SIGKILL of the studio's worker while it draws a map", studio_drawing),
    Fault("SIGKILL of the supervisor, started again", supervisor),
    Fault("SIGKILL of the web server", web_server),
    Fault("SIGKILL of the broker", broker),
    Fault("broker away for 60 s", broker_away),
    Fault("broker frozen for 60 s (SIGSTOP)", broker_frozen),
    Fault("FLUSHALL", flush_all),
    Fault("SIGKILL of the database, started again", database_killed, only="lab"),
    Fault("database away for 60 s", database_away, only="lab"),
    Fault("database's machine vanished for 60 s", database_vanished, firewall, only="lab"),
    Fault("database locked for 60 s", database_away, only="sqlite"),
    Fault("a worker stopped past its lease, then continued", worker_stopped, with_second_machine()),
    Fault("a second machine without the weights", machine_in_trouble, with_second_machine_without_weights),
    Fault("visibility timeout of 1 s, shorter than many a task", duplicated_messages, short_visibility),
    Fault("300 messages too many", duplicated_messages),
    Fault("every message lost for 20 s", lost_messages),
    # SQLite's clock is that of the process that asks: who shares its file is on one machine and has one clock.
    Fault("a worker whose clock is 1 h fast", first_worker_ends, with_second_machine("+1h"), only="lab"),
    Fault("a worker whose clock is 1 h slow", first_worker_ends, with_second_machine("-1h"), only="lab"),
    Fault("disk full for 20 s", disk_full, small_disk),
    Fault("no room for an export", disk_full_in_an_export),
)

__all__ = ["FAULTS", "Fault", "kill", "queue"]
