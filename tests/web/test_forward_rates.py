"""When a benchmark worker measures the forward rates that estimates and shard sizes rest on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db.models.functions import Now

from tests.web import factories
from webapp.benchmarks.models import Benchmark, WorkerNode, WorkerTrouble
from webapp.library.models import Classifier, Dataset, ForwardRate
from workers.forward_rates import measure_missing_rates
from workers.node import Node

pytestmark = pytest.mark.django_db


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The classifiers that were measured, in order, each with its precision: with a clock that says 40 images/s."""
    order: list[tuple[str, str]] = []

    def find_batch_size(name: str, precision: str) -> int:
        order.append((name, precision))
        return 8

    monkeypatch.setattr(
        "workers.forward_rates.classifier_of", lambda part, _names, _device: part["architecture"]
    )
    monkeypatch.setattr("workers.forward_rates.find_batch_size", find_batch_size)
    monkeypatch.setattr("workers.forward_rates.measure_forward_rate", lambda _name, precision: 40.0)
    return order


def test_every_ready_classifier_is_measured_once(process: Node, measured: list[tuple[str, str]]) -> None:
    factories.classifier(architecture="resnet18")
    factories.classifier(architecture="vgg19")
    factories.classifier(architecture="vgg16", state=Classifier.State.NOT_FETCHED)
    measure_missing_rates(process)
    measure_missing_rates(process)
    assert measured == [("resnet18", "fp32"), ("vgg19", "fp32")]
    rates = ForwardRate.objects.order_by("pk").values_list("device", "images_per_second", "batch_size")
    assert list(rates) == [(process.device_name, 40.0, 8)] * 2
    assert WorkerNode.objects.get(pk=process.registered().pk).activity == ""


def test_what_a_queued_benchmark_waits_for_comes_first(
    process: Node, measured: list[tuple[str, str]]
) -> None:
    factories.classifier(architecture="resnet18")
    factories.queued_benchmark(classifier=factories.classifier(architecture="vgg19"))
    factories.queued_benchmark(classifier=factories.classifier(architecture="vgg16"), precision="fast")
    measure_missing_rates(process)
    # Now both can begin, and what nobody waits for is not to hold them up.
    assert measured == [("vgg16", "fast"), ("vgg19", "fp32")]
    Benchmark.objects.all().delete()
    measure_missing_rates(process)
    assert measured[2:] == [("resnet18", "fp32"), ("vgg16", "fp32")]


def a_studio_at_work() -> None:
    factories.node(kind=WorkerNode.Kind.STUDIO, activity="drawing 2 maps")


def a_report_that_waits() -> None:
    Classifier.objects.update(compatibility={"state": "waiting"})


def a_classifier_that_waits() -> None:
    factories.classifier(state=Classifier.State.WAITING)


def a_data_set_that_waits() -> None:
    factories.dataset(state=Dataset.State.WAITING)


def a_shard_that_waits() -> None:
    factories.running_benchmark(classifier=Classifier.objects.get(architecture="vgg19"))


@pytest.mark.parametrize(
    "busy",
    [
        a_studio_at_work,
        a_report_that_waits,
        a_classifier_that_waits,
        a_data_set_that_waits,
        a_shard_that_waits,
    ],
)
def test_what_nobody_waits_for_is_measured_at_a_quiet_moment(
    busy: Callable[[], None], process: Node, measured: list[tuple[str, str]]
) -> None:
    factories.classifier(architecture="resnet18")
    factories.queued_benchmark(classifier=factories.classifier(architecture="vgg19"))
    busy()
    measure_missing_rates(process)
    assert measured == [("vgg19", "fp32")]
    assert WorkerNode.objects.get(pk=process.registered().pk).activity == ""


def test_a_studio_that_has_ended_keeps_nobody_waiting(process: Node, measured: list[tuple[str, str]]) -> None:
    factories.classifier(architecture="resnet18")
    studio: Any = factories.node(kind=WorkerNode.Kind.STUDIO, activity="drawing 2 maps")
    WorkerNode.objects.filter(pk=studio.pk).update(stopped_at=studio.heartbeat_at)
    measure_missing_rates(process)
    assert measured == [("resnet18", "fp32")]


def test_a_device_of_its_own_does_not_wait_for_the_studio(
    process: Node, measured: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.classifier(architecture="resnet18")
    a_studio_at_work()
    monkeypatch.setattr(process, "torch_device", "cuda:0")
    measure_missing_rates(process)
    assert measured == [("resnet18", "fp32")]


def test_a_model_that_fails_on_the_device_keeps_no_other_waiting(
    process: Node, measured: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def loaded(part: dict[str, Any], _names: object, _device: str) -> str:
        if part["architecture"] == "vgg16":
            raise RuntimeError("Expected all tensors to be on the same device")
        return str(part["architecture"])

    monkeypatch.setattr("workers.forward_rates.classifier_of", loaded)
    factories.queued_benchmark(classifier=factories.classifier(architecture="vgg16"))
    factories.queued_benchmark(classifier=factories.classifier(architecture="vgg19"))
    measure_missing_rates(process)
    measure_missing_rates(process)
    assert measured == [("vgg19", "fp32")]
    assert WorkerNode.objects.get(pk=process.registered().pk).activity == ""
    # Its benchmark says what it waits for; this worker tries again in five seconds, and nobody is told twice.
    trouble = WorkerTrouble.objects.annotate(now=Now()).get()
    reason = "RuntimeError: Expected all tensors to be on the same device"
    assert (trouble.benchmark.classifier.architecture, trouble.reason) == ("vgg16", reason)
    assert (trouble.failures, round((trouble.not_before - trouble.now).total_seconds())) == (1, 5)
    WorkerTrouble.objects.update(not_before=Now())
    measure_missing_rates(process)
    assert WorkerTrouble.objects.get().failures == 2
    events = trouble.benchmark.events.filter(kind="worker_trouble")
    assert [event.payload for event in events] == [{"worker": "worker of today", "reason": reason}]
    # Measured at last: nothing is wrong any more.
    monkeypatch.setattr("workers.forward_rates.classifier_of", lambda part, *_: part["architecture"])
    WorkerTrouble.objects.update(not_before=Now())
    measure_missing_rates(process)
    assert measured == [("vgg19", "fp32"), ("vgg16", "fp32")]
    assert not WorkerTrouble.objects.exists()


def test_a_model_that_fails_and_that_nobody_waits_for_is_left_alone_for_ten_minutes(
    process: Node, measured: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def fails(part: dict[str, Any], *_: object) -> str:
        tried.append(part["architecture"])
        raise RuntimeError("CUDA error")

    monkeypatch.setattr("workers.forward_rates.classifier_of", fails)
    monkeypatch.setattr("workers.forward_rates._again_at", {})
    factories.classifier(architecture="vgg16")
    measure_missing_rates(process)
    measure_missing_rates(process)
    assert tried == ["vgg16"]
