"""What one member may have at once, where the settings limit it."""

from __future__ import annotations

from django.conf import settings
from django.db.models import Count, QuerySet
from django.utils.translation import ngettext

from webapp.accounts.models import User
from webapp.benchmarks.models import Benchmark, Shard
from webapp.common.database import locked


def unfinished_problem(owner: User) -> str:
    """Why the member can't queue another benchmark now; empty if they can.

    To be asked within the transaction that queues it: two requests at once are counted one after the other.
    """
    most = settings.MOST_UNFINISHED_BENCHMARKS
    if not most:
        return ""
    locked(User.objects.filter(pk=owner.pk)).first()
    unfinished = Benchmark.objects.filter(owner=owner, state__in=Benchmark.UNFINISHED, deleted__isnull=True)
    if unfinished.count() < most:
        return ""
    return ngettext(
        "You have %(count)d unfinished benchmark, and a member may have no more: wait until it is over, or cancel it.",
        "You have %(count)d unfinished benchmarks, and a member may have no more: "
        "wait until one is over, or cancel one.",
        most,
    ) % {"count": most}


def owners_at_limit() -> QuerySet[Shard]:
    """The numbers of the members of whose shards as many are at work as may be; none without a limit."""
    most = settings.MOST_SHARDS_AT_WORK
    running = Shard.objects.filter(state=Shard.State.RUNNING).order_by()
    if not most:
        running = running.none()
    counted = running.values("benchmark__owner").annotate(running=Count("pk"))
    return counted.filter(running__gte=most).values("benchmark__owner")


def is_at_limit(owner_id: int) -> bool:
    """Whether no more shards of the member may be claimed; the caller holds their turn."""
    most = settings.MOST_SHARDS_AT_WORK
    if not most:
        return False
    return Shard.objects.filter(state=Shard.State.RUNNING, benchmark__owner=owner_id).count() >= most
