"""Deleting a benchmark, bringing it back, and removing it for good after some days."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from webapp.accounts.models import User
from webapp.audit.models import AuditEvent
from webapp.audit.recording import record
from webapp.benchmarks import transitions
from webapp.benchmarks.events import announce_access
from webapp.benchmarks.models import Benchmark
from webapp.common.database import locked, now_plus

SECONDS_A_DAY = timedelta(days=1).total_seconds()

BEING_RESTORED = "It is being restored from a backup."
"""Problem of a benchmark of which not all is there yet; until then it is deleted, and can't be brought back."""


def deleted_benchmarks(user: User) -> QuerySet[Benchmark]:
    """A member's own that can still be brought back, the last deleted first."""
    own = Benchmark.objects.filter(owner_id=user.pk, deleted__isnull=False).exclude(problem=BEING_RESTORED)
    return own.select_related("classifier", "dataset").order_by("-deleted", "-pk")


@transaction.atomic
def delete_benchmark(benchmark: Benchmark) -> None:
    """Takes a benchmark out of every list; one that is not over is cancelled first."""
    # As it is now: it may end, or be resumed, at this very moment.
    current = locked(Benchmark.objects.filter(pk=benchmark.pk)).first()
    if current is None:
        return
    if current.is_unfinished:
        transitions.cancel(benchmark)
    Benchmark.objects.filter(pk=benchmark.pk).update(deleted=Now())
    record(AuditEvent.Kind.DELETED, benchmark)
    transaction.on_commit(lambda: announce_access(benchmark.pk))


def restore_benchmark(benchmark: Benchmark) -> None:
    """Brings a deleted benchmark back as it was, shares included; a cancelled one can be resumed."""
    Benchmark.objects.filter(pk=benchmark.pk).update(deleted=None)
    record(AuditEvent.Kind.BROUGHT_BACK, benchmark)


def purge_deleted_benchmark() -> bool:
    """Removes one benchmark whose days (settings.DELETED_BENCHMARKS_KEPT_DAYS) are over; False if there is none."""
    long_ago = now_plus(-SECONDS_A_DAY * settings.DELETED_BENCHMARKS_KEPT_DAYS)
    row = Benchmark.objects.filter(deleted__lt=long_ago).only("pk").first()
    if row is None:
        return False
    row.delete()
    return True
