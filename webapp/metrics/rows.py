"""What the database and the broker say at the moment they are asked."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Lock

import redis
from django.conf import settings
from django.db import DatabaseError
from django.db.models import Count, Exists, Max, OuterRef
from prometheus_client import Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from webapp.benchmarks.models import Benchmark, BenchmarkEvent, Shard, WorkerNode
from webapp.benchmarks.selectors import live_workers

BROKER_SECONDS = 2.0
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
        if self._seen is not None and newest > self._seen:
            fresh = BenchmarkEvent.objects.filter(pk__gt=self._seen, pk__lte=newest, kind__in=OUTCOMES)
            kinds = fresh.order_by().values_list("kind").annotate(count=Count("pk"))
            for kind, count in kinds:
                self._ended.labels(OUTCOMES[kind]).inc(count)
            delivered = fresh.filter(
                kind="shard_done",
                benchmark=OuterRef("benchmark"),
                payload__start=OuterRef("start"),
                payload__method_index=OuterRef("method_index"),
            )
            benchmarks = fresh.filter(kind="shard_done").order_by().values("benchmark")
            done = Shard.objects.filter(state=Shard.State.DONE, benchmark__in=benchmarks).filter(
                Exists(delivered)
            )
            for claimed, finished in done.values_list("claimed_at", "finished_at"):
                if claimed and finished:
                    self._seconds.observe((finished - claimed).total_seconds())
        self._seen = newest


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
