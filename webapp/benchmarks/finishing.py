"""Who is told that a benchmark has finished, and what they are told.

A benchmark's owner and whoever has pinned it. The key of the notice is that of the event in the benchmark's log:
events come in one order for all benchmarks, so a page can say how far it has been told.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Max, Q
from django.urls import reverse

from webapp.accounts.models import User
from webapp.benchmarks.models import Benchmark, BenchmarkEvent, BenchmarkPin
from webapp.live.notices import notify_members

FINISHED = (Benchmark.State.SUCCEEDED, Benchmark.State.FAILED, Benchmark.State.CANCELLED)
MOST_MISSED = 20


def announce_finished(event: BenchmarkEvent) -> None:
    """Tells the open pages of all who are concerned, once the transaction is through."""
    pinned_by = BenchmarkPin.objects.filter(benchmark=event.benchmark_id).values_list("user", flat=True)
    notify_members({event.benchmark.owner_id, *pinned_by}, "finished", event.pk)


def finished_notice(user: User, key: int) -> dict[str, Any] | None:
    """`benchmark`, `name`, `state`, `url`, `after`; None if the member may not see it or it is under way again."""
    event = BenchmarkEvent.objects.filter(pk=key, kind__in=FINISHED).first()
    if event is None:
        return None
    # Without the figures, which may be large.
    benchmark = (
        Benchmark.objects.visible_to(user)
        .filter(pk=event.benchmark_id, state=event.kind)
        .only("pk", "name", "state")
        .first()
    )
    if benchmark is None:
        return None
    return {
        "benchmark": benchmark.pk,
        "name": str(benchmark),
        "state": benchmark.state,
        "url": reverse("benchmarks:detail", args=[benchmark.pk]),
        "after": event.pk,
    }


def newest_event() -> int:
    """Key of the newest event there is, 0 if there is none."""
    return BenchmarkEvent.objects.aggregate(newest=Max("pk"))["newest"] or 0


def finished_after(user: User, after: int) -> list[int]:
    """Keys of the events of benchmarks that concern the member and finished after this one, oldest first."""
    pinned = BenchmarkPin.objects.filter(user=user).values("benchmark")
    concerning = Benchmark.objects.visible_to(user).filter(Q(owner=user) | Q(pk__in=pinned)).values("pk")
    found = BenchmarkEvent.objects.filter(pk__gt=after, kind__in=FINISHED, benchmark__in=concerning)
    return sorted(found.order_by("-pk").values_list("pk", flat=True)[:MOST_MISSED])
