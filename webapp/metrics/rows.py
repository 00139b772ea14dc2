"""What the database and the broker say at the moment they are asked."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Lock
from typing import Any

import redis
from django.conf import settings
from django.db import DatabaseError
from django.db.models import Count, Max
from prometheus_client import Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from webapp.benchmarks.models import Benchmark, BenchmarkEvent, Shard, WorkerNode
from webapp.benchmarks.selectors import live_workers

BROKER_SECONDS = 2.0
MOST_EVENTS = 1000
"""Read at once: databases bound the number of values in a statement."""
OUTCOMES = {"shard_done": "done", "shard_retried": "retried", "shard_set_aside": "set_aside"}


class RowsCollector(Collector):
    """Rows by state, asked for at every scrape. A part that cannot be reached is left out, and `saliscope_up` says so.

    Ended claims and their times are counted on from the newest event that was seen: the first scrape begins at the
    newest there is, so that no scrape reads the whole log.
    """

    def __init__(self, ended: Counter, seconds: Histogram) -> None:
        self._ended, self._seconds = ended, seconds
        self._seen: int | None = None
        self._lock = Lock()

    def describe(self) -> list[Metric]:
        """Nothing: else the registry would ask the database while this process is being set up."""
        return []

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily(
            "saliscope_up", "1 where the part answers, 0 where it does not.", labels=["part"]
        )
        for part, collect, problem in (
            ("database", self._database, DatabaseError),
            ("broker", _queues, redis.RedisError),
        ):
            try:
                metrics = collect()
            except problem:
                up.add_metric([part], 0)
            else:
                up.add_metric([part], 1)
                yield from metrics
        yield up

    def _database(self) -> list[Metric]:
        with self._lock:
            self._count_on()
        return [_benchmarks(), _shards(), _workers()]

    def _count_on(self) -> None:
        newest = BenchmarkEvent.objects.aggregate(newest=Max("pk"))["newest"] or 0
        if self._seen is None:
            self._seen = newest
        while self._seen < newest:
            fresh = BenchmarkEvent.objects.filter(pk__gt=self._seen, pk__lte=newest, kind__in=OUTCOMES)
            events = list(fresh.order_by("pk").values("pk", "kind", "benchmark", "payload")[:MOST_EVENTS])
            seconds = _seconds_of_shards([event for event in events if event["kind"] == "shard_done"])
            # Counted once all of it is read, and then seen: what fails before is counted by the next scrape.
            for event in events:
                self._ended.labels(OUTCOMES[event["kind"]]).inc()
            for each in seconds:
                self._seconds.observe(each)
            self._seen = events[-1]["pk"] if len(events) == MOST_EVENTS else newest


def _seconds_of_shards(delivered: list[dict[str, Any]]) -> list[float]:
    """From claim to delivery, of the shards that these events tell of."""
    places = {
        (event["benchmark"], event["payload"].get("method_index"), event["payload"].get("start"))
        for event in delivered
    }
    shards = Shard.objects.filter(
        state=Shard.State.DONE,
        benchmark__in={benchmark for benchmark, _, _ in places},
        start__in={start for _, _, start in places},
        claimed_at__isnull=False,
    )
    return [
        (finished - claimed).total_seconds()
        for *place, claimed, finished in shards.values_list(
            "benchmark", "method_index", "start", "claimed_at", "finished_at"
        )
        if tuple(place) in places
    ]


def _benchmarks() -> Metric:
    found = GaugeMetricFamily("saliscope_benchmarks", "Benchmarks by state.", labels=["state"])
    states = Benchmark.objects.filter(deleted__isnull=True).order_by().values_list("state")
    counts = dict(states.annotate(count=Count("pk")))
    for state in Benchmark.State.values:
        found.add_metric([state], counts.get(state, 0))
    return found


def _shards() -> Metric:
    """Of unfinished benchmarks: the others' do not change, and may be millions."""
    found = GaugeMetricFamily(
        "saliscope_shards", "Shards of queued and running benchmarks, by state.", labels=["state"]
    )
    shards = Shard.objects.filter(benchmark__state__in=Benchmark.UNFINISHED).order_by().values_list("state")
    counts = dict(shards.annotate(count=Count("pk")))
    for state in Shard.State.values:
        found.add_metric([state], counts.get(state, 0))
    return found


def _workers() -> Metric:
    """`working`, `paused` and `draining` workers were heard of lately; `silent` ones should have been."""
    found = GaugeMetricFamily("saliscope_workers", "Worker processes.", labels=["kind", "state"])
    live = live_workers()
    silent = WorkerNode.objects.filter(stopped_at__isnull=True).exclude(pk__in=[each.pk for each in live])
    states = [(each.kind, each.mode) for each in live] + [(each.kind, "silent") for each in silent]
    for kind in WorkerNode.Kind.values:
        for state in (*WorkerNode.Mode.values, "silent"):
            found.add_metric([kind, state], states.count((kind, state)))
    return found


def _queues() -> list[Metric]:
    found = GaugeMetricFamily(
        "saliscope_queue_messages", "Hints that wait in a queue of the broker.", labels=["queue"]
    )
    prefix = settings.CELERY_BROKER_TRANSPORT_OPTIONS["global_keyprefix"]
    with redis.Redis.from_url(
        settings.BROKER_URL, socket_timeout=BROKER_SECONDS, socket_connect_timeout=BROKER_SECONDS
    ) as client:
        for queue in (settings.BENCHMARK_QUEUE, settings.STUDIO_QUEUE):
            found.add_metric([queue], client.llen(f"{prefix}{queue}"))
    return [found]
