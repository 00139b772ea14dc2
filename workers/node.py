"""This worker process: its row, its heartbeat, and what it is working on."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from django.db import Error as DatabaseTrouble
from django.db import close_old_connections, connections
from django.db.migrations.recorder import MigrationRecorder
from django.db.models.functions import Now

from webapp.benchmarks.events import announce_workers
from webapp.benchmarks.expected_code import expected_code, workers_taking_work
from webapp.benchmarks.models import WorkerNode
from webapp.code_version import code_version
from webapp.common.hints import broker_answers
from workers.claiming import fail_lost_shards
from workers.memory import memory_of
from workers.sandbox.gaps import sandbox_of_this_machine

HEARTBEAT_SECONDS = 4.0
# The reconciler hints every 5 seconds: a worker that has got none of several, while work waits, hears nothing any more.
DEAF_SECONDS = 25.0
TICK_SECONDS = 0.5

log = structlog.get_logger(__name__)


class Node:
    """A worker process as the others see it. A thread of its own keeps its heartbeat while it computes.

    `on_drained` is called, once, when an administrator has asked the worker to finish and it has nothing at hand: it
    is to end the process. The one that follows is paused until an administrator lets it go on. It is also called where
    the worker has stood idle for long while there was work for it (`work_waits`): then it hears no hints any more.
    """

    def __init__(
        self,
        kind: str,
        device: str,
        *,
        on_drained: Callable[[], None] | None = None,
        work_waits: Callable[[], bool] = lambda: False,
    ) -> None:
        self.kind = kind
        self.torch_device = device
        self.name = os.environ.get("SALISCOPE_WORKER_NAME") or f"{kind}-{device}@{socket.gethostname()}"
        self.label = os.environ.get("SALISCOPE_WORKER_LABEL") or ("cpu" if device == "cpu" else "gpu")
        self.code = code_version()
        self._sandbox = ""
        self.row: WorkerNode | None = None
        self._told_of = ""
        self._on_drained = on_drained
        self._work_waits = work_waits
        self._heard = time.monotonic()
        self._in_turn = False
        self._busy = False
        self._tick: Callable[[], None] | None = None
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._last_heartbeat = 0.0

    def start(self) -> None:
        """Registers the process and starts its heartbeat.

        What an earlier process of this name was working on when it died is open for others at once, without
        waiting for its lease to run out.
        """
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._thread.start()

    def try_sandbox(self) -> None:
        """Finds out how far this machine confines the process that opens model files; before `start`."""
        self._sandbox = sandbox_of_this_machine()

    def registered(self) -> WorkerNode:
        """This process' row, waiting for the database if need be."""
        while self.row is None:
            time.sleep(0.05)
        return self.row

    @property
    def device_name(self) -> str:
        return self.registered().device

    def watch(self, tick: Callable[[], None] | None, activity: str = "") -> None:
        """Has the heartbeat's thread call `tick` twice a second (None: nothing is being worked on)."""
        with self._lock:
            self._tick = tick
            self._busy = tick is not None or bool(activity)
        row = self.registered()
        WorkerNode.objects.filter(pk=row.pk).update(activity=activity, heartbeat_at=Now())
        announce_workers()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Around all that a hint makes this process do."""
        self._in_turn = True
        try:
            yield
        finally:
            self._heard = time.monotonic()
            self._in_turn = False

    def takes_work(self) -> bool:
        """Whether an administrator wants it to take new work and its code is the installation's."""
        self._tell_of_other_code()
        return workers_taking_work().filter(pk=self.registered().pk).exists()

    def end_process(self, event: str) -> None:
        """Has the process end in good order; the supervisor starts another one."""
        if self._on_drained is not None:
            log.warning(event, worker=self.name)
            end, self._on_drained = self._on_drained, None
            end()

    def _tell_of_other_code(self) -> None:
        expected = expected_code()
        if expected and expected not in (self.code, self._told_of):
            self._told_of = expected
            log.warning(
                "takes_no_work",
                reason="This worker runs other code than the web application: bring it to the same release and start "
                "it again.",
                own=self.code[:12],
                expected=expected[:12],
            )

    def _register(self) -> None:
        from saliency_core.provenance import device_name, versions

        now = Now()
        row, _created = WorkerNode.objects.update_or_create(
            name=self.name,
            defaults={
                "kind": self.kind,
                "device": device_name(self.torch_device),
                "label": self.label,
                "versions": {
                    **versions(),
                    "saliscope": self.code[:12],
                    "migration": latest_migration(),
                    **({"sandbox": self._sandbox} if self._sandbox else {}),
                },
                "code_version": self.code,
                "started_at": now,
                "heartbeat_at": now,
                "stopped_at": None,
                "activity": "",
                "memory": memory_of(self.torch_device),
            },
        )
        # It has been drained: what follows waits until somebody lets it go on.
        WorkerNode.objects.filter(pk=row.pk, mode=WorkerNode.Mode.DRAINING).update(
            mode=WorkerNode.Mode.PAUSED
        )
        fail_lost_shards("The worker process stopped in the middle.", of_worker=row)
        self._tell_of_other_code()
        self.row = row
        announce_workers()

    def _heartbeat(self) -> None:
        own = WorkerNode.objects.filter(name=self.name)
        if not own.update(heartbeat_at=Now(), stopped_at=None, memory=memory_of(self.torch_device)):
            self.row = None  # Somebody deleted it: it is written again.
            return
        self._last_heartbeat = time.monotonic()
        announce_workers()
        draining = self._on_drained is not None and own.filter(mode=WorkerNode.Mode.DRAINING).exists()
        with self._lock:
            drained = draining and not self._busy
        if self._on_drained is not None and (drained or self._is_deaf()):
            self.end_process("drained" if drained else "hears_no_hints")

    def _is_deaf(self) -> bool:
        takes_work = workers_taking_work().filter(name=self.name).exists
        if self._in_turn or not self._work_waits() or not takes_work():
            self._heard = time.monotonic()
        # As long as nobody can be reached by the broker, starting again would not help.
        return time.monotonic() - self._heard >= DEAF_SECONDS and broker_answers()

    def _beat(self) -> None:
        while True:
            try:
                close_old_connections()
                if self.row is None:
                    self._register()
                if time.monotonic() - self._last_heartbeat >= HEARTBEAT_SECONDS:
                    self._heartbeat()
                with self._lock:
                    tick = self._tick
                if tick is not None:
                    tick()
            except DatabaseTrouble as problem:
                log.warning("heartbeat_failed", problem=str(problem))
                connections.close_all()
                time.sleep(1.0)
            except Exception:
                # Without this thread the worker would seem dead for good, and lose every shard it claims.
                log.exception("heartbeat_failed")
                time.sleep(1.0)
            time.sleep(TICK_SECONDS)


def latest_migration() -> str:
    """The last one that the database has gone through, as "benchmarks.0001_initial"."""
    last = MigrationRecorder.Migration.objects.order_by("-pk").first()
    return f"{last.app}.{last.name}" if last else ""


def sign_off(name: str) -> None:
    """Marks a worker that ends in good order as stopped."""
    WorkerNode.objects.filter(name=name).update(stopped_at=Now(), activity="")
    announce_workers()
