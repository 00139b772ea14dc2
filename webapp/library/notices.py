"""Who is told that the preparation of a model or a data set has ended: its owner and who asked for it."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from webapp.accounts.models import User
from webapp.library.models import Classifier, Dataset
from webapp.live.notices import notify_members

MODEL, DATASET = "prepared_model", "prepared_dataset"


def notify_prepared(row: Classifier | Dataset) -> None:
    """Tells their open pages, once the transaction is through."""
    members = {row.owner_id, row.asked_by_id} - {None}
    notify_members(members, MODEL if isinstance(row, Classifier) else DATASET, row.pk)


def model_notice(user: User, key: int) -> dict[str, Any] | None:
    """`name`, `state` (ready, failed or cancelled), `url` and `fence`; None if the member may not see it or it is being
    prepared again.
    """
    row = Classifier.objects.visible_to(user).filter(pk=key).only("name", "state", "fence").first()
    return None if row is None else _notice(row, "library:classifier")


def dataset_notice(user: User, key: int) -> dict[str, Any] | None:
    """As of a model."""
    row = Dataset.objects.visible_to(user).filter(pk=key).only("name", "state", "fence").first()
    return None if row is None else _notice(row, "library:dataset")


def _notice(row: Classifier | Dataset, page: str) -> dict[str, Any] | None:
    if row.state not in ("ready", "failed", "cancelled"):
        return None
    return {"name": row.name, "state": row.state, "url": reverse(page, args=[row.pk]), "fence": row.fence}
