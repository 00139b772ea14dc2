"""The reconciler finds what is lost and finishes what is done."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import OperationalError
from django.db.models.functions import Now

from tests.web import factories
from webapp.benchmarks import transitions
from webapp.benchmarks.models import Benchmark, BenchmarkEvent, Shard, ShardResult, WorkerNode
from webapp.benchmarks.selectors import results_of
from webapp.library.models import Classifier
from workers import reconciler
from workers.claiming import claim_shard, deliver, fail_attempt

pytestmark = pytest.mark.django_db
ENVIRONMENT = {"device": "Test processor", "versions": {}}


def kinds(benchmark: Benchmark) -> list[str]:
    return list(BenchmarkEvent.objects.filter(benchmark=benchmark).values_list("kind", flat=True))


def fail_all_attempts(node: WorkerNode, reason: str) -> None:
    while claim := claim_shard(node):
        fail_attempt(claim.shard_id, claim.fence, reason)
        Shard.objects.update(not_before=None)


def test_benchmark_with_all_shards_done_succeeds_with_its_figures() -> None:
    benchmark = factories.running_benchmark(images=8, per_shard=4)
    node = factories.node()
    deliver(claim_shard(node), [factories.columns(0, 4)], ENVIRONMENT)
    deliver(claim_shard(node), [factories.columns(4, 8, failed=(5,))], ENVIRONMENT)
    reconciler.reconcile()
    benchmark.refresh_from_db()
    assert benchmark.state == Benchmark.State.SUCCEEDED
    assert benchmark.finished is not None
    # Images 0 to 7 without 5: (1 + 2 + 3 + 4 + 5 + 7 + 8) / 100 / 7
    assert benchmark.figures["entries"][0]["figures"]["insertion_auc"]["value"] == pytest.approx(0.3 / 7)
    assert benchmark.figures["images"] == 7
    assert benchmark.figures["failed"] == 1
    assert kinds(benchmark)[-1] == "succeeded"


def test_interim_figures_are_kept_and_announced_once() -> None:
    benchmark = factories.running_benchmark(images=8, per_shard=4)
    deliver(claim_shard(factories.node()), [factories.columns(0, 4)], ENVIRONMENT)
    reconciler.reconcile()
    reconciler.reconcile()
    benchmark.refresh_from_db()
    assert benchmark.state == Benchmark.State.RUNNING
    assert benchmark.figures["entries"][0]["figures"]["insertion_auc"]["value"] == pytest.approx(0.025)
    assert kinds(benchmark).count("figures") == 1


def test_benchmark_ends_with_what_it_has_when_a_shard_is_set_aside() -> None:
    benchmark = factories.running_benchmark(images=8, per_shard=4)
    node = factories.node()
    deliver(claim_shard(node), [factories.columns(0, 4)], ENVIRONMENT)
    fail_all_attempts(node, "crashed")
    reconciler.reconcile()
    benchmark.refresh_from_db()
    assert benchmark.state == Benchmark.State.SUCCEEDED
    assert benchmark.figures["images"] == 4
    assert benchmark.figures["failed"] == 4
    failures = results_of(benchmark).failures
    assert [(failure["image"], failure["reason"]) for failure in failures] == [
        ("image 5", "crashed"),
        ("image 6", "crashed"),
        ("image 7", "crashed"),
        ("image 8", "crashed"),
    ]


def test_resume_tries_images_again_that_were_set_aside() -> None:
    benchmark = factories.running_benchmark(images=4, per_shard=4)
    node = factories.node()
    fail_all_attempts(node, "the disk was away")
    reconciler.reconcile()
    benchmark.refresh_from_db()
    transitions.resume(benchmark)
    transitions.start(benchmark)
    deliver(claim_shard(node), [factories.columns(0, 4)], ENVIRONMENT)
    reconciler.reconcile()
    benchmark.refresh_from_db()
    assert (benchmark.state, benchmark.figures["images"]) == (Benchmark.State.SUCCEEDED, 4)


def test_images_that_were_set_aside_are_tried_again_though_the_benchmark_succeeded() -> None:
    benchmark = factories.running_benchmark(images=8, per_shard=4)
    node = factories.node()
    deliver(claim_shard(node), [factories.columns(0, 4)], ENVIRONMENT)
    fail_all_attempts(node, "crashed")
    reconciler.reconcile()
    benchmark.refresh_from_db()
    assert (benchmark.state, benchmark.figures["failed"]) == (Benchmark.State.SUCCEEDED, 4)
    transitions.resume(benchmark)
    transitions.start(benchmark)
    while claim := claim_shard(node):
        deliver(claim, [factories.columns(claim.start, claim.stop)], ENVIRONMENT)
    reconciler.reconcile()
    benchmark.refresh_from_db()
    assert (benchmark.state, benchmark.figures["failed"]) == (Benchmark.State.SUCCEEDED, 0)
    assert benchmark.figures["images"] == 8
    # All measured: there is nothing to try again.
    with pytest.raises(transitions.TransitionRefused):
        transitions.resume(benchmark)


def test_what_is_cancelled_and_resumed_while_it_is_finished_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    benchmark = factories.running_benchmark(images=8, per_shard=4)
    node = factories.node()
    deliver(claim_shard(node), [factories.columns(0, 4)], ENVIRONMENT)
    fail_all_attempts(node, "crashed")
    refresh = reconciler.refresh_figures

    def long_refresh(row: Benchmark, **arguments: object) -> object:
        found = refresh(row, **arguments)
        other = Benchmark.objects.get(pk=row.pk)
        transitions.cancel(other)
        transitions.resume(other)
        transitions.start(other)
        return found

    with monkeypatch.context() as patched:
        patched.setattr(reconciler, "refresh_figures", long_refresh)
        reconciler.advance_running_benchmarks()
    benchmark.refresh_from_db()
    assert (benchmark.state, kinds(benchmark)[-1]) == ("running", "started")
    # The four that were set aside, one by one in the end, wait for another attempt.
    states = list(benchmark.shards.order_by("start").values_list("state", flat=True))
    assert states == ["done", "waiting", "waiting", "waiting", "waiting"]
    while claim := claim_shard(node):
        deliver(claim, [factories.columns(claim.start, claim.stop)], ENVIRONMENT)
    reconciler.reconcile()
    benchmark.refresh_from_db()
    assert (benchmark.state, benchmark.figures["images"]) == ("succeeded", 8)


@pytest.mark.parametrize("state", ["waiting", "running"])
def test_a_benchmark_with_open_shards_does_not_succeed(state: str) -> None:
    benchmark = factories.running_benchmark(images=4, per_shard=4)
    Shard.objects.update(state=state)
    with pytest.raises(transitions.TransitionRefused, match="that is not possible now"):
        transitions.succeed(benchmark, figures={"images": 4}, shards=1)
    benchmark.refresh_from_db()
    assert (benchmark.state, benchmark.figures, kinds(benchmark)[-1]) == ("running", {}, "started")


def test_a_benchmark_that_cannot_be_finished_keeps_no_other_waiting_and_fails_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reconciler, "_faults", {})
    clock = [100.0]
    monkeypatch.setattr("workers.reconciler.time.monotonic", lambda: clock[0])
    broken, sound = (factories.running_benchmark(images=4, per_shard=4) for _ in range(2))
    for _ in range(2):
        claim = claim_shard(factories.node())
        deliver(claim, [factories.columns(0, 4)], ENVIRONMENT)
    ShardResult.objects.filter(shard__benchmark=broken).update(scalars=b"not packed by us")
    reconciler.reconcile()
    broken.refresh_from_db()
    sound.refresh_from_db()
    assert (broken.state, sound.state) == (Benchmark.State.RUNNING, Benchmark.State.SUCCEEDED)
    # Tried after 5, 10, 15 and 20 seconds more, and then given up.
    rounds = 1
    while broken.state == Benchmark.State.RUNNING:
        clock[0] += 5.1
        reconciler.reconcile()
        broken.refresh_from_db()
        rounds += 1
    assert (broken.state, broken.problem) == (Benchmark.State.FAILED, reconciler.CANNOT_FINISH)
    assert rounds == 1 + 1 + 2 + 3 + 4


def test_a_step_that_goes_wrong_keeps_no_other_from_being_done(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> None:
        raise KeyError("a row that nobody expected")

    for name in ("forget_workers", "reclaim_lost_jobs", "purge_deleted_benchmark"):
        monkeypatch.setattr(reconciler, name, fails)
    benchmark = factories.running_benchmark(images=4, per_shard=4)
    deliver(claim_shard(factories.node()), [factories.columns(0, 4)], ENVIRONMENT)
    reconciler.reconcile()
    benchmark.refresh_from_db()
    assert benchmark.state == Benchmark.State.SUCCEEDED


def test_a_database_that_is_away_is_for_the_loop_to_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(reconciler, "forget_workers", away)
    with pytest.raises(OperationalError):
        reconciler.reconcile()


def test_benchmark_without_any_figure_fails_with_the_reason() -> None:
    benchmark = factories.running_benchmark(images=4, per_shard=4)
    fail_all_attempts(factories.node(), "The folder /nowhere does not exist.")
    reconciler.reconcile()
    benchmark.refresh_from_db()
    assert benchmark.state == Benchmark.State.FAILED
    assert benchmark.problem == "None of the 4 images could be measured: The folder /nowhere does not exist."


def test_benchmark_whose_images_all_fail_says_so() -> None:
    benchmark = factories.running_benchmark(images=2, per_shard=2)
    deliver(claim_shard(factories.node()), [factories.columns(0, 2, failed=(0, 1))], ENVIRONMENT)
    reconciler.reconcile()
    benchmark.refresh_from_db()
    assert benchmark.state == Benchmark.State.FAILED
    assert benchmark.problem == "None of the 2 images could be measured: truncated"


def test_queued_benchmark_fails_with_its_classifier_and_resumes_with_it() -> None:
    from webapp.benchmarks.services import resume_benchmark

    classifier = factories.classifier(key="vgg16", state=Classifier.State.NOT_FETCHED)
    benchmark = factories.queued_benchmark(classifier=classifier)
    Classifier.objects.update(state=Classifier.State.FAILED, problem="Put vgg16-397923af.pth into …")
    reconciler.reconcile()
    benchmark.refresh_from_db()
    assert (benchmark.state, benchmark.problem) == (Benchmark.State.FAILED, "Put vgg16-397923af.pth into …")
    resume_benchmark(benchmark)
    classifier.refresh_from_db()
    assert (benchmark.state, classifier.state) == (Benchmark.State.QUEUED, Classifier.State.WAITING)


def test_silent_workers_are_marked_and_their_shards_freed() -> None:
    factories.running_benchmark(images=4, per_shard=4)
    node = factories.node()
    claim = claim_shard(node)
    long_ago = Now() - timedelta(seconds=60)
    WorkerNode.objects.update(heartbeat_at=long_ago)
    Shard.objects.update(lease_expires=long_ago)
    reconciler.reconcile()
    node.refresh_from_db()
    shard = Shard.objects.get(pk=claim.shard_id)
    assert node.stopped_at is not None
    assert (shard.state, shard.attempt) == (Shard.State.WAITING, 1)
    assert shard.fence > claim.fence


def test_silence_while_the_database_was_away_is_not_held_against_workers() -> None:
    factories.running_benchmark(images=4, per_shard=4)
    node = factories.node()
    claim = claim_shard(node)
    WorkerNode.objects.update(heartbeat_at=Now() - timedelta(seconds=60))
    Shard.objects.update(lease_expires=Now() - timedelta(seconds=60))
    reconciler.reconcile(expiring=False)
    node.refresh_from_db()
    assert node.stopped_at is None
    deliver(claim, [factories.columns(0, 4)], ENVIRONMENT)
    assert Shard.objects.get(pk=claim.shard_id).state == Shard.State.DONE


def test_preparation_that_lost_its_worker_waits_again() -> None:
    classifier = factories.classifier(state=Classifier.State.PREPARING)
    Classifier.objects.update(lease_expires=Now() - timedelta(seconds=1))
    reconciler.reconcile()
    classifier.refresh_from_db()
    assert classifier.state == Classifier.State.WAITING
