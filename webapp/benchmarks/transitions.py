"""The states of a benchmark. Each change is one function, refuses what is not allowed and writes its event."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from webapp.benchmarks.belongings import why_not_resumed
from webapp.benchmarks.events import record_event
from webapp.benchmarks.finishing import announce_finished
from webapp.benchmarks.models import Benchmark, Shard, ShardResult, WorkerTrouble
from webapp.common.database import locked

State = Benchmark.State


class TransitionRefused(Exception):
    """The benchmark is in a state from which this is not possible. The message is for the user."""


@transaction.atomic
def start(benchmark: Benchmark) -> None:
    """Queued → running: the first time, or again after *resume*."""
    _change(benchmark, allowed=[State.QUEUED], to=State.RUNNING, started=benchmark.started or Now())
    record_event(benchmark, "started")


@transaction.atomic
def succeed(benchmark: Benchmark, *, figures: dict[str, Any], shards: int) -> None:
    """Running → succeeded, with the final figures. Refused while shards are open: while figures were computed it may
    have been cancelled and resumed.
    """
    current = _lock(benchmark, [State.RUNNING])
    if current.shards.filter(state__in=Shard.OPEN).exists():
        raise _not_now(current)
    _change(
        benchmark,
        allowed=[State.RUNNING],
        to=State.SUCCEEDED,
        finished=Now(),
        figures=figures,
        figures_shards=shards,
    )
    announce_finished(record_event(benchmark, "succeeded", {"figures": figures}))


@transaction.atomic
def pause(benchmark: Benchmark) -> None:
    """Queued or running → paused. What is done stays; shards under way are taken from their workers. Refused of what
    was deleted.
    """
    _change(benchmark, allowed=[State.QUEUED, State.RUNNING], to=State.PAUSED, of_deleted=False)
    _take_running_shards(benchmark)
    record_event(benchmark, "paused")


@transaction.atomic
def fail(benchmark: Benchmark, problem: str) -> None:
    """Queued or running → failed, for a reason that is shown."""
    _change(
        benchmark, allowed=[State.QUEUED, State.RUNNING], to=State.FAILED, finished=Now(), problem=problem
    )
    announce_finished(record_event(benchmark, "failed", {"problem": problem}))


@transaction.atomic
def cancel(benchmark: Benchmark) -> None:
    """Queued, running or paused → cancelled. What is done stays; shards under way are taken from their workers."""
    _change(benchmark, allowed=[*Benchmark.UNFINISHED], to=State.CANCELLED, finished=Now())
    _take_running_shards(benchmark)
    announce_finished(record_event(benchmark, "cancelled"))


@transaction.atomic
def resume(benchmark: Benchmark) -> None:
    """Paused, failed or cancelled → queued; finished shards are kept. Unless it was only paused, shards that were set
    aside get new attempts. Succeeded → queued where some were set aside, for the same. Refused of what was deleted.
    """
    refused = why_not_resumed(benchmark)
    if refused:
        raise TransitionRefused(refused)
    allowed = [State.PAUSED, State.FAILED, State.CANCELLED]
    if benchmark.shards.filter(state=Shard.State.SET_ASIDE).exists():
        allowed.append(State.SUCCEEDED)
    before = _change(benchmark, allowed=allowed, to=State.QUEUED, of_deleted=False, finished=None, problem="")
    if before != State.PAUSED:
        _try_again_what_was_set_aside(benchmark)
    WorkerTrouble.objects.filter(benchmark=benchmark).delete()
    record_event(benchmark, "resumed")


def _take_running_shards(benchmark: Benchmark) -> None:
    """Their workers stop within a batch; the attempts do not count."""
    Shard.objects.filter(benchmark=benchmark, state=Shard.State.RUNNING).update(
        state=Shard.State.WAITING,
        fence=F("fence") + 1,
        attempt=F("attempt") - 1,
        lease_expires=None,
        worker=None,
        progress=0.0,
    )


def _try_again_what_was_set_aside(benchmark: Benchmark) -> None:
    Benchmark.objects.filter(pk=benchmark.pk).update(figures_shards=0, figures_complete=False)
    set_aside = Shard.objects.filter(benchmark=benchmark, state=Shard.State.SET_ASIDE)
    ShardResult.objects.filter(shard__in=set_aside).delete()
    set_aside.update(
        state=Shard.State.WAITING, attempt=0, not_before=None, problem="", progress=0.0, fence=F("fence") + 1
    )


def _change(
    benchmark: Benchmark, *, allowed: list[str], to: str, of_deleted: bool = True, **fields: Any
) -> str:
    """Returns the state that it was in."""
    before = _lock(benchmark, allowed, of_deleted=of_deleted).state
    Benchmark.objects.filter(pk=benchmark.pk).update(state=to, **fields)
    benchmark.refresh_from_db()
    return before


def _lock(benchmark: Benchmark, allowed: list[str], *, of_deleted: bool = True) -> Benchmark:
    """The benchmark as it is now, in one of the `allowed` states, and kept so until the end of the transaction."""
    current = locked(Benchmark.objects.filter(pk=benchmark.pk)).get()
    if current.state not in allowed:
        raise _not_now(current)
    if current.deleted is not None and not of_deleted:
        # Nobody would see it go on.
        raise TransitionRefused(
            _("Benchmark %(number)s was deleted: bring it back first.") % {"number": current}
        )
    return current


def _not_now(current: Benchmark) -> TransitionRefused:
    return TransitionRefused(
        _("Benchmark %(number)s is %(state)s: that is not possible now.")
        % {"number": current, "state": current.get_state_display()}
    )
