"""What it costs to hand out work: many simulated workers claim shards, sleep in place of computing, and deliver.

    python -m benchmarks.claims [--server postgres://postgres@127.0.0.1:5432/postgres | --server sqlite]
        [--workers 64] [--shards 2000] [--seconds 5] [--members 4] [--waiting 0]

Every worker is a process with a connection of its own, and does in the database what a worker does: a heartbeat every
four seconds, a claim, an extended lease every second, a delivery with real columns and its event. `--waiting` adds that
many shards that nobody comes to, to see what a long queue costs. `--server own` starts a cluster for the time.
A shard takes between half and one and a half of the time given, so that workers do not march in step. With
`--seconds 0` it is seen how many shards a second the database hands out at most.

Prints the times in Markdown. The exit status is 1 if a shard was not done exactly once; on PostgreSQL also if the
median claim takes 20 ms or more, and, with sleeping, if scheduling takes 5 % of the work's time or more.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.own_installation import own_database, use_installation

MOST_CLAIM_MILLISECONDS = 20.0
MOST_OVERHEAD = 0.05
IMAGES_PER_SHARD = 20
POINTS_OF_A_CURVE = 225
HEARTBEAT_SECONDS = 4.0
LEASE_SECONDS = 1.0


@dataclass
class Times:
    """Seconds of one worker's calls, and of its work."""

    claims: list[float] = field(default_factory=list)
    deliveries: list[float] = field(default_factory=list)
    claim_processor: float = 0.0
    delivery_processor: float = 0.0
    slept: float = 0.0
    first: float = 0.0
    last: float = 0.0


def columns_of(start: int, stop: int) -> Any:
    """Columns as insertion and deletion give them: two curves and four numbers an image."""
    import numpy as np

    from saliency_core.experiments.columns import Columns

    drawn = np.random.default_rng(start)
    count = stop - start
    return Columns(
        indices=np.arange(start, stop),
        images=[f"n01440764/ILSVRC2012_val_{index:08}.JPEG" for index in range(start, stop)],
        scalars={
            "target": drawn.integers(0, 1000, count),
            "probability": drawn.random(count),
            "insertion_auc": drawn.random(count),
            "deletion_auc": drawn.random(count),
        },
        curves={
            name: drawn.random((count, POINTS_OF_A_CURVE), dtype=np.float32)
            for name in ("insertion", "deletion")
        },
    )


def work(number: int, seconds: float, begin: Any, results: Any) -> None:
    """One worker, until nothing waits."""
    from django.db.models.functions import Now

    from tests.web import factories
    from webapp.benchmarks.models import WorkerNode
    from workers.claiming import claim_shard, deliver, extend_lease

    node = factories.node(name=f"claims-{number}-{os.getpid()}")
    environment = {"device": "Simulated", "worker": node.name, "versions": {}, "batch_size": 1}
    times, drawn = Times(), random.Random(number)
    begin.wait()
    beaten = time.monotonic()
    while True:
        started, used = time.monotonic(), time.process_time()
        claim = claim_shard(node)
        claimed = time.monotonic()
        if claim is None:
            break
        times.claim_processor += time.process_time() - used
        times.first = times.first or started
        times.claims.append(claimed - started)
        takes = drawn.uniform(0.5, 1.5) * seconds
        end = claimed + takes
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, LEASE_SECONDS))
            if time.monotonic() < end:
                extend_lease(claim, 0.5)
            if time.monotonic() - beaten >= HEARTBEAT_SECONDS:
                beaten = time.monotonic()
                WorkerNode.objects.filter(pk=node.pk).update(heartbeat_at=Now())
        times.slept += takes
        columns = columns_of(claim.start, claim.stop)
        started, used = time.monotonic(), time.process_time()
        deliver(claim, [columns], environment)
        times.last = time.monotonic()
        times.delivery_processor += time.process_time() - used
        times.deliveries.append(times.last - started)
    results.put(times)


def make_work(shards: int, members: int, waiting: int) -> list[int]:
    """Running benchmarks of several members; the keys of those that will be done."""
    from tests.web import factories
    from webapp.benchmarks import transitions
    from webapp.benchmarks.models import Shard

    def running(owner: Any, count: int) -> int:
        images = count * IMAGES_PER_SHARD
        benchmark = factories.queued_benchmark(
            owner, images, dataset=factories.dataset(number_of_images=images)
        )
        Shard.objects.bulk_create(
            (
                Shard(benchmark=benchmark, method_index=0, start=start, stop=start + IMAGES_PER_SHARD)
                for start in range(0, images, IMAGES_PER_SHARD)
            ),
            batch_size=1000,
        )
        transitions.start(benchmark)
        return benchmark.pk

    owners = [factories.member() for _ in range(members)]
    done = [running(owner, shards // members) for owner in owners]
    if waiting:
        # Of the same members, queued later: each claim has to pass them over.
        running(owners[0], waiting)
    return done


def simulate(workers: int, seconds: float, shards: int) -> tuple[list[Times], float]:
    """Runs the workers until so many shards are done; their times, and the seconds from the first claim to the last
    delivery.
    """
    from django.db import connections

    connections.close_all()
    context = multiprocessing.get_context("fork")
    begin, results = context.Barrier(workers), context.Queue()
    processes = [
        context.Process(target=work, args=(number, seconds, begin, results), daemon=True)
        for number in range(workers)
    ]
    for process in processes:
        process.start()
    times = [results.get(timeout=3600) for _ in processes]
    for process in processes:
        process.join()
    busy = [each for each in times if each.claims]
    return times, max(each.last for each in busy) - min(each.first for each in busy)


def report(times: list[Times], wall: float, done: list[int], seconds: float) -> int:
    from django.db import connection

    from webapp.benchmarks.models import Shard, ShardResult

    claims = sorted(1000 * each for part in times for each in part.claims)
    deliveries = sorted(1000 * each for part in times for each in part.deliveries)
    slept = sum(part.slept for part in times)
    rows = Shard.objects.filter(benchmark__in=done)
    once = rows.filter(state=Shard.State.DONE, attempt=1, fence=1).count()
    results = ShardResult.objects.filter(shard__benchmark__in=done).count()
    exactly_once = once == results == rows.count() == len(claims)
    # What each shard cost beyond its own time: the calls, and what workers wait for one another inside them.
    overhead = (sum(claims) + sum(deliveries)) / 1000 / slept if slept else None
    print(
        f"\n{connection.vendor}: {len(times)} workers, {len(claims)} shards of {seconds:g} s in {wall:.1f} s.\n"
    )
    computed = {
        "claim": sum(part.claim_processor for part in times),
        "delivery": sum(part.delivery_processor for part in times),
    }
    print("| | median, ms | 95 %, ms | most, ms | computing in the worker, ms |")
    print("| --- | --: | --: | --: | --: |")
    for name, values in (("claim", claims), ("delivery", deliveries)):
        p95 = statistics.quantiles(values, n=20, method="inclusive")[-1]
        computing = 1000 * computed[name] / len(values)
        print(
            f"| {name} | {statistics.median(values):.1f} | {p95:.1f} | {values[-1]:.1f} | {computing:.1f} |"
        )
    print(f"\nEach shard exactly once: {'yes' if exactly_once else f'NO, {once} of {rows.count()}'}.")
    print(f"Shards a second: {len(claims) / wall:.1f}.")
    if overhead is not None:
        print(f"Scheduling, of the work's time: {100 * overhead:.2f} %.")
    slow = connection.vendor == "postgresql" and (
        statistics.median(claims) >= MOST_CLAIM_MILLISECONDS or (overhead or 0) >= MOST_OVERHEAD
    )
    return 1 if slow or not exactly_once else 0


def run(arguments: argparse.Namespace) -> int:
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    done = make_work(arguments.shards, arguments.members, arguments.waiting)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    code = 0
    if arguments.waiting:
        # The workers stop when the shards that count are done.
        _only(done)
    times, wall = simulate(arguments.workers, arguments.seconds, arguments.shards)
    code = report(times, wall, done, arguments.seconds)
    sizes()
    return code


def _only(done: list[int]) -> None:
    """Puts off the rest of the queue for an hour, as after a failed attempt: it waits, and every claim looks at it."""
    from webapp.benchmarks.models import Shard
    from webapp.common.database import now_plus

    Shard.objects.exclude(benchmark__in=done).update(not_before=now_plus(3600))


def sizes() -> None:
    """Bytes of the tables on PostgreSQL, for each finished shard."""
    from django.db import connection

    if connection.vendor != "postgresql":
        return
    from webapp.benchmarks.models import Shard

    count = Shard.objects.count()
    print("\n| table | bytes for a shard, indexes included |\n| --- | --: |")
    with connection.cursor() as cursor:
        for table in ("benchmarks_shard", "benchmarks_shardresult", "benchmarks_benchmarkevent"):
            cursor.execute("SELECT pg_total_relation_size(%s)", [table])
            print(f"| {table} | {cursor.fetchone()[0] / count:,.0f} |")


@contextmanager
def _database(server: str) -> Iterator[str]:
    if server == "own":
        from tests.faults.servers import OwnPostgres

        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            Path(folder).chmod(0o711)
            postgres = OwnPostgres(Path(folder) / "postgres")
            try:
                yield postgres.url
            finally:
                postgres.stop()
        return
    if server != "sqlite":
        with own_database(server) as url:
            yield url
        return
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite:///{Path(folder) / 'claims.sqlite3'}"


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.claims", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--server", default="postgres://postgres@127.0.0.1:5432/postgres")
    parser.add_argument("--workers", type=int, default=64)
    parser.add_argument("--shards", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--members", type=int, default=4)
    parser.add_argument("--waiting", type=int, default=0)
    arguments = parser.parse_args()
    with _database(arguments.server) as database, tempfile.TemporaryDirectory() as state:
        # A worker keeps its connection.
        use_installation(state, database, DATABASE_CONN_MAX_AGE="600")
        return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
