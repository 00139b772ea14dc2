"""Whose work waits, in the order in which it is served, and what the workers are at."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, F, Sum
from django.utils.translation import gettext as _

from saliency_core.errors import SaliscopeError
from saliency_core.estimate import expected_seconds
from webapp.accounts.models import User
from webapp.benchmarks.estimates import forwards_per_image
from webapp.benchmarks.methods import title_of
from webapp.benchmarks.models import Benchmark, Shard, Turn, WorkerNode
from webapp.benchmarks.selectors import live_workers
from webapp.library.models import Classifier, ForwardRate

MOST_BENCHMARKS = 200
"""Beyond this many, the queue is counted and not listed."""
DEAD_SHOWN = 50
# A worker that is named in no shard any more has not noticed yet that its shard was taken from it.
_STOPPING = re.compile(r"benchmark #(\d+)")


@dataclass(frozen=True)
class Waiting:
    """One benchmark in the queue.

    `turn`: the place of its owner among the members who wait, from 1; within a priority members are served one shard
    each in this order, and a member's benchmarks one after the other. Images are counted once for each method.
    `seconds`: what is left if it had the workers to itself; None where no worker at work has measured the model.
    `visible`: whether the reader may see more of it than its number.
    """

    benchmark: Benchmark
    visible: bool
    turn: int
    shards_waiting: int
    shards_running: int
    images_waiting: int
    seconds: float | None

    @property
    def label(self) -> str:
        """Its name or model where the reader may know it."""
        return (
            (self.benchmark.name or self.benchmark.specification["classifier"]["name"])
            if self.visible
            else ""
        )


@dataclass(frozen=True)
class AtWork:
    """What a worker is at: `shard` with its benchmark, None where it is at something else or idle."""

    worker: WorkerNode
    shard: Shard | None
    visible: bool

    @property
    def method_title(self) -> str:
        if self.shard is None or not self.visible:
            return ""
        return title_of(self.shard.benchmark.specification["methods"][self.shard.method_index])

    @property
    def percent(self) -> int:
        return int(100 * self.shard.progress) if self.shard else 0

    @property
    def activity(self) -> str:
        """Anything but a shard, in the reader's language; empty where it is idle."""
        return "" if self.shard else activity_text(self.worker.activity)

    @property
    def other_versions(self) -> dict[str, str]:
        return {name: value for name, value in self.worker.versions.items() if value != "missing"}


def activity_text(activity: str) -> str:
    """A worker's own words in the reader's language."""
    if stopping := _STOPPING.match(activity):
        return _("leaving benchmark #%(number)s") % {"number": stopping[1]}
    words = activity.split()
    number = next((word for word in words if word.isdecimal()), "")
    texts = {
        "classifying # images": _("classifying images (%(number)s)"),
        "drawing # maps": _("drawing maps (%(number)s)"),
        "measuring a map": _("measuring a map"),
        "measuring a model": _("measuring the speed of a model"),
        "preparing a model": _("preparing a model"),
    }
    text = texts.get(" ".join("#" if word == number else word for word in words), "")
    return text % {"number": number} if "%(number)s" in text else text or activity


def workers_at_work(user: User) -> list[AtWork]:
    """The living workers with the shards that they are at."""
    workers = live_workers()
    running = (
        Shard.objects.filter(state=Shard.State.RUNNING, worker__in=[each.pk for each in workers])
        .select_related("benchmark__owner")
        .defer("environment", "benchmark__figures")
    )
    by_worker = {shard.worker_id: shard for shard in running}
    seen = _visible(user, {shard.benchmark_id for shard in by_worker.values()})
    return [
        AtWork(worker, shard, shard is not None and shard.benchmark_id in seen)
        for worker in workers
        for shard in [by_worker.get(worker.pk)]
    ]


def dead_workers() -> list[WorkerNode]:
    """Workers that have stopped or fallen silent, the last heard of first; they are forgotten after a week."""
    alive = {worker.pk for worker in live_workers()}
    return list(WorkerNode.objects.exclude(pk__in=alive).order_by("-heartbeat_at")[:DEAD_SHOWN])


def queue_for(user: User) -> list[Waiting]:
    """All members' benchmarks that are queued or running, in the order in which their next shard is served."""
    unfinished = (
        Benchmark.objects.filter(state__in=Benchmark.IN_QUEUE, deleted__isnull=True)
        .select_related("owner", "classifier")
        .defer("figures", "notes", "classifier__class_names", "classifier__compatibility")
        .order_by("pk")
    )
    benchmarks = list(unfinished[:MOST_BENCHMARKS])
    counts = _counts(benchmarks)
    rates = _rates(benchmarks)
    seen = _visible(user, {benchmark.pk for benchmark in benchmarks})
    turns = _turns({benchmark.owner_id for benchmark in benchmarks})
    found = [
        _waiting(benchmark, benchmark.pk in seen, turns[benchmark.owner_id], counts[benchmark.pk], rates)
        for benchmark in benchmarks
    ]
    return sorted(found, key=lambda each: (-each.benchmark.priority, each.turn, each.benchmark.pk))


def queue_length() -> int:
    """How many benchmarks are queued or running."""
    return Benchmark.objects.filter(state__in=Benchmark.IN_QUEUE, deleted__isnull=True).count()


def _visible(user: User, numbers: set[int]) -> set[int]:
    return set(Benchmark.objects.visible_to(user).filter(pk__in=numbers).values_list("pk", flat=True))


def _counts(benchmarks: Iterable[Benchmark]) -> dict[int, dict[tuple[int, str], dict[str, Any]]]:
    """By benchmark: by method and state of its open shards, {"shards", "images"}."""
    rows = (
        Shard.objects.filter(benchmark__in=[each.pk for each in benchmarks], state__in=Shard.OPEN)
        .order_by()
        .values("benchmark_id", "method_index", "state")
        .annotate(shards=Count("pk"), images=Sum(F("stop") - F("start")))
    )
    found: dict[int, dict[tuple[int, str], dict[str, Any]]] = defaultdict(dict)
    for row in rows:
        found[row["benchmark_id"]][row["method_index"], row["state"]] = row
    return found


def _rates(benchmarks: Iterable[Benchmark]) -> dict[tuple[int, str], float]:
    """By classifier and precision: images a second of the benchmark workers that take work, together."""
    devices = [
        worker.device
        for worker in live_workers(WorkerNode.Kind.BENCHMARK)
        if worker.mode == WorkerNode.Mode.WORKING
    ]
    found: dict[tuple[int, str], float] = defaultdict(float)
    known = ForwardRate.objects.filter(
        classifier__in={each.classifier_id for each in benchmarks}, device__in=set(devices)
    )
    for rate in known:
        found[rate.classifier_id, rate.precision] += rate.images_per_second * devices.count(rate.device)
    return found


def _turns(owners: set[int]) -> dict[int, int]:
    """The place of each member: whoever was served longest ago, or never, comes first."""
    served: dict[int, datetime] = dict(
        Turn.objects.filter(owner__in=owners).values_list("owner", "served_at")
    )
    never = sorted(owner for owner in owners if owner not in served)
    order = [*never, *sorted(served, key=lambda owner: served[owner])]
    return {owner: place for place, owner in enumerate(order, start=1)}


def _waiting(
    benchmark: Benchmark,
    visible: bool,
    turn: int,
    counts: dict[tuple[int, str], dict[str, Any]],
    rates: dict[tuple[int, str], float],
) -> Waiting:
    specification = benchmark.specification
    if counts:
        images = [
            (method, row["images"], state == Shard.State.WAITING) for (method, state), row in counts.items()
        ]
    elif benchmark.state == Benchmark.State.QUEUED:
        # It is not cut into shards yet.
        images = [
            (method, benchmark.number_of_images, True) for method in range(len(specification["methods"]))
        ]
    else:
        images = []
    rate = rates.get((benchmark.classifier_id, specification["precision"]))
    return Waiting(
        benchmark=benchmark,
        visible=visible,
        turn=turn,
        shards_waiting=_shards(counts, Shard.State.WAITING),
        shards_running=_shards(counts, Shard.State.RUNNING),
        images_waiting=sum(number for _method, number, waits in images if waits),
        seconds=_seconds(specification, benchmark.classifier, images, rate),
    )


def _shards(counts: dict[tuple[int, str], dict[str, Any]], wanted: str) -> int:
    return sum(row["shards"] for (_method, state), row in counts.items() if state == wanted)


def _seconds(
    specification: dict[str, Any],
    classifier: Classifier,
    images: list[tuple[int, int, bool]],
    rate: float | None,
) -> float | None:
    if not rate:
        return None
    try:
        return sum(
            expected_seconds(number, forwards_per_image(specification, method, classifier), rate)
            for method, number, _waits in images
        )
    except SaliscopeError:
        return None  # of a method or protocol that there is no more
