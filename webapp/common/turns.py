"""Serving members in turn, so that whoever asks for a thousand things does not hold up a colleague's one."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, QuerySet

from webapp.common.database import ClockTime


class ServedMember(models.Model):
    """When something of a member's was last claimed; every kind of worker has a table of its own of these."""

    owner = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="%(class)s")
    served_at = models.DateTimeField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.owner}: {self.served_at}"


def in_turn(rows: QuerySet[Any], turns: type[ServedMember]) -> QuerySet[Any]:
    """Rows with an owner: those of whoever was served longest ago, or never, first; a member's own as they were asked
    for.
    """
    served_at = F(f"owner__{turns._meta.model_name}__served_at")
    return rows.order_by(served_at.asc(nulls_first=True), "pk")


def note_served(owner_id: int, turns: type[ServedMember]) -> None:
    """This member comes last now. Whoever waited long for the row, as every claim of the member does, was still served
    just now: with an earlier time the member would be next again.
    """
    # One statement in nearly every case.
    rows = turns._default_manager
    if not rows.filter(owner_id=owner_id).update(served_at=ClockTime()):
        rows.update_or_create(owner_id=owner_id, defaults={"served_at": ClockTime()})
