"""The rows of a busy lab, written in bulk."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any

from django.contrib.auth.hashers import make_password
from django.utils import timezone

from tests.web import factories, many_methods
from webapp.accounts.models import FIRST_ACCOUNT_NUMBER, User
from webapp.benchmarks import summaries
from webapp.benchmarks.figures import complete_figures, refresh_figures
from webapp.benchmarks.methods import specified_method
from webapp.benchmarks.models import (
    Benchmark,
    BenchmarkEvent,
    BenchmarkPin,
    BenchmarkShare,
    BenchmarkTag,
    ResultComparison,
    ResultSummary,
    SavedView,
    Shard,
    ShardResult,
    Turn,
    WorkerNode,
)
from webapp.library.models import Classifier, Dataset, ForwardRate
from webapp.studio.models import Explanation

USERS, BENCHMARKS, BIG_IMAGES = 500, 5000, 50_000
BIG_METHODS, BIG_EXPERIMENTS, BIG_SHARD = 8, 2, 1000
CLASSIFIERS, DATASETS, CLASSES = 60, 20, 1000
# One benchmark of so many is the asking member's own.
MEMBERS_OWN = 10
BATCH = 2000
DEVICE = "NVIDIA H100 80GB HBM3"
TAGS = ("paper", "ablation", "draft", "vit", "cnn", "baseline", "rebuttal", "seed-2", "wide", "old")
# So few that filling is quick; the summaries are as large as with many.
RESAMPLES = 60


@dataclass
class Lab:
    """What was made: `member` asks; `small` and `big` are finished benchmarks, `running` one that is not."""

    member: User
    small: Benchmark
    big: Benchmark
    running: Benchmark
    classifier: Classifier
    dataset: Dataset
    explanation: Explanation
    made: dict[str, int] = field(default_factory=dict)

    def counts(self) -> str:
        return ", ".join(f"{number:,} {name}" for name, number in self.made.items())


def fill(scale: float = 1.0) -> Lab:
    """Writes everything; `scale`: share of the numbers above."""
    random = Random(7)
    users = _users(max(10, int(USERS * scale)))
    member = users[0]
    classifiers = _classifiers(users)
    datasets = _datasets()
    _workers()
    summaries.RESAMPLES = RESAMPLES
    small = _finished(member, classifiers[0], datasets[0], images=200, per_shard=50, methods=3, experiments=2)
    big_images = max(2000, int(BIG_IMAGES * scale))
    big = _finished(
        member,
        classifiers[0],
        datasets[0],
        images=big_images,
        per_shard=BIG_SHARD,
        methods=BIG_METHODS,
        experiments=BIG_EXPERIMENTS,
    )
    number = max(100, int(BENCHMARKS * scale))
    running = _many(number, users, classifiers, datasets, small, random)
    _about_benchmarks(users, random)
    explanation = _explanations(member, classifiers[0], datasets[0])
    made = {
        "users": User.objects.count(),
        "benchmarks": Benchmark.objects.count(),
        "shards": Shard.objects.count(),
        "results": ShardResult.objects.count(),
        "events": BenchmarkEvent.objects.count(),
        "images in the largest": big_images,
    }
    return Lab(member, small, big, running, classifiers[0], datasets[0], explanation, made)


def _users(count: int) -> list[User]:
    password = make_password("correct horse battery")
    rows = [
        User(
            username=f"member{number:04}",
            email=f"member{number:04}@example.org",
            password=password,
            account_number=FIRST_ACCOUNT_NUMBER + number,
        )
        for number in range(count)
    ]
    return User.objects.bulk_create(rows, BATCH)


def _classifiers(users: list[User]) -> list[Classifier]:
    names = [f"class of things number {number}" for number in range(CLASSES)]
    layers = [
        {"name": f"features.{number}", "kind": "Conv2d", "channels": 64, "height": 28, "width": 28}
        for number in range(60)
    ]
    rows = []
    for number in range(CLASSIFIERS):
        # A third is built in, a third everybody's, a third their owners' alone; the first member has some of each.
        owner = None if number % 3 == 0 else users[number % min(len(users), 20)]
        rows.append(
            Classifier(
                name=f"Network {number:03}",
                owner=owner,
                shared_with_lab=number % 3 == 1,
                library="torchvision",
                architecture="resnet50",
                family="cnn",
                preprocessing={
                    "pipeline": "squash",
                    "size": 224,
                    "mean": [0.485, 0.456, 0.406],
                    "std": [0.229, 0.224, 0.225],
                    "interpolation": "bilinear",
                },
                class_names=names,
                description={"layers": layers, "default_layer": "features.59", "family": "cnn"},
                state=Classifier.State.READY,
                weights_sha256="ab" * 32,
            )
        )
    found = Classifier.objects.bulk_create(rows)
    ForwardRate.objects.bulk_create(
        ForwardRate(classifier=row, device=DEVICE, images_per_second=2000.0) for row in found
    )
    return found


def _datasets() -> list[Dataset]:
    classes = {f"class of things number {number}": 50 for number in range(CLASSES)}
    return Dataset.objects.bulk_create(
        Dataset(
            name=f"Photographs {number:03}",
            format="image-folder",
            path="/nowhere",
            fingerprint="cd" * 32,
            number_of_images=BIG_IMAGES,
            ground_truth=["label"],
            classes=classes,
        )
        for number in range(DATASETS)
    )


def _workers() -> None:
    # Heard of in the future, so that they live as long as the measurement.
    now = timezone.now()
    WorkerNode.objects.bulk_create(
        WorkerNode(
            name=f"benchmark-gpu{number}@machine{number // 8}",
            kind=WorkerNode.Kind.BENCHMARK if number % 8 else WorkerNode.Kind.STUDIO,
            device=DEVICE,
            versions={"torch": "2.13.0"},
            started_at=now,
            heartbeat_at=now + timedelta(hours=2),
            memory={
                "host_used": 2**32,
                "host_total": 2**37,
                "device_used": 2**34,
                "device_total": 80 * 2**30,
            },
        )
        for number in range(32)
    )


def _finished(
    owner: User,
    classifier: Classifier,
    dataset: Dataset,
    *,
    images: int,
    per_shard: int,
    methods: int,
    experiments: int,
) -> Benchmark:
    """A finished benchmark with results, summaries with intervals, and comparisons."""
    benchmark = factories.queued_benchmark(owner, images, classifier=classifier, dataset=dataset)
    benchmark.specification |= {
        "methods": [
            specified_method(key, {}, {} if enhanced else None)
            for key, enhanced in many_methods.METHODS[:methods]
        ],
        "experiments": [
            {"key": key, "protocol": protocol} for key, protocol in many_methods.EXPERIMENTS[:experiments]
        ],
    }
    now = timezone.now()
    benchmark.state = Benchmark.State.SUCCEEDED
    benchmark.started, benchmark.finished = now - timedelta(hours=3), now
    benchmark.specification_sha256 = "ef" * 32
    benchmark.save()
    shards = [
        _shard(benchmark, method, start, min(images, start + per_shard), Shard.State.DONE)
        for method in range(methods)
        for start in range(0, images, per_shard)
    ]
    Shard.objects.bulk_create(shards, BATCH)
    for batch in _batches(_results(benchmark, shards), 50):
        ShardResult.objects.bulk_create(batch)
    _events(benchmark, len(shards))
    figures, done = refresh_figures(benchmark, announce=False)
    Benchmark.objects.filter(pk=benchmark.pk).update(figures=figures, figures_shards=done)
    benchmark.refresh_from_db()
    while complete_figures(benchmark):
        pass
    benchmark.refresh_from_db()
    return benchmark


def _results(benchmark: Benchmark, shards: Iterable[Shard]) -> Iterator[ShardResult]:
    for shard in shards:
        for number, experiment in enumerate(benchmark.specification["experiments"]):
            columns = many_methods.columns(
                shard.method_index, experiment["key"], experiment["protocol"], shard.start, shard.stop
            )
            scalars, curves = columns.pack()
            yield ShardResult(shard=shard, experiment_index=number, scalars=scalars, curves=curves)


def _shard(benchmark: Benchmark, method: int, start: int, stop: int, state: str) -> Shard:
    now = timezone.now()
    done = state == Shard.State.DONE
    return Shard(
        benchmark=benchmark,
        method_index=method,
        start=start,
        stop=stop,
        state=state,
        progress=1.0 if done else 0.0,
        claimed_at=now - timedelta(seconds=45) if done else None,
        finished_at=now if done else None,
        environment={"device": DEVICE, "versions": {"torch": "2.13.0"}} if done else {},
    )


def _events(benchmark: Benchmark, shards: int) -> None:
    kinds = ["queued", "started", *["shard_done"] * shards, "succeeded"]
    BenchmarkEvent.objects.filter(benchmark=benchmark).delete()
    BenchmarkEvent.objects.bulk_create(
        (
            BenchmarkEvent(benchmark=benchmark, seq=seq, kind=kind, payload={"start": 0, "stop": 50})
            for seq, kind in enumerate(kinds, start=1)
        ),
        BATCH,
    )
    Benchmark.objects.filter(pk=benchmark.pk).update(last_event_seq=len(kinds))
    benchmark.last_event_seq = len(kinds)


def _many(
    count: int,
    users: list[User],
    classifiers: list[Classifier],
    datasets: list[Dataset],
    like: Benchmark,
    random: Random,
) -> Benchmark:
    """As many benchmarks with shards, events and summaries like those of a finished one; returns one that runs."""
    template = list(ResultSummary.objects.filter(benchmark=like))
    compared = list(ResultComparison.objects.filter(benchmark=like))
    now = timezone.now()
    usable = [row for row in classifiers if row.owner is None or row.shared_with_lab]
    rows = []
    for number in range(count):
        classifier, dataset = random.choice(usable), random.choice(datasets)
        specification = deepcopy(like.specification)
        specification["classifier"] |= {"id": classifier.pk, "name": classifier.name}
        specification["dataset"] |= {"name": dataset.name}
        state = Benchmark.State.SUCCEEDED
        if number % 50 == 0:
            state = Benchmark.State.FAILED if number % 100 else Benchmark.State.CANCELLED
        elif number % 100 == 1:
            state = Benchmark.State.RUNNING if number % 200 == 1 else Benchmark.State.QUEUED
        own = number % MEMBERS_OWN == 0 or number == 1
        ended = state not in Benchmark.UNFINISHED
        rows.append(
            Benchmark(
                owner=users[0] if own else random.choice(users[1:]),
                classifier=classifier,
                dataset=dataset,
                name=f"Run {number}" if number % 3 else "",
                submission=uuid.UUID(int=number) if number % 7 == 0 else None,
                shared_with_lab=number % 9 == 0,
                specification=specification,
                specification_sha256="ef" * 32,
                number_of_images=200,
                state=state,
                figures=like.figures if state == Benchmark.State.SUCCEEDED else {},
                figures_shards=like.figures_shards if ended else 0,
                figures_complete=ended,
                last_event_seq=6,
                started=now if state != Benchmark.State.QUEUED else None,
                finished=now if ended else None,
            )
        )
    found = Benchmark.objects.bulk_create(rows, BATCH)
    measured = [row for row in found if row.state == Benchmark.State.SUCCEEDED]
    shards = (
        _shard(row, method, start, start + 50, _state_of_shard(row, start))
        for row in found
        if row.state != Benchmark.State.QUEUED
        for method in range(len(row.specification["methods"]))
        for start in range(0, 200, 50)
    )
    kinds = ("queued", "started", "shard_done", "shard_done", "figures", "succeeded")
    events = (
        BenchmarkEvent(benchmark=row, seq=seq, kind=kind, payload={"start": 0, "stop": 50})
        for row in found
        for seq, kind in enumerate(kinds, start=1)
    )
    for model, made in (
        (Shard, shards),
        (BenchmarkEvent, events),
        (ResultSummary, (_copy(each, row) for row in measured for each in template)),
        (ResultComparison, (_copy(each, row) for row in measured for each in compared)),
    ):
        for batch in _batches(made, BATCH):
            model.objects.bulk_create(batch)
    return next(row for row in found if row.state == Benchmark.State.RUNNING and row.owner_id == users[0].pk)


def _state_of_shard(benchmark: Benchmark, start: int) -> str:
    if benchmark.state == Benchmark.State.SUCCEEDED or start == 0:
        return Shard.State.DONE
    return Shard.State.WAITING


def _copy(row: Any, benchmark: Benchmark) -> Any:
    fields = {
        each.attname: getattr(row, each.attname)
        for each in row._meta.concrete_fields
        if each.name not in ("id", "benchmark")
    }
    return type(row)(benchmark=benchmark, **fields)


def _about_benchmarks(users: list[User], random: Random) -> None:
    """Tags, shares, pins, saved views, turns."""
    numbers = list(Benchmark.objects.values_list("pk", flat=True))
    tags = ((pk, name) for pk in numbers for name in random.sample(TAGS, random.randrange(4)))
    BenchmarkTag.objects.bulk_create((BenchmarkTag(benchmark_id=pk, name=name) for pk, name in tags), BATCH)
    shares = {(random.choice(numbers), random.choice(users).pk) for _ in range(len(numbers) // 2)}
    shares |= {(pk, users[0].pk) for pk in random.sample(numbers, len(numbers) // 20)}
    BenchmarkShare.objects.bulk_create(
        (BenchmarkShare(benchmark_id=pk, user_id=user) for pk, user in shares), BATCH
    )
    BenchmarkPin.objects.bulk_create(
        BenchmarkPin(benchmark_id=pk, user=users[0]) for pk in random.sample(numbers, 10)
    )
    SavedView.objects.bulk_create(
        SavedView(owner=users[0], name=f"View {number}", query="state=running") for number in range(8)
    )
    Turn.objects.bulk_create(Turn(owner=user, served_at=timezone.now()) for user in users[: len(users) // 2])


def _explanations(member: User, classifier: Classifier, dataset: Dataset) -> Explanation:
    rows = [
        Explanation(
            owner=member,
            classifier=classifier,
            dataset=dataset,
            image=f"photographs/{number:04}.jpg",
            pipeline="squash",
            digest=f"{number:064}",
            state=Explanation.State.READY,
            method="grad_cam",
            target=1,
        )
        for number in range(500)
    ]
    return Explanation.objects.bulk_create(rows)[0]


def _batches(rows: Iterable[Any], size: int) -> Iterator[list[Any]]:
    batch: list[Any] = []
    for row in rows:
        batch.append(row)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
