"""Workers that can't work on a benchmark through no fault of its images.

A machine that lacks files, or whose device fails, would use up the attempts of one shard after the other. So its shards
go back uncounted, it is given no other of that benchmark for a while, longer each time, and the reason is shown. Other
workers go on. Only when no worker that takes work is left does the benchmark fail; *resume* keeps what is done.
"""

from __future__ import annotations

import re

import structlog
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from webapp.benchmarks import transitions
from webapp.benchmarks.events import announce_workers, record_event
from webapp.benchmarks.models import Benchmark, WorkerNode, WorkerTrouble
from webapp.benchmarks.selectors import benchmark_workers, workers_heard_of
from webapp.common.database import locked, now_plus

log = structlog.get_logger(__name__)
FIRST_PAUSE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 300.0
# With the pauses before: some ten minutes, in which a folder may be mounted again.
MOST_FAILURES = 8
# So long a worker that is not there is thought to come back.
AWAY_SECONDS = 900.0


class MachineFault(Exception):
    """What went wrong is this machine's or device's, not the shard's. `ends_process`: only a new process can go on.
    `had_begun`: the device worked until these images came, so that it may be they that stopped it.
    """

    def __init__(self, reason: str, *, ends_process: bool = False, had_begun: bool = False) -> None:
        super().__init__(reason)
        self.ends_process = ends_process
        self.had_begun = had_begun


@transaction.atomic
def note_trouble(
    benchmark_id: int, worker: WorkerNode, reason: str, *, pause_seconds: float | None = None
) -> float:
    """The worker gets none of the benchmark's shards for a while. Returns the seconds: `pause_seconds` for what ends by
    itself, else the longer the more failures there were.
    """
    benchmark = locked(Benchmark.objects.filter(pk=benchmark_id)).first()
    if benchmark is None or not WorkerNode.objects.filter(pk=worker.pk).exists():
        return 0.0
    known = WorkerTrouble.objects.filter(benchmark=benchmark, worker=worker).first()
    failures = known.failures if known else 0
    if pause_seconds is None:
        failures += 1
        pause_seconds = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** (failures - 1))
    WorkerTrouble.objects.update_or_create(
        benchmark=benchmark,
        worker=worker,
        defaults={"failures": failures, "reason": reason, "not_before": now_plus(pause_seconds)},
    )
    if known is None or _gist(known.reason) != _gist(reason):
        record_event(benchmark, "worker_trouble", {"worker": worker.name, "reason": reason})
    announce_workers()
    return pause_seconds


def _gist(reason: str) -> str:
    """Without numbers: how many bytes were missing is not told anew each time."""
    return re.sub(r"\d+", "#", reason)


def is_in_trouble(benchmark_id: int, worker: WorkerNode) -> bool:
    """Whether the worker has delivered nothing of the benchmark since its last failure."""
    return WorkerTrouble.objects.filter(benchmark=benchmark_id, worker=worker).exists()


def resting_from(worker: WorkerNode) -> QuerySet[WorkerTrouble]:
    """The troubles for which the worker is not given shards, or models to measure, now."""
    return WorkerTrouble.objects.filter(worker=worker, not_before__gt=Now())


def fail_benchmarks_that_nobody_can_work_on() -> None:
    """Those where every worker with the right label failed too often in a row. One that is away for some minutes, or
    that an administrator has paused, may yet do it.
    """
    given_up = WorkerTrouble.objects.filter(failures__gte=MOST_FAILURES)
    suspects = Benchmark.objects.filter(
        state__in=Benchmark.IN_QUEUE, pk__in=given_up.values("benchmark").distinct()
    )
    for benchmark in suspects:
        live, able = benchmark_workers(), workers_heard_of(AWAY_SECONDS)
        able = able.exclude(pk__in=given_up.filter(benchmark=benchmark).values("worker"))
        if benchmark.device_label:
            live, able = (each.filter(label=benchmark.device_label) for each in (live, able))
        if able.exists() or not live.exists():
            continue
        reason = given_up.filter(benchmark=benchmark).values_list("reason", flat=True)[0]
        log.warning("nobody_can_work", benchmark=benchmark.pk, reason=reason)
        with transaction.atomic():
            try:
                transitions.fail(benchmark, f"No worker can work on it: {reason}")
            except transitions.TransitionRefused:
                continue
            WorkerTrouble.objects.filter(benchmark=benchmark).delete()
