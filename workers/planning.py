"""Cutting queued benchmarks into shards."""

from __future__ import annotations

from collections.abc import Collection

import structlog
from django.db import transaction
from django.db.models.fields.json import KT

from saliency_core.errors import SaliscopeError
from webapp.benchmarks import transitions
from webapp.benchmarks.estimates import seconds_per_image
from webapp.benchmarks.models import Benchmark, Shard, WorkerNode
from webapp.benchmarks.refusals import refusal_now
from webapp.benchmarks.specification import specification_sha256
from webapp.common.database import AWAY, locked_skipping
from webapp.library.models import Classifier
from workers.shard_sizes import images_per_shard
from workers.troubles import resting_from

log = structlog.get_logger(__name__)
BULK_SIZE = 1000
CANNOT_PLAN = "It can't be divided into shards: see the worker's log. Queue a new benchmark in its place."


def plan_queued_benchmarks(device: str, label: str = "") -> int:
    """Starts the queued benchmarks whose classifier is ready and measured on this device, and that want no other label
    than this, or fails them where it turns out that it can't be measured so. Returns how many.
    """
    planned = 0
    while _plan_next(device, label):
        planned += 1
    return planned


def planning_waits(labels: Collection[str], worker: WorkerNode | None = None) -> bool:
    """Whether a queued benchmark waits for nothing but a worker with one of the labels; of those that this `worker`, if
    it is given, is to leave alone for now, none counts.
    """
    queued = Benchmark.objects.filter(
        state=Benchmark.State.QUEUED,
        deleted__isnull=True,
        classifier__state=Classifier.State.READY,
        device_label__in=["", *labels],
    )
    if worker is not None:
        queued = queued.exclude(pk__in=resting_from(worker).values("benchmark"))
    return queued.exists()


@transaction.atomic
def _plan_next(device: str, label: str) -> bool:
    queued = Benchmark.objects.filter(
        state=Benchmark.State.QUEUED,
        deleted__isnull=True,
        device_label__in=["", label],
        classifier__state=Classifier.State.READY,
        classifier__rates__device=device,
        classifier__rates__precision=KT("specification__precision"),
    ).order_by("-priority", "pk")
    benchmark = locked_skipping(queued.select_related("classifier", "dataset")).first()
    if benchmark is None:
        return False
    if not benchmark.shards.exists():
        problem = _divide(benchmark, device)
        if problem:
            transitions.fail(benchmark, problem)
            return True
    transitions.start(benchmark)
    return True


def _divide(benchmark: Benchmark, device: str) -> str | None:
    """Seals the specification and cuts the shards. Why that can't be, where it can't: whatever is wrong with one
    benchmark must keep no worker from claiming shards of the others.
    """
    try:
        # A savepoint: after an error of the database, too, the benchmark can be failed.
        with transaction.atomic():
            problem = refusal_now(benchmark)
            if problem:
                return problem
            sizes = _sizes(benchmark, device)
            _freeze(benchmark)
            _cut(benchmark, sizes)
            return None
    except AWAY:
        raise
    except SaliscopeError as problem:
        return str(problem)
    except Exception:
        log.exception("benchmark_not_planned", benchmark=benchmark.pk)
        return CANNOT_PLAN


def _freeze(benchmark: Benchmark) -> None:
    """Completes the specification with what was unknown while the weights were not here, and seals it."""
    specification = benchmark.specification
    specification["classifier"]["weights_sha256"] = benchmark.classifier.weights_sha256
    benchmark.specification = specification
    benchmark.specification_sha256 = specification_sha256(specification)
    benchmark.save(update_fields=["specification", "specification_sha256"])


def _sizes(benchmark: Benchmark, device: str) -> list[int]:
    """Images of a shard, method by method, that take about the same time: fewer where a map costs more."""
    return [
        images_per_shard(seconds_per_image(benchmark.specification, benchmark.classifier, device, number))
        for number in range(len(benchmark.specification["methods"]))
    ]


def _cut(benchmark: Benchmark, sizes: list[int]) -> None:
    count = benchmark.number_of_images
    shards = (
        Shard(benchmark=benchmark, method_index=number, start=start, stop=min(start + size, count))
        for number, size in enumerate(sizes)
        for start in range(0, count, size)
    )
    Shard.objects.bulk_create(shards, batch_size=BULK_SIZE)
