"""Claiming shards, keeping them, giving them back and delivering them.

A claim raises the shard's fence; heartbeat, return and delivery work only with the fence of the claim, so a worker
that was thought dead and wakes up again changes nothing. Times are the database's.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Now

from saliency_core.datasets.base import open_dataset
from saliency_core.experiments.columns import Columns
from webapp.benchmarks.events import record_event
from webapp.benchmarks.expected_code import workers_taking_work
from webapp.benchmarks.limits import is_at_limit, owners_at_limit
from webapp.benchmarks.models import Benchmark, Shard, ShardResult, Turn, WorkerNode, WorkerTrouble
from webapp.benchmarks.selectors import benchmark_workers
from webapp.benchmarks.subsets import chosen_images
from webapp.common.database import AWAY, locked, locked_skipping, now_plus
from webapp.common.turns import note_served
from workers.shard_sizes import fit_to_device, split
from workers.troubles import resting_from

log = structlog.get_logger(__name__)
LEASE_SECONDS = 20.0
# An image that takes its process down is set aside by this; a machine with a bad day must not be.
MAX_ATTEMPTS = 5
FIRST_PAUSE_SECONDS = 1.0
# Halves of a shard that failed every time have two attempts each.
ATTEMPTS_BEFORE_HALVES = MAX_ATTEMPTS - 2
# Where more fails than this, it is not a matter of single images.
MOST_SET_ASIDE_ALONE = 20
# So long a shard waits for another worker than the one that failed on it.
SECONDS_FOR_OTHERS = 30.0

_dice = random.Random()  # noqa: S311 (no secret)

Packed = Sequence[tuple[bytes, bytes]]
"""Scalars and curves of each experiment."""


class ClaimLost(Exception):
    """The shard belongs to somebody else now, or its benchmark no longer runs: stop and deliver nothing."""


@dataclass(frozen=True)
class Claim:
    """The right to work on a shard: void as soon as the row's fence is another."""

    shard_id: int
    benchmark_id: int
    fence: int
    method_index: int
    start: int
    stop: int
    specification: dict[str, Any]


class _AtLimit(Exception):
    """The member has as many shards at work as they may."""


def claim_shard(node: WorkerNode) -> Claim | None:
    """Takes the next waiting shard of a running benchmark: of the highest priority; there, members are served in turn;
    and of a member's in the order of their queueing. None if nothing waits that this worker may take, or if it
    is to take no new work: an administrator wants it so, or its code is not the installation's.
    """
    passed_over: set[int] = set()
    while True:
        try:
            return _claim_next(node, passed_over)
        except _AtLimit as limit:
            # Another worker was first, and everything that was locked for the try is free again.
            passed_over.add(limit.args[0])


@transaction.atomic
def _claim_next(node: WorkerNode, passed_over: Collection[int]) -> Claim | None:
    row = workers_taking_work().filter(pk=node.pk).first()
    if row is None:
        return None
    shard = _next_shard(row, passed_over)
    if shard is None:
        return None
    owner = shard.benchmark.owner_id
    # This row is the lock behind which a member's shards at work are counted.
    note_served(owner, Turn)
    if is_at_limit(owner):
        raise _AtLimit(owner)
    fit_to_device(shard, row.device)
    Shard.objects.filter(pk=shard.pk).update(
        state=Shard.State.RUNNING,
        stop=shard.stop,
        fence=F("fence") + 1,
        attempt=F("attempt") + 1,
        worker=node,
        progress=0.0,
        claimed_at=Now(),
        lease_expires=now_plus(LEASE_SECONDS),
        problem="",
    )
    return Claim(
        shard_id=shard.pk,
        benchmark_id=shard.benchmark_id,
        fence=shard.fence + 1,
        method_index=shard.method_index,
        start=shard.start,
        stop=shard.stop,
        specification=shard.benchmark.specification,
    )


def _next_shard(node: WorkerNode, passed_over: Collection[int]) -> Shard | None:
    """First the benchmark, then its first shard that nobody else is about to take: a sort of all shards that wait would
    take the longer the more there are.
    """
    # One look into the index of waiting shards for each benchmark. Exists() says the same, and PostgreSQL may answer it
    # by reading every shard that waits.
    waiting = _waiting().filter(benchmark=OuterRef("pk")).order_by("method_index", "start").values("pk")
    benchmarks = (
        Benchmark.objects.filter(state=Benchmark.State.RUNNING, device_label__in=["", node.label])
        .exclude(owner__in=owners_at_limit())
        .exclude(owner__in=passed_over)
        .exclude(pk__in=resting_from(node).values("benchmark"))
        .annotate(waiting=Subquery(waiting[:1]))
        .filter(waiting__isnull=False)
        .order_by(*_order_of_service())
    )
    for benchmark in benchmarks.values_list("pk", flat=True):
        shard = _shard_for(node, benchmark)
        if shard is not None:
            return shard
    return None


def _order_of_service() -> list[Any]:
    """By priority, and now and then without it, so that the lowest one is served too however much is above it."""
    in_turn = [F("owner__turn__served_at").asc(nulls_first=True), "pk"]
    if _dice.random() < settings.SHARE_WITHOUT_PRIORITY:
        return in_turn
    return ["-priority", *in_turn]


def _shard_for(node: WorkerNode, benchmark: int) -> Shard | None:
    shards = _claimable([node.label]).filter(benchmark=benchmark).order_by("method_index", "start")
    lockable = locked_skipping(shards.select_related("benchmark"))
    shard = lockable.first()
    if shard is not None and shard.worker_id == node.pk and _another_should_try(shard, node):
        return lockable.exclude(worker=node).first()
    return shard


def _another_should_try(shard: Shard, node: WorkerNode) -> bool:
    """Whether a shard on which this worker failed is to wait a while for another: one of them may be what is wrong."""
    lately = Shard.objects.filter(pk=shard.pk, not_before__gt=now_plus(-SECONDS_FOR_OTHERS))
    others = benchmark_workers().exclude(pk=node.pk).exclude(troubles__benchmark=shard.benchmark_id)
    if shard.benchmark.device_label:
        others = others.filter(label=shard.benchmark.device_label)
    return lately.exists() and others.exists()


def still_ours(claim: Claim) -> bool:
    """Whether the claim still holds and its benchmark runs."""
    return _claimed(claim).filter(benchmark__state=Benchmark.State.RUNNING).exists()


def extend_lease(claim: Claim, progress: float) -> bool:
    """Heartbeat: keeps the shard for another lease and notes how far it is. False if the claim is void."""
    return bool(_claimed(claim).update(lease_expires=now_plus(LEASE_SECONDS), progress=progress))


def give_back(claim: Claim) -> None:
    """Returns a shard that was interrupted through no fault of its own: the attempt does not count."""
    _claimed(claim).update(
        state=Shard.State.WAITING,
        fence=F("fence") + 1,
        attempt=F("attempt") - 1,
        lease_expires=None,
        worker=None,
        progress=0.0,
    )


def deliver(claim: Claim, columns: Sequence[Columns], environment: dict[str, Any]) -> None:
    """Writes a shard's columns, one per experiment, and `done` in one transaction. Raises ClaimLost, writing nothing,
    if it came late.
    """
    # Before anything is locked: every delivery to the benchmark waits for its row.
    packed = [part.pack() for part in columns]
    failed = len({failure["index"] for part in columns for failure in part.failures})
    with transaction.atomic():
        _deliver(claim, packed, failed, environment)


def _deliver(claim: Claim, packed: Packed, failed: int, environment: dict[str, Any]) -> None:
    benchmark = locked(Benchmark.objects.filter(pk=claim.benchmark_id)).first()
    shard = locked(_claimed(claim)).first()
    if benchmark is None or shard is None or benchmark.state != Benchmark.State.RUNNING:
        raise ClaimLost
    _write_results(shard, packed)
    Shard.objects.filter(pk=shard.pk).update(
        state=Shard.State.DONE,
        progress=1.0,
        finished_at=Now(),
        lease_expires=None,
        environment=environment,
        problem="",
    )
    WorkerTrouble.objects.filter(benchmark=benchmark, worker=shard.worker_id).delete()
    record_event(
        benchmark,
        "shard_done",
        {
            "method_index": shard.method_index,
            "start": shard.start,
            "stop": shard.stop,
            "failed": failed,
            "worker": environment.get("worker"),
        },
    )


def fail_attempt(shard_id: int, fence: int, reason: str) -> None:
    """One attempt went wrong: the shard waits and is tried again. After the last attempt it is set aside, or, where the
    others of its method went well, halved, so that an image that takes its process down is lost alone.
    """
    claimed = Shard.objects.filter(pk=shard_id, fence=fence, state=Shard.State.RUNNING)
    shard = claimed.select_related("benchmark").first()
    if shard is None:
        return
    # Before anything is locked: it may have to open the data set.
    results = []
    halved = shard.attempt >= MAX_ATTEMPTS and _is_worth_halving(shard)
    if shard.attempt >= MAX_ATTEMPTS and not halved:
        experiments = len(shard.benchmark.specification["experiments"])
        results = [failed_columns(shard, reason).pack()] * experiments
    with transaction.atomic():
        # In the order in which deliveries lock them.
        benchmark = locked(Benchmark.objects.filter(pk=shard.benchmark_id)).first()
        if benchmark is None or not locked(claimed).exists():
            return
        _fail_attempt(benchmark, shard, reason, results)
        if halved:
            Shard.objects.filter(pk=shard.pk).update(attempt=ATTEMPTS_BEFORE_HALVES)
            shard.attempt = ATTEMPTS_BEFORE_HALVES
            split(shard, shard.start + shard.number_of_images // 2)
            Shard.objects.filter(pk=shard.pk).update(stop=shard.stop)


def _is_worth_halving(shard: Shard) -> bool:
    """Whether a few images may be what fails: others of the method went well, and little was set aside so far."""
    of_benchmark = Shard.objects.filter(benchmark=shard.benchmark_id)
    return (
        shard.number_of_images > 1
        and of_benchmark.filter(state=Shard.State.DONE, method_index=shard.method_index).exists()
        and of_benchmark.filter(state=Shard.State.SET_ASIDE).count() < MOST_SET_ASIDE_ALONE
    )


def _fail_attempt(benchmark: Benchmark, shard: Shard, reason: str, results: Packed) -> None:
    Shard.objects.filter(pk=shard.pk).update(
        state=Shard.State.SET_ASIDE if results else Shard.State.WAITING,
        fence=F("fence") + 1,
        not_before=now_plus(FIRST_PAUSE_SECONDS * 2**shard.attempt),
        lease_expires=None,
        progress=0.0,
        problem=reason,
    )
    if results:
        _write_results(shard, results)
    record_event(
        benchmark,
        "shard_set_aside" if results else "shard_retried",
        {
            "method_index": shard.method_index,
            "start": shard.start,
            "stop": shard.stop,
            "attempt": shard.attempt,
            "reason": reason,
        },
    )


def _write_results(shard: Shard, packed: Packed) -> None:
    ShardResult.objects.bulk_create(
        ShardResult(shard=shard, experiment_index=number, scalars=scalars, curves=curves)
        for number, (scalars, curves) in enumerate(packed)
    )


def failed_columns(shard: Shard, reason: str) -> Columns:
    """Columns of a shard that is set aside: all its images are failures, by name where the data set is here as it was
    registered, else by their places.
    """
    specification = shard.benchmark.specification
    wanted = specification["dataset"]
    images = [(position, f"image {position + 1}") for position in range(shard.start, shard.stop)]
    try:
        dataset = open_dataset(wanted["format"], wanted["path"])
        if dataset.fingerprint() == wanted["fingerprint"]:
            subset = chosen_images(specification, dataset)[shard.start : shard.stop]
            images = [(index, dataset.sample(index).identifier) for index in subset]
    except Exception as problem:
        log.warning("set_aside_without_names", problem=str(problem))
    return Columns(failures=[{"index": index, "image": image, "reason": reason} for index, image in images])


def fail_lost_shards(reason: str, *, of_worker: WorkerNode | None = None) -> int:
    """Ends the attempts whose lease has run out, or that a worker with this name left behind. Returns how many."""
    running = Shard.objects.filter(state=Shard.State.RUNNING)
    lost = running.filter(worker=of_worker) if of_worker else running.filter(lease_expires__lt=Now())
    found = list(lost.values_list("pk", "fence"))
    for shard_id, fence in found:
        with structlog.contextvars.bound_contextvars(shard=shard_id):
            try:
                fail_attempt(shard_id, fence, reason)
            except AWAY:
                raise
            except Exception:
                log.exception("attempt_not_ended")  # The others are not to wait for this one.
    return len(found)


def work_waits(labels: Collection[str] | None = None) -> bool:
    """Whether a shard could be claimed now: by a worker with one of the labels, or by any."""
    return _claimable(labels).exists()


def work_waits_for(worker: WorkerNode) -> bool:
    """Whether this worker could claim a shard now: of a benchmark from which it does not rest."""
    return _claimable([worker.label]).exclude(benchmark__in=resting_from(worker).values("benchmark")).exists()


def _waiting() -> QuerySet[Shard]:
    """Shards that wait and are not put off."""
    return Shard.objects.filter(
        Q(not_before__isnull=True) | Q(not_before__lte=Now()), state=Shard.State.WAITING
    )


def _claimable(labels: Collection[str] | None) -> QuerySet[Shard]:
    shards = (
        _waiting()
        .filter(benchmark__state=Benchmark.State.RUNNING)
        .exclude(benchmark__owner__in=owners_at_limit())
    )
    return shards if labels is None else shards.filter(benchmark__device_label__in=["", *labels])


def _claimed(claim: Claim) -> Any:
    return Shard.objects.filter(pk=claim.shard_id, fence=claim.fence, state=Shard.State.RUNNING)
