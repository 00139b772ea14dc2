"""The socket of a studio page: the state of the rows that it shows, then every change of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer

from webapp.common.text import row_number
from webapp.studio.events import studio_group
from webapp.studio.models import Asked, Explanation, Prediction

NOT_FOUND = 4404
MOST_WATCHED = 64
KINDS: dict[str, type[Asked]] = {"explanation": Explanation, "prediction": Prediction}


class StudioConsumer(AsyncJsonWebsocketConsumer):
    """Sends a member what becomes of maps and predictions: `?explanation=5&explanation=6&prediction=2`.

    If one of them is not visible to them, or none is named, the socket closes with 4404.
    """

    watched: dict[str, set[int]]
    group: str

    async def connect(self) -> None:
        self.group = studio_group(self.scope["user"].pk or 0)
        self.watched = watched_rows(self.scope.get("query_string", b""))
        # Joined before the snapshot is taken, so that nothing falls between the two.
        await self.channel_layer.group_add(self.group, self.channel_name)
        snapshot = [row for kind, ids in self.watched.items() for row in await self._rows(kind, ids)]
        await self.accept()
        if not snapshot or len(snapshot) < sum(len(ids) for ids in self.watched.values()):
            await self.close(code=NOT_FOUND)
            return
        await self.send_json({"type": "snapshot", "rows": snapshot})

    async def disconnect(self, code: int) -> None:
        await self.channel_layer.group_discard(self.group, self.channel_name)

    async def studio_changed(self, message: dict[str, Any]) -> None:
        kind, number = message["kind"], message["id"]
        if number in self.watched.get(kind, ()):
            for row in await self._rows(kind, [number]):
                await self.send_json(row)

    async def studio_progress(self, message: dict[str, Any]) -> None:
        """`progress`: id of a map, part ("map" or "curves"), share from 0 to 1."""
        if message["id"] in self.watched.get("explanation", ()):
            await self.send_json({**message, "type": "progress"})

    @database_sync_to_async
    def _rows(self, kind: str, ids: Iterable[int]) -> list[dict[str, Any]]:
        rows = KINDS[kind].objects.visible_to(self.scope["user"]).filter(pk__in=ids)
        return [row_payload(row) for row in rows]


def row_payload(row: Asked) -> dict[str, Any]:
    """`explanation`: id, state, curves, problem; `prediction`: id, state, problem."""
    if isinstance(row, Explanation):
        own = {"type": "explanation", "curves": row.curves_state}
    else:
        own = {"type": "prediction"}
    return {**own, "id": row.pk, "state": row.state, "problem": row.problem}


def watched_rows(query: bytes) -> dict[str, set[int]]:
    """The rows that an address names, at most MOST_WATCHED; whatever is no number is not counted."""
    named = parse_qs(query.decode("ascii", "replace"), max_num_fields=None)
    found: dict[str, set[int]] = {}
    for kind in KINDS:
        numbers = [number for text in named.get(kind, []) if (number := row_number(text)) is not None]
        found[kind] = set(numbers[:MOST_WATCHED])
    return found
