"""How far a benchmark is, and how long the rest will take."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, F, FloatField, Q, Sum
from django.db.models.functions import Cast

from saliency_core.errors import SaliscopeError
from webapp.benchmarks.estimates import forwards_per_image
from webapp.benchmarks.models import Benchmark, Shard
from webapp.common.database import database_time


@dataclass(frozen=True)
class Progress:
    """How far a benchmark is. Images are counted once for each method.

    images_done counts whole images, those within running shards included; images_per_second is what the workers at
    work on it achieve together; seconds_left is None when that is unknown: it takes images of different methods by
    the forward passes that they cost.
    """

    images_done: int
    images_total: int
    shards_done: int
    shards_total: int
    shards_set_aside: int
    workers: int
    images_per_second: float | None
    seconds_left: float | None


def progress_of(benchmark: Benchmark) -> Progress:
    """Counts over the benchmark's shards; a shard's share of finished work counts as that share of its images."""
    size = F("stop") - F("start")
    rows = list(
        benchmark.shards.order_by("method_index")
        .values("method_index")
        .annotate(
            total=Count("pk"),
            done=Count("pk", filter=Q(state=Shard.State.DONE)),
            set_aside=Count("pk", filter=Q(state=Shard.State.SET_ASIDE)),
            running=Count("pk", filter=Q(state=Shard.State.RUNNING)),
            images_done=Sum(size, filter=Q(state=Shard.State.DONE), default=0),
            images_under_way=Sum(
                Cast(size, FloatField()) * F("progress"), filter=Q(state=Shard.State.RUNNING), default=0.0
            ),
            images_set_aside=Sum(size, filter=Q(state=Shard.State.SET_ASIDE), default=0),
        )
    )
    methods = max(1, len(benchmark.specification["methods"]))
    done = {row["method_index"]: row["images_done"] + row["images_under_way"] for row in rows}
    workers, images = sum(row["running"] for row in rows), sum(done.values())
    # Nothing is running most of the time, and then there is no speed to be found out.
    worked = _worker_seconds(benchmark) if workers and images > 0 else 0.0
    left = None
    if worked > 0:
        aside = {row["method_index"]: row["images_set_aside"] for row in rows}
        costs = _costs(benchmark, methods)
        work_done = sum(costs[method] * count for method, count in done.items())
        work_left = sum(
            cost * (benchmark.number_of_images - done.get(method, 0) - aside.get(method, 0))
            for method, cost in enumerate(costs)
        )
        left = work_left / work_done * worked / workers
    return Progress(
        images_done=int(images + 1e-6),
        images_total=benchmark.number_of_images * methods,
        shards_done=sum(row["done"] for row in rows),
        shards_total=sum(row["total"] for row in rows),
        shards_set_aside=sum(row["set_aside"] for row in rows),
        workers=workers,
        images_per_second=images / worked * workers if worked > 0 else None,
        seconds_left=left,
    )


def _costs(benchmark: Benchmark, methods: int) -> list[float]:
    """Forward passes that an image costs under each method; all alike where that can't be told."""
    if methods == 1:
        return [1.0]
    try:
        return [
            forwards_per_image(benchmark.specification, method, benchmark.classifier)
            for method in range(methods)
        ]
    except SaliscopeError:
        return [1.0] * methods  # of a method or protocol that there is no more


def _worker_seconds(benchmark: Benchmark) -> float:
    """Seconds that workers have spent on finished shards and on those under way."""
    finished = benchmark.shards.filter(state=Shard.State.DONE).aggregate(
        spent=Sum(F("finished_at") - F("claimed_at"), default=timedelta())
    )["spent"]
    now = database_time()
    running = benchmark.shards.filter(state=Shard.State.RUNNING, claimed_at__isnull=False)
    under_way = sum(
        (now - claimed_at).total_seconds() for claimed_at in running.values_list("claimed_at", flat=True)
    )
    return finished.total_seconds() + under_way
