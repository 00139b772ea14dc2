"""The two tasks. A message says "there may be work"; what there is to do stands in the database."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import django
from celery import signals

from workers.app import app

django.setup()

from django.conf import settings  # noqa: E402
from django.db import close_old_connections, connections  # noqa: E402

from workers.node import Node, sign_off  # noqa: E402

_node: Node | None = None


@signals.worker_process_init.connect
def register_node(**_: Any) -> None:
    """Every pool child is a node of its own; connections of the parent are not for it."""
    global _node
    connections.close_all()
    kind = os.environ.get("SALISCOPE_WORKER_KIND", "benchmark")
    _node = Node(
        kind=kind,
        device=os.environ.get("SALISCOPE_DEVICE", "cpu"),
        on_drained=end_this_worker,
        work_waits=_waiting_for(kind),
    )
    _node.try_sandbox()
    _node.start()


def _waiting_for(kind: str) -> Callable[[], bool]:
    from webapp.studio.services import work_waits as studio_work_waits
    from workers.claiming import work_waits

    return studio_work_waits if kind == "studio" else lambda: work_waits([_the_node().label])


def end_this_worker() -> None:
    """Ends Celery's parent process in good order; the supervisor starts another one."""
    os.kill(os.getppid(), signal.SIGTERM)


@signals.worker_process_shutdown.connect
def sign_off_node(**_: Any) -> None:
    if _node is not None:
        sign_off(_node.name)


@app.task(name="workers.tasks.work_on_benchmarks")
def work_on_benchmarks() -> None:
    """One turn of a benchmark worker: `workers.benchmarking`."""
    from workers.benchmarking import work_once

    close_old_connections()
    node = _the_node()
    with node.turn():
        work_once(node)


@app.task(name="workers.tasks.work_in_studio", time_limit=settings.STUDIO_HANGS_SECONDS)
def work_in_studio() -> None:
    """One turn of the studio's worker: `workers.studio`."""
    from workers.studio import work_once

    close_old_connections()
    node = _the_node()
    with node.turn():
        work_once(node)


def _the_node() -> Node:
    if _node is None:
        raise RuntimeError("This task belongs into a worker process: start one with `python -m workers`.")
    return _node
