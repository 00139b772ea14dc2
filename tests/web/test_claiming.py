"""Claims, fences, leases: a shard's result counts once, whoever else believes to be at work on it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection, connections
from django.db.models.functions import Now

from tests.web import factories
from webapp.benchmarks import transitions
from webapp.benchmarks.models import Benchmark, BenchmarkEvent, Shard, ShardResult, WorkerTrouble
from webapp.benchmarks.progress import progress_of
from webapp.benchmarks.selectors import results_of
from webapp.library.models import ForwardRate
from workers import claiming, signs_of_life
from workers.claiming import (
    ClaimLost,
    claim_shard,
    deliver,
    extend_lease,
    fail_attempt,
    give_back,
    still_ours,
)
from workers.progress import HANGS, ShardWatch

pytestmark = pytest.mark.django_db(transaction=True)
ENVIRONMENT = {"device": "Test processor", "versions": {}}


def expire_lease(shard_id: int) -> None:
    Shard.objects.filter(pk=shard_id).update(lease_expires=Now() - timedelta(seconds=1))


def test_shards_are_claimed_in_order_and_none_twice() -> None:
    benchmark = factories.running_benchmark(images=10, per_shard=4)
    node = factories.node()
    claims = [claim_shard(node) for _ in range(4)]
    assert [(claim.start, claim.stop) for claim in claims[:3]] == [(0, 4), (4, 8), (8, 10)]
    assert claims[3] is None
    assert {claim.fence for claim in claims[:3]} == {1}
    assert all(claim.benchmark_id == benchmark.pk for claim in claims[:3])


def test_parallel_claims_get_different_shards() -> None:
    factories.running_benchmark(images=40, per_shard=1)
    node = factories.node()

    def claim_some(_: int) -> list[int]:
        try:
            return [claim_shard(node).shard_id for _ in range(10)]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        claimed = [shard for shards in pool.map(claim_some, range(4)) for shard in shards]
    assert len(claimed) == 40
    assert len(set(claimed)) == 40


def test_delivery_writes_result_and_done_together() -> None:
    benchmark = factories.running_benchmark(images=4, per_shard=4)
    claim = claim_shard(factories.node())
    deliver(claim, [factories.columns(0, 4)], ENVIRONMENT)
    shard = Shard.objects.get(pk=claim.shard_id)
    assert shard.state == Shard.State.DONE
    assert shard.environment == ENVIRONMENT
    assert results_of(benchmark).images == ["000.jpg", "001.jpg", "002.jpg", "003.jpg"]
    assert progress_of(benchmark).images_done == 4


def test_second_delivery_is_refused() -> None:
    factories.running_benchmark(images=4, per_shard=4)
    claim = claim_shard(factories.node())
    deliver(claim, [factories.columns(0, 4)], ENVIRONMENT)
    with pytest.raises(ClaimLost):
        deliver(claim, [factories.columns(0, 4)], ENVIRONMENT)
    assert ShardResult.objects.count() == 1


def test_late_result_of_an_expropriated_worker_is_refused() -> None:
    factories.running_benchmark(images=4, per_shard=4)
    late = claim_shard(factories.node())
    expire_lease(late.shard_id)
    assert claiming.fail_lost_shards("not heard of") == 1
    Shard.objects.update(not_before=None)
    current = claim_shard(factories.node())
    assert current.shard_id == late.shard_id
    assert current.fence > late.fence
    with pytest.raises(ClaimLost):
        deliver(late, [factories.columns(0, 4)], ENVIRONMENT)
    assert not still_ours(late)
    assert not extend_lease(late, 0.9)
    assert ShardResult.objects.count() == 0
    deliver(current, [factories.columns(0, 4)], ENVIRONMENT)
    assert ShardResult.objects.count() == 1


def test_shard_with_a_living_lease_is_left_alone() -> None:
    factories.running_benchmark(images=4, per_shard=4)
    claim = claim_shard(factories.node())
    assert claiming.fail_lost_shards("not heard of") == 0
    assert still_ours(claim)


def test_heartbeat_extends_the_lease_by_the_databases_clock() -> None:
    factories.running_benchmark(images=4, per_shard=4)
    claim = claim_shard(factories.node())
    expire_lease(claim.shard_id)
    assert extend_lease(claim, 0.5)
    left = Shard.objects.annotate(now=Now()).values_list("lease_expires", "now").get(pk=claim.shard_id)
    assert 19 < (left[0] - left[1]).total_seconds() <= 20.1
    assert Shard.objects.get(pk=claim.shard_id).progress == 0.5


def test_restarted_worker_frees_what_its_predecessor_left_at_once() -> None:
    factories.running_benchmark(images=8, per_shard=4)
    mine, other = factories.node(), factories.node()
    left_behind, others = claim_shard(mine), claim_shard(other)
    assert claiming.fail_lost_shards("stopped", of_worker=mine) == 1
    assert not still_ours(left_behind)
    assert still_ours(others)


def test_failing_shard_pauses_longer_each_time_and_is_set_aside_after_five_attempts() -> None:
    benchmark = factories.running_benchmark(images=4, per_shard=4)
    node = factories.node()
    pauses = []
    for attempt in (1, 2, 3, 4, 5):
        claim = claim_shard(node)
        fail_attempt(claim.shard_id, claim.fence, f"reason {attempt}")
        shard = Shard.objects.annotate(now=Now()).get(pk=claim.shard_id)
        pauses.append(round((shard.not_before - shard.now).total_seconds()))
        assert claim_shard(node) is None
        Shard.objects.update(not_before=None)
    shard = Shard.objects.get()
    assert pauses == [2, 4, 8, 16, 32]
    assert (shard.state, shard.problem, shard.attempt) == (Shard.State.SET_ASIDE, "reason 5", 5)
    kinds = list(BenchmarkEvent.objects.filter(benchmark=benchmark).values_list("kind", flat=True))
    assert kinds[-5:] == ["shard_retried"] * 4 + ["shard_set_aside"]


def test_an_image_that_takes_its_process_down_is_set_aside_alone_where_others_went_well() -> None:
    benchmark = factories.running_benchmark(images=16, per_shard=8)
    node = factories.node()
    poison, attempts = 13, 0
    while claim := claim_shard(node):
        if claim.start <= poison < claim.stop:
            attempts += 1
            fail_attempt(claim.shard_id, claim.fence, "The worker process stopped in the middle.")
        else:
            deliver(claim, [factories.columns(claim.start, claim.stop)], ENVIRONMENT)
        Shard.objects.update(not_before=None)
    shards = benchmark.shards.values_list("start", "stop", "state")
    assert list(shards) == [
        (0, 8, "done"),
        (8, 12, "done"),
        (12, 13, "done"),
        (13, 14, "set_aside"),
        (14, 16, "done"),
    ]
    assert attempts == 5 + 2 + 2 + 2
    assert [failure["image"] for failure in results_of(benchmark).failures] == ["image 14"]


def test_what_fails_for_every_image_is_not_tried_one_by_one() -> None:
    benchmark = factories.running_benchmark(images=16, per_shard=8)
    node = factories.node()
    attempts = 0
    while claim := claim_shard(node):
        attempts += 1
        fail_attempt(claim.shard_id, claim.fence, "The method knows no such layer.")
        Shard.objects.update(not_before=None)
    assert attempts == 10
    assert list(benchmark.shards.values_list("start", "stop")) == [(0, 8), (8, 16)]


def test_interrupted_shard_waits_again_without_counting_the_attempt() -> None:
    factories.running_benchmark(images=4, per_shard=4)
    claim = claim_shard(factories.node())
    give_back(claim)
    shard = Shard.objects.get()
    assert (shard.state, shard.attempt) == (Shard.State.WAITING, 0)
    again = claim_shard(factories.node())
    give_back(claim)  # a late return of the first claim changes nothing
    assert still_ours(again)


def test_members_are_served_in_turn() -> None:
    busy, patient = factories.member(), factories.member()
    long, short = factories.running_benchmark(busy, 6, 1), factories.running_benchmark(patient, 3, 1)
    node = factories.node()
    served = [claim_shard(node).benchmark_id for _ in range(6)]
    assert served == [long.pk, short.pk] * 3


def test_cancelling_takes_running_shards_from_their_workers() -> None:
    benchmark = factories.running_benchmark(images=8, per_shard=4)
    node = factories.node()
    first, second = claim_shard(node), claim_shard(node)
    deliver(first, [factories.columns(0, 4)], ENVIRONMENT)
    transitions.cancel(benchmark)
    assert not still_ours(second)
    with pytest.raises(ClaimLost):
        deliver(second, [factories.columns(4, 8)], ENVIRONMENT)
    assert claim_shard(node) is None
    assert len(results_of(benchmark)) == 4


def test_resumed_benchmark_goes_on_where_it_stopped() -> None:
    benchmark = factories.running_benchmark(images=8, per_shard=4)
    node = factories.node()
    deliver(claim_shard(node), [factories.columns(0, 4)], ENVIRONMENT)
    claim_shard(node)
    transitions.cancel(benchmark)
    transitions.resume(benchmark)
    transitions.start(benchmark)
    claim = claim_shard(node)
    assert (claim.start, claim.stop) == (4, 8)
    deliver(claim, [factories.columns(4, 8)], ENVIRONMENT)
    assert claim_shard(node) is None
    assert list(results_of(benchmark).indices) == list(range(8))


def test_refused_transition_changes_nothing() -> None:
    benchmark = factories.running_benchmark()
    transitions.cancel(benchmark)
    with pytest.raises(transitions.TransitionRefused):
        transitions.cancel(benchmark)
    with pytest.raises(transitions.TransitionRefused):
        transitions.start(benchmark)
    benchmark.refresh_from_db()
    assert benchmark.state == Benchmark.State.CANCELLED


def test_events_are_numbered_without_gaps_under_parallel_delivery() -> None:
    benchmark = factories.running_benchmark(images=12, per_shard=1)
    node = factories.node()
    claims = [claim_shard(node) for _ in range(12)]

    def deliver_one(claim: claiming.Claim) -> None:
        try:
            deliver(claim, [factories.columns(claim.start, claim.stop)], ENVIRONMENT)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(deliver_one, claims))
    numbers = list(BenchmarkEvent.objects.filter(benchmark=benchmark).values_list("seq", flat=True))
    assert numbers == list(range(1, 15))  # queued, started, twelve shards
    assert list(results_of(benchmark).indices) == list(range(12))


def test_database_takes_a_second_claimer_past_a_locked_row() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time: nothing is skipped there")
    from django.db import transaction

    factories.running_benchmark(images=2, per_shard=1)
    node = factories.node()

    def claim_elsewhere() -> int:
        try:
            return claim_shard(factories.node()).start
        finally:
            connections.close_all()

    with transaction.atomic(), ThreadPoolExecutor(1) as pool:
        first = Shard.objects.select_for_update().get(start=0)
        assert pool.submit(claim_elsewhere).result(timeout=20) == 1
    assert claim_shard(node).start == first.start


def test_a_shard_is_first_offered_to_another_worker_than_the_one_that_failed_on_it() -> None:
    factories.running_benchmark(images=8, per_shard=4)
    sick, healthy = factories.node(), factories.node()
    claim = claim_shard(sick)
    fail_attempt(claim.shard_id, claim.fence, "crashed")
    Shard.objects.filter(pk=claim.shard_id).update(not_before=Now())
    assert claim_shard(sick).start == 4
    assert claim_shard(sick) is None
    assert claim_shard(healthy).start == 0


def test_a_worker_that_failed_tries_again_where_no_other_is_there_or_none_comes() -> None:
    factories.running_benchmark(images=4, per_shard=4)
    lonely = factories.node()
    for _ in range(2):
        claim = claim_shard(lonely)
        fail_attempt(claim.shard_id, claim.fence, "crashed")
        Shard.objects.update(not_before=Now())
    factories.node()
    assert claim_shard(lonely) is None
    Shard.objects.update(not_before=Now() - timedelta(seconds=31))
    assert claim_shard(lonely).start == 0


def test_failing_and_delivering_lock_in_the_same_order() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time: there is nothing to lock")
    benchmark = factories.running_benchmark(images=40, per_shard=1)
    node = factories.node()
    claims = [claim_shard(node) for _ in range(40)]

    def end(claim: claiming.Claim) -> None:
        try:
            if claim.start % 2:
                fail_attempt(claim.shard_id, claim.fence, "crashed")
            else:
                deliver(claim, [factories.columns(claim.start, claim.stop)], ENVIRONMENT)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(end, claims))
    assert results_of(benchmark).indices.tolist() == list(range(0, 40, 2))


def test_images_that_are_set_aside_are_named_only_by_the_data_set_that_was_registered(tmp_path: Path) -> None:
    benchmark = factories.running_benchmark(
        images=2, per_shard=2, dataset=factories.masked_dataset(tmp_path / "photographs")
    )
    shard = Shard.objects.get()
    assert [each["image"] for each in claiming.failed_columns(shard, "crashed").failures] == [
        "images/cat.png",
        "images/dog.png",
    ]
    # One image fewer: what would be named now is not what failed, and none may be left out.
    (tmp_path / "photographs" / "images" / "cat.png").unlink()
    (tmp_path / "photographs" / "labels.csv").write_text("image,label\ndog.png,dog\n")
    assert claiming.failed_columns(shard, "crashed").failures == [
        {"index": 0, "image": "image 1", "reason": "crashed"},
        {"index": 1, "image": "image 2", "reason": "crashed"},
    ]
    assert benchmark.number_of_images == 2


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that the watch of a shard reads; to be set."""
    seconds = [1000.0]
    monkeypatch.setattr("workers.progress.time.monotonic", lambda: seconds[0])
    monkeypatch.setattr("workers.signs_of_life._latest", 0.0)
    return seconds


def watched(claim: claiming.Claim) -> tuple[ShardWatch, list[bool]]:
    ended: list[bool] = []
    return ShardWatch(claim, stop_requested=lambda: False, on_hanging=lambda: ended.append(True)), ended


def test_a_process_on_which_nothing_moves_for_half_an_hour_ends(clock: list[float]) -> None:
    factories.running_benchmark(images=4, per_shard=4)
    node = factories.node()
    claim = claim_shard(node)
    watch, ended = watched(claim)
    clock[0] += 3500  # A model from a slow disk.
    watch.begin()
    clock[0] += 1700
    watch.on_batch(8)
    clock[0] += 1700
    watch.tick()
    assert still_ours(claim) and not ended
    clock[0] += 101
    watch.tick()
    # The first time the machine is thought to be at fault.
    assert ended == [True]
    assert list(Shard.objects.values_list("state", "attempt")) == [(Shard.State.WAITING, 0)]
    assert WorkerTrouble.objects.get().reason == HANGS
    # Where it happens again, it may be the images.
    WorkerTrouble.objects.update(not_before=Now())
    watch, ended = watched(claim_shard(node))
    watch.begin()
    clock[0] += 1801
    watch.tick()
    assert ended == [True]
    assert list(Shard.objects.values_list("state", "attempt", "problem")) == [(Shard.State.WAITING, 1, HANGS)]


def test_what_is_known_to_take_long_or_what_arrives_slowly_is_waited_for(clock: list[float]) -> None:
    factories.running_benchmark(images=4, per_shard=4)
    watch, ended = watched(claim_shard(factories.node()))
    for _ in range(5):
        clock[0] += 3000
        signs_of_life.note()  # by the clock of this test
        watch.tick()
    watch.begin(seconds_of_a_batch=400.0)
    clock[0] += 3900
    watch.tick()
    assert not ended
    clock[0] += 200
    watch.tick()
    assert ended == [True]


def test_a_process_that_hangs_ends_though_its_shard_was_taken_or_nothing_can_be_written(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    benchmark = factories.running_benchmark(images=4, per_shard=2)
    paused, ended = watched(claim_shard(factories.node()))
    unlucky, also_ended = watched(claim_shard(factories.node()))
    for watch in (paused, unlucky):
        watch.begin()
    transitions.pause(benchmark)
    clock[0] += 1801
    paused.tick()
    assert ended == [True]

    def fails(*_: object) -> None:
        raise OSError("the disk does not answer")

    monkeypatch.setattr("workers.progress.give_back", fails)
    monkeypatch.setattr("workers.progress.fail_attempt", fails)
    with pytest.raises(OSError, match="does not answer"):
        unlucky.tick()
    assert also_ended == [True]


def test_a_method_that_there_is_no_more_keeps_nobody_from_claiming() -> None:
    benchmark = factories.running_benchmark(images=4, per_shard=4)
    ForwardRate.objects.create(
        classifier=benchmark.classifier, device="Test processor", images_per_second=100.0
    )
    benchmark.specification["methods"][0]["key"] = "gone_cam"
    benchmark.save(update_fields=["specification"])
    assert claim_shard(factories.node()).stop == 4
