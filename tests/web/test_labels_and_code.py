"""Which worker may take what: labels of devices, and workers whose code is not the installation's."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse
from structlog.testing import capture_logs

from tests.web import factories
from tests.web.api_calls import script_of
from webapp.benchmarks.estimates import estimate_benchmark
from webapp.benchmarks.expected_code import expected_code, record_expected_code
from webapp.benchmarks.models import Benchmark, ExpectedCode, WorkerNode
from webapp.benchmarks.payloads import state_payload
from webapp.benchmarks.queue import queue_for, workers_at_work
from webapp.benchmarks.selectors import idle_benchmark_worker_exists, idle_labels, missing_label
from webapp.code_version import code_version, hash_of_sources
from webapp.common import hints
from webapp.library.models import ForwardRate
from workers import benchmarking, reconciler
from workers.claiming import claim_shard, work_waits
from workers.node import Node
from workers.planning import plan_queued_benchmarks

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def hinted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Hints that were sent to benchmark workers since the last `clear`."""
    sent: list[str] = []
    monkeypatch.setattr(hints, "wake_benchmark_workers", lambda: sent.append("benchmark"))
    monkeypatch.setattr(benchmarking, "PASSING_ON_SECONDS", 0.0)
    return sent


# --- labels --------------------------------------------------------------------------------------------------


def test_a_worker_takes_what_wants_its_label_or_none() -> None:
    small, large = factories.node(label="gpu"), factories.node(label="gpu-large")
    picky = factories.running_benchmark(images=4, per_shard=4, device_label="gpu-large")
    free = factories.running_benchmark(images=4, per_shard=4)
    assert claim_shard(small).benchmark_id == free.pk
    assert claim_shard(small) is None
    assert claim_shard(large).benchmark_id == picky.pk


def test_planning_honours_the_label() -> None:
    benchmark = factories.queued_benchmark(device_label="gpu-large")
    ForwardRate.objects.create(
        classifier=benchmark.classifier, device="Test processor", images_per_second=100.0
    )
    assert plan_queued_benchmarks("Test processor") == 0
    assert plan_queued_benchmarks("Test processor", "gpu") == 0
    assert plan_queued_benchmarks("Test processor", "gpu-large") == 1


def test_hints_are_for_workers_that_can_take_what_waits(hinted: list[str]) -> None:
    factories.running_benchmark(images=8, per_shard=4, device_label="gpu-large")
    factories.queued_benchmark(device_label="gpu-large")
    ForwardRate.objects.create(
        classifier=Benchmark.objects.first().classifier, device="Test processor", images_per_second=1.0
    )
    ForwardRate.objects.create(
        classifier=Benchmark.objects.last().classifier, device="Test processor", images_per_second=1.0
    )
    hinted.clear()
    factories.node(label="gpu")
    assert idle_labels() == {"gpu"}
    assert (work_waits(), work_waits({"gpu"}), work_waits({"gpu-large"})) == (True, False, True)
    reconciler.hint_at_waiting_work()
    assert hinted == []
    factories.node(label="gpu-large")
    reconciler.hint_at_waiting_work()
    assert hinted == ["benchmark"]


class Idle:
    """A worker process as `work_once` sees it, without a thread and without a model to measure."""

    torch_device = "cpu"
    device_name = "Test processor"

    def __init__(self, row: WorkerNode) -> None:
        self.row, self.label = row, row.label

    def registered(self) -> WorkerNode:
        return self.row

    def takes_work(self) -> bool:
        return True

    def watch(self, tick: Any, activity: str = "") -> None:
        pass


def test_a_hint_that_reaches_the_wrong_worker_is_passed_on_while_another_is_idle(hinted: list[str]) -> None:
    benchmark = factories.running_benchmark(images=4, per_shard=4, device_label="gpu-large")
    ForwardRate.objects.create(
        classifier=benchmark.classifier, device="Test processor", images_per_second=1.0
    )
    hinted.clear()
    wrong = Idle(factories.node(label="gpu"))
    # Nobody is there who could take it: the hint ends here, and nothing turns in circles.
    benchmarking.work_once(wrong)
    assert hinted == []
    right = factories.node(label="gpu-large")
    benchmarking.work_once(wrong)
    assert hinted == ["benchmark"]
    claim_shard(right)
    benchmarking.work_once(wrong)
    assert hinted == ["benchmark"]


def test_the_page_says_that_no_worker_has_the_label(client: Client) -> None:
    owner = factories.member()
    client.force_login(owner)
    benchmark = factories.running_benchmark(owner, device_label="gpu-large")
    factories.node(label="gpu")
    page = client.get(reverse("benchmarks:detail", args=[benchmark.pk])).content.decode()
    assert "Waits for a worker with the label gpu-large: none that takes work is running." in page
    assert (
        "waits for a worker with the label gpu-large"
        in client.get(reverse("benchmarks:workers")).content.decode()
    )
    assert state_payload(benchmark)["benchmark"]["missing_label"] == "gpu-large"
    (waiting,) = queue_for(owner)
    assert waiting.missing_label
    factories.node(label="gpu-large")
    assert missing_label(benchmark) == ""
    assert not queue_for(owner)[0].missing_label
    page = client.get(reverse("benchmarks:workers")).content.decode()
    assert "label gpu-large" in page
    assert "waits for a worker" not in page


def test_labels_are_chosen_in_the_form_and_by_the_api(client: Client) -> None:
    owner = factories.member()
    client.force_login(owner)
    factories.node(label="gpu-large", stopped_at=Now())
    classifier, dataset = factories.classifier(), factories.dataset()
    assert '<option value="gpu-large">' in client.get(reverse("benchmarks:new")).content.decode()
    sent = {
        "sent": "1",
        "classifier": classifier.pk,
        "dataset": dataset.pk,
        "number_of_images": 5,
        "subset_seed": 0,
        "experiment": "insertion_deletion/thesis@1",
        "method-0-key": "grad_cam",
        "device_label": "gpu-large",
    }
    assert client.post(reverse("benchmarks:new"), sent).status_code == 302
    first = Benchmark.objects.get()
    assert first.device_label == "gpu-large"
    clone = client.get(reverse("benchmarks:clone", args=[first.pk]))
    assert "device_label=gpu-large" in clone["Location"]
    client.post(reverse("benchmarks:rerun", args=[first.pk]))
    assert Benchmark.objects.latest("pk").device_label == "gpu-large"
    asked = {
        "classifier": classifier.pk,
        "dataset": dataset.pk,
        "methods": [{"key": "grad_cam"}],
        "experiments": [{"experiment": "insertion_deletion"}],
    }
    script = script_of(owner)
    assert script.post("benchmarks", asked | {"device_label": "cpu"}).json()["device_label"] == "cpu"
    assert list(script.post("benchmarks", asked | {"device_label": "Big GPU"}).json()) == ["device_label"]
    with pytest.raises(ValidationError):
        factories.queued_benchmark(owner, device_label="a" * 41)
    assert script.get("workers").json() == []
    factories.node(label="gpu")
    (worker,) = script.get("workers").json()
    assert (worker["label"], worker["is_current"]) == ("gpu", True)
    assert [row["missing_label"] for row in script.get("queue").json()] == [True, True, True]


def test_expected_time_is_that_of_the_workers_with_the_label() -> None:
    classifier = factories.classifier()
    factories.node(label="gpu", device="Small")
    factories.node(label="gpu-large", device="Large")
    ForwardRate.objects.create(classifier=classifier, device="Small", images_per_second=10.0)
    ForwardRate.objects.create(classifier=classifier, device="Large", images_per_second=90.0)

    def rate(label: str) -> float | None:
        return estimate_benchmark(
            classifier=classifier,
            methods=[{"key": "grad_cam"}],
            experiments=[{"key": "insertion_deletion", "protocol": "thesis@1"}],
            images=10,
            device_label=label,
        ).images_per_second

    assert [rate(label) for label in ("", "gpu", "gpu-large", "none")] == [100.0, 10.0, 90.0, None]
    for label, each in (("", 100.0), ("gpu-large", 90.0)):
        benchmark = factories.queued_benchmark(classifier=classifier, device_label=label)
        seconds = next(row.seconds for row in queue_for(benchmark.owner) if row.benchmark == benchmark)
        assert seconds == pytest.approx(10 * 228 / each)


# --- code ----------------------------------------------------------------------------------------------------


def test_a_worker_registers_its_code_its_label_and_the_migration(process: Node) -> None:
    row = WorkerNode.objects.get()
    assert (row.code_version, row.label) == (code_version(), "cpu")
    assert row.versions["saliscope"] == code_version()[:12]
    app, _, name = row.versions["migration"].partition(".")
    assert name[:4].isdecimal(), (app, name)


def test_a_worker_with_other_code_takes_no_work_and_says_why(process: Node, client: Client) -> None:
    factories.running_benchmark(images=4, per_shard=4)
    assert process.takes_work()  # Nothing was recorded yet.
    record_expected_code()
    assert process.takes_work()
    ExpectedCode.objects.update(version="ab" * 32)  # The web application was brought to another release.
    with capture_logs() as told:
        assert not process.takes_work()
        assert not process.takes_work()
    assert [(line["event"], line["expected"]) for line in told] == [("takes_no_work", "abababababab")]
    assert "bring it to the same release" in told[0]["reason"]
    assert claim_shard(process.row) is None
    assert not idle_benchmark_worker_exists()
    member = factories.member()
    assert [each.is_current for each in workers_at_work(member)] == [False]
    client.force_login(member)
    page = client.get(reverse("benchmarks:workers")).content.decode()
    assert "It runs other code than the web application and takes no work" in page
    assert script_of(member).get("workers").json()[0]["is_current"] is False
    record_expected_code()
    assert expected_code() == code_version()
    assert claim_shard(process.row).start == 0


def test_a_worker_with_other_code_tells_when_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    ExpectedCode.objects.create(pk=1, version="ab" * 32, since=Now())
    node = Node("studio", "cpu")
    with capture_logs() as told:
        node._register()
    assert [line["event"] for line in told] == ["takes_no_work"]


def test_the_code_version_is_of_contents_and_names(repository: Path, tmp_path: Path) -> None:
    for package in ("saliency_core/methods", "webapp/common", "workers/supervisor"):
        shutil.copytree(
            repository / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    first = hash_of_sources(tmp_path)
    file = tmp_path / "webapp/common/hints.py"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    (tmp_path / "webapp/common/notes.txt").write_text("no code")
    assert hash_of_sources(tmp_path) == first
    file.write_bytes(file.read_bytes() + b"# changed\n")
    changed = hash_of_sources(tmp_path)
    file.rename(file.with_name("hint.py"))
    assert len({first, changed, hash_of_sources(tmp_path)}) == 3
