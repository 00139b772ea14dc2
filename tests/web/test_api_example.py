"""The script of docs/api.md, word for word, against a server that listens."""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import transaction

from tests.web import factories
from webapp.accounts.tokens import create_token
from webapp.benchmarks import transitions
from webapp.benchmarks.figures import refresh_figures
from webapp.benchmarks.models import Benchmark, Shard, ShardResult

SECONDS = 60


def documented_script(repository: Path, language: str = "python") -> str:
    found = re.findall(
        rf"```{language}\n(.*?)```", (repository / "docs/api.md").read_text("utf-8"), re.DOTALL
    )
    assert len(found) == 1
    return found[0]


def measure(benchmark: Benchmark) -> None:
    """What workers would do, with made-up figures."""
    shard = Shard.objects.create(benchmark=benchmark, method_index=0, start=0, stop=3)
    transitions.start(benchmark)
    scalars, curves = factories.columns(0, 3).pack()
    ShardResult.objects.create(shard=shard, scalars=scalars, curves=curves)
    benchmark.refresh_from_db()
    Shard.objects.filter(pk=shard.pk).update(
        state=Shard.State.DONE, claimed_at=benchmark.started, finished_at=benchmark.started
    )
    with transaction.atomic():
        figures, shards = refresh_figures(benchmark)
        transitions.succeed(benchmark, figures=figures, shards=shards)


@pytest.mark.django_db(transaction=True)
def test_the_documented_script_queues_waits_and_downloads(
    live_server, repository: Path, tmp_path: Path
) -> None:
    member = factories.member()
    factories.classifier(name="EfficientNet-Lite0")
    factories.dataset(name="Sample photographs")
    (tmp_path / "benchmark.py").write_text(documented_script(repository), "utf-8")
    environment = {
        **os.environ,
        "SALISCOPE_URL": live_server.url,
        "SALISCOPE_TOKEN": create_token(owner=member, name="example")[1],
    }
    script = subprocess.Popen(
        [sys.executable, "-u", "-W", "error", "benchmark.py"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        queued = script.stdout.readline()
        for benchmark in Benchmark.objects.all():
            measure(benchmark)
        output, _ = script.communicate(timeout=SECONDS)
    finally:
        script.kill()
        script.wait()
    assert script.returncode == 0, queued + output
    benchmark = Benchmark.objects.get()
    assert queued == f"Queued: {live_server.url}/benchmarks/{benchmark.pk}/\n"
    assert output == "succeeded 3 of 3\nimages.csv is here.\n"
    with (tmp_path / "images.csv").open(newline="") as file:
        assert [row["image"] for row in csv.DictReader(file)] == ["000.jpg", "001.jpg", "002.jpg"]


@pytest.mark.django_db(transaction=True)
def test_the_documented_shell_script_does_the_same(live_server, repository: Path, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("needs curl, and there is none on the PATH")
    member = factories.member()
    classifier, dataset = factories.classifier(), factories.dataset()
    (tmp_path / "benchmark.sh").write_text(documented_script(repository, "sh"), "utf-8")
    environment = {
        **os.environ,
        "SALISCOPE_URL": live_server.url,
        "SALISCOPE_TOKEN": create_token(owner=member, name="example")[1],
        "CLASSIFIER": str(classifier.pk),
        "DATASET": str(dataset.pk),
    }
    script = subprocess.Popen(
        ["sh", "benchmark.sh"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        queued = script.stdout.readline()
        for benchmark in Benchmark.objects.all():
            measure(benchmark)
        output, _ = script.communicate(timeout=SECONDS)
    finally:
        script.kill()
        script.wait()
    assert script.returncode == 0, queued + output
    assert queued == f"Queued: {Benchmark.objects.get().pk}\n"
    assert output.splitlines()[-2:] == ["succeeded", "images.csv and summary.csv are here."]
    with (tmp_path / "images.csv").open(newline="") as file:
        assert [row["image"] for row in csv.DictReader(file)] == ["000.jpg", "001.jpg", "002.jpg"]
    with (tmp_path / "summary.csv").open(newline="") as file:
        assert "insertion" in file.read()


@pytest.mark.django_db(transaction=True)
def test_the_documented_script_says_why_it_is_refused(live_server, repository: Path, tmp_path: Path) -> None:
    (tmp_path / "benchmark.py").write_text(documented_script(repository), "utf-8")
    environment = {**os.environ, "SALISCOPE_URL": live_server.url, "SALISCOPE_TOKEN": "sali_none"}
    done = subprocess.run(
        [sys.executable, "benchmark.py"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("401: ")
