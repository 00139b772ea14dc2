"""Telling members' open pages that something has changed.

A notice names a topic and a row's key and carries nothing else. Each socket looks the row up for its own member when
the notice arrives (`webapp.live.topics`), so that nobody is told of what they may not see, and nobody of a state that
has passed.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from django.db import transaction

from webapp.benchmarks.events import send

EVERYBODY = "notices.everybody"


def notices_group(user_id: int) -> str:
    """The sockets of one member's open pages."""
    return f"notices.{user_id}"


def notify_members(user_ids: Iterable[int], topic: str, key: int) -> None:
    """Tells these members' pages, once the transaction is through."""
    for user_id in user_ids:
        transaction.on_commit(partial(_send, notices_group(user_id), topic, key))


def notify_everybody(topic: str, key: int) -> None:
    """Tells every open page, once the transaction is through; those who may not see the row get nothing."""
    transaction.on_commit(partial(_send, EVERYBODY, topic, key))


def _send(group: str, topic: str, key: int) -> None:
    send(group, {"type": "member.notice", "topic": topic, "key": key})
