"""Events of a benchmark: written with what they tell of, then sent to whoever is watching.

An event is a numbered row; the message that follows it carries only its number, and a socket sends its browser all
rows after the last one it sent, several together where they come quickly. So nothing is missed, doubled or out of
order, whatever happens to messages.
Progress in between is not kept: it is sent as it is, or lost.
"""

from __future__ import annotations

from typing import Any

import structlog
from django.db import transaction
from django.db.models import F

from webapp.benchmarks.models import Benchmark, BenchmarkEvent
from webapp.common.announcing import send

__all__ = ["announce_progress", "announce_workers", "benchmark_group", "member_group", "record_event", "send"]

log = structlog.get_logger(__name__)
WORKERS_GROUP = "workers"
# What changes who waits for the workers; shards that are done are told of by the workers themselves.
QUEUE_KINDS = frozenset(
    {"queued", "started", "paused", "resumed", "cancelled", "succeeded", "failed", "priority"}
)


def benchmark_group(benchmark_id: int) -> str:
    return f"benchmark.{benchmark_id}"


def member_group(user_id: int) -> str:
    return f"member.{user_id}"


def record_event(benchmark: Benchmark, kind: str, payload: dict[str, Any] | None = None) -> BenchmarkEvent:
    """Writes the next event inside the caller's transaction and announces it when that is through."""
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("record_event belongs into the transaction that changes what the event tells of.")
    # The update locks the benchmark's row until the end of the transaction: numbers have neither gaps nor doubles.
    Benchmark.objects.filter(pk=benchmark.pk).update(last_event_seq=F("last_event_seq") + 1)
    seq = Benchmark.objects.values_list("last_event_seq", flat=True).get(pk=benchmark.pk)
    event = BenchmarkEvent.objects.create(benchmark=benchmark, seq=seq, kind=kind, payload=payload or {})
    transaction.on_commit(lambda: log.info(kind, benchmark=benchmark.pk, seq=seq, **_told(payload)))
    transaction.on_commit(
        lambda: send(
            benchmark_group(benchmark.pk), {"type": "benchmark.event", "benchmark": benchmark.pk, "seq": seq}
        )
    )
    if kind in QUEUE_KINDS:
        transaction.on_commit(announce_workers)
    return event


def _told(payload: dict[str, Any] | None) -> dict[str, Any]:
    """What a log line says of an event: which images, and what went wrong."""
    names = ("method_index", "start", "stop", "attempt", "reason", "worker", "problem")
    return {name: payload[name] for name in names if payload and name in payload}


def announce_progress(benchmark_id: int, payload: dict[str, Any]) -> None:
    """Tells watchers how far a benchmark is; not kept."""
    message = {"type": "benchmark.progress", "benchmark": benchmark_id, "payload": payload}
    send(benchmark_group(benchmark_id), message)


def announce_access(benchmark_id: int) -> None:
    """Has the open sockets of a benchmark look again whether their members may see it."""
    send(benchmark_group(benchmark_id), {"type": "benchmark.access", "benchmark": benchmark_id})


def announce_workers() -> None:
    """Tells those who watch the workers that one of them, or the queue, has changed."""
    send(WORKERS_GROUP, {"type": "workers.changed"})
