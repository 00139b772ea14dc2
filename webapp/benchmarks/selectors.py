"""What is read of benchmarks and workers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import (
    Count,
    Exists,
    F,
    FloatField,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
)
from django.db.models.functions import Cast, Coalesce, Now

from saliency_core.experiments.columns import Columns
from webapp.accounts.models import User
from webapp.benchmarks.expected_code import workers_taking_work
from webapp.benchmarks.kept_scalars import scalars_of
from webapp.benchmarks.models import (
    Benchmark,
    BenchmarkEvent,
    Shard,
    ShardResult,
    WorkerNode,
    WorkerTrouble,
)
from webapp.common.database import database_time, now_plus

WORKER_SILENCE_SECONDS = 15.0


def benchmarks_for(user: User) -> QuerySet[Benchmark]:
    """The benchmarks that a member sees, newest first, with `images_done`."""
    return (
        Benchmark.objects.visible_to(user)
        .select_related("classifier", "dataset", "owner")
        .annotate(images_done=images_done())
        .order_by("-pk")
    )


def images_done() -> Coalesce:
    """Images of a benchmark's finished shards, of all methods together: computed for the rows of a page only, where a
    join would count the shards of every benchmark first.
    """
    done = Shard.objects.filter(benchmark=OuterRef("pk"), state=Shard.State.DONE).order_by()
    total = done.values("benchmark").annotate(total=Sum(F("stop") - F("start"))).values("total")
    return Coalesce(Subquery(total, output_field=IntegerField()), 0)


def live_workers(kind: str | None = None) -> list[WorkerNode]:
    """Workers heard of in the last 15 seconds and not stopped."""
    live = WorkerNode.objects.filter(
        stopped_at__isnull=True, heartbeat_at__gte=now_plus(-WORKER_SILENCE_SECONDS)
    )
    return list(live.filter(kind=kind) if kind else live)


def is_live(worker: WorkerNode) -> bool:
    return any(each.pk == worker.pk for each in live_workers())


def idle_workers(*, but: WorkerNode | None = None) -> QuerySet[WorkerNode]:
    """Benchmark workers that take work and have none, one of them left out if wished."""
    working = Shard.objects.filter(state=Shard.State.RUNNING, worker=OuterRef("pk"))
    idle = benchmark_workers().filter(~Exists(working))
    return idle.exclude(pk=but.pk) if but else idle


def idle_labels() -> set[str]:
    """The labels of the benchmark workers that take work and have none."""
    return set(idle_workers().values_list("label", flat=True))


def idle_benchmark_worker_exists() -> bool:
    """Whether a worker that takes work has none."""
    return bool(idle_labels())


def known_labels() -> list[str]:
    """The labels of the benchmark workers that are remembered, whether they run now or not."""
    workers = WorkerNode.objects.filter(kind=WorkerNode.Kind.BENCHMARK).exclude(label="")
    return sorted(set(workers.values_list("label", flat=True)))


def missing_label(benchmark: Benchmark) -> str:
    """The label for which a benchmark waits while no worker with it takes work; empty where there is one."""
    label = benchmark.device_label
    if not label or not benchmark.is_in_queue or benchmark_workers().filter(label=label).exists():
        return ""
    return label


def troubles_of(benchmark: Benchmark) -> list[WorkerTrouble]:
    """The workers that can't work on a benchmark in the queue, each with its reason."""
    return list(benchmark.troubles.select_related("worker")) if benchmark.is_in_queue else []


def benchmark_workers() -> QuerySet[WorkerNode]:
    """The living ones that take work."""
    return workers_taking_work().filter(
        kind=WorkerNode.Kind.BENCHMARK,
        stopped_at__isnull=True,
        heartbeat_at__gte=now_plus(-WORKER_SILENCE_SECONDS),
    )


def workers_heard_of(seconds: float) -> QuerySet[WorkerNode]:
    """Benchmark workers that were there in the last seconds, whether they take work or not."""
    return WorkerNode.objects.filter(kind=WorkerNode.Kind.BENCHMARK, heartbeat_at__gte=now_plus(-seconds))


@dataclass(frozen=True)
class Progress:
    """How far a benchmark is.

    images_done counts whole images, those within running shards included; images_per_second is what the workers at
    work on it achieve together; seconds_left is None when that is unknown.
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
    counts = benchmark.shards.aggregate(
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
    total = benchmark.number_of_images * max(1, len(benchmark.specification["methods"]))
    done = counts["images_done"] + counts["images_under_way"]
    # Nothing is running most of the time, and then there is no speed to be found out.
    worked = _worker_seconds(benchmark) if counts["running"] and done > 0 else 0.0
    per_second = done / worked * counts["running"] if worked > 0 else None
    left = total - done - counts["images_set_aside"]
    return Progress(
        images_done=int(done + 1e-6),
        images_total=total,
        shards_done=counts["done"],
        shards_total=counts["total"],
        shards_set_aside=counts["set_aside"],
        workers=counts["running"],
        images_per_second=per_second,
        seconds_left=left / per_second if per_second else None,
    )


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


def results_of(
    benchmark: Benchmark, *, method_index: int = 0, experiment_index: int = 0, with_curves: bool = True
) -> Columns:
    """The columns of all finished shards of one method and experiment, in the order of the images."""
    results = ShardResult.objects.filter(
        shard__benchmark=benchmark, shard__method_index=method_index, experiment_index=experiment_index
    ).order_by("shard__start")
    if not with_curves:
        return scalars_of(benchmark, (method_index, experiment_index), results)
    return Columns.merge([Columns.unpack(bytes(result.scalars), bytes(result.curves)) for result in results])


def environments_of(benchmark: Benchmark) -> list[dict[str, object]]:
    """The distinct devices and versions that the finished shards were computed with."""
    distinct: list[dict[str, object]] = []
    done = benchmark.shards.filter(state=Shard.State.DONE).order_by()
    for environment in done.values_list("environment", flat=True).distinct():
        if environment not in distinct:
            distinct.append(environment)
    return distinct


def events_after(benchmark_id: int, seq: int) -> QuerySet[BenchmarkEvent]:
    return BenchmarkEvent.objects.filter(benchmark_id=benchmark_id, seq__gt=seq).order_by("seq")


def silent_workers() -> QuerySet[WorkerNode]:
    """Workers that should be alive and have not been heard of."""
    return WorkerNode.objects.filter(
        stopped_at__isnull=True, heartbeat_at__lt=now_plus(-WORKER_SILENCE_SECONDS)
    )


def working_seconds(benchmark: Benchmark) -> float | None:
    """Wall-clock seconds from the start to the end (or to now)."""
    if benchmark.started is None:
        return None
    until = benchmark.finished or Benchmark.objects.annotate(now=Now()).values_list("now", flat=True).get(
        pk=benchmark.pk
    )
    return (until - benchmark.started).total_seconds()
