"""Telling a member's open studio pages that a row has changed; what it has become they are told by the row itself."""

from __future__ import annotations

from webapp.benchmarks.events import send
from webapp.studio.models import Explanation, Prediction


def studio_group(user_id: int) -> str:
    return f"studio.{user_id}"


def announce_progress(row: Explanation, part: str, share: float) -> None:
    """How much of a map, or of its curves, is done: sent as it is, or lost."""
    message = {"type": "studio.progress", "id": row.pk, "part": part, "share": round(share, 3)}
    send(studio_group(row.owner_id), message)


def announce(row: Explanation | Prediction) -> None:
    kind = "prediction" if isinstance(row, Prediction) else "explanation"
    send(studio_group(row.owner_id), {"type": "studio.changed", "kind": kind, "id": row.pk})
