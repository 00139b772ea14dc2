"""Hints to workers: "there may be work on this queue". They carry no data; a lost or a doubled one changes nothing."""

from __future__ import annotations

import redis
import structlog
from celery import Celery
from django.conf import settings
from django.db import transaction
from kombu.exceptions import OperationalError

WORK_ON_BENCHMARKS = "workers.tasks.work_on_benchmarks"
WORK_IN_STUDIO = "workers.tasks.work_in_studio"

log = structlog.get_logger(__name__)

_sender = Celery("saliscope-hints", set_as_current=False)
_sender.config_from_object("django.conf:settings", namespace="CELERY")
# A page must not wait for a broker that is away or hangs: one try, no pauses.
_sender.conf.broker_transport_options = {
    **settings.CELERY_BROKER_TRANSPORT_OPTIONS,
    "socket_timeout": 3,
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0,
    "interval_max": 0,
}


def broker_answers() -> bool:
    """Whether the broker could take a hint now."""
    try:
        with redis.Redis.from_url(settings.BROKER_URL, socket_timeout=2, socket_connect_timeout=2) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def wake_benchmark_workers() -> None:
    """Hints, once the transaction is through, that there may be shards to claim."""
    transaction.on_commit(lambda: _send(WORK_ON_BENCHMARKS, settings.BENCHMARK_QUEUE))


def try_to_wake_benchmark_workers() -> bool:
    """The same at once, outside of a transaction. False if the broker did not take it."""
    return _send(WORK_ON_BENCHMARKS, settings.BENCHMARK_QUEUE)


def wake_studio() -> None:
    """Hints, once the transaction is through, that there may be maps to draw or classifiers to prepare."""
    transaction.on_commit(lambda: _send(WORK_IN_STUDIO, settings.STUDIO_QUEUE))


def _send(task: str, queue: str) -> bool:
    try:
        _sender.send_task(task, queue=queue, retry=False, ignore_result=True)
        return True
    except (OperationalError, OSError) as problem:
        # The row is the truth: the reconciler hints again as long as work waits.
        log.warning("hint_not_sent", queue=queue, problem=str(problem))
        return False
