"""What the database says of a benchmark, asked from outside: quick looks while it runs, everything at the end."""

from __future__ import annotations

import json
import sqlite3
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg2

from tests.application import Application

FINAL = ("succeeded", "failed", "cancelled")
QUEUE = """
from webapp.accounts.models import User
from webapp.accounts.services import sign_up
from webapp.benchmarks.services import create_benchmark
from webapp.library.models import Classifier, Dataset
owner = User.objects.first() or sign_up(username="member", password="correct horse battery")
benchmark = create_benchmark(
    owner=owner, classifier=Classifier.objects.get(key="shapes_cnn"), dataset=Dataset.objects.get(name="Shapes"),
    number_of_images={images}, methods=[{{"key": "sleeping", "parameters": {{"milliseconds": {milliseconds}}}}}],
    experiments=[{{"key": "sparsity", "protocol": "gini@1"}},
                 {{"key": "pointing_game", "protocol": "torchray-masks@1"}}])
print("BENCHMARK", benchmark.pk)
"""
LOOK = """
import json
from webapp.benchmarks.models import Benchmark, ShardResult
from webapp.benchmarks.selectors import results_of
benchmark = Benchmark.objects.get(pk={pk})
parts = [results_of(benchmark, experiment_index=number) for number in (0, 1)]
print("STATE", json.dumps(dict(
    state=benchmark.state, problem=benchmark.problem,
    images=[list(part.images) for part in parts], failures=[failure for part in parts for failure in part.failures],
    figures=[{{name: values.tolist() for name, values in part.scalars.items()
               if not name.startswith("map_") and name != "seconds"}}
             for part in parts],
    summary=benchmark.figures, events=list(benchmark.events.values_list("seq", "kind")),
    shards=benchmark.shards.count(), results=ShardResult.objects.filter(shard__benchmark=benchmark).count(),
    workers=sorted(set(filter(None, (shard.environment.get("worker") for shard in benchmark.shards.all())))))))
"""


@dataclass(frozen=True)
class Outcome:
    """A benchmark at its end, compared with an undisturbed one."""

    state: str
    lost: int
    twice: int
    difference: float
    gaps: bool
    retries: int
    workers: tuple[str, ...]
    detail: str = ""


def queue(application: Application, images: int, milliseconds: int) -> int:
    output = application.shell(QUEUE.format(images=images, milliseconds=milliseconds))
    return int(output.split("BENCHMARK")[1])


def look(application: Application, benchmark: int) -> dict[str, Any]:
    """Everything about it. The application's processes need not be there, the database must."""
    output = application.shell(LOOK.format(pk=benchmark))
    found: dict[str, Any] = json.loads(output.split("STATE")[1])
    return found


def compare(found: dict[str, Any], undisturbed: dict[str, Any]) -> Outcome:
    """Image by image, and figure by figure. What making a map took is no figure of it."""
    lost = twice = 0
    difference = 0.0
    for images, expected in zip(found["images"], undisturbed["images"], strict=True):
        counted = Counter(images)
        lost = max(lost, (Counter(expected) - counted).total())
        # An image with objects of several classes has several rows in any case.
        twice = max(twice, (counted - Counter(expected)).total())
    for figures, expected in zip(found["figures"], undisturbed["figures"], strict=True):
        for name, values in expected.items():
            difference = max(difference, _farthest(figures.get(name, []), values))
    difference = max(difference, _farthest(_numbers(found["summary"]), _numbers(undisturbed["summary"])))
    numbers = [seq for seq, _ in found["events"]]
    return Outcome(
        state=found["state"],
        lost=lost + len({failure["index"] for failure in found["failures"]}),
        twice=twice,
        difference=difference,
        gaps=numbers != list(range(1, len(numbers) + 1)),
        retries=[kind for _, kind in found["events"]].count("shard_retried"),
        workers=tuple(found["workers"]),
        detail=found["problem"] or "; ".join({failure["reason"] for failure in found["failures"]}),
    )


def _farthest(values: Sequence[Any], expected: Sequence[Any]) -> float:
    if len(values) != len(expected):
        return float("inf")
    return max(map(_distance, values, expected), default=0.0)


def _distance(value: Any, expected: Any) -> float:
    """Infinite where one is text or not a number and the other is not the same."""
    if value == expected or (value != value and expected != expected):
        return 0.0
    if isinstance(value, str) or isinstance(expected, str) or value != value or expected != expected:
        return float("inf")
    return abs(value - expected)


def _numbers(summary: Any, key: str = "") -> list[float]:
    """All numbers of the nested figures, intervals too, in their order."""
    if isinstance(summary, dict):
        named = [(name, value) for name, value in summary.items() if not name.startswith("map_")]
        return [number for name, value in named for number in _numbers(value, name)]
    if isinstance(summary, list):
        return [number for value in summary for number in _numbers(value, key)]
    return [float(summary)] if isinstance(summary, int | float) else []


class Observer:
    """Looks at rows in passing, with a new connection each time; None while the database is away."""

    def __init__(self, application: Application) -> None:
        self._url = application.environment.get("DATABASE_URL", "")
        self._file = application.state_dir / "saliscope.sqlite3"

    def progress(self, benchmark: int) -> tuple[str, int] | None:
        """Its state, and how many of its shards are done."""
        state = self._row(f"SELECT state FROM benchmarks_benchmark WHERE id = {benchmark}")
        done = self._row(
            f"SELECT count(*) FROM benchmarks_shard WHERE benchmark_id = {benchmark} AND state = 'done'"
        )
        return None if state is None or done is None else (state[0], done[0])

    def claimed_for(self, benchmark: int, worker: str) -> bool:
        """Whether a worker whose name begins so has one of its shards."""
        found = self._row(
            "SELECT count(*) FROM benchmarks_shard s JOIN benchmarks_workernode w ON s.worker_id = w.id "
            f"WHERE s.benchmark_id = {benchmark} AND s.state = 'running' AND w.name LIKE '{worker}%'"
        )
        return bool(found and found[0])

    def told_of(self, benchmark: int, kind: str) -> int:
        """How many events of a kind it has."""
        found = self._row(
            f"SELECT count(*) FROM benchmarks_benchmarkevent WHERE benchmark_id = {benchmark} AND kind = '{kind}'"
        )
        return found[0] if found else 0

    def _row(self, statement: str) -> Any:
        try:
            if self._url:
                connection: Any = psycopg2.connect(self._url, connect_timeout=3)
            else:
                connection = sqlite3.connect(f"file:{self._file}?mode=ro", uri=True, timeout=1)
            try:
                cursor = connection.cursor()
                cursor.execute(statement)
                return cursor.fetchone()
            finally:
                connection.close()
        except (psycopg2.Error, sqlite3.Error):
            return None

    def wait(self, benchmark: int, *, done: int = 0, seconds: float, final: bool = False) -> float | None:
        """Seconds until so many shards are done (or, if `final`, its state is), None if that takes longer."""
        begin = time.monotonic()
        while time.monotonic() - begin < seconds:
            found = self.progress(benchmark)
            if found and (found[0] in FINAL if final else found[1] >= done or found[0] in FINAL):
                return time.monotonic() - begin
            time.sleep(0.1)
        return None
