"""A worker that is drained in the middle of a shard finishes it, starts afresh paused, and goes on when told."""

from __future__ import annotations

import time

import pytest

from tests.application import Application
from tests.system.conftest import started
from tests.system.test_faults import in_the_middle, look, queue, wait_for

pytestmark = [pytest.mark.system, pytest.mark.long, pytest.mark.timeout(600)]

IMAGES = 3
STEER = """
from webapp.benchmarks.models import WorkerNode
from webapp.benchmarks.worker_services import set_mode
set_mode(worker=WorkerNode.objects.get(kind="benchmark"), mode="{mode}")
"""
WORKER = """
from webapp.benchmarks.models import WorkerNode
row = WorkerNode.objects.get(kind="benchmark")
print("WORKER", row.mode, row.memory.get("host_used", 0), row.started_at.isoformat())
"""


def worker(application: Application) -> list[str]:
    """Mode, memory in use, when it started."""
    return application.shell(WORKER).split("WORKER")[1].split()


def test_draining_finishes_the_shard_and_restarts_paused(installed: Application) -> None:
    # Shards of one image, so that there is a middle to drain in.
    with started(installed, SALISCOPE_SHARD_SECONDS="0.1") as application:
        benchmark = queue(application, IMAGES)
        wait_for(application, benchmark, in_the_middle)
        _mode, memory, began = worker(application)
        assert int(memory) > 100 * 2**20, "a process with a model in memory"
        done = look(application, benchmark)["results"]

        application.shell(STEER.format(mode="draining"))
        end = time.monotonic() + 120
        while (seen := worker(application))[0] != "paused":
            assert time.monotonic() < end, f"the worker does not end: {seen}\n{application.output}"
            time.sleep(0.5)
        assert seen[2] > began
        assert "benchmark-cpu has ended; starting it again" in application.output

        drained = look(application, benchmark)
        assert drained["results"] == done + 1, "the shard at hand was finished, and no other begun"
        assert (drained["state"], drained["running"]) == ("running", [])
        time.sleep(7)  # The reconciler hints at waiting work every five seconds.
        assert look(application, benchmark)["results"] == done + 1

        application.shell(STEER.format(mode="working"))
        finished = wait_for(application, benchmark, lambda seen: seen["state"] == "succeeded")
        assert finished["results"] == IMAGES
        assert "shard_retried" not in [kind for _, kind in finished["events"]]
        assert application.stop() == 0
