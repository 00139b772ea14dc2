"""A second machine, as far as one can play two: its own host name, and none of the first one's files in sight."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.application import Application, installation
from webapp import embedded_broker
from workers.parent_death import die_with_parent

pytestmark = [pytest.mark.system, pytest.mark.long, pytest.mark.timeout(600)]

UNSHARE = ["unshare", "--uts", "--mount"]
TOKEN = "a token of more than twenty characters"
HIDDEN = ("datasets", "weights")
"""What the first machine has in its state directory and the second one must fetch."""
QUEUE = """
from webapp.accounts.models import User
from webapp.accounts.services import sign_up
from webapp.benchmarks.services import create_benchmark
from webapp.library.models import Classifier, Dataset
owner = User.objects.filter(username="ada").first() or sign_up(username="ada", password="correct horse battery")
row = create_benchmark(
    owner=owner,
    classifier=Classifier.objects.get(key="shapes_cnn"),
    dataset=Dataset.objects.get(name="Shapes"),
    number_of_images={images},
    methods=[{{"key": "grad_cam", "parameters": {{}}, "enhancement": None}}],
    experiments=[{{"key": "insertion_deletion", "protocol": "thesis@1"}}],
    device_label="second",
)
print("QUEUED", row.pk)
"""
LOOK = """
import json
from webapp.benchmarks.models import Benchmark, WorkerNode
from webapp.benchmarks.selectors import missing_label
row = Benchmark.objects.get(pk={number})
print("SEEN", json.dumps({{
    "state": row.state,
    "problem": row.problem,
    "missing": missing_label(row),
    "images": row.figures.get("images"),
    "failed": row.figures.get("failed"),
    "done_by": sorted({{each.environment["worker"] for each in row.shards.filter(state="done")}}),
    "workers": {{each.name: each.label for each in WorkerNode.objects.all()}},
}}))
"""


def can_play_two_machines() -> bool:
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode == 0


def look(application: Application, number: int) -> dict[str, Any]:
    printed = application.shell(LOOK.format(number=number))
    seen: dict[str, Any] = json.loads(printed.split("SEEN", 1)[1])
    return seen


def wait_for(
    application: Application, number: int, wanted: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    end = time.monotonic() + 240
    while not wanted(seen := look(application, number)):
        assert time.monotonic() < end, f"{seen}\n{application.output}"
        assert seen["state"] != "failed", f"{seen}\n{application.output}"
        time.sleep(1)
    return seen


@contextmanager
def second_machine(application: Application, state: Path) -> Iterator[None]:
    """Its workers, which see the first machine's database and broker and none of its files."""
    first = application.state_dir
    environment = application.environment | {
        "SALISCOPE_STATE_DIR": str(state),
        "SALISCOPE_WEB_URL": application.base_url,
        "DATABASE_URL": application.environment.get("DATABASE_URL")
        or f"sqlite:///{first / 'saliscope.sqlite3'}",
        "REDIS_URL": application.environment.get("REDIS_URL") or embedded_broker.url(first),
    }
    hiding = " && ".join(f"mount -t tmpfs none '{first / name}'" for name in HIDDEN)
    workers = f"'{sys.executable}' -m workers --cpu --no-studio --label second"
    tests = os.getpid()
    with (state / "output.txt").open("w") as output:
        process = subprocess.Popen(
            [*UNSHARE, "sh", "-c", f"hostname second && {hiding} && exec {workers}"],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=lambda: die_with_parent(tests),
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()


@pytest.mark.skipif(not can_play_two_machines(), reason="needs the right to make namespaces")
def test_a_second_machine_fetches_what_it_needs_and_does_what_wants_its_label(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    with installation(first, SALISCOPE_WORKER_TOKEN=TOKEN) as application:
        application.start()
        number = int(application.shell(QUEUE.format(images=4)).split("QUEUED")[1])
        time.sleep(7)  # The reconciler hints every five seconds; the first machine's worker leaves it.
        seen = look(application, number)
        assert (seen["state"], seen["missing"]) == ("queued", "second")
        with second_machine(application, second):
            try:
                seen = wait_for(application, number, lambda seen: seen["state"] == "succeeded")
            except AssertionError:
                print((second / "output.txt").read_text())
                raise
        assert seen["done_by"] == ["benchmark-cpu@second"]
        assert (seen["images"], seen["failed"]) == (4, 0)
        assert seen["workers"]["benchmark-cpu@second"] == "second"
        assert len([name for name, label in seen["workers"].items() if label == "cpu"]) == 2
        assert list((second / "weights").glob("*.safetensors"))
        assert list((second / "datasets" / "fetched").glob("shapes-*/files/*"))
