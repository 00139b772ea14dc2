"""A claim takes as much as fits the worker's device, whoever cut the shards."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web import factories
from webapp.benchmarks.models import Benchmark, Shard
from webapp.benchmarks.progress import progress_of
from webapp.benchmarks.selectors import results_of
from webapp.library.models import ForwardRate
from workers.claiming import claim_shard, deliver, fail_attempt

pytestmark = pytest.mark.django_db(transaction=True)
FORWARDS = 229.0  # of an image: Grad-CAM 3 and thesis@1 226


@pytest.fixture(autouse=True)
def thirty_seconds(settings: Any) -> None:
    settings.SHARD_SECONDS = 30.0


def measured(benchmark: Benchmark, **images_in_half_a_minute: float) -> None:
    for device, images in images_in_half_a_minute.items():
        ForwardRate.objects.create(
            classifier=benchmark.classifier,
            device=device,
            images_per_second=images * FORWARDS / 30.0,
            batch_size=8,
        )


def ranges() -> list[tuple[int, int, str]]:
    return list(Shard.objects.order_by("start").values_list("start", "stop", "state"))


def test_a_slow_device_takes_a_part_and_leaves_the_rest() -> None:
    benchmark = factories.running_benchmark(images=20, per_shard=10)
    measured(benchmark, slow=3)
    node = factories.node(device="slow")
    claim = claim_shard(node)
    assert (claim.start, claim.stop) == (0, 3)
    assert ranges() == [(0, 3, "running"), (3, 10, "waiting"), (10, 20, "waiting")]
    deliver(claim, [factories.columns(0, 3)], {"device": "slow"})
    again = claim_shard(node)
    assert (again.start, again.stop) == (3, 6)
    # Nothing is lost, and nothing counted twice.
    progress = progress_of(benchmark)
    assert (progress.images_done, progress.images_total) == (3, 20)
    assert results_of(benchmark).indices.tolist() == [0, 1, 2]


def test_a_fast_device_takes_several_in_a_row_and_leaves_half_to_the_others() -> None:
    benchmark = factories.running_benchmark(images=20, per_shard=2)
    measured(benchmark, fast=1000, less_fast=6)
    claim = claim_shard(factories.node(device="fast"))
    # Ten wait: of the nine others four are joined to the first.
    assert (claim.start, claim.stop) == (0, 10)
    assert [each[:2] for each in ranges()] == [(0, 10), (10, 12), (12, 14), (14, 16), (16, 18), (18, 20)]
    second = claim_shard(factories.node(device="less_fast"))
    assert (second.start, second.stop) == (10, 16)
    deliver(second, [factories.columns(10, 16)], {})
    deliver(claim, [factories.columns(0, 10)], {})
    assert results_of(benchmark).indices.tolist() == list(range(16))


def test_what_is_about_right_or_was_never_measured_is_taken_as_it_is() -> None:
    benchmark = factories.running_benchmark(images=8, per_shard=4)
    measured(benchmark, near=2.5, also_near=7)
    for device in ("near", "also_near"):
        claim = claim_shard(factories.node(device=device))
        assert claim.stop - claim.start == 4
    factories.running_benchmark(images=8, per_shard=4)
    claim = claim_shard(factories.node(device="unknown"))
    assert claim.stop - claim.start == 4


def test_a_shard_that_failed_is_joined_to_nothing_and_keeps_its_attempts_when_it_is_split() -> None:
    benchmark = factories.running_benchmark(images=12, per_shard=4)
    first = claim_shard(factories.node())
    fail_attempt(first.shard_id, first.fence, "crashed")
    Shard.objects.update(not_before=None)
    measured(benchmark, fast=1000, slow=1)
    claim = claim_shard(factories.node(device="fast"))
    assert (claim.start, claim.stop) == (0, 4)
    fail_attempt(claim.shard_id, claim.fence, "crashed")
    Shard.objects.update(not_before=None)
    claim = claim_shard(factories.node(device="slow"))
    assert (claim.start, claim.stop) == (0, 1)
    attempts = Shard.objects.order_by("start").values_list("start", "stop", "attempt")
    assert list(attempts) == [(0, 1, 3), (1, 4, 2), (4, 8, 0), (8, 12, 0)]
