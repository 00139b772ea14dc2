"""The socket of pages that show classifiers: what they are now, then every change."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer

from webapp.common.text import row_number
from webapp.library.events import classifier_group
from webapp.library.models import Classifier
from webapp.library.selectors import MOST_WATCHED

NOT_FOUND = 4404


class ClassifierConsumer(AsyncJsonWebsocketConsumer):
    """Sends a member what becomes of classifiers: `?classifier=5&classifier=6`.

    `snapshot` first, with `classifiers`; then `classifier` for each change, and `gone` for one that is deleted or not
    shared any more. If one of them is not visible to the member, or none is named, the socket closes with 4404.
    """

    watched: set[int]

    async def connect(self) -> None:
        self.watched = watched_classifiers(self.scope.get("query_string", b""))
        # Joined before the snapshot is taken, so that nothing falls between the two.
        for pk in self.watched:
            await self.channel_layer.group_add(classifier_group(pk), self.channel_name)
        found = await self._rows(self.watched)
        await self.accept()
        if not found or len(found) < len(self.watched):
            await self.close(code=NOT_FOUND)
            return
        await self.send_json({"type": "snapshot", "classifiers": found})

    async def disconnect(self, code: int) -> None:
        for pk in self.watched:
            await self.channel_layer.group_discard(classifier_group(pk), self.channel_name)

    async def classifier_changed(self, message: dict[str, Any]) -> None:
        found = await self._rows({message["id"]})
        await self.send_json(
            {"type": "classifier", **found[0]} if found else {"type": "gone", "id": message["id"]}
        )

    @database_sync_to_async
    def _rows(self, ids: set[int]) -> list[dict[str, Any]]:
        rows = Classifier.objects.visible_to(self.scope["user"]).filter(pk__in=ids).order_by("pk")
        return [classifier_state(row) for row in rows.defer("description", "class_names")]


def classifier_state(row: Classifier) -> dict[str, Any]:
    """`report`: the state of the compatibility report, `step`: that of the preparation; "" where there is none."""
    return {
        "id": row.pk,
        "state": row.state,
        "step": row.step,
        "problem": row.problem,
        "bytes_done": row.bytes_done,
        "bytes_total": row.bytes_total,
        "report": row.compatibility.get("state", ""),
    }


def watched_classifiers(query: bytes) -> set[int]:
    """The classifiers that an address names, at most MOST_WATCHED; whatever is no number is not counted."""
    named = parse_qs(query.decode("ascii", "replace")).get("classifier", [])
    return {number for text in named[:MOST_WATCHED] if (number := row_number(text)) is not None}
