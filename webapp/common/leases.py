"""What holds for everything that the studio's worker takes on lease: rows that are claimed, kept, given back and, where
the worker dies, tried again a bounded number of times.

A claim raises the row's fence; whatever is written for a claim is written with its fence, so that a worker that was
thought dead and wakes up again changes nothing. Times are the database's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import models
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from webapp.common.database import now_plus

# Longer than what may hold the whole process up for a while, as reading a large file of annotations does.
LEASE_SECONDS = 30.0
# What takes its process down must not do so for ever.
MAX_ATTEMPTS = 3
FIRST_PAUSE_SECONDS, PAUSE_GROWTH = 2.0, 5


class Leased(models.Model):
    """`attempt` counts the claims whose worker died; it waits until `not_before` after such a one."""

    fence = models.PositiveIntegerField(default=0)
    attempt = models.PositiveSmallIntegerField(default=0)
    lease_expires = models.DateTimeField(null=True, blank=True)
    not_before = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True


def due(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Those that are not put off."""
    return rows.filter(Q(not_before__isnull=True) | Q(not_before__lte=Now()))


def taken() -> dict[str, Any]:
    """What a claim writes besides the state."""
    return {
        "fence": F("fence") + 1,
        "attempt": F("attempt") + 1,
        "lease_expires": now_plus(LEASE_SECONDS),
        "not_before": None,
    }


def anew() -> dict[str, Any]:
    """What is written besides the state where somebody asks for it, or gives it up: no earlier attempt counts, and
    whoever is at it delivers nothing.
    """
    return {"fence": F("fence") + 1, "attempt": 0, "lease_expires": None, "not_before": None}


def given_back() -> dict[str, Any]:
    """What a worker writes that is being stopped: the attempt does not count."""
    return {"fence": F("fence") + 1, "attempt": F("attempt") - 1, "lease_expires": None}


def held(row: Leased) -> QuerySet[Any]:
    """The row, if the caller's claim still holds: not where it was cancelled, deleted, or taken by another worker."""
    rows = type(row)._default_manager.all()
    return rows.filter(pk=row.pk, fence=row.fence, lease_expires__isnull=False)


def keep(rows: Iterable[Leased]) -> int:
    """Extends the leases of rows of one kind; returns how many are still the caller's."""
    kept = list(rows)
    if not kept:
        return 0
    claims = Q()
    for row in kept:
        claims |= Q(pk=row.pk, fence=row.fence)
    # A row that is done has no lease any more.
    still = type(kept[0])._default_manager.filter(claims, lease_expires__isnull=False)
    return still.update(lease_expires=now_plus(LEASE_SECONDS))


def lost(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Those whose worker has not been heard of."""
    return rows.filter(lease_expires__lt=Now())


def tries_again(row: Leased, **waiting: Any) -> bool:
    """Has a lost row wait again, after a pause that grows. False, and nothing is done, if that was its last attempt or
    its worker has been heard of meanwhile.
    """
    if row.attempt >= MAX_ATTEMPTS:
        return False
    pause = FIRST_PAUSE_SECONDS * PAUSE_GROWTH ** max(0, row.attempt - 1)
    return bool(
        lost(held(row)).update(
            **waiting, fence=F("fence") + 1, lease_expires=None, not_before=now_plus(pause)
        )
    )
