"""Workers killed and stopped, database and broker away: the benchmark completes, every image once, with the figures of
an undisturbed run.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg2
import pytest
import redis

from tests.application import Application
from tests.conftest import delete_keys
from tests.system.conftest import started
from webapp import embedded_broker

pytestmark = [pytest.mark.system, pytest.mark.long, pytest.mark.timeout(600)]

IMAGES = 3
AWAY_SECONDS = 4.0
QUEUE = """
from webapp.accounts.models import User
from webapp.accounts.services import sign_up
from webapp.benchmarks.services import create_benchmark
from webapp.library.models import Classifier, Dataset
owner = User.objects.first() or sign_up(username="member", password="correct horse battery")
benchmark = create_benchmark(
    owner=owner, classifier=Classifier.objects.get(key="efficientnet_lite0"),
    dataset=Dataset.objects.get(name="Sample photographs"), number_of_images={images},
    methods=[{{"key": "grad_cam"}}], experiments=[{{"key": "insertion_deletion", "protocol": "thesis@1"}}])
print("BENCHMARK", benchmark.pk)
"""
LOOK = """
import json
from webapp.benchmarks.models import Benchmark, Shard, ShardResult
from webapp.benchmarks.progress import progress_of
from webapp.benchmarks.selectors import results_of
benchmark = Benchmark.objects.get(pk={pk})
columns = results_of(benchmark)
names = ("target", "probability", "insertion_auc", "deletion_auc", "overall")
print("STATE", json.dumps(dict(
    state=benchmark.state, problem=benchmark.problem, images=columns.images, failures=columns.failures,
    figures={{name: columns.scalars[name].tolist() for name in names if name in columns.scalars}},
    curves={{name: curve.tolist() for name, curve in columns.curves.items()}},
    summary=benchmark.figures, results=ShardResult.objects.filter(shard__benchmark=benchmark).count(),
    running=[[shard.start, shard.progress, shard.attempt] for shard in benchmark.shards.filter(state="running")],
    events=list(benchmark.events.values_list("seq", "kind")), shards=benchmark.shards.count())))
"""


def queue(application: Application, images: int = IMAGES) -> int:
    output = application.shell(QUEUE.format(images=images))
    return int(output.split("BENCHMARK")[1])


def look(application: Application, benchmark: int) -> dict[str, Any]:
    output = application.shell(LOOK.format(pk=benchmark))
    return json.loads(output.split("STATE")[1])


def wait_for(
    application: Application,
    benchmark: int,
    condition: Callable[[dict[str, Any]], bool],
    seconds: float = 280,
) -> dict[str, Any]:
    end = time.monotonic() + seconds
    while True:
        seen = look(application, benchmark)
        if condition(seen):
            return seen
        assert time.monotonic() < end, f"waited {seconds:g} s in vain; {seen}\n{application.output}"
        assert seen["state"] not in ("failed", "cancelled"), f"{seen}\n{application.output}"
        time.sleep(0.5)


def without_times(summary: dict[str, Any]) -> list[dict[str, Any]]:
    """The figures by method and experiment, but for what making a map cost."""
    return [
        {
            **entry,
            "figures": {key: found for key, found in entry["figures"].items() if not key.startswith("map_")},
        }
        for entry in summary["entries"]
    ]


def in_the_middle(seen: dict[str, Any]) -> bool:
    return any(0.1 < progress < 0.8 for _, progress, _ in seen["running"])


def pool_child(application: Application) -> int:
    """The forked process that computes: the younger of the benchmark worker's two."""
    return application.pids("-n benchmark-")[-1]


@pytest.fixture(scope="module")
def application(installed: Application) -> Iterator[Application]:
    """It runs, with shards of one image, so that there is a middle to kill in."""
    with started(installed, SALISCOPE_SHARD_SECONDS="0.1") as application:
        yield application


@pytest.fixture(scope="module")
def undisturbed(application: Application) -> dict[str, Any]:
    found = wait_for(application, queue(application), lambda seen: seen["state"] == "succeeded")
    assert found["shards"] == IMAGES
    assert [kind for _, kind in found["events"]].count("shard_done") == IMAGES
    return found


def assert_nothing_was_lost(disturbed: dict[str, Any], undisturbed: dict[str, Any]) -> None:
    assert disturbed["images"] == undisturbed["images"]
    assert len(set(disturbed["images"])) == IMAGES
    assert disturbed["failures"] == []
    assert disturbed["results"] == IMAGES
    assert disturbed["figures"] == undisturbed["figures"]
    assert disturbed["curves"] == undisturbed["curves"]
    assert without_times(disturbed["summary"]) == without_times(undisturbed["summary"])
    numbers = [seq for seq, _ in disturbed["events"]]
    assert numbers == list(range(1, len(numbers) + 1))


def test_killed_workers_cost_time_and_nothing_else(
    application: Application, undisturbed: dict[str, Any]
) -> None:
    benchmark = queue(application)
    wait_for(application, benchmark, in_the_middle)
    os.kill(pool_child(application), signal.SIGKILL)
    wait_for(application, benchmark, lambda seen: seen["results"] == 1)

    wait_for(application, benchmark, in_the_middle)
    for pid in application.pids("-n benchmark-"):
        os.kill(pid, signal.SIGKILL)
    wait_for(application, benchmark, lambda seen: seen["results"] == 2)

    wait_for(application, benchmark, in_the_middle)
    application.stop(signal.SIGKILL)
    while application.processes():
        time.sleep(0.1)
    stopped = look(application, benchmark)
    assert (stopped["state"], stopped["results"]) == ("running", 2)
    application.start()
    disturbed = wait_for(application, benchmark, lambda seen: seen["state"] == "succeeded")

    assert_nothing_was_lost(disturbed, undisturbed)
    # Once for every kill; a machine so busy that a lease runs out may add more.
    assert [kind for _, kind in disturbed["events"]].count("shard_retried") >= 3


@contextmanager
def database_away(application: Application) -> Iterator[None]:
    """PostgreSQL ends every connection and takes no new one; SQLite's file is locked by another program."""
    url = application.environment.get("DATABASE_URL", "")
    if not url:
        with closing(sqlite3.connect(application.state_dir / "saliscope.sqlite3", timeout=30)) as connection:
            connection.isolation_level = None
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.execute("ROLLBACK")
        return
    server, _, name = url.rpartition("/")
    with closing(psycopg2.connect(f"{server}/postgres")) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS false')
        try:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
            )
            yield
        finally:
            cursor.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS true')
    application.close_shell()  # its connection is gone as well


def flush_broker(application: Application) -> None:
    """FLUSHALL, or on a server that others use too, all keys of this installation."""
    if "REDIS_URL" in application.environment:
        delete_keys(application.environment["REDIS_URL"], application.environment["SALISCOPE_QUEUE_PREFIX"])
    else:
        with redis.Redis.from_url(embedded_broker.url(application.state_dir)) as client:
            client.flushall()


def test_outages_cost_time_and_nothing_else(application: Application, undisturbed: dict[str, Any]) -> None:
    """The database is away while a shard is computed; the worker stands still past its lease, and meanwhile the broker
    forgets everything.
    """
    benchmark = queue(application)
    wait_for(application, benchmark, in_the_middle)
    with database_away(application):
        time.sleep(AWAY_SECONDS)
    wait_for(application, benchmark, lambda seen: seen["results"] >= 1 and in_the_middle(seen))
    worker = application.pids("-n benchmark-")
    for pid in worker:
        os.kill(pid, signal.SIGSTOP)
    try:
        held = look(application, benchmark)
        assert len(held["running"]) == 1
        flush_broker(application)
        taken_away = wait_for(application, benchmark, lambda seen: not seen["running"])
    finally:
        for pid in worker:
            os.kill(pid, signal.SIGCONT)
    assert taken_away["results"] == held["results"]
    disturbed = wait_for(application, benchmark, lambda seen: seen["state"] == "succeeded")
    assert application.pids("-n benchmark-") == worker, "the same processes went on"
    assert_nothing_was_lost(disturbed, undisturbed)
    assert [kind for _, kind in disturbed["events"]].count("shard_retried") >= 1


def test_stopping_gives_the_shard_back_and_starting_goes_on(application: Application) -> None:
    benchmark = queue(application, 1)
    wait_for(application, benchmark, in_the_middle)
    begin = time.monotonic()
    assert application.stop(signal.SIGTERM) == 0
    assert time.monotonic() - begin < 25
    assert application.processes() == {}
    stopped = look(application, benchmark)
    assert (stopped["state"], stopped["running"], stopped["results"]) == ("running", [], 0)
    application.start()
    done = wait_for(application, benchmark, lambda seen: seen["state"] == "succeeded")
    assert len(done["images"]) == 1
    assert "shard_retried" not in [kind for _, kind in done["events"]]
