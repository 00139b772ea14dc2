"""Telling open pages what becomes of a data set; what it has become they are told by its row."""

from __future__ import annotations

from webapp.benchmarks.events import send
from webapp.library.models import Dataset


def dataset_group(pk: int) -> str:
    return f"dataset.{pk}"


def announce_dataset(dataset: Dataset) -> None:
    """Its state has changed."""
    send(dataset_group(dataset.pk), {"type": "dataset.changed", "id": dataset.pk})


def announce_unpacking(dataset: Dataset, done: int, total: int) -> None:
    """How far it is unpacked, in bytes; not kept."""
    send(
        dataset_group(dataset.pk),
        {"type": "dataset.progress", "id": dataset.pk, "done": done, "total": total},
    )
