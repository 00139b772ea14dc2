"""Whose work waits, in the order in which it is served, and what the workers are at."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
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
from webapp.benchmarks.expected_code import expected_code
from webapp.benchmarks.methods import title_of
from webapp.benchmarks.models import Benchmark, Shard, Turn, WorkerNode, WorkerTrouble
from webapp.benchmarks.selectors import benchmark_workers, live_workers
from webapp.library.models import Classifier, ForwardRate

MOST_BENCHMARKS = 200
"""Beyond this many, the queue is counted and not listed."""
DEAD_SHOWN = 50
# A worker that is named in no shard any more has not noticed yet that its shard was taken from it.
_STOPPING = re.compile(r"benchmark #(\d+)")
_AT_WORK = re.compile(r"benchmark #(\d+), images (\d+)–(\d+)")


@dataclass(frozen=True)
class Waiting:
    """One benchmark in the queue.

    `turn`: the place of its owner among the members who wait, from 1; within a priority members are served one shard
    each in this order, and a member's benchmarks one after the other. Images are counted once for each method.
    `seconds`: what is left if it had the workers to itself; None where no worker at work has measured the model.
    `missing_label`: whether no worker with the label that it wants takes work.
    `visible`: whether the reader may see more of it than its number.
    """

    benchmark: Benchmark
    visible: bool
    turn: int
    shards_waiting: int
    shards_running: int
    images_waiting: int
    seconds: float | None
    missing_label: bool

    @property
    def label(self) -> str:
        """Its name or model where the reader may know it."""
        return (
            (self.benchmark.name or self.benchmark.specification["classifier"]["name"])
            if self.visible
            else ""
        )


@dataclass(frozen=True)
class Trouble:
    """A benchmark that a worker can't work on for now; the `reason` is empty where the reader may not see it."""

    benchmark: int
    reason: str


@dataclass(frozen=True)
class AtWork:
    """What a worker is at: `shard` with its benchmark, None where it is at something else or idle.

    `is_current`: whether it runs the web application's code. `troubles`: the benchmarks that it can't work on, and why
    where the reader may see them.
    """

    worker: WorkerNode
    shard: Shard | None
    visible: bool
    is_current: bool = True
    troubles: tuple[Trouble, ...] = ()

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
        versions = self.worker.versions.items()
        return {name: value for name, value in versions if name != "sandbox" and value != "missing"}

    @property
    def sandbox_gaps(self) -> list[str]:
        """What this worker's machine does not keep from a hostile model file; empty where all is well."""
        texts = {
            "files": _("it can read other files of its user"),
            "network": _("it can reach the network"),
            "programs": _("it can start other programs"),
            "privileges": _("it can gain privileges"),
            "unknown": _("how far could not be tried out"),
        }
        return [texts[gap] for gap in str(self.worker.versions.get("sandbox", "")).split() if gap in texts]


def work_text(activity: str) -> str:
    """What a worker is at in the reader's language, a shard among it, where its row has not been looked up."""
    if at_work := _AT_WORK.fullmatch(activity):
        number, first, last = at_work.groups()
        parts = {"number": number, "first": first, "last": last}
        return _("benchmark #%(number)s, images %(first)s to %(last)s") % parts
    return activity_text(activity)


def activity_text(activity: str) -> str:
    """A worker's own words in the reader's language, those on a shard that it has no more too."""
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
        "looking at a model": _("looking at a model"),
        "looking at a data set": _("looking at a data set"),
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
    expected = expected_code()
    by_worker = {shard.worker_id: shard for shard in running}
    troubles = list(
        WorkerTrouble.objects.filter(
            worker__in=[each.pk for each in workers], benchmark__state__in=Benchmark.IN_QUEUE
        ).order_by("benchmark")
    )
    seen = _visible(user, {each.benchmark_id for each in [*by_worker.values(), *troubles]})
    return [
        AtWork(
            worker,
            shard,
            visible=shard is not None and shard.benchmark_id in seen,
            is_current=expected in ("", worker.code_version),
            troubles=tuple(
                Trouble(each.benchmark_id, each.reason if each.benchmark_id in seen else "")
                for each in troubles
                if each.worker_id == worker.pk
            ),
        )
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
    workers = benchmark_workers()
    rates = _rates(benchmarks, workers)
    labels = {worker.label for worker in workers}
    seen = _visible(user, {benchmark.pk for benchmark in benchmarks})
    turns = _turns({benchmark.owner_id for benchmark in benchmarks})
    found = [
        _waiting(
            benchmark, benchmark.pk in seen, turns[benchmark.owner_id], counts[benchmark.pk], rates, labels
        )
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


def _rates(
    benchmarks: Iterable[Benchmark], workers: Iterable[WorkerNode]
) -> dict[tuple[int, str, str], float]:
    """By classifier, precision and label: images a second of the workers, together; those with any label under ""."""
    devices = Counter((worker.device, label) for worker in workers for label in {"", worker.label})
    found: dict[tuple[int, str, str], float] = defaultdict(float)
    known = ForwardRate.objects.filter(
        classifier__in={each.classifier_id for each in benchmarks},
        device__in={device for device, _label in devices},
    )
    for rate in known:
        for (device, label), count in devices.items():
            if device == rate.device:
                found[rate.classifier_id, rate.precision, label] += rate.images_per_second * count
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
    rates: dict[tuple[int, str, str], float],
    labels: set[str],
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
    label = benchmark.device_label
    rate = rates.get((benchmark.classifier_id, specification["precision"], label))
    return Waiting(
        benchmark=benchmark,
        visible=visible,
        turn=turn,
        shards_waiting=_shards(counts, Shard.State.WAITING),
        shards_running=_shards(counts, Shard.State.RUNNING),
        images_waiting=sum(number for _method, number, waits in images if waits),
        missing_label=bool(label) and label not in labels,
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
