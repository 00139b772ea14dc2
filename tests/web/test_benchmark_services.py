"""Queueing: what is frozen, what is refused, what is expected."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from tests.web import factories
from webapp.benchmarks import transitions
from webapp.benchmarks.estimates import estimate
from webapp.benchmarks.models import Benchmark, Shard
from webapp.benchmarks.specification import specification_sha256
from webapp.library.models import Classifier, ForwardRate
from workers.planning import images_per_shard, plan_queued_benchmarks

pytestmark = pytest.mark.django_db
DEVICE = "Test processor"


def measured(rate: float, **fields: object) -> Classifier:
    classifier = factories.classifier(**fields)
    ForwardRate.objects.create(classifier=classifier, device=DEVICE, images_per_second=rate)
    return classifier


def test_specification_writes_out_every_default() -> None:
    benchmark = factories.queued_benchmark(images=7)
    specification = benchmark.specification
    assert specification["methods"] == [{"key": "grad_cam", "parameters": {"layer": "features.29"}}]
    assert specification["experiments"] == [{"key": "insertion_deletion", "protocol": "thesis@1"}]
    assert specification["subset"] == {"count": 7, "seed": 0}
    assert specification["classifier"]["preprocessing"]["pipeline"] == "squash"
    assert specification["classifier"]["preprocessing"]["size"] == 224
    assert specification["classifier"]["weights_sha256"] == "ab" * 32
    assert specification["dataset"]["fingerprint"] == "cd" * 32


def test_sha256_of_a_specification_ignores_the_order_of_keys_only() -> None:
    assert specification_sha256({"a": 1, "b": [1, 2]}) == specification_sha256({"b": [1, 2], "a": 1})
    assert specification_sha256({"a": 1, "b": [1, 2]}) != specification_sha256({"a": 1, "b": [2, 1]})


@pytest.mark.parametrize("images", [0, 101, -1])
def test_number_of_images_outside_the_data_set_is_refused(images: int) -> None:
    with pytest.raises(ValidationError) as refused:
        factories.queued_benchmark(images=images)
    assert "between 1 and 100" in refused.value.message_dict["number_of_images"][0]
    assert not Benchmark.objects.exists()


def test_layer_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValidationError) as refused:
        factories.queued_benchmark(parameters={"layer": "features.99"})
    assert "features.99" in refused.value.message_dict["layer"][0]


def test_parameter_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValidationError, match="no parameter 'depth'"):
        factories.queued_benchmark(parameters={"depth": 3})


def test_grad_cam_of_a_transformer_is_refused_with_the_reason() -> None:
    with pytest.raises(ValidationError) as refused:
        factories.queued_benchmark(classifier=factories.classifier(family="vit"))
    assert "is a transformer" in refused.value.message_dict["method"][0]


def test_queueing_asks_for_weights_that_are_not_here() -> None:
    classifier = factories.classifier(state=Classifier.State.NOT_FETCHED, weights_sha256="")
    factories.queued_benchmark(classifier=classifier)
    classifier.refresh_from_db()
    assert classifier.state == Classifier.State.WAITING


def test_expected_time_is_forwards_over_the_measured_rate() -> None:
    classifier = measured(20.0)
    factories.node(device=DEVICE)
    expected = estimate(
        classifier=classifier,
        method="grad_cam",
        parameters={},
        experiment="insertion_deletion",
        protocol="thesis@1",
        images=50,
    )
    # 1 to find the class, 1 + 2 for Grad-CAM's forward and backward, 113 + 113 points of which 2 are shared.
    assert expected.forwards_per_image == 228
    assert expected.seconds == pytest.approx(50 * 228 / 20)
    assert (expected.images_per_second, expected.device, expected.workers) == (20.0, DEVICE, 1)


def test_two_workers_halve_the_expected_time_and_none_leaves_it_open() -> None:
    classifier = measured(20.0)
    ask = {
        "classifier": classifier,
        "method": "grad_cam",
        "parameters": {},
        "experiment": "insertion_deletion",
        "protocol": "thesis@1",
        "images": 50,
    }
    assert estimate(**ask).seconds is None
    factories.node(device=DEVICE)
    factories.node(device=DEVICE)
    assert estimate(**ask).seconds == pytest.approx(50 * 228 / 40)


@pytest.mark.parametrize(("seconds", "images"), [(45.0, 1), (5.0, 9), (0.001, 1000), (300.0, 1)])
def test_shards_last_about_45_seconds(seconds: float, images: int) -> None:
    assert images_per_shard(seconds) == images


def test_planning_seals_the_specification_and_cuts_all_images() -> None:
    classifier = measured(228 / 9, state=Classifier.State.READY)  # 9 seconds an image: 5 images a shard
    benchmark = factories.queued_benchmark(images=12, classifier=classifier)
    assert plan_queued_benchmarks(DEVICE) == 1
    benchmark.refresh_from_db()
    assert benchmark.state == Benchmark.State.RUNNING
    assert benchmark.specification_sha256 == specification_sha256(benchmark.specification)
    assert list(benchmark.shards.values_list("start", "stop")) == [(0, 5), (5, 10), (10, 12)]
    assert plan_queued_benchmarks(DEVICE) == 0


def test_planning_waits_for_weights_and_for_a_measured_rate() -> None:
    unfetched = factories.classifier(state=Classifier.State.NOT_FETCHED)
    factories.queued_benchmark(classifier=unfetched)
    factories.queued_benchmark(classifier=factories.classifier())
    assert plan_queued_benchmarks(DEVICE) == 0
    assert not Shard.objects.exists()


def test_planning_after_resume_keeps_the_shards() -> None:
    benchmark = factories.queued_benchmark(images=12, classifier=measured(228 / 9))
    plan_queued_benchmarks(DEVICE)
    before = list(benchmark.shards.values_list("pk", flat=True))
    transitions.cancel(benchmark)
    transitions.resume(benchmark)
    assert plan_queued_benchmarks(DEVICE) == 1
    assert list(benchmark.shards.values_list("pk", flat=True)) == before
