"""What is read of benchmarks and workers."""

from __future__ import annotations

from django.db.models import (
    Exists,
    F,
    IntegerField,
    OuterRef,
    QuerySet,
    Subquery,
    Sum,
)
from django.db.models.functions import Coalesce, Now

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
from webapp.common.database import now_plus

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
