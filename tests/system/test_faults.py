"""Workers killed in the middle: the benchmark completes, every image once, with the figures of an undisturbed run."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.application import Application
from tests.system.conftest import started

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(600)]

IMAGES = 3
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
from webapp.benchmarks.selectors import progress_of, results_of
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


def test_killed_workers_cost_time_and_nothing_else(application: Application) -> None:
    undisturbed = wait_for(application, queue(application), lambda seen: seen["state"] == "succeeded")
    assert undisturbed["shards"] == IMAGES
    assert [kind for _, kind in undisturbed["events"]].count("shard_done") == IMAGES

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

    assert disturbed["images"] == undisturbed["images"]
    assert len(set(disturbed["images"])) == IMAGES
    assert disturbed["failures"] == []
    assert disturbed["results"] == IMAGES
    assert disturbed["figures"] == undisturbed["figures"]
    assert disturbed["curves"] == undisturbed["curves"]
    assert without_times(disturbed["summary"]) == without_times(undisturbed["summary"])
    numbers = [seq for seq, _ in disturbed["events"]]
    assert numbers == list(range(1, len(numbers) + 1))
    # Once for every kill; a machine so busy that a lease runs out may add more.
    assert [kind for _, kind in disturbed["events"]].count("shard_retried") >= 3


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
