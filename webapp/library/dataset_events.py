"""Telling open pages what becomes of a data set; what it has become they are told by its row."""

from __future__ import annotations

from django.db import transaction

from webapp.common.announcing import send
from webapp.library.models import Dataset


def dataset_group(pk: int) -> str:
    return f"dataset.{pk}"


def announce_dataset(dataset: Dataset) -> None:
    """Its state has changed, or how far it is."""
    send(dataset_group(dataset.pk), {"type": "dataset.changed", "id": dataset.pk})


def announce_on_commit(dataset: Dataset) -> None:
    transaction.on_commit(lambda: announce_dataset(dataset))
