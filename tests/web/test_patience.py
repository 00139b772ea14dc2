"""What a worker does while the database is away."""

from __future__ import annotations

import threading

import pytest
from django.db import DataError, OperationalError

from tests.web import factories
from webapp.benchmarks.models import Shard
from workers import benchmarking, patience, stopping
from workers.claiming import claim_shard
from workers.lease_keeping import kept_meanwhile
from workers.patience import patiently

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PAUSE_SECONDS", 0.01)


class Node:
    device_name = "Test processor"
    name = "worker"

    def watch(self, *_: object) -> None:
        """Nobody looks on."""


def failing(times: int, problem: Exception, then: object = None) -> object:
    calls = []

    def action(*arguments: object) -> object:
        calls.append(arguments)
        if len(calls) <= times:
            raise problem
        return then(*arguments) if callable(then) else len(calls)

    return action


def test_what_needs_the_database_is_tried_until_it_is_back() -> None:
    assert patiently(failing(3, OperationalError("server closed the connection"))) == 4


def test_what_is_wrong_in_itself_is_not_tried_again() -> None:
    with pytest.raises(DataError):
        patiently(failing(1, DataError("out of range")))


def test_worker_that_is_to_stop_waits_for_no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "requested", lambda: True)
    with pytest.raises(OperationalError):
        patiently(failing(1, OperationalError("away")))


def test_result_is_delivered_when_the_database_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    factories.running_benchmark(images=4, per_shard=4)
    claim = claim_shard(factories.node())
    monkeypatch.setattr(benchmarking, "run_shard", lambda *_: ([factories.columns(0, 4)], 8))
    deliver = failing(2, OperationalError("away"), benchmarking.deliver)
    monkeypatch.setattr(benchmarking, "deliver", deliver)
    benchmarking.run_claim(Node(), claim)
    shard = Shard.objects.get(pk=claim.shard_id)
    assert (shard.state, shard.attempt) == (Shard.State.DONE, 1)


def test_attempt_that_the_database_interrupted_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    factories.running_benchmark(images=4, per_shard=4)
    claim = claim_shard(factories.node())
    monkeypatch.setattr(benchmarking, "run_shard", failing(1, OperationalError("away")))
    benchmarking.run_claim(Node(), claim)
    shard = Shard.objects.get(pk=claim.shard_id)
    assert (shard.state, shard.attempt, shard.problem) == (Shard.State.WAITING, 0, "")


def test_a_lease_is_kept_on_when_the_database_is_back() -> None:
    kept = threading.Event()
    keep = failing(2, OperationalError("away"), lambda: kept.set() or True)
    with kept_meanwhile(keep, 0.01):
        assert kept.wait(10)
