"""Telling the open pages of a classifier that its row has changed; what it has become they read from the row."""

from __future__ import annotations

from django.db import transaction

from webapp.common.announcing import send


def classifier_group(classifier_id: int) -> str:
    return f"classifier.{classifier_id}"


def announce(classifier_id: int) -> None:
    """At once: for progress, and for workers that are not within a transaction."""
    send(classifier_group(classifier_id), {"type": "classifier.changed", "id": classifier_id})


def announce_on_commit(classifier_id: int) -> None:
    transaction.on_commit(lambda: announce(classifier_id))
