"""Columns kept between requests: always those of the results that are there, each unpacked once."""

from __future__ import annotations

import pytest

from saliency_core.experiments.columns import Columns
from tests.web import factories
from webapp.benchmarks.models import Benchmark, ShardResult
from webapp.benchmarks.selectors import results_of
from workers.claiming import claim_shard, deliver

pytestmark = pytest.mark.django_db
ENVIRONMENT = {"device": "Test processor", "versions": {}}


@pytest.fixture
def unpacked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The first image of every part that is unpacked."""
    seen: list[int] = []
    unpack = Columns.unpack

    def noting(*packed: bytes) -> Columns:
        columns = unpack(*packed)
        seen.append(int(columns.indices[0]))
        return columns

    monkeypatch.setattr(Columns, "unpack", noting)
    return seen


def scalars(benchmark: Benchmark) -> list[int]:
    return results_of(benchmark, with_curves=False).indices.tolist()


def test_only_new_results_are_unpacked(unpacked: list[int]) -> None:
    benchmark, node = factories.running_benchmark(images=6, per_shard=2), factories.node()
    for start in (0, 2, 4):
        deliver(claim_shard(node), [factories.columns(start, start + 2)], ENVIRONMENT)
        assert scalars(benchmark) == list(range(start + 2))
        assert scalars(benchmark) == list(range(start + 2))
    assert unpacked == [0, 2, 4]


def test_a_result_with_a_smaller_number_that_comes_late_is_there_too(unpacked: list[int]) -> None:
    benchmark, node = factories.running_benchmark(images=6, per_shard=2), factories.node()
    claims = [claim_shard(node) for _ in range(3)]
    for claim in claims:
        deliver(claim, [factories.columns(claim.start, claim.stop)], ENVIRONMENT)
    late = ShardResult.objects.order_by("pk")[1]
    row = ShardResult.objects.filter(pk=late.pk).values().get()
    late.delete()
    assert scalars(benchmark) == [0, 1, 4, 5]
    ShardResult.objects.create(**row)
    assert scalars(benchmark) == [0, 1, 2, 3, 4, 5]
    assert unpacked == [0, 4, 0, 2, 4]
