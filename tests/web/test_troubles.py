"""A machine that can't work on a benchmark rests from it, the longer the more often, and says why."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from tests.web import factories
from webapp.benchmarks import transitions
from webapp.benchmarks.models import Benchmark, WorkerNode, WorkerTrouble
from workers import reconciler
from workers.claiming import claim_shard
from workers.troubles import MOST_FAILURES, note_trouble
from workers.waking import somebody_could_work

pytestmark = pytest.mark.django_db
REASON = "The folder of the data set does not exist."


def fail_for_good(benchmark: Benchmark, node: WorkerNode) -> None:
    for _ in range(MOST_FAILURES):
        note_trouble(benchmark.pk, node, REASON)


def test_pauses_grow_to_five_minutes_and_what_ends_by_itself_is_not_counted() -> None:
    benchmark = factories.running_benchmark()
    node = factories.node()
    pauses = [note_trouble(benchmark.pk, node, REASON) for _ in range(8)]
    assert pauses == [5, 10, 20, 40, 80, 160, 300, 300]
    assert note_trouble(benchmark.pk, node, "The web application is away.", pause_seconds=30) == 30
    trouble = WorkerTrouble.objects.get()
    assert (trouble.failures, trouble.reason) == (8, "The web application is away.")
    events = benchmark.events.filter(kind="worker_trouble")
    assert [event.payload["reason"] for event in events] == [REASON, "The web application is away."]


def test_a_worker_in_trouble_takes_what_other_benchmarks_have_and_comes_back() -> None:
    troubled, other = factories.running_benchmark(), factories.running_benchmark()
    node = factories.node()
    note_trouble(troubled.pk, node, REASON)
    claims = [claim_shard(node) for _ in range(4)]
    assert [claim and claim.benchmark_id for claim in claims] == [other.pk] * 3 + [None]
    WorkerTrouble.objects.update(not_before=Now())
    assert claim_shard(node).benchmark_id == troubled.pk


def test_a_benchmark_that_no_worker_can_work_on_fails_and_keeps_what_is_done() -> None:
    benchmark = factories.running_benchmark(images=8, per_shard=4)
    first, second = factories.node(), factories.node()
    fail_for_good(benchmark, first)
    reconciler.reconcile()
    benchmark.refresh_from_db()
    assert benchmark.state == Benchmark.State.RUNNING  # The second has not even tried.
    fail_for_good(benchmark, second)
    reconciler.reconcile()
    benchmark.refresh_from_db()
    assert benchmark.state == Benchmark.State.FAILED
    assert benchmark.problem == f"No worker can work on it: {REASON}"
    assert list(benchmark.shards.values_list("state", "attempt")) == [("waiting", 0)] * 2
    transitions.resume(benchmark)
    transitions.start(benchmark)
    assert claim_shard(first).start == 0


def test_only_workers_that_could_take_it_count() -> None:
    benchmark = factories.running_benchmark(device_label="gpu")
    able, other = factories.node(label="gpu"), factories.node(label="cpu")
    gone = factories.node(label="gpu")
    WorkerNode.objects.filter(pk=gone.pk).update(heartbeat_at=Now() - timedelta(seconds=890))
    fail_for_good(benchmark, able)
    reconciler.reconcile()
    benchmark.refresh_from_db()
    assert benchmark.state == Benchmark.State.RUNNING  # It may only be starting again.
    WorkerNode.objects.filter(pk=gone.pk).update(heartbeat_at=Now() - timedelta(seconds=910))
    reconciler.reconcile()
    benchmark.refresh_from_db()
    assert benchmark.state == Benchmark.State.FAILED
    assert other.pk and claim_shard(other) is None


def test_an_able_worker_that_is_paused_or_away_keeps_a_benchmark_from_failing() -> None:
    benchmark = factories.running_benchmark()
    fail_for_good(benchmark, factories.node())
    factories.node(mode=WorkerNode.Mode.PAUSED)
    reconciler.reconcile()
    benchmark.refresh_from_db()
    assert benchmark.state == Benchmark.State.RUNNING


def test_nothing_fails_while_no_worker_is_there() -> None:
    benchmark = factories.running_benchmark()
    fail_for_good(benchmark, factories.node())
    WorkerNode.objects.update(heartbeat_at=Now() - timedelta(hours=8))
    reconciler.reconcile()
    benchmark.refresh_from_db()
    assert benchmark.state == Benchmark.State.RUNNING


def test_workers_that_rest_do_not_wake_each_other() -> None:
    benchmark = factories.running_benchmark()
    first, second = factories.node(), factories.node()
    assert somebody_could_work(but=first)
    note_trouble(benchmark.pk, second, REASON)
    assert not somebody_could_work(but=first)
    assert somebody_could_work()
    note_trouble(benchmark.pk, first, REASON)
    assert not somebody_could_work()
    factories.running_benchmark()
    assert somebody_could_work(but=first)


def test_the_same_trouble_with_other_numbers_is_told_once() -> None:
    benchmark = factories.running_benchmark()
    node = factories.node()
    for free in ("120.5", "96.25"):
        note_trouble(benchmark.pk, node, f"CUDA out of memory: {free} MiB are free.")
    assert benchmark.events.filter(kind="worker_trouble").count() == 1


def test_a_queued_benchmark_whose_model_no_worker_can_measure_fails_too() -> None:
    benchmark = factories.queued_benchmark()
    fail_for_good(benchmark, factories.node())
    reconciler.reconcile()
    benchmark.refresh_from_db()
    assert (benchmark.state, benchmark.problem) == (
        Benchmark.State.FAILED,
        f"No worker can work on it: {REASON}",
    )
