"""The two tasks. A message says "there may be work"; what there is to do stands in the database."""

from __future__ import annotations

import os
import signal
from typing import Any

import django
from celery import signals

from workers.app import app

django.setup()

from django.db import close_old_connections, connections  # noqa: E402

from workers.node import Node, sign_off  # noqa: E402

_node: Node | None = None


@signals.worker_process_init.connect
def register_node(**_: Any) -> None:
    """Every pool child is a node of its own; connections of the parent are not for it."""
    global _node
    connections.close_all()
    _node = Node(
        kind=os.environ.get("SALISCOPE_WORKER_KIND", "benchmark"),
        device=os.environ.get("SALISCOPE_DEVICE", "cpu"),
        on_drained=end_this_worker,
    )
    _node.start()


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
    work_once(_the_node())


@app.task(name="workers.tasks.work_in_studio")
def work_in_studio() -> None:
    """One turn of the studio's worker: `workers.studio`."""
    from workers.studio import work_once

    close_old_connections()
    work_once(_the_node())


def _the_node() -> Node:
    if _node is None:
        raise RuntimeError("This task belongs into a worker process: start one with `python -m workers`.")
    return _node
