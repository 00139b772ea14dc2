"""The states of a benchmark. Each change is one function, refuses what is not allowed and writes its event."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from webapp.benchmarks.events import record_event
from webapp.benchmarks.finishing import announce_finished
from webapp.benchmarks.models import Benchmark, Shard, ShardResult
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
    """Running → succeeded, with the final figures."""
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
def fail(benchmark: Benchmark, problem: str) -> None:
    """Queued or running → failed, for a reason that is shown."""
    _change(
        benchmark, allowed=[State.QUEUED, State.RUNNING], to=State.FAILED, finished=Now(), problem=problem
    )
    announce_finished(record_event(benchmark, "failed", {"problem": problem}))


@transaction.atomic
def cancel(benchmark: Benchmark) -> None:
    """Queued or running → cancelled. What is done stays; shards under way are taken from their workers."""
    _change(benchmark, allowed=[State.QUEUED, State.RUNNING], to=State.CANCELLED, finished=Now())
    Shard.objects.filter(benchmark=benchmark, state=Shard.State.RUNNING).update(
        state=Shard.State.WAITING,
        fence=F("fence") + 1,
        attempt=F("attempt") - 1,
        lease_expires=None,
        worker=None,
        progress=0.0,
    )
    announce_finished(record_event(benchmark, "cancelled"))


@transaction.atomic
def resume(benchmark: Benchmark) -> None:
    """Failed or cancelled → queued. Shards that were set aside get new attempts; finished ones are kept."""
    _change(
        benchmark,
        allowed=[State.FAILED, State.CANCELLED],
        to=State.QUEUED,
        finished=None,
        problem="",
        figures_shards=0,
    )
    set_aside = Shard.objects.filter(benchmark=benchmark, state=Shard.State.SET_ASIDE)
    ShardResult.objects.filter(shard__in=set_aside).delete()
    set_aside.update(
        state=Shard.State.WAITING, attempt=0, not_before=None, problem="", progress=0.0, fence=F("fence") + 1
    )
    record_event(benchmark, "resumed")


def _change(benchmark: Benchmark, *, allowed: list[str], to: str, **fields: Any) -> None:
    current = locked(Benchmark.objects.filter(pk=benchmark.pk)).get()
    if current.state not in allowed:
        raise TransitionRefused(
            _("Benchmark %(number)s is %(state)s: that is not possible now.")
            % {"number": current, "state": current.get_state_display()}
        )
    Benchmark.objects.filter(pk=benchmark.pk).update(state=to, **fields)
    benchmark.refresh_from_db()
