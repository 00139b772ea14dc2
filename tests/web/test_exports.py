"""What is taken away: the table of images and the report."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests.web import factories
from tests.web.api_calls import script_of
from webapp.benchmarks.archives import archive_of, request_archive
from webapp.benchmarks.exports import image_lines, report_text
from webapp.benchmarks.models import Benchmark
from webapp.benchmarks.views import downloads
from webapp.common import streaming
from workers import jobs, reconciler
from workers.claiming import claim_shard, deliver

pytestmark = pytest.mark.django_db
ENVIRONMENT = {"device": "Test processor", "versions": {"torch": "2.13.0"}}


def finished_benchmark() -> Benchmark:
    benchmark = factories.running_benchmark(factories.member(username="Ada"), images=8, per_shard=4)
    node = factories.node()
    deliver(claim_shard(node), [factories.columns(0, 4)], ENVIRONMENT)
    deliver(claim_shard(node), [factories.columns(4, 8, failed=(5,))], ENVIRONMENT)
    reconciler.reconcile()
    benchmark.refresh_from_db()
    return benchmark


def test_table_has_one_row_an_image_in_the_order_of_the_data_set() -> None:
    rows = list(csv.DictReader(io.StringIO("".join(image_lines(finished_benchmark())))))
    assert [row["image"] for row in rows] == [f"{number:03}.jpg" for number in range(8)]
    assert rows[0]["insertion_auc"] == "0.01000000"
    assert rows[0]["overall"] == "0.00500000"
    assert [row["status"] for row in rows] == ["done"] * 5 + ["failed"] + ["done"] * 2
    assert rows[5]["reason"] == "truncated"


def test_report_names_all_that_the_figures_rest_on() -> None:
    benchmark = finished_benchmark()
    report = report_text(benchmark)
    for part in (
        "insertion-deletion/thesis@1",
        "ab" * 32,  # weights
        "cd" * 32,  # data set
        benchmark.specification_sha256 or "not sealed yet",
        "Test processor",
        "2.13.0",
        "features.29",
        "Ada (10001)",
        "005.jpg: truncated",
        "8 of 100",
    ):
        assert part in report
    # (1 + 2 + 3 + 4 + 5 + 7 + 8) / 7 percent
    (row,) = [line for line in report.splitlines() if line.startswith("Grad-CAM  4.29 [")]
    assert row.split()[-3:] == ["7", "1", "0"]  # images, failed, constant maps


def test_report_names_the_enhancement() -> None:
    plain = report_text(factories.queued_benchmark())
    assert "enhancement" not in plain
    report = report_text(factories.queued_benchmark(enhancement={"base_term": "once"}))
    assert "Grad-CAM + enhancement" in report
    assert "    base_term:               once\n    coverage_normalise:      False" in report


def test_unfinished_benchmark_exports_what_it_has() -> None:
    benchmark = factories.running_benchmark(images=8, per_shard=4)
    (row,) = [line for line in report_text(benchmark).splitlines() if line.startswith("Grad-CAM  –")]
    assert row.split()[-3:] == ["0", "0", "0"]
    assert len(list(image_lines(benchmark))) == 1
    deliver(claim_shard(factories.node()), [factories.columns(0, 4)], ENVIRONMENT)
    assert len(list(image_lines(benchmark))) == 5


def test_a_script_has_everything_packed_and_fetches_it(settings: Any, tmp_path: Path) -> None:
    settings.STATE_DIR = tmp_path
    benchmark = finished_benchmark()
    script = script_of(benchmark.owner)
    address, file = (f"benchmarks/{benchmark.pk}/{name}" for name in ("archive", "everything.zip"))
    assert script.get(address).status_code == 404
    refused = script.get(file)
    assert refused.status_code == 409 and f"POST to {address}" in refused.json()["detail"][0]
    asked = script.post(address, {})
    assert asked.status_code == 202
    assert (asked.json()["state"], asked.json()["current"]) == ("waiting", True)
    jobs.run_waiting_jobs()
    found = script.get(address).json()
    assert (found["state"], found["progress"], found["problem"]) == ("ready", 1.0, "")
    finished, until = (datetime.fromisoformat(found[name]) for name in ("finished", "until"))
    assert until - finished == timedelta(days=7)
    assert len(b"".join(script.get(file).streaming_content)) == found["size"]
    assert script.delete(address).status_code == 204
    assert list((tmp_path / "jobs").iterdir()) == []


def test_a_renamed_benchmark_has_its_archive_made_again(settings: Any, tmp_path: Path) -> None:
    settings.STATE_DIR = tmp_path
    benchmark = finished_benchmark()
    first = request_archive(owner=benchmark.owner, benchmark=benchmark)
    assert request_archive(owner=benchmark.owner, benchmark=benchmark) == first
    jobs.run_waiting_jobs()
    assert archive_of(benchmark.owner, benchmark).current
    Benchmark.objects.filter(pk=benchmark.pk).update(name="Renamed")
    benchmark.refresh_from_db()
    assert not archive_of(benchmark.owner, benchmark).current
    assert request_archive(owner=benchmark.owner, benchmark=benchmark) != first


def test_a_long_table_of_images_is_sent_as_it_is_made(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    benchmark = finished_benchmark()
    client.force_login(benchmark.owner)
    address = reverse("benchmarks:images_csv", args=[benchmark.pk])
    whole = client.get(address).content
    monkeypatch.setattr(downloads, "MOST_AT_ONCE", 5)
    monkeypatch.setattr(streaming, "LINES_IN_BLOCK", 3)
    answer = client.get(address)
    assert answer.streaming
    blocks = list(answer.streaming_content)
    assert [block.count(b"\n") for block in blocks] == [3, 3, 3]
    assert b"".join(blocks) == whole
