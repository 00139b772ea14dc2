"""Log lines as they are written: whoever looks for a benchmark or a shard finds what web and workers did with it."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.test import Client

from tests.web import factories
from webapp.benchmarks.models import Shard
from webapp.common.database import now_plus
from workers import benchmarking
from workers.claiming import claim_shard, fail_lost_shards

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What is written with LOG_LEVEL=INFO, by the installation's own formatter."""
    configuration = settings.LOGGING["formatters"]["structured"]
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(
        configuration["()"](
            foreign_pre_chain=configuration["foreign_pre_chain"], processors=configuration["processors"]
        )
    )
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield written
    root.removeHandler(handler)
    root.setLevel(level)


def line(log: io.StringIO, event: str) -> str:
    found = [each for each in log.getvalue().splitlines() if f"] {event} " in each]
    assert len(found) == 1, log.getvalue()
    return found[0]


class Node:
    name = "worker"
    label = "cpu"
    device_name = "Test processor"

    def __init__(self) -> None:
        self.row = factories.node()
        self.label = self.row.label

    def takes_work(self) -> bool:
        return True

    def registered(self) -> object:
        return self.row

    def watch(self, *_: object) -> None:
        """Nobody looks on."""


def test_what_a_member_does_names_the_benchmark(log: io.StringIO, client: Client) -> None:
    benchmark = factories.running_benchmark()
    client.force_login(benchmark.owner, backend="webapp.accounts.backends.NameOrNumberBackend")
    assert client.post(f"/benchmarks/{benchmark.pk}/cancel/").status_code == 302
    assert f"benchmark={benchmark.pk}" in line(log, "cancelled")


def test_what_a_worker_does_names_benchmark_and_shard(
    log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    benchmark = factories.running_benchmark(images=4, per_shard=4)
    monkeypatch.setattr(benchmarking, "run_shard", lambda *_: ([factories.columns(0, 4)], 8))
    monkeypatch.setattr(benchmarking, "measure_missing_rates", lambda _: None)
    benchmarking.work_once(Node())
    shard = Shard.objects.get(benchmark=benchmark)
    assert shard.state == Shard.State.DONE
    lines = [each for each in log.getvalue().splitlines() if "shard_done" in each]
    # The event's, by webapp.benchmarks.events, and the worker's own.
    assert len(lines) == 2
    for each in lines:
        assert f"benchmark={benchmark.pk}" in each
        assert f"shard={shard.pk}" in each


def test_lost_shard_is_named_by_who_found_it(log: io.StringIO) -> None:
    benchmark = factories.running_benchmark(images=4, per_shard=4)
    claim = claim_shard(factories.node())
    # A second ago: SQLite's clock counts milliseconds, of which the next statement may be in the same.
    Shard.objects.update(lease_expires=now_plus(-1))
    fail_lost_shards("not heard of")
    found = line(log, "shard_retried")
    assert f"benchmark={benchmark.pk}" in found
    assert f"shard={claim.shard_id}" in found
    assert "not heard of" in found
