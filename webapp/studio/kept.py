"""The maps that a member keeps: how many there may be, which are pinned, cancelling and deleting them."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet

from webapp.accounts.models import User
from webapp.common import hints, leases
from webapp.studio.models import Explanation, State
from webapp.studio.services import discard_unshared_files

OPEN = (State.WAITING, State.RUNNING)


def most_kept() -> int:
    """Maps that one member may have; the oldest unpinned ones make room for new ones."""
    return settings.STUDIO_MOST_MAPS_KEPT


@transaction.atomic
def make_room(*, owner: User, number: int, keep: Collection[str] = ()) -> int:
    """Removes unpinned maps, so that `number` new ones can be kept; not those whose digests are in `keep`. First go
    those that are in no list, then the oldest.

    Returns for how many there is room: fewer where too many are pinned.
    """
    # Those too of images that they do not see any more: they take room all the same.
    own = Explanation.objects.filter(owner=owner)
    surplus = own.count() + number - most_kept()
    if surplus <= 0:
        return number
    removable = own.filter(pinned=False).exclude(state__in=OPEN).exclude(digest__in=keep)
    oldest = list(removable.order_by("listed", "pk")[:surplus])
    delete_maps(oldest)
    return max(0, number - (surplus - len(oldest)))


def number_open(owner: User) -> int:
    """Of the member's maps, how many are not drawn yet."""
    return Explanation.objects.filter(owner=owner, state__in=OPEN).count()


@transaction.atomic
def delete_maps(rows: Iterable[Explanation]) -> int:
    """Deletes maps; one that is being drawn is given up by its worker. Returns how many there were."""
    maps = list(rows)
    Explanation.objects.filter(pk__in=[row.pk for row in maps]).delete()
    transaction.on_commit(lambda: discard_unshared_files([row.digest for row in maps]))
    return len(maps)


@transaction.atomic
def cancel(rows: QuerySet[Explanation]) -> int:
    """Gives up maps that are not drawn yet, as if they had not been asked for, and curves that are not measured yet.

    A worker that is at one of them stops within a batch. Returns how many were given up.
    """
    curves = rows.filter(state=State.READY, curves_state__in=OPEN).update(
        curves_state="", fence=F("fence") + 1, lease_expires=None
    )
    return curves + delete_maps(rows.filter(state__in=OPEN))


@transaction.atomic
def retry(rows: QuerySet[Explanation]) -> int:
    """Failed maps and failed curves wait for the worker again. Returns how many."""
    maps = rows.filter(state=State.FAILED).update(state=State.WAITING, problem="", **leases.anew())
    curves = rows.filter(state=State.READY, curves_state=State.FAILED).update(
        curves_state=State.WAITING, curves_problem="", **leases.anew()
    )
    if maps + curves:
        hints.wake_studio()
    return maps + curves


def pin(rows: QuerySet[Explanation], *, pinned: bool) -> int:
    """Pinned maps stay until they are deleted by hand, and are listed."""
    return rows.update(pinned=True, listed=True) if pinned else rows.update(pinned=False)


def open_maps(user: User) -> QuerySet[Explanation]:
    """The member's maps that the worker is not done with."""
    return Explanation.objects.visible_to(user).filter(Q(state__in=OPEN) | Q(curves_state__in=OPEN))
